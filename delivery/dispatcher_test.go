package delivery

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// receiver is a sink and a notifier that keeps what it gets.
type receiver struct {
	mu      sync.Mutex
	periods []engine.Period
	alerts  []string // their ids
}

func (r *receiver) Consume(_ context.Context, p engine.Period) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.periods = append(r.periods, p)
	return nil
}

func (r *receiver) Notify(_ context.Context, alerts []alert.Alert) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range alerts {
		r.alerts = append(r.alerts, a.ID)
	}
	return nil
}

// check fails the test unless the receiver has the periods that began at these minutes.
func (r *receiver) check(t *testing.T, minutes ...int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var got []int
	for _, p := range r.periods {
		got = append(got, p.Start.Minute())
	}
	if !slices.Equal(got, minutes) {
		t.Errorf("got the periods that began at %v, want %v", got, minutes)
	}
}

// checkAlerts fails the test unless the receiver has these alerts, in this order.
func (r *receiver) checkAlerts(t *testing.T, want []string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff(want, r.alerts); diff != "" {
		t.Errorf("notified of (-want +got):\n%s", diff)
	}
}

// period returns the period that begins at a minute.
func period(minute int) *engine.Period {
	start := time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC)
	return &engine.Period{Start: start, End: start.Add(time.Minute)}
}

func sink(f func(context.Context, engine.Period) error) engine.Sink { return engine.SinkFunc(f) }

func notifier(f func(context.Context, []alert.Alert) error) alert.Notifier {
	return alert.NotifierFunc(f)
}

// tape is a notifier that only keeps.
type tape struct{ receiver }

func (t *tape) RecordsAlerts() {}

// What is silenced goes to recorders only, what is released from that to the others only.
func TestSilencedAlerts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hears receiver
		var keeps tape
		d := New(Options{Notifiers: []alert.Notifier{&hears, &keeps}})
		until := time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC)
		d.Send(period(0), []alert.Alert{
			{ID: "sent", State: alert.Firing},
			{ID: "held", State: alert.Firing, Silenced: alert.Silencing{Held: true, Until: until}},
			{ID: "released", State: alert.Firing, Silenced: alert.Silencing{Until: until}},
		})
		d.Send(period(1), []alert.Alert{{ID: "held, too", State: alert.Firing, Silenced: alert.Silencing{Held: true, Until: until}}})
		if err := d.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		slices.Sort(hears.alerts)
		slices.Sort(keeps.alerts)
		hears.checkAlerts(t, []string{"released", "sent"})
		keeps.checkAlerts(t, []string{"held", "held, too", "sent"})
	})
}

// Sinks and notifiers get everything, in order, whatever the others do.
func TestDispatcherIsolatesReceivers(t *testing.T) {
	badSinks := map[string]func(context.Context, engine.Period) error{
		"hangs":                func(ctx context.Context, _ engine.Period) error { <-ctx.Done(); return ctx.Err() },
		"fails":                func(context.Context, engine.Period) error { return errors.New("full") },
		"panics":               func(context.Context, engine.Period) error { panic("mine") },
		"ends its goroutine":   func(context.Context, engine.Period) error { runtime.Goexit(); return nil },
		"panics with an error": func(context.Context, engine.Period) error { panic(errors.New("mine")) },
	}
	for what, bad := range badSinks {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var good receiver
				var told diary
				d := New(Options{
					Config: Config{MaxAttempts: 1},
					Sinks:  []engine.Sink{sink(bad), &good},
					Notifiers: []alert.Notifier{
						notifier(func(ctx context.Context, _ []alert.Alert) error { return bad(ctx, engine.Period{}) }),
						&good,
					},
					OnError: func(topic string, err error) { told.write(fmt.Errorf("[%s] %w", topic, err)) },
				})
				began := time.Now()
				for i := range 3 {
					d.Send(period(i), alertsWithID(fmt.Sprint(i)))
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("sending took %s", took)
				}
				synctest.Wait()
				good.check(t, 0, 1, 2)
				if !slices.Equal(good.alerts, []string{"0", "1", "2"}) {
					t.Errorf("got the alerts %q", good.alerts)
				}
				if err := d.Close(t.Context()); err != nil {
					t.Errorf("close: %v", err)
				}
				if periods, notifications := d.Undelivered(); periods != 3 || notifications != 3 {
					t.Errorf("%d periods and %d notifications undelivered, want 3 and 3", periods, notifications)
				}
				sinks, notifiers := 0, 0
				for _, text := range told.said {
					if strings.HasPrefix(text, "[sink 0] sink 0 (engine.SinkFunc): ") {
						sinks++
					} else if strings.HasPrefix(text, "[notifier 0 lost] notifier 0 (alert.NotifierFunc): gave up on  ObjectiveKind(0) firing") {
						notifiers++
					}
				}
				if sinks != 3 || notifiers != 3 || len(told.said) != 6 {
					t.Errorf("told of %q", told.said)
				}
			})
		})
	}
}

