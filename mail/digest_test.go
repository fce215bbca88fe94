package mail

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/blurooo/go-monitor/v2/alert"
)

// newFake returns a notifier that sends to a function. The function gets mails with
// recipients left; if it returns nil they count as served.
func newFake(t *testing.T, perHour int, send func(m *message) error) *Notifier {
	t.Helper()
	n, err := New(Config{Host: "mail.test", From: "a@x.org", To: []string{"b@x.org", "c@x.org"}, MaxPerHour: perHour})
	if err != nil {
		t.Fatal(err)
	}
	n.deliver = func(ctx context.Context, _ string, m *message) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := send(m)
		if err == nil {
			m.got += len(m.left)
			m.left = nil
		}
		return err
	}
	return n
}

// TestDigest plays a flood: everything is told, no hour has too many mails, and what
// is last told of every operation is its last state.
func TestDigest(t *testing.T) {
	for _, perHour := range []int{1, 2, 5, 20} {
		t.Run(fmt.Sprint(perHour), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at, digests []time.Time
				told := map[string]string{} // operation -> state
				n := newFake(t, perHour, func(m *message) error {
					at = append(at, time.Now())
					p := mustParse(t, m.raw)
					if strings.Contains(p.subject, "DIGEST") {
						digests = append(digests, time.Now())
					}
					for line := range strings.Lines(p.text) {
						for _, state := range []string{"FIRING", "RESOLVED", "ALERT"} {
							if f := strings.Fields(line); len(f) > 1 && f[0] == state {
								told[f[1]] = strings.Replace(state, "ALERT", "FIRING", 1)
							}
						}
					}
					return nil
				})
				want := map[string]string{}
				for i := range 300 { // five hours
					a := firing(fmt.Sprint("id", i/2), fmt.Sprint("op", i/2%7))
					want[a.Operation] = "FIRING"
					if i%2 == 1 {
						a = resolved(a)
						want[a.Operation] = "RESOLVED"
					}
					if err := n.Notify(notification(fmt.Sprint(i)), []alert.Alert{a}); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Minute)
				}
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				if fmt.Sprint(told) != fmt.Sprint(want) {
					t.Errorf("told %v, want %v", told, want)
				}
				for i := range at {
					if j := i + perHour; j < len(at) && at[j].Sub(at[i]) < time.Hour {
						t.Errorf("more than %d mails in the hour from %s", perHour, at[i])
					}
				}
				for i := 1; i < len(digests); i++ {
					if digests[i].Sub(digests[i-1]) < time.Hour {
						t.Errorf("digests at %s and %s", digests[i-1], digests[i])
					}
				}
				if perHour < 20 && len(digests) < 4 {
					t.Errorf("%d digests", len(digests))
				}
				if left := n.waiting.Load(); left != 0 {
					t.Errorf("%d wait", left)
				}
				if err := n.Close(context.Background()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestDigestOfOne checks that a subject has one line with its latest state.
func TestDigestOfOne(t *testing.T) {
	var d digest
	a := firing("a1", "POST /orders")
	d.add([]alert.Alert{a}, testStart)
	d.add([]alert.Alert{resolved(a)}, testStart.Add(time.Minute))
	b := firing("a2", "POST /orders")
	d.add([]alert.Alert{b, firing("a3", "GET /")}, testStart.Add(2*time.Minute))
	repeat := b
	repeat.Repeat = true
	d.add([]alert.Alert{repeat}, testStart.Add(3*time.Minute))
	lines := d.list()
	if len(lines) != 2 || lines[0].ID != "a3" || lines[1].ID != "a2" || lines[1].State != "STILL FIRING" || lines[1].Changes != 3 || !d.since.Equal(testStart) {
		t.Errorf("got %+v", lines)
	}
	d.drop([]alert.Alert{resolved(b)})
	if d.size() != 1 {
		t.Errorf("%d left", d.size())
	}
}

// TestDigestIsBounded checks that a digest holds so many lines and counts the rest.
func TestDigestIsBounded(t *testing.T) {
	var d digest
	long := strings.Repeat("x\n", 5000)
	for i := range maxDigest + 5 {
		d.add([]alert.Alert{firing(long+fmt.Sprint(i), fmt.Sprint(i, long))}, testStart)
	}
	if len(d.lines) != maxDigest || d.unlisted != 5 || d.size() != maxDigest+5 {
		t.Fatalf("%d lines, %d unlisted", len(d.lines), d.unlisted)
	}
	for _, l := range d.list() {
		if n := len(l.About) + len(l.What) + len(l.ID) + len(l.Since); n > 2000 {
			t.Fatalf("a line of %d bytes", n)
		}
	}
	head := letterhead{from: mustAddress(t, "a@x.org"), to: nil, prefix: "p", domain: "x.org"}
	m, err := head.digestMessage(&d, 20, testStart)
	if err != nil {
		t.Fatal(err)
	}
	p := mustParse(t, m.raw)
	if !strings.Contains(p.text, "And 5 more") || !strings.Contains(p.html, "And 5 more") || !strings.HasPrefix(p.subject, "p [DIGEST: 1000 firing, 0 resolved, 5 more] 0x") {
		t.Errorf("%s\n%s", p.subject, p.text[:200])
	}
}

// TestDigestIsTriedAgain checks that a digest that fails stays, goes on gathering and is
// tried again at growing intervals.
func TestDigestIsTriedAgain(t *testing.T) {
	reported := make(chan string, 100) // to OpenTelemetry's error handler
	handler := otel.GetErrorHandler()
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { reported <- err.Error() }))
	defer otel.SetErrorHandler(handler)
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var tries []time.Duration
		var sent []parsed
		fail := alert.Final(errors.New("535"))
		n := newFake(t, 1, func(m *message) error {
			tries = append(tries, time.Since(begin))
			if len(tries) < 10 {
				return fail
			}
			sent = append(sent, mustParse(t, m.raw))
			return nil
		})
		a := firing("a1", "POST /orders")
		_ = n.Notify(notification("1"), []alert.Alert{a})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		_ = n.Notify(notification("2"), []alert.Alert{resolved(a), firing("a2", "GET /")})
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		want := "[5m0s 6m0s 8m0s 12m0s 20m0s 36m0s 1h8m0s 2h8m0s 3h8m0s 4h8m0s]"
		if fmt.Sprint(tries) != want {
			t.Errorf("tried at %v, want %v", tries, want)
		}
		if n := len(reported); n != 9 || <-reported != "535" {
			t.Errorf("%d errors reported, want every failure", n)
		}
		if len(sent) != 1 || sent[0].subject != "[go-monitor] [DIGEST: 1 firing, 1 resolved] GET / availability" {
			t.Errorf("sent %+v", sent)
		}
		if err := n.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// TestDigestForSome checks that recipients who are refused for now get the same digest
// later, and nobody gets it twice.
func TestDigestForSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var raws []string
		n := newFake(t, 1, func(m *message) error {
			raws = append(raws, string(m.raw))
			if len(m.left) == 2 {
				m.got, m.left = 1, m.left[1:]
				return errors.New("451")
			}
			return nil
		})
		check := func(d time.Duration, tries int, left int64) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			_ = n.take(context.Background()) // so that nobody writes what is read here
			defer n.release()
			if len(raws) != tries || n.waiting.Load() != left {
				t.Fatalf("%d tries, %d wait; want %d, %d", len(raws), n.waiting.Load(), tries, left)
			}
		}
		_ = n.Notify(notification("1"), []alert.Alert{firing("a1", "x")})
		check(gather+time.Second, 1, 1)
		_ = n.Notify(notification("2"), []alert.Alert{firing("a2", "y")})
		check(0, 1, 2)
		check(2*firstPause, 2, 1)
		check(2*time.Hour, 4, 0) // what came since is a digest of its own, for both
		if raws[0] != raws[1] || raws[1] == raws[2] || raws[2] != raws[3] {
			t.Error("not the same digest")
		}
		if err := n.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// TestRoomAgain checks that a mail goes out where there is room while a digest waits, and
// that the digest then leaves out what the mail told.
func TestRoomAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []parsed
		n := newFake(t, 2, func(m *message) error {
			sent = append(sent, mustParse(t, m.raw))
			return nil
		})
		at := func(d time.Duration, a alert.Alert) {
			time.Sleep(d)
			if err := n.Notify(notification(a.ID+a.State.String()), []alert.Alert{a}); err != nil {
				t.Fatal(err)
			}
		}
		x, y := firing("1", "x"), firing("2", "y")
		at(0, firing("0", "w"))
		at(50*time.Minute, firing("0", "v")) // a digest after 55 minutes
		at(7*time.Minute, x)                 // a digest after 1h55m
		at(time.Minute, y)
		at(10*time.Minute, resolved(x)) // there is room for it
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if err := n.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		var subjects []string
		for _, p := range sent {
			subjects = append(subjects, strings.TrimPrefix(p.subject, "[go-monitor] "))
		}
		want := []string{"[FIRING] w availability", "[DIGEST: 1 firing, 0 resolved] v availability", "[RESOLVED] x availability", "[DIGEST: 1 firing, 0 resolved] y availability"}
		if fmt.Sprint(subjects) != fmt.Sprint(want) || !strings.Contains(sent[3].text, "y availability") {
			t.Errorf("%q", subjects)
		}
	})
}

