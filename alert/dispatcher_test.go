package alert

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
	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/internal/outbox"
)

// inbox is a notifier that keeps the ids of what it gets.
type inbox struct {
	mu  sync.Mutex
	ids []string
}

func (b *inbox) Notify(_ context.Context, alerts []Alert) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range alerts {
		b.ids = append(b.ids, a.ID)
	}
	return nil
}

// check fails the test unless the inbox has these alerts, in this order.
func (b *inbox) check(t *testing.T, want []string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if diff := cmp.Diff(want, b.ids); diff != "" {
		t.Errorf("notified of (-want +got):\n%s", diff)
	}
}

// alertsWithID returns the alerts of a period.
func alertsWithID(ids ...string) []Alert {
	var alerts []Alert
	for _, id := range ids {
		alerts = append(alerts, Alert{ID: id})
	}
	return alerts
}

// numbers returns the ids "0", "1" and so on.
func numbers(n int) []string {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprint(i))
	}
	return ids
}

// noTrouble is for dispatchers whose notifiers do nothing wrong.
func noTrouble(t *testing.T) func(int, error) {
	return func(_ int, err error) { t.Errorf("trouble: %v", err) }
}

func mustClose(t *testing.T, d *Dispatcher) {
	t.Helper()
	if err := d.Close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestDispatcherOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inboxes [3]inbox
		d := NewDispatcher(Delivery{}, []Notifier{&inboxes[0], &inboxes[1], &inboxes[2]}, noTrouble(t))
		d.Dispatch(alertsWithID("0", "1"))
		d.Dispatch(nil)
		for i := 2; i < 50; i++ {
			d.Dispatch(alertsWithID(fmt.Sprint(i)))
		}
		mustClose(t, d)
		for i := range inboxes {
			inboxes[i].check(t, numbers(50))
		}
	})
}

func TestDispatcherSendsThePeriodAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		d := NewDispatcher(Delivery{}, []Notifier{NotifierFunc(func(_ context.Context, alerts []Alert) error {
			got = append(got, len(alerts))
			return nil
		})}, noTrouble(t))
		d.Dispatch(alertsWithID("a", "b", "c"))
		d.Dispatch(nil)
		d.Dispatch([]Alert{})
		d.Dispatch(alertsWithID("d"))
		mustClose(t, d)
		if want := []int{3, 1}; !slices.Equal(got, want) {
			t.Errorf("notifications of %v alerts, want %v: none about nothing", got, want)
		}
	})
}

// What one notifier does must not be noticed by the others, whichever comes first.
func TestDispatcherMisbehavingNotifier(t *testing.T) {
	sentinel := errors.New("no route to pager")
	tests := []struct {
		name   string
		notify func(context.Context, []Alert) error
		want   string // of its troubles; empty: none
	}{
		{"returns an error", func(context.Context, []Alert) error { return sentinel }, "notifier 1 (alert.NotifierFunc): no route to pager"},
		{"panics", func(context.Context, []Alert) error { panic("at the pager") }, "notifier 1 (alert.NotifierFunc): panic: at the pager"},
		{"is none", nil, "notifier 1 (alert.NotifierFunc): panic: runtime error: invalid memory address or nil pointer dereference"},
		{"ends its goroutine", func(context.Context, []Alert) error { runtime.Goexit(); return nil },
			"notifier 1 (alert.NotifierFunc): handler ended its goroutine (runtime.Goexit)"},
		{"hangs", func(ctx context.Context, _ []Alert) error { <-ctx.Done(); return nil }, ""},
		{"spoils its alerts", func(_ context.Context, alerts []Alert) error {
			for i := range alerts {
				alerts[i].ID = "spoilt"
			}
			return nil
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var before, after inbox
				var mu sync.Mutex
				var troubles []error
				d := NewDispatcher(Delivery{MaxAttempts: 1}, []Notifier{&before, NotifierFunc(tt.notify), &after}, func(_ int, err error) {
					mu.Lock()
					defer mu.Unlock()
					troubles = append(troubles, err)
				})
				began := time.Now()
				for i := range 5 {
					d.Dispatch(alertsWithID(fmt.Sprint(i)))
				}
				synctest.Wait()
				before.check(t, numbers(5))
				after.check(t, numbers(5))
				if d := time.Since(began); d != 0 {
					t.Errorf("that took %s, want no time", d)
				}
				mustClose(t, d)
				if want := 5; tt.want != "" && len(troubles) != want {
					t.Errorf("%d troubles, want one for each notification", len(troubles))
				}
				for _, err := range troubles {
					if err.Error() != tt.want {
						t.Errorf("trouble: %v\nwant     %s", err, tt.want)
					}
					if tt.name == "returns an error" && !errors.Is(err, sentinel) {
						t.Errorf("trouble %v does not wrap the notifier's error", err)
					}
				}
				want := uint64(0)
				if tt.want != "" {
					want = 5
				}
				if n := d.Undelivered(); n != want {
					t.Errorf("%d undelivered, want %d: those of which the notifier made nothing", n, want)
				}
			})
		})
	}
}