// What was lost shows in the next period.
func TestSendSaysWhatWasUndelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Options{
			Config:    Config{MaxAttempts: 1},
			Sinks:     []engine.Sink{sink(func(context.Context, engine.Period) error { return errors.New("full") })},
			Notifiers: []alert.Notifier{notifier(func(context.Context, []alert.Alert) error { return errors.New("down") })},
		})
		var got [][2]uint64
		for i, ids := range [][]string{{"a"}, nil, {"b"}, nil} {
			p := period(i)
			d.Send(p, alertsWithID(ids...))
			synctest.Wait()
			got = append(got, [2]uint64{p.UndeliveredPeriods, p.UndeliveredNotifications})
		}
		if want := [][2]uint64{{0, 0}, {1, 1}, {1, 0}, {1, 1}}; !slices.Equal(got, want) {
			t.Errorf("undelivered periods and notifications: %v, want %v", got, want)
		}
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Sinks get all that there is to say of a period.
func TestSinksGetThePeriod(t *testing.T) {
	var r receiver
	d := New(Options{Sinks: []engine.Sink{&r}})
	p := period(0)
	p.Summaries, p.Received, p.Dropped, p.Partial = []engine.Summary{{Operation: "a", Count: 3}}, 4, 1, true
	d.Send(p, nil)
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]engine.Period{*p}, r.periods); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A sink or notifier that hangs until the deadline keeps no other one from getting what was
// sent before, and all of them together take the time of one.
func TestCloseWaitsForAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var quick receiver
		slow := func(ctx context.Context) { // two periods take 8s
			select {
			case <-time.After(4 * time.Second):
			case <-ctx.Done():
			}
		}
		block := make(chan struct{})
		d := New(Options{
			Sinks: []engine.Sink{
				sink(func(context.Context, engine.Period) error { <-block; return nil }),
				sink(func(ctx context.Context, p engine.Period) error { slow(ctx); return quick.Consume(ctx, p) }),
			},
			Notifiers: []alert.Notifier{
				notifier(func(context.Context, []alert.Alert) error { <-block; return nil }),
				notifier(func(ctx context.Context, a []alert.Alert) error { slow(ctx); return quick.Notify(ctx, a) }),
			},
		})
		for i := range 2 {
			d.Send(period(i), alertsWithID(fmt.Sprint(i)))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		want := "sink 0: 2 left undelivered: context deadline exceeded\nnotifier 0: 2 left undelivered: context deadline exceeded"
		if err := d.Close(ctx); err == nil || err.Error() != want || time.Since(began) != 10*time.Second {
			t.Errorf("close after %s: %v, want %s", time.Since(began), err, want)
		}
		quick.check(t, 0, 1)
		if !slices.Equal(quick.alerts, []string{"0", "1"}) {
			t.Errorf("got the alerts %q", quick.alerts)
		}
		close(block)
	})
}

func TestSlowSinkLosesOldestPeriods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r receiver
		block := make(chan struct{})
		d := New(Options{Sinks: []engine.Sink{sink(func(ctx context.Context, p engine.Period) error {
			<-block
			return r.Consume(ctx, p)
		})}})
		d.Send(period(0), nil)
		synctest.Wait()    // it is being consumed while the others wait
		const waiting = 16 // as the README says
		for i := range waiting + 10 {
			d.Send(period(i+1), nil)
		}
		close(block)
		if err := d.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []int{0}
		for i := range waiting {
			want = append(want, 11+i)
		}
		r.check(t, want...)
		if periods, _ := d.Undelivered(); periods != 10 {
			t.Errorf("%d periods undelivered, want 10", periods)
		}
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// When the context ends, the error names who hangs, and Close drops what is left.
func TestFlushAndCloseHonourTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		d := New(Options{
			Sinks: []engine.Sink{
				sink(func(context.Context, engine.Period) error { return nil }),
				sink(func(context.Context, engine.Period) error { <-block; return nil }),
			},
			Notifiers: []alert.Notifier{notifier(func(context.Context, []alert.Alert) error { <-block; return nil })},
		})
		for i := range 3 {
			d.Send(period(i), alertsWithID("a"))
		}
		for _, tt := range []struct {
			what string
			do   func(context.Context) error
			want string
		}{
			{"flush", d.Flush, "sink 1: context deadline exceeded\nnotifier 0: context deadline exceeded"},
			{"close", d.Close, "sink 1: 3 left undelivered: context deadline exceeded\nnotifier 0: 3 left undelivered: context deadline exceeded"},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := tt.do(ctx); err == nil || err.Error() != tt.want || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v, want %s", tt.what, err, tt.want)
			}
			cancel()
		}
		close(block)
		synctest.Wait()
		d.Send(period(4), alertsWithID("b"))
		if periods, notifications := d.Undelivered(); periods != 4 || notifications != 3 {
			t.Errorf("%d periods and %d notifications undelivered, want 4 and 3", periods, notifications)
		}
	})
}

func TestIsHandler(t *testing.T) {
	if IsHandler() {
		t.Error("the test is no handler")
	}
	var in [3]bool
	d := New(Options{
		Sinks:     []engine.Sink{sink(func(context.Context, engine.Period) error { in[0] = IsHandler(); return nil })},
		Notifiers: []alert.Notifier{notifier(func(context.Context, []alert.Alert) error { in[1] = IsHandler(); return nil })},
	})
	d.Send(period(0), alertsWithID("a"))
	errs := NewErrorHandler(func(error) { in[2] = IsHandler() })
	errs.Handle(errors.New("mine"))
	if err := errors.Join(d.Close(t.Context()), errs.Close(t.Context())); err != nil {
		t.Error(err)
	}
	if in != [3]bool{true, true, true} {
		t.Errorf("inside of a sink, a notifier and a handler of errors: %v", in)
	}
}