// TestLateMails checks that mails which went out at a later try count from then on: the
// hour after an outage has no more than others.
func TestLateMails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := false
		var at []time.Time
		n := newFake(t, 5, func(*message) error {
			if !up {
				return errors.New("451")
			}
			at = append(at, time.Now())
			return nil
		})
		notify := func(id string) error { // as so many monitors would at a time
			return n.Notify(notification(id), []alert.Alert{firing(id, id)})
		}
		for i := range 4 {
			if err := notify(fmt.Sprint(i)); err == nil {
				t.Error("sent while the server was down")
			}
		}
		time.Sleep(30 * time.Minute)
		up = true
		for i := range 4 {
			if err := notify(fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
		}
		for i := range 100 {
			time.Sleep(time.Minute)
			if err := notify(fmt.Sprint("later", i)); err != nil {
				t.Error(err)
			}
		}
		for i := range at {
			if j := i + 5; j < len(at) && at[j].Sub(at[i]) < time.Hour {
				t.Errorf("more than 5 mails in the hour from %s", at[i])
			}
		}
		if len(at) < 8 {
			t.Errorf("%d mails", len(at))
		}
		if err := n.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// TestClose checks that a waiting digest goes out, or that it is said what is left.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := false
		var sent int
		n := newFake(t, 1, func(*message) error {
			if !up {
				return errors.New("down")
			}
			sent++
			return nil
		})
		_ = n.Notify(notification("1"), []alert.Alert{firing("a1", "x"), firing("a2", "y")})
		err := n.Close(context.Background())
		if err == nil || err.Error() != "mail: close: digest not sent, alerts left: 2: down" {
			t.Errorf("%v", err)
		}
		if err := n.Notify(notification("2"), []alert.Alert{firing("a3", "z")}); !alert.IsFinal(err) {
			t.Errorf("after Close: %v", err)
		}
		up = true
		for range 3 {
			if err := n.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
		if sent != 1 {
			t.Errorf("sent %d", sent)
		}
	})
}

