package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
)

func minutes(m ...float64) []time.Duration {
	var ds []time.Duration
	for _, m := range m {
		ds = append(ds, time.Duration(m*float64(time.Minute)))
	}
	return ds
}

// advance lets time pass, and the notifier do what is due.
func advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// An alert is sent at once and then every minute, each time for three minutes more; its
// end is said for five minutes; then there is silence, and no ticker.
func TestLifeOfAnAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, fakes := start(t, Config{}, 1)
		f := fakes[0]
		advance(10 * time.Minute)
		if got := f.requests(); got != nil {
			t.Errorf("requests at %v, want none: there is nothing to say", got)
		}

		a := firing("GET /")
		notify(t, n, a)
		check := func(startsAt, endsAt time.Time) {
			t.Helper()
			got := f.get(t, "GET /")
			if !got.StartsAt.Equal(startsAt) || !got.EndsAt.Equal(endsAt) {
				t.Errorf("from %s to %s, want from %s to %s", got.StartsAt, got.EndsAt, startsAt, endsAt)
			}
		}
		check(begin.Add(7*time.Minute), begin.Add(13*time.Minute))
		advance(150 * time.Second)
		check(begin.Add(7*time.Minute), begin.Add(15*time.Minute))
		if got, want := f.requests(), minutes(10, 11, 12); !slices.Equal(got, want) {
			t.Errorf("requests at %v, want %v", got, want)
		}

		notify(t, n, resolved(a)) // at 12.5, as of 11.5
		check(begin.Add(7*time.Minute), begin.Add(690*time.Second))
		if got := f.fires(); got != "" {
			t.Errorf("%s fires", got)
		}
		advance(time.Hour)
		check(begin.Add(7*time.Minute), begin.Add(690*time.Second))
		if got, want := f.requests(), minutes(12.5, 13, 14, 15, 16, 17); !slices.Equal(got, want) {
			t.Errorf("requests at %v, want %v", got, want)
		}
		if s := n.Stats(); s.Held != 0 || s.GivenUp != 0 {
			t.Errorf("stats %+v, want nothing held", s)
		}

		again := firing("GET /") // another incident of the same kind
		notify(t, n, again)
		advance(time.Minute)
		if got, want := f.requests(), minutes(72.5, 73.5); f.fires() != "GET /" || !slices.Equal(got, want) {
			t.Errorf("%q fires, requests at %v, want %v", f.fires(), got, want)
		}
	})
}

// What fires is sent again for as long as it does, however long nobody says so.
func TestFiresForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, fakes := start(t, Config{}, 1)
		notify(t, n, firing("GET /"))
		for range 24 * 60 {
			advance(time.Minute)
			if fakes[0].fires() != "GET /" {
				t.Fatalf("after %s it fires no more", time.Since(begin))
			}
		}
	})
}

func TestEveryAddressGetsEveryAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, fakes := start(t, Config{}, 3)
		notify(t, n, firing("a"), firing("b"))
		synctest.Wait()
		for i, f := range fakes {
			if got := f.fires(); got != "a b" {
				t.Errorf("address %d: %q fire, want both", i, got)
			}
		}
	})
}

// One address that does not take an alert is no error; it is told later.
func TestOneAddressFails(t *testing.T) {
	for name, fails := range map[string]func(*http.Request) (*http.Response, error){
		"down": down, "hung": hung, "error": says(500, "sick"), "refuses": says(403, "no"), "redirects": says(302, ""),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, fakes := start(t, Config{}, 2)
				fakes[1].set(fails)
				began := time.Now()
				a, b := firing("a"), firing("b")
				notify(t, n, a)
				notify(t, n, b)
				notify(t, n, resolved(b))
				if d := time.Since(began); d != 0 {
					t.Errorf("that took %s, want no time", d)
				}
				if got := fakes[0].fires(); got != "a" {
					t.Errorf("%q fires at the first address, want a", got)
				}
				advance(30 * time.Second)
				if s := n.Stats().Addresses[1]; s.Failed == 0 || s.LastError == "" || s.Sent != 0 {
					t.Errorf("stats of the second address: %+v", s)
				}
				fakes[1].set(nil)
				advance(31 * time.Second)
				if got := fakes[1].fires(); got != "a" {
					t.Errorf("%q fires at the second address, want a", got)
				}
				if got := fakes[1].get(t, "b"); got.EndsAt.After(time.Now()) {
					t.Errorf("the second address does not know that b ended: %+v", got)
				}
				if s := n.Stats().Addresses[1]; s.LastError != "" || s.Sent != 1 {
					t.Errorf("stats of the second address: %+v", s)
				}
			})
		})
	}
}