// A receiver that hangs loses nothing of what still matters: notifications are joined.
func TestDispatcherQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var slow, quick inbox
		notifications := 0
		d := NewDispatcher(Delivery{QueueSize: 8}, []Notifier{
			NotifierFunc(func(ctx context.Context, alerts []Alert) error {
				<-release
				notifications++
				return slow.Notify(ctx, alerts)
			}),
			&quick,
		}, noTrouble(t))
		const sent = 100
		for i := range sent {
			d.Dispatch(alertsWithID(fmt.Sprint(i)))
			synctest.Wait()
		}
		if got := d.Undelivered(); got != 0 {
			t.Errorf("%d undelivered, want all that are the latest state of an alert to wait", got)
		}
		close(release)
		mustClose(t, d)
		quick.check(t, numbers(sent))
		slow.check(t, numbers(sent))
		if notifications != 1+8 {
			t.Errorf("%d notifications, want the first and a queueful", notifications)
		}
	})
}

// Beyond a number of alerts the oldest go, and are counted.
func TestDispatcherAlertsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var slow inbox
		d := NewDispatcher(Delivery{QueueSize: 2}, []Notifier{
			NotifierFunc(func(ctx context.Context, alerts []Alert) error {
				<-release
				if len(alerts) > mergedAlerts {
					t.Errorf("a notification of %d alerts, want at most %d", len(alerts), mergedAlerts)
				}
				return slow.Notify(ctx, alerts)
			}),
		}, noTrouble(t))
		ids := numbers(100 * mergedAlerts)
		const each = 10
		for i := 0; i < len(ids); i += each {
			d.Dispatch(alertsWithID(ids[i:min(i+each, len(ids))]...))
			synctest.Wait()
		}
		close(release)
		mustClose(t, d)
		if n := len(slow.ids); n < mergedAlerts || n > 3*mergedAlerts || slow.ids[n-1] != ids[len(ids)-1] {
			t.Errorf("%d alerts arrived, the last is %s", n, slow.ids[n-1])
		}
		if d.Undelivered() == 0 {
			t.Error("what was given up is not counted")
		}
	})
}

// While a receiver is down, states that are superseded make room for the latest ones.
func TestDispatcherSupersedes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var got []string
		d := NewDispatcher(Delivery{QueueSize: 3}, []Notifier{
			NotifierFunc(func(_ context.Context, alerts []Alert) error {
				<-release
				var all []string
				for _, a := range alerts {
					all = append(all, a.ID+" "+a.State.String())
				}
				got = append(got, strings.Join(all, ", "))
				return nil
			}),
		}, noTrouble(t))
		states := func(id string, s State) Alert { return Alert{ID: id, State: s} }
		for _, alerts := range [][]Alert{
			{states("first", Firing)}, // being delivered
			{states("a", Firing), states("b", Firing)},
			{states("c", Firing)},
			{states("a", Resolved)},
			{states("c", Resolved)}, // now the queue is full
			{states("d", Firing)},
		} {
			d.Dispatch(alerts)
			synctest.Wait()
		}
		close(release)
		mustClose(t, d)
		want := []string{"first firing", "b firing, a resolved", "c resolved", "d firing"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
		if n := d.Undelivered(); n != 0 {
			t.Errorf("%d undelivered: superseded states are no loss", n)
		}
	})
}