// TestCloseInTime checks that Close ends with its context, and ends a try of the digest
// that hangs.
func TestCloseInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFake(t, 1, nil)
		n.deliver = func(ctx context.Context, _ string, _ *message) error {
			<-ctx.Done()
			return ctx.Err()
		}
		_ = n.Notify(notification("1"), []alert.Alert{firing("a1", "x")})
		time.Sleep(gather + time.Second) // the try hangs
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		begin := time.Now()
		err := n.Close(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "alerts left: 1") {
			t.Errorf("%v", err)
		}
		if d := time.Since(begin); d != time.Second {
			t.Errorf("after %s", d)
		}
	})
}

// TestCloseDuringNotify checks that Close waits for a mail on its way.
func TestCloseDuringNotify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := false
		n := newFake(t, 20, func(*message) error {
			time.Sleep(time.Second)
			sent = true
			return nil
		})
		go func() { _ = n.Notify(notification("1"), []alert.Alert{firing("a1", "x")}) }()
		synctest.Wait()
		if err := n.Close(context.Background()); err != nil || !sent {
			t.Errorf("%v, sent: %t", err, sent)
		}
	})
}

// TestTriesAreBounded checks that mails that are never tried again don't pile up.
func TestTriesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFake(t, 1000, func(*message) error { return errors.New("451") })
		for i := range 3 * maxTries {
			_ = n.Notify(notification(fmt.Sprint(i)), []alert.Alert{firing("a1", "x")})
		}
		if len(n.tries) != maxTries {
			t.Errorf("%d", len(n.tries))
		}
		_ = n.Close(context.Background())
	})
}

// An operation that flaps leaves room for the first mail about another one.
func TestFlappingLeavesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var subjects []string
		n := newFake(t, 20, func(m *message) error {
			subjects = append(subjects, mustParse(t, m.raw).subject)
			return nil
		})
		send := func(a alert.Alert) {
			time.Sleep(time.Minute)
			if err := n.Notify(notification(a.ID+a.State.String()), []alert.Alert{a}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 20 {
			a := firing(fmt.Sprint(i), "GET /flaps")
			send(a)
			send(resolved(a))
		}
		if len(subjects) > 11 { // half of the 19, and a digest
			t.Errorf("%d mails about one operation", len(subjects))
		}
		send(firing("new", "POST /payments"))
		if last := subjects[len(subjects)-1]; last != "[go-monitor] [FIRING] POST /payments availability" {
			t.Errorf("the last mail is %q", last)
		}
		if err := n.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}

// A digest names the worst first, whatever came first.
func TestDigestNamesTheWorst(t *testing.T) {
	var d digest
	small, worst := firing("a1", "GET /a"), firing("a2", "POST /z-payments")
	worst.Actual = 0
	d.add([]alert.Alert{resolved(firing("a3", "GET /b")), small}, testStart)
	d.add([]alert.Alert{worst}, testStart)
	if got, want := digestSubject("p", d.list(), 0), "p [DIGEST: 2 firing, 1 resolved] POST /z-payments availability"; got != want {
		t.Errorf("subject is %q, want %q", got, want)
	}
}