// An address that is hung is never sent two requests at a time, and hears at once what it
// has missed when it answers again. The other one hears everything in time.
func TestHungAddressDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, fakes := start(t, Config{ResendDelay: time.Second}, 2) // much less than Timeout
		var mu sync.Mutex
		var underway, most int
		release := make(chan struct{})
		fakes[1].set(func(req *http.Request) (*http.Response, error) {
			mu.Lock()
			underway++
			most = max(most, underway)
			mu.Unlock()
			defer func() { mu.Lock(); underway--; mu.Unlock() }()
			select {
			case <-release:
				return nil, nil
			case <-req.Context().Done():
				return nil, req.Context().Err()
			}
		})
		for i := range 40 {
			notify(t, n, firing(fmt.Sprintf("op%02d", i%4)))
			for range 5 {
				advance(100 * time.Millisecond)
				if got := strings.Count(fakes[0].fires(), "op"); got != min(i+1, 4) {
					t.Fatalf("%d fire at the first address after %d", got, i)
				}
			}
		}
		close(release)
		synctest.Wait()
		if got := fakes[1].fires(); got != "op00 op01 op02 op03" {
			t.Errorf("%q fire at the second address, want all", got)
		}
		if most != 1 {
			t.Errorf("%d requests at a time to one address", most)
		}
	})
}

// A notification that meets a busy address waits for it if nobody else takes it.
func TestNotifyWaitsForABusyAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, fakes := start(t, Config{}, 2)
		fakes[0].set(down)
		fakes[1].set(func(*http.Request) (*http.Response, error) { time.Sleep(5 * time.Second); return nil, nil })
		var calls sync.WaitGroup
		a := firing("a")
		for _, x := range []alert.Alert{a, firing("b")} {
			calls.Go(func() { notify(t, n, x) })
		}
		time.Sleep(time.Second)
		calls.Go(func() { notify(t, n, resolved(a)) })
		calls.Wait()
		if got := time.Since(begin); got != 10*time.Second {
			t.Errorf("that took %s, want two requests' time", got)
		}
		if got := fakes[1].fires(); got != "b" {
			t.Errorf("%q fires, want b", got)
		}
	})
}

func TestNotifyErrors(t *testing.T) {
	later := func(code int, after string) func(*http.Request) (*http.Response, error) {
		return func(*http.Request) (*http.Response, error) {
			r := respond(code, "")
			r.Header.Set("Retry-After", after)
			return r, nil
		}
	}
	tests := []struct {
		name    string
		answers []func(*http.Request) (*http.Response, error)
		isFinal bool
		wait    time.Duration
		want    string
	}{
		{"down", []func(*http.Request) (*http.Response, error){down}, false, 0,
			"alertmanager: POST http://a/api/v2/alerts: connection refused"},
		{"hung", []func(*http.Request) (*http.Response, error){hung}, false, 0,
			"alertmanager: POST http://a/api/v2/alerts: no answer within 10s: context deadline exceeded"},
		{"all refuse", []func(*http.Request) (*http.Response, error){says(400, "bad label"), says(401, "")}, true, 0,
			"alertmanager: POST http://a/api/v2/alerts: 400 Bad Request: \"bad label\"\nPOST http://b/api/v2/alerts: 401 Unauthorized"},
		{"one refuses", []func(*http.Request) (*http.Response, error){says(400, ""), says(503, "")}, false, 0,
			"alertmanager: POST http://a/api/v2/alerts: 400 Bad Request\nPOST http://b/api/v2/alerts: 503 Service Unavailable"},
		{"busy", []func(*http.Request) (*http.Response, error){later(429, "7"), says(404, "")}, false, 7 * time.Second,
			"alertmanager: POST http://a/api/v2/alerts: 429 Too Many Requests\nPOST http://b/api/v2/alerts: 404 Not Found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, fakes := start(t, Config{}, len(tt.answers))
				for i, f := range fakes {
					f.set(tt.answers[i])
				}
				err := n.Notify(t.Context(), []alert.Alert{firing("a")})
				if err == nil || alert.IsFinal(err) != tt.isFinal {
					t.Fatalf("got %v (final: %v), want %q (final: %v)", err, alert.IsFinal(err), tt.want, tt.isFinal)
				}
				if err.Error() != tt.want {
					t.Errorf("got %q, want %q", err, tt.want)
				}
				if got := alert.RetryDelay(err); got != tt.wait {
					t.Errorf("to be tried again after %s, want %s", got, tt.wait)
				}
				// It is kept all the same.
				for _, f := range fakes {
					f.set(nil)
				}
				advance(time.Minute)
				for i, f := range fakes {
					if got := f.fires(); got != "a" {
						t.Errorf("address %d: %q fires later, want a", i, got)
					}
				}
			})
		})
	}
}

func TestNotifyHonoursItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, fakes := start(t, Config{}, 1)
		fakes[0].set(hung)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := n.Notify(ctx, []alert.Alert{firing("a")})
		if !errors.Is(err, context.DeadlineExceeded) || alert.IsFinal(err) || time.Since(begin) != time.Second {
			t.Errorf("got %v after %s", err, time.Since(begin))
		}
	})
}

// What was said before, late or again changes nothing.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, fakes := start(t, Config{}, 1)
		first := firing("a")
		time.Sleep(time.Minute)
		firstEnd := resolved(first)
		time.Sleep(time.Minute)
		second := firing("a")
		second.ID = "second"
		time.Sleep(time.Minute)
		secondEnd := resolved(second)
		steps := []struct {
			alert alert.Alert
			want  string
		}{
			{firstEnd, ""}, {first, ""}, // resolved before it was known to fire
			{firstEnd, ""}, {second, "a"}, {firstEnd, "a"}, {first, "a"}, {second, "a"},
			{secondEnd, ""}, {second, ""}, {firstEnd, ""}, {first, ""}, {secondEnd, ""},
		}
		for i, s := range steps {
			notify(t, n, s.alert)
			if got := fakes[0].fires(); got != s.want {
				t.Fatalf("step %d: %q fires, want %q", i, got, s.want)
			}
			if got := n.Stats().Held; got != 1 {
				t.Errorf("step %d: %d held, want 1", i, got)
			}
		}
		notify(t, n, secondEnd)
		time.Sleep(3 * time.Minute)
		notify(t, n, secondEnd) // said again, it does not last longer
		advance(3 * time.Minute)
		if got := n.Stats().Held; got != 0 {
			t.Errorf("%d held, want none", got)
		}
	})
}

// More alerts than are kept are sent all the same, once.
func TestBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, fakes := start(t, Config{MaxAlerts: 3}, 2)
		var alerts []alert.Alert
		for i := range 10 {
			alerts = append(alerts, firing(fmt.Sprint(i)))
		}
		notify(t, n, alerts...)
		synctest.Wait()
		for i, f := range fakes {
			if got := f.fires(); got != "0 1 2 3 4 5 6 7 8 9" {
				t.Errorf("address %d: %q fire, want all", i, got)
			}
		}
		if s := n.Stats(); s.Held != 3 || s.GivenUp != 7 {
			t.Errorf("stats %+v, want 3 held, 7 given up", s)
		}
		advance(3 * time.Minute)
		if got := fakes[0].fires(); got != "7 8 9" {
			t.Errorf("%q fire later, want the newest", got)
		}
		notify(t, n, resolved(alerts[0])) // of one that was given up
		if got := fakes[0].get(t, "0"); got.EndsAt.After(time.Now()) {
			t.Errorf("got %+v, want it ended", got)
		}
	})
}

// A body has a bound, and one that is refused does not take the others along.
func TestManyAlerts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, fakes := start(t, Config{}, 1)
		var mu sync.Mutex
		var lengths []int64
		fakes[0].set(func(req *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			lengths = append(lengths, req.ContentLength)
			if body, _ := req.GetBody(); strings.Contains(read(t, body), "poison") {
				return respond(413, "too large"), nil
			}
			return nil, nil
		})
		alerts := []alert.Alert{firing("poison")}
		for i := range 999 {
			alerts = append(alerts, firing(fmt.Sprintf("%03d", i)+strings.Repeat("x", 250)))
		}
		err := n.Notify(t.Context(), alerts)
		if !alert.IsFinal(err) || strings.Count(err.Error(), "\n") != 0 {
			t.Errorf("notify: %v, want one refusal", err)
		}
		advance(5*time.Minute + time.Second)
		mu.Lock()
		defer mu.Unlock()
		rounds := 6
		if m := slices.Max(lengths); m > maxBody+1 || len(lengths) < 5*rounds || len(lengths) > 20*rounds {
			t.Errorf("%d requests of up to %d bytes", len(lengths), m)
		}
		per := 1000 / (len(lengths) / rounds)
		if got := len(strings.Fields(fakes[0].fires())); got < 1000-2*per || got == 1000 {
			t.Errorf("%d fire, want all but about %d", got, per)
		}
	})
}