// No more states go than have to, and the oldest go first.
func TestDispatcherSupersedesTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var got []string
		d := NewDispatcher(Delivery{QueueSize: 3}, []Notifier{
			NotifierFunc(func(_ context.Context, alerts []Alert) error {
				<-release
				for _, a := range alerts {
					got = append(got, a.ID+" "+a.State.String())
				}
				return nil
			}),
		}, noTrouble(t))
		dispatch := func(id string, s State) {
			d.Dispatch([]Alert{{ID: id, State: s}})
			synctest.Wait()
		}
		dispatch("first", Firing) // being delivered
		dispatch("a", Firing)
		dispatch("b", Firing)
		dispatch("b", Resolved) // now the queue is full
		dispatch("a", Resolved)
		close(release)
		mustClose(t, d)
		if want := []string{"first firing", "b firing", "b resolved", "a resolved"}; !slices.Equal(got, want) {
			t.Errorf("delivered %q, want %q", got, want)
		}
	})
}

// What is superseded for one notifier is so neither for another one nor for whoever dispatched it.
func TestDispatcherSupersedesForOneNotifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var slow, quick inbox
		d := NewDispatcher(Delivery{QueueSize: 1}, []Notifier{
			NotifierFunc(func(ctx context.Context, alerts []Alert) error {
				<-release
				return slow.Notify(ctx, alerts)
			}),
			NotifierFunc(func(ctx context.Context, alerts []Alert) error {
				time.Sleep(time.Second) // the slow one is full by then
				return quick.Notify(ctx, alerts)
			}),
		}, noTrouble(t))
		dispatched := [][]Alert{alertsWithID("first"), alertsWithID("a", "b"), alertsWithID("a")}
		d.Dispatch(dispatched[0])
		synctest.Wait()
		d.Dispatch(dispatched[1])
		time.Sleep(1500 * time.Millisecond) // the second one has begun with the quick one
		d.Dispatch(dispatched[2])
		if diff := cmp.Diff([][]Alert{alertsWithID("first"), alertsWithID("a", "b"), alertsWithID("a")}, dispatched); diff != "" {
			t.Errorf("the dispatched alerts were changed (-want +got):\n%s", diff)
		}
		close(release)
		mustClose(t, d)
		slow.check(t, []string{"first", "b", "a"})
		quick.check(t, []string{"first", "a", "b", "a"})
	})
}

// Different news have different ids, and the same news the same one.
func TestNotificationIDsTellNewsApart(t *testing.T) {
	at := time.Unix(1, 0)
	seen := make(map[string]int)
	for i, alerts := range [][]Alert{
		{{ID: "a", State: Firing, DecidedAt: at}},
		{{ID: "a", State: Resolved, DecidedAt: at}},
		{{ID: "a", State: Firing, DecidedAt: at.Add(time.Nanosecond)}}, // a reminder
		{{ID: "b", State: Firing, DecidedAt: at}},
		{{ID: "a", State: Firing, DecidedAt: at}, {ID: "b", State: Firing, DecidedAt: at}},
		{{ID: "b", State: Firing, DecidedAt: at}, {ID: "a", State: Firing, DecidedAt: at}},
		{{ID: "a firing 1000000000\n1:b", State: Firing, DecidedAt: at}},
		nil,
	} {
		id := notificationID(alerts)
		if other, ok := seen[id]; ok {
			t.Errorf("%d and %d have the same id, %s", other, i, id)
		}
		seen[id] = i
		if again := notificationID(cloneAll(alerts)); again != id {
			t.Errorf("%d has the ids %s and %s", i, id, again)
		}
	}
}

// Not all who lost the same receiver come back to it at the same moment.
func TestDispatcherRetriesVary(t *testing.T) {
	waits := make(map[time.Duration]bool)
	for range 20 {
		at, _, _ := tries(t, Delivery{}, func(try int) error {
			if try == 1 {
				return errors.New("down")
			}
			return nil
		})
		waits[at[1]] = true
	}
	if len(waits) < 10 {
		t.Errorf("20 notifications waited for %v", waits)
	}
}