// Requests are nobody's children: they carry nothing of the caller's context.
func TestRequestsCarryNoSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, fakes := start(t, Config{}, 1)
		fakes[0].set(func(req *http.Request) (*http.Response, error) {
			if trace.SpanContextFromContext(req.Context()).IsValid() {
				t.Error("the request carries the caller's span")
			}
			return nil, nil
		})
		span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled})
		if err := n.Notify(trace.ContextWithSpanContext(t.Context(), span), []alert.Alert{firing("a")}); err != nil {
			t.Error(err)
		}
	})
}

// A transport may add to a request's headers; the next request doesn't have that.
func TestHeadersOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, fakes := start(t, Config{}, 1)
		fakes[0].set(func(req *http.Request) (*http.Response, error) {
			if got := req.Header.Get("X-Proxy"); got != "" {
				t.Errorf("the request has another one's header %q", got)
			}
			req.Header.Set("X-Proxy", "1")
			return nil, nil
		})
		notify(t, n, firing("a"))
		notify(t, n, firing("b"))
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, fakes := start(t, Config{}, 2)
		fakes[1].set(hung)
		notify(t, n, firing("a"))
		fakes[0].requests()
		var calls sync.WaitGroup
		for range 3 {
			calls.Go(func() {
				if err := n.Close(t.Context()); err != nil {
					t.Errorf("close: %v", err)
				}
			})
		}
		calls.Wait()
		if d := time.Since(begin); d != 10*time.Second {
			t.Errorf("closed after %s, want the request under way to end by itself", d)
		}
		for range 2 {
			if err := n.Shutdown(t.Context()); err != nil {
				t.Errorf("shutdown: %v", err)
			}
		}
		if err := n.Notify(t.Context(), []alert.Alert{firing("a")}); !alert.IsFinal(err) {
			t.Errorf("notify after close: %v, want a final error", err)
		}
		advance(time.Hour)
		if got := fakes[0].requests(); got != nil {
			t.Errorf("requests at %v after close", got)
		}
	})
}

func TestCloseHonoursItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, fakes := start(t, Config{}, 1)
		fakes[0].set(hung)
		var calls sync.WaitGroup
		calls.Go(func() {
			if err := n.Notify(t.Context(), []alert.Alert{firing("a")}); err == nil || alert.IsFinal(err) {
				t.Errorf("notify: %v, want an error", err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := n.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close: %v", err)
		}
		calls.Wait()
		if d := time.Since(begin); d != time.Second {
			t.Errorf("that took %s", d)
		}
	})
}

// Where nothing is under way there is nothing to give up.
func TestCloseWithoutTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		idle, _ := start(t, Config{}, 2)
		notify(t, idle, firing("a"))
		synctest.Wait()
		if err := idle.Close(ended); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

// Many callers at once, addresses that come and go: in the end all know the same.
func TestConcurrentUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, fakes := start(t, Config{ResendDelay: time.Second, Timeout: 3 * time.Second}, 3)
		stop := make(chan struct{})
		var calls, weather sync.WaitGroup
		for i, f := range fakes {
			weather.Go(func() {
				for j := i; ; j++ {
					f.set([]func(*http.Request) (*http.Response, error){nil, down, hung, says(500, ""), nil}[j%5])
					select {
					case <-stop:
						f.set(nil)
						return
					case <-time.After(700 * time.Millisecond):
					}
				}
			})
		}
		for i := range 8 {
			calls.Go(func() {
				for range 20 {
					a := firing(fmt.Sprint(i))
					_ = n.Notify(t.Context(), []alert.Alert{a})
					_ = n.Stats()
					time.Sleep(500 * time.Millisecond)
					_ = n.Notify(t.Context(), []alert.Alert{resolved(a)})
					time.Sleep(300 * time.Millisecond)
				}
				if i%2 == 0 {
					_ = n.Notify(t.Context(), []alert.Alert{firing(fmt.Sprint(i))})
				}
			})
		}
		calls.Wait()
		close(stop)
		weather.Wait()
		advance(10 * time.Second)
		for i, f := range fakes {
			if got := f.fires(); got != "0 2 4 6" {
				t.Errorf("address %d: %q fire", i, got)
			}
		}
	})
}