// Whatever is dispatched while a receiver hangs, and however short the queue: each alert's
// states come in order, none twice, and its latest one arrives unless something is counted as given up.
func TestDispatcherLatestStatesArrive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		release := make(chan struct{})
		got := make(map[string][]time.Time)
		d := NewDispatcher(Delivery{QueueSize: rapid.IntRange(1, 5).Draw(t, "queue")}, []Notifier{
			NotifierFunc(func(_ context.Context, alerts []Alert) error {
				<-release
				for _, a := range alerts {
					got[a.ID] = append(got[a.ID], a.DecidedAt)
				}
				return nil
			}),
		}, func(int, error) {})
		latest := make(map[string]time.Time)
		ids := rapid.IntRange(1, 150).Draw(t, "ids")
		for i := range rapid.IntRange(1, 40).Draw(t, "notifications") {
			at := time.Unix(int64(i), 0)
			var alerts []Alert
			for _, id := range rapid.SliceOfNDistinct(rapid.IntRange(1, ids), 0, 40, rapid.ID).Draw(t, "alerts") {
				alerts = append(alerts, Alert{ID: fmt.Sprint(id), DecidedAt: at})
				latest[fmt.Sprint(id)] = at
			}
			d.Dispatch(alerts)
		}
		close(release)
		if err := d.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		for id, want := range latest {
			states := got[id]
			if !slices.IsSortedFunc(states, time.Time.Compare) || len(slices.Compact(slices.Clone(states))) != len(states) {
				t.Fatalf("the states of %s came as %v", id, states)
			}
			if d.Undelivered() == 0 && (len(states) == 0 || !states[len(states)-1].Equal(want)) {
				t.Fatalf("of %s came %v, want the latest, %v", id, states, want)
			}
		}
		if n := d.Undelivered(); n > 0 && len(latest) <= mergedAlerts/2 {
			t.Fatalf("%d given up, though %d alerts have room in one notification", n, len(latest))
		}
	})
}

// A receiver that hangs must not make the closing of periods a matter of seconds: in the
// longest queue there is, nothing may take the square of its length.
func TestDispatcherLongQueue(t *testing.T) {
	release := make(chan struct{})
	delivery := Delivery{QueueSize: 10_000}
	if err := delivery.Validate(); err != nil {
		t.Fatal(err)
	}
	var got inbox
	d := NewDispatcher(delivery, []Notifier{NotifierFunc(func(ctx context.Context, alerts []Alert) error {
		<-release
		return got.Notify(ctx, alerts)
	})}, noTrouble(t))
	sent := numbers(delivery.QueueSize + 50)
	for _, id := range sent {
		d.Dispatch(alertsWithID(id))
	}
	close(release)
	mustClose(t, d)
	got.check(t, sent)
}

// tries lets a dispatcher deliver one notification to a notifier that fails as told, and
// returns when it was tried.
func tries(t *testing.T, delivery Delivery, fail func(try int) error) (at []time.Duration, troubles []string, undelivered uint64) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var ids []string
		d := NewDispatcher(delivery, []Notifier{NotifierFunc(func(ctx context.Context, alerts []Alert) error {
			at = append(at, time.Since(began))
			ids = append(ids, NotificationID(ctx))
			if alerts[0].Operation != "" {
				t.Error("a try got what another one has changed")
			}
			alerts[0].Operation = "changed"
			return fail(len(at))
		})}, func(_ int, err error) { troubles = append(troubles, err.Error()) })
		d.Dispatch(alertsWithID("a"))
		mustClose(t, d)
		for _, id := range ids {
			if id == "" || id != ids[0] {
				t.Errorf("the ids of the tries are %q, want one", ids)
			}
		}
		undelivered = d.Undelivered()
	})
	return at, troubles, undelivered
}

func TestDispatcherRetries(t *testing.T) {
	down := errors.New("down")
	until := func(n int, err error) func(int) error {
		return func(try int) error {
			if try < n {
				return err
			}
			return nil
		}
	}
	tests := []struct {
		name        string
		delivery    Delivery
		fail        func(int) error
		tries       int
		undelivered uint64
	}{
		{"no error", Delivery{}, until(1, nil), 1, 0},
		{"once down", Delivery{}, until(2, down), 2, 0},
		{"down for a while", Delivery{}, until(10, down), 10, 0},
		{"down for ever", Delivery{}, until(1000, down), 16, 1},
		{"a limit", Delivery{MaxAttempts: 3}, until(1000, down), 3, 1},
		{"a limit of one", Delivery{MaxAttempts: 1}, until(1000, down), 1, 1},
		{"final", Delivery{}, until(1000, Final(down)), 1, 1},
		{"final, wrapped", Delivery{}, until(1000, fmt.Errorf("post: %w", Final(down))), 1, 1},
		{"a short longest wait", Delivery{MaxInterval: time.Second / 4}, until(4, down), 4, 0},
		{"a long first wait", Delivery{InitialInterval: time.Hour}, until(4, down), 4, 0},
		{"it panics", Delivery{}, func(int) error { panic("boom") }, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at, troubles, undelivered := tries(t, tt.delivery, tt.fail)
			if len(at) != tt.tries || undelivered != tt.undelivered {
				t.Fatalf("%d tries and %d undelivered, want %d and %d", len(at), undelivered, tt.tries, tt.undelivered)
			}
			first, longest := time.Second, time.Minute
			for _, set := range []time.Duration{tt.delivery.InitialInterval, tt.delivery.MaxInterval} {
				if set > 0 {
					first, longest = set, set
				}
			}
			for i := 1; i < len(at); i++ {
				wait, want := at[i]-at[i-1], min(longest, first<<(i-1))
				if wait < want/2 || wait > want*3/2 {
					t.Errorf("%s between try %d and the next, want %s, give or take a half", wait, i, want)
				}
			}
			if want := tt.tries - 1 + int(tt.undelivered); len(troubles) != want {
				t.Errorf("told of %d errors, want %d: %q", len(troubles), want, troubles)
			}
		})
	}
}

func TestDispatcherRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		asked, least, most time.Duration
	}{
		{0, time.Second / 2, 3 * time.Second / 2},
		{30 * time.Second, 30 * time.Second, 30 * time.Second},
		{24 * time.Hour, 10 * time.Minute, 10 * time.Minute}, // no receiver stops us for ever
	} {
		at, _, _ := tries(t, Delivery{}, func(try int) error {
			if try == 1 {
				return fmt.Errorf("429: %w", RetryAfter(errors.New("slow down"), tt.asked))
			}
			return nil
		})
		if wait := at[1] - at[0]; wait < tt.least || wait > tt.most {
			t.Errorf("asked to wait for %s it waited for %s", tt.asked, wait)
		}
	}
}

// Close ends the waiting for another try at its deadline, and says what was left.
func TestDispatcherCloseWhileRetrying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDispatcher(Delivery{InitialInterval: time.Hour}, []Notifier{NotifierFunc(func(context.Context, []Alert) error {
			return errors.New("down")
		})}, func(int, error) {})
		d.Dispatch(alertsWithID("a"))
		d.Dispatch(alertsWithID("b"))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		began := time.Now()
		err := d.Close(ctx)
		if err == nil || !strings.Contains(err.Error(), "2 left undelivered") || time.Since(began) != time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		synctest.Wait()
		if n := d.Undelivered(); n != 2 {
			t.Errorf("%d undelivered, want 2", n)
		}
	})
}

func TestDeliveryErrors(t *testing.T) {
	plain := errors.New("plain")
	if Final(nil) != nil || RetryAfter(nil, time.Second) != nil {
		t.Error("no error is marked as one")
	}
	for _, err := range []error{Final(plain), RetryAfter(plain, time.Second)} {
		if err.Error() != "plain" || !errors.Is(err, plain) {
			t.Errorf("%v hides what it marks", err)
		}
	}
	if IsFinal(plain) || IsFinal(nil) || IsFinal(RetryAfter(plain, time.Second)) || !IsFinal(fmt.Errorf("x: %w", Final(plain))) {
		t.Error("it is not told which errors are final")
	}
}

func TestDeliveryDefaults(t *testing.T) {
	if got, want := (Delivery{}).withDefaults(), (Delivery{64, 30 * time.Second, 16, time.Second, time.Minute}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestDeliveryValidate(t *testing.T) {
	for _, d := range []Delivery{{}, {1, 1, 1, 1, 1}, {10_000, 10 * time.Minute, 1000, time.Hour, 24 * time.Hour}} {
		if err := d.Validate(); err != nil {
			t.Errorf("%+v: %v", d, err)
		}
	}
	want := "queue_size: must be between 1 and 10000, got -1\n" +
		"timeout: must be above 0s and at most 10m, got 11m0s\n" +
		"max_attempts: must be between 1 and 1000, got 1001\n" +
		"initial_interval: must be above 0s and at most 1h, got -1ns\n" +
		"max_interval: must be above 0s and at most 24h, got 25h0m0s"
	if err := (Delivery{-1, 11 * time.Minute, 1001, -1, 25 * time.Hour}).Validate(); err == nil || err.Error() != want {
		t.Errorf("got\n%v, want\n%s", err, want)
	}
	want = "max_interval: must be at least initial_interval, 2m, got 1m30s"
	if err := (Delivery{InitialInterval: 2 * time.Minute, MaxInterval: 90 * time.Second}).Validate(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestDispatcherTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var ends []time.Duration
		d := NewDispatcher(Delivery{}, []Notifier{NotifierFunc(func(ctx context.Context, _ []Alert) error {
			<-ctx.Done()
			ends = append(ends, time.Since(began))
			return nil
		})}, noTrouble(t))
		d.Dispatch(alertsWithID("a"))
		d.Dispatch(alertsWithID("b"))
		mustClose(t, d)
		if want := []time.Duration{30 * time.Second, time.Minute}; !slices.Equal(ends, want) {
			t.Errorf("the contexts ended after %v, want %v", ends, want)
		}
	})
}

// sleeper returns a notifier that takes the given time for each notification.
func sleeper(d time.Duration) Notifier {
	return NotifierFunc(func(context.Context, []Alert) error {
		time.Sleep(d)
		return nil
	})
}

func TestDispatcherFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDispatcher(Delivery{}, []Notifier{sleeper(10 * time.Second), sleeper(8 * time.Second), &inbox{}}, noTrouble(t))
		d.Dispatch(alertsWithID("a"))
		time.AfterFunc(5*time.Second, func() { d.Dispatch(alertsWithID("b")) }) // keeps them busy up to 20s and 16s
		began := time.Now()
		if err := d.Flush(t.Context()); err != nil {
			t.Errorf("flush: %v", err)
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("flush took %s, want 10s: as long as the slowest takes for what was dispatched before", took)
		}
		mustClose(t, d)
	})
}

func TestDispatcherFlushHonoursContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDispatcher(Delivery{}, []Notifier{sleeper(time.Second), sleeper(time.Minute), sleeper(time.Hour)}, noTrouble(t))
		d.Dispatch(alertsWithID("a"))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		err := d.Flush(ctx)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flush: %v, want a deadline that is exceeded", err)
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("flush took %s, want 10s", took)
		}
		checkNames(t, err, "notifier 1", "notifier 2")
		mustClose(t, d)
	})
}

// checkNames fails the test unless an error names these notifiers and no others.
func checkNames(t *testing.T, err error, want ...string) {
	t.Helper()
	for i := range 3 {
		name := fmt.Sprintf("notifier %d", i)
		if got := strings.Contains(fmt.Sprint(err), name); got != slices.Contains(want, name) {
			t.Errorf("error %q names %s: %v", err, name, got)
		}
	}
}

func TestDispatcherClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var quick inbox
		d := NewDispatcher(Delivery{}, []Notifier{&quick, sleeper(10 * time.Second), sleeper(8 * time.Second)}, noTrouble(t))
		for range 3 {
			d.Dispatch(alertsWithID("a"))
		}
		began := time.Now()
		var closing sync.WaitGroup
		for range 3 {
			closing.Go(func() { mustClose(t, d) })
		}
		closing.Wait()
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("close took %s, want 30s: as long as the slowest takes", took)
		}
		d.Dispatch(alertsWithID("late"))
		mustClose(t, d)
		quick.check(t, []string{"a", "a", "a"})
		if got := d.Undelivered(); got != 3 {
			t.Errorf("%d undelivered, want 3: the late one, by each notifier", got)
		}
	})
}

func TestDispatcherCloseHonoursContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var quick inbox
		release := make(chan struct{})
		var cancelled []error
		hanging := NotifierFunc(func(ctx context.Context, _ []Alert) error {
			<-release
			cancelled = append(cancelled, ctx.Err())
			return nil
		})
		d := NewDispatcher(Delivery{}, []Notifier{&quick, hanging, sleeper(time.Second)}, noTrouble(t))
		for range 3 {
			d.Dispatch(alertsWithID("a"))
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		err := d.Close(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "3 left undelivered") {
			t.Errorf("close: %v, want 3 left and a deadline that is exceeded", err)
		}
		checkNames(t, err, "notifier 1")
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("close took %s, want 10s", took)
		}
		if got := d.Undelivered(); got != 2 {
			t.Errorf("%d undelivered, want 2: those that never reached the one that hangs", got)
		}
		quick.check(t, []string{"a", "a", "a"})
		close(release)
		mustClose(t, d) // and every goroutine has ended, or the test would not
		if len(cancelled) != 1 || !errors.Is(cancelled[0], context.Canceled) {
			t.Errorf("the contexts of the notifier that hung: %v, want one, cancelled", cancelled)
		}
	})
}

func TestDispatcherWithoutNotifiers(t *testing.T) {
	d := NewDispatcher(Delivery{}, nil, noTrouble(t))
	d.Dispatch(alertsWithID("a"))
	if err := errors.Join(d.Flush(t.Context()), d.Close(t.Context())); err != nil {
		t.Error(err)
	}
	if n := d.Undelivered(); n != 0 {
		t.Errorf("%d undelivered, though there is nobody to deliver to", n)
	}
}

// A monitor asks this to find out that it is called back.
func TestDispatcherNotifiersAreHandlers(t *testing.T) {
	var notify, trouble bool
	d := NewDispatcher(Delivery{MaxAttempts: 1}, []Notifier{NotifierFunc(func(context.Context, []Alert) error {
		notify = outbox.IsHandler()
		return errors.New("trouble")
	})}, func(int, error) { trouble = outbox.IsHandler() })
	d.Dispatch(alertsWithID("a"))
	mustClose(t, d)
	if !notify || !trouble {
		t.Errorf("IsHandler in a notifier: %v, in what it has trouble with: %v", notify, trouble)
	}
}

// Sinks get the period, each notifier its own copy of the evidence.
func TestEvidenceIsPrivate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fresh := func() (engine.Period, []Alert) {
			s := fullSummary(0, expecting(engine.Objective{AlertAfter: 1}), calls{success: 10, within: 1, failure: 90})
			s.Histogram = &engine.ExponentialHistogram{Counts: []uint64{1, 2, 3}}
			return judged(NewJudge(), s)
		}
		p, alerts := fresh()
		if len(alerts) != 2 {
			t.Fatalf("got the alerts %v, want one for each kind of objective", about(alerts))
		}
		wantPeriod, want := fresh()

		spoiling := NotifierFunc(func(_ context.Context, alerts []Alert) error {
			for i := range alerts {
				spoil(&alerts[i])
				alerts[i] = Alert{}
			}
			return nil
		})
		var got []Alert
		keeping := NotifierFunc(func(_ context.Context, alerts []Alert) error {
			time.Sleep(time.Second) // the others are first
			got = alerts
			return nil
		})
		d := NewDispatcher(Delivery{}, []Notifier{spoiling, keeping, spoiling}, noTrouble(t))
		d.Dispatch(alerts)
		mustClose(t, d)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("alerts of another notifier (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, alerts); diff != "" {
			t.Errorf("dispatched alerts (-want +got):\n%s", diff)
		}
		for i := range alerts { // they are the dispatcher's caller's, and may be spoilt, too
			spoil(&alerts[i])
		}
		if diff := cmp.Diff(wantPeriod, p); diff != "" {
			t.Errorf("the sink's period (-want +got):\n%s", diff)
		}
	})
}
