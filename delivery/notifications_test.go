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
	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/internal/outbox"
)

// alertsWithID returns the alerts of a period.
func alertsWithID(ids ...string) []alert.Alert {
	var alerts []alert.Alert
	for _, id := range ids {
		alerts = append(alerts, alert.Alert{ID: id, State: alert.Firing})
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

// noError is the OnError of dispatchers whose notifiers do nothing wrong.
func noError(t *testing.T) func(string, error) {
	return func(_ string, err error) { t.Errorf("error: %v", err) }
}

// start starts a dispatcher for notifiers alone.
func start(c Config, notifiers []alert.Notifier, onError func(string, error)) *Dispatcher {
	return New(Options{Config: c, Notifiers: notifiers, OnError: onError})
}

// send sends the alerts of a period.
func send(d *Dispatcher, alerts []alert.Alert) { d.Send(&engine.Period{}, alerts) }

// lost returns the number of notifications that were not delivered.
func lost(d *Dispatcher) uint64 {
	_, notifications := d.Undelivered()
	return notifications
}

func mustClose(t *testing.T, d *Dispatcher) {
	t.Helper()
	if err := d.Close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestDispatcherOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var receivers [3]receiver
		d := start(Config{}, []alert.Notifier{&receivers[0], &receivers[1], &receivers[2]}, noError(t))
		send(d, alertsWithID("0", "1"))
		send(d, nil)
		for i := 2; i < 50; i++ {
			send(d, alertsWithID(fmt.Sprint(i)))
		}
		mustClose(t, d)
		for i := range receivers {
			receivers[i].checkAlerts(t, numbers(50))
		}
	})
}

func TestSendMakesOneNotificationOfAPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		d := start(Config{}, []alert.Notifier{alert.NotifierFunc(func(_ context.Context, alerts []alert.Alert) error {
			got = append(got, len(alerts))
			return nil
		})}, noError(t))
		send(d, alertsWithID("a", "b", "c"))
		send(d, nil)
		send(d, []alert.Alert{})
		send(d, alertsWithID("d"))
		mustClose(t, d)
		if want := []int{3, 1}; !slices.Equal(got, want) {
			t.Errorf("notifications of %v alerts, want %v: none about nothing", got, want)
		}
	})
}

// What one notifier does affects no other one, neither those before it nor those after it.
func TestDispatcherMisbehavingNotifier(t *testing.T) {
	sentinel := errors.New("no route to pager")
	tests := []struct {
		name   string
		notify func(context.Context, []alert.Alert) error
		want   string // its error; empty: none
	}{
		{"returns an error", func(context.Context, []alert.Alert) error { return sentinel }, "notifier 1 (alert.NotifierFunc): no route to pager"},
		{"panics", func(context.Context, []alert.Alert) error { panic("at the pager") }, "notifier 1 (alert.NotifierFunc): panic: at the pager"},
		{"is none", nil, "notifier 1 (alert.NotifierFunc): panic: runtime error: invalid memory address or nil pointer dereference"},
		{"ends its goroutine", func(context.Context, []alert.Alert) error { runtime.Goexit(); return nil },
			"notifier 1 (alert.NotifierFunc): handler ended its goroutine (runtime.Goexit)"},
		{"hangs", func(ctx context.Context, _ []alert.Alert) error { <-ctx.Done(); return nil }, ""},
		{"spoils its alerts", func(_ context.Context, alerts []alert.Alert) error {
			for i := range alerts {
				alerts[i].ID = "spoilt"
			}
			return nil
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var before, after receiver
				var mu sync.Mutex
				var errs []error
				d := start(Config{MaxAttempts: 1}, []alert.Notifier{&before, alert.NotifierFunc(tt.notify), &after}, func(_ string, err error) {
					mu.Lock()
					defer mu.Unlock()
					errs = append(errs, err)
				})
				began := time.Now()
				for i := range 5 {
					send(d, alertsWithID(fmt.Sprint(i)))
				}
				synctest.Wait()
				before.checkAlerts(t, numbers(5))
				after.checkAlerts(t, numbers(5))
				if d := time.Since(began); d != 0 {
					t.Errorf("that took %s, want no time", d)
				}
				mustClose(t, d)
				if want := 5; tt.want != "" && len(errs) != want {
					t.Errorf("%d errors, want one for each notification", len(errs))
				}
				for _, err := range errs {
					before, why, _ := strings.Cut(err.Error(), "; it will hear of it when it answers again")
					what, found := strings.CutPrefix(before, "notifier 1 (alert.NotifierFunc): gave up on ")
					if "notifier 1 (alert.NotifierFunc)"+why != tt.want || !found || !strings.HasPrefix(what, " ObjectiveKind(0) firing") {
						t.Errorf("error: %v\nwant   %s", err, tt.want)
					}
					if tt.name == "returns an error" && !errors.Is(err, sentinel) {
						t.Errorf("error %v does not wrap the notifier's error", err)
					}
				}
				want := uint64(0)
				if tt.want != "" {
					want = 5
				}
				if n := lost(d); n != want {
					t.Errorf("%d undelivered, want %d: those that the notifier did not take", n, want)
				}
			})
		})
	}
}

// A receiver that hangs loses nothing of what still matters: notifications are joined.
func TestDispatcherQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var slow, quick receiver
		notifications := 0
		d := start(Config{QueueSize: 8}, []alert.Notifier{
			alert.NotifierFunc(func(ctx context.Context, alerts []alert.Alert) error {
				<-release
				notifications++
				return slow.Notify(ctx, alerts)
			}),
			&quick,
		}, noError(t))
		const sent = 100
		for i := range sent {
			send(d, alertsWithID(fmt.Sprint(i)))
			synctest.Wait()
		}
		if got := lost(d); got != 0 {
			t.Errorf("%d undelivered, want all that are the latest state of an alert to wait", got)
		}
		close(release)
		mustClose(t, d)
		quick.checkAlerts(t, numbers(sent))
		slow.checkAlerts(t, numbers(sent))
		if notifications != 1+8 {
			t.Errorf("%d notifications, want the first and a queueful", notifications)
		}
	})
}

// Beyond a number of alerts the oldest notifications go, and are counted. When the receiver answers
// again it hears at once of all alerts that they were about.
func TestDispatcherAlertsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var slow receiver
		d := start(Config{QueueSize: 2}, []alert.Notifier{
			alert.NotifierFunc(func(ctx context.Context, alerts []alert.Alert) error {
				<-release
				return slow.Notify(ctx, alerts)
			}),
		}, func(topic string, err error) {
			if topic != "notifier 0 lost" || !strings.Contains(err.Error(), "too much waits: dropped ") {
				t.Errorf("[%s] %v", topic, err)
			}
		})
		ids := numbers(100 * maxMerged)
		const each = 10
		for i := 0; i < len(ids); i += each {
			send(d, alertsWithID(ids[i:min(i+each, len(ids))]...))
			synctest.Wait()
		}
		close(release)
		mustClose(t, d)
		slices.Sort(slow.alerts)
		slices.Sort(ids)
		slow.checkAlerts(t, ids)
		if lost(d) == 0 {
			t.Error("what was given up is not counted")
		}
	})
}

// While a receiver is down, states that are superseded make room for the latest ones.
func TestDispatcherSupersedes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var got []string
		d := start(Config{QueueSize: 3}, []alert.Notifier{
			alert.NotifierFunc(func(_ context.Context, alerts []alert.Alert) error {
				<-release
				var all []string
				for _, a := range alerts {
					all = append(all, a.ID+" "+a.State.String())
				}
				got = append(got, strings.Join(all, ", "))
				return nil
			}),
		}, noError(t))
		states := func(id string, s alert.State) alert.Alert { return alert.Alert{ID: id, State: s} }
		for _, alerts := range [][]alert.Alert{
			{states("first", alert.Firing)}, // being delivered
			{states("a", alert.Firing), states("b", alert.Firing)},
			{states("c", alert.Firing)},
			{states("a", alert.Resolved)},
			{states("c", alert.Resolved)}, // now the queue is full
			{states("d", alert.Firing)},
		} {
			send(d, alerts)
			synctest.Wait()
		}
		close(release)
		mustClose(t, d)
		want := []string{"first firing", "b firing", "d firing"} // nothing of what began and ended meanwhile
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
		if n := lost(d); n != 0 {
			t.Errorf("%d undelivered: superseded states are no loss", n)
		}
	})
}

// No more states go than have to, and the oldest go first.
func TestDispatcherSupersedesTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var got []string
		d := start(Config{QueueSize: 3}, []alert.Notifier{
			alert.NotifierFunc(func(_ context.Context, alerts []alert.Alert) error {
				<-release
				for _, a := range alerts {
					got = append(got, a.ID+" "+a.State.String())
				}
				return nil
			}),
		}, noError(t))
		dispatch := func(id string, s alert.State) {
			send(d, []alert.Alert{{ID: id, State: s}})
			synctest.Wait()
		}
		dispatch("first", alert.Firing) // being delivered
		dispatch("a", alert.Firing)
		dispatch("b", alert.Firing)
		dispatch("b", alert.Resolved) // now the queue is full
		dispatch("a", alert.Resolved)
		close(release)
		mustClose(t, d)
		if want := []string{"first firing", "b firing", "b resolved"}; !slices.Equal(got, want) {
			t.Errorf("delivered %q, want %q", got, want)
		}
	})
}

// A state that is superseded for one notifier still reaches the others, and the sender's alerts do not change.
func TestDispatcherSupersedesForOneNotifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var slow, quick receiver
		d := start(Config{QueueSize: 1}, []alert.Notifier{
			alert.NotifierFunc(func(ctx context.Context, alerts []alert.Alert) error {
				<-release
				return slow.Notify(ctx, alerts)
			}),
			alert.NotifierFunc(func(ctx context.Context, alerts []alert.Alert) error {
				time.Sleep(time.Second) // the slow one is full by then
				return quick.Notify(ctx, alerts)
			}),
		}, noError(t))
		dispatched := [][]alert.Alert{alertsWithID("first"), alertsWithID("a", "b"), alertsWithID("a")}
		send(d, dispatched[0])
		synctest.Wait()
		send(d, dispatched[1])
		time.Sleep(1500 * time.Millisecond) // the second one has begun with the quick one
		send(d, dispatched[2])
		if diff := cmp.Diff([][]alert.Alert{alertsWithID("first"), alertsWithID("a", "b"), alertsWithID("a")}, dispatched); diff != "" {
			t.Errorf("the dispatched alerts were changed (-want +got):\n%s", diff)
		}
		close(release)
		mustClose(t, d)
		slow.checkAlerts(t, []string{"first", "b", "a"})
		quick.checkAlerts(t, []string{"first", "a", "b", "a"})
	})
}

// Different news have different ids, and the same news the same one.
func TestNotificationIDsTellNewsApart(t *testing.T) {
	at := time.Unix(1, 0)
	seen := make(map[string]int)
	for i, alerts := range [][]alert.Alert{
		{{ID: "a", State: alert.Firing, DecidedAt: at}},
		{{ID: "a", State: alert.Resolved, DecidedAt: at}},
		{{ID: "a", State: alert.Firing, DecidedAt: at.Add(time.Nanosecond)}}, // a repeat
		{{ID: "b", State: alert.Firing, DecidedAt: at}},
		{{ID: "a", State: alert.Firing, DecidedAt: at}, {ID: "b", State: alert.Firing, DecidedAt: at}},
		{{ID: "b", State: alert.Firing, DecidedAt: at}, {ID: "a", State: alert.Firing, DecidedAt: at}},
		{{ID: "a firing 1000000000\n1:b", State: alert.Firing, DecidedAt: at}},
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
		at, _, _ := tries(t, Config{}, func(try int) error {
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
		d := start(Config{QueueSize: rapid.IntRange(1, 5).Draw(t, "queue")}, []alert.Notifier{
			alert.NotifierFunc(func(_ context.Context, alerts []alert.Alert) error {
				<-release
				for _, a := range alerts {
					got[a.ID] = append(got[a.ID], a.DecidedAt)
				}
				return nil
			}),
		}, func(string, error) {})
		latest := make(map[string]time.Time)
		ids := rapid.IntRange(1, 150).Draw(t, "ids")
		for i := range rapid.IntRange(1, 40).Draw(t, "notifications") {
			at := time.Unix(int64(i), 0)
			var alerts []alert.Alert
			for _, id := range rapid.SliceOfNDistinct(rapid.IntRange(1, ids), 0, 40, rapid.ID).Draw(t, "alerts") {
				alerts = append(alerts, alert.Alert{ID: fmt.Sprint(id), State: alert.Firing, Repeat: true, DecidedAt: at})
				latest[fmt.Sprint(id)] = at
			}
			send(d, alerts)
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
			if lost(d) == 0 && (len(states) == 0 || !states[len(states)-1].Equal(want)) {
				t.Fatalf("of %s came %v, want the latest, %v", id, states, want)
			}
		}
		if n := lost(d); n > 0 && len(latest) <= maxMerged/2 {
			t.Fatalf("%d given up, though %d alerts have room in one notification", n, len(latest))
		}
	})
}

// A receiver that hangs must not make the closing of periods a matter of seconds: in the
// longest queue there is, nothing may take the square of its length.
func TestDispatcherLongQueue(t *testing.T) {
	release := make(chan struct{})
	c := Config{QueueSize: 10_000}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	var got receiver
	d := start(c, []alert.Notifier{alert.NotifierFunc(func(ctx context.Context, alerts []alert.Alert) error {
		<-release
		return got.Notify(ctx, alerts)
	})}, noError(t))
	sent := numbers(c.QueueSize + 50)
	for _, id := range sent {
		send(d, alertsWithID(id))
	}
	close(release)
	mustClose(t, d)
	got.checkAlerts(t, sent)
}

// tries lets a dispatcher deliver one notification to a notifier that fails as told, and
// returns when it was tried.
func tries(t *testing.T, c Config, fail func(try int) error) (at []time.Duration, errs []string, undelivered uint64) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var ids []string
		d := start(c, []alert.Notifier{alert.NotifierFunc(func(ctx context.Context, alerts []alert.Alert) error {
			at = append(at, time.Since(began))
			ids = append(ids, alert.NotificationID(ctx))
			if alerts[0].Operation != "" {
				t.Error("a try got what another one has changed")
			}
			alerts[0].Operation = "changed"
			return fail(len(at))
		})}, func(_ string, err error) { errs = append(errs, err.Error()) })
		send(d, alertsWithID("a"))
		mustClose(t, d)
		for _, id := range ids {
			if id == "" || id != ids[0] {
				t.Errorf("the ids of the tries are %q, want one", ids)
			}
		}
		undelivered = lost(d)
	})
	return at, errs, undelivered
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
		config      Config
		fail        func(int) error
		tries       int
		undelivered uint64
	}{
		{"no error", Config{}, until(1, nil), 1, 0},
		{"once down", Config{}, until(2, down), 2, 0},
		{"down for a while", Config{}, until(10, down), 10, 0},
		{"down for ever", Config{}, until(1000, down), 16, 1},
		{"a limit", Config{MaxAttempts: 3}, until(1000, down), 3, 1},
		{"a limit of one", Config{MaxAttempts: 1}, until(1000, down), 1, 1},
		{"final", Config{}, until(1000, alert.Final(down)), 1, 1},
		{"final, wrapped", Config{}, until(1000, fmt.Errorf("post: %w", alert.Final(down))), 1, 1},
		{"a short longest wait", Config{MaxInterval: time.Second / 4}, until(4, down), 4, 0},
		{"a long first wait", Config{InitialInterval: time.Hour}, until(4, down), 4, 0},
		{"it panics", Config{}, func(int) error { panic("boom") }, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at, errs, undelivered := tries(t, tt.config, tt.fail)
			if len(at) != tt.tries || undelivered != tt.undelivered {
				t.Fatalf("%d tries and %d undelivered, want %d and %d", len(at), undelivered, tt.tries, tt.undelivered)
			}
			first, longest := time.Second, time.Minute
			for _, set := range []time.Duration{tt.config.InitialInterval, tt.config.MaxInterval} {
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
			if want := tt.tries - 1 + int(tt.undelivered); len(errs) != want {
				t.Errorf("told of %d errors, want %d: %q", len(errs), want, errs)
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
		at, _, _ := tries(t, Config{}, func(try int) error {
			if try == 1 {
				return fmt.Errorf("429: %w", alert.RetryAfter(errors.New("slow down"), tt.asked))
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
		d := start(Config{InitialInterval: time.Hour}, []alert.Notifier{alert.NotifierFunc(func(context.Context, []alert.Alert) error {
			return errors.New("down")
		})}, func(string, error) {})
		send(d, alertsWithID("a"))
		send(d, alertsWithID("b"))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		began := time.Now()
		err := d.Close(ctx)
		if err == nil || !strings.Contains(err.Error(), "2 left undelivered") || time.Since(began) != time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		synctest.Wait()
		if n := lost(d); n != 2 {
			t.Errorf("%d undelivered, want 2", n)
		}
	})
}

func TestDispatcherTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var ends []time.Duration
		d := start(Config{}, []alert.Notifier{alert.NotifierFunc(func(ctx context.Context, _ []alert.Alert) error {
			<-ctx.Done()
			ends = append(ends, time.Since(began))
			return nil
		})}, noError(t))
		send(d, alertsWithID("a"))
		send(d, alertsWithID("b"))
		mustClose(t, d)
		if want := []time.Duration{30 * time.Second, time.Minute}; !slices.Equal(ends, want) {
			t.Errorf("the contexts ended after %v, want %v", ends, want)
		}
	})
}

// sleeper returns a notifier that takes the given time for each notification.
func sleeper(d time.Duration) alert.Notifier {
	return alert.NotifierFunc(func(context.Context, []alert.Alert) error {
		time.Sleep(d)
		return nil
	})
}

func TestDispatcherFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(Config{}, []alert.Notifier{sleeper(10 * time.Second), sleeper(8 * time.Second), &receiver{}}, noError(t))
		send(d, alertsWithID("a"))
		time.AfterFunc(5*time.Second, func() { send(d, alertsWithID("b")) }) // keeps them busy up to 20s and 16s
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
		d := start(Config{}, []alert.Notifier{sleeper(time.Second), sleeper(time.Minute), sleeper(time.Hour)}, noError(t))
		send(d, alertsWithID("a"))
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
		var quick receiver
		d := start(Config{}, []alert.Notifier{&quick, sleeper(10 * time.Second), sleeper(8 * time.Second)}, noError(t))
		for range 3 {
			send(d, alertsWithID("a"))
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
		send(d, alertsWithID("late"))
		mustClose(t, d)
		quick.checkAlerts(t, []string{"a", "a", "a"})
		if got := lost(d); got != 3 {
			t.Errorf("%d undelivered, want 3: the late one, by each notifier", got)
		}
	})
}

func TestDispatcherCloseHonoursContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var quick receiver
		release := make(chan struct{})
		var cancelled []error
		hanging := alert.NotifierFunc(func(ctx context.Context, _ []alert.Alert) error {
			<-release
			cancelled = append(cancelled, ctx.Err())
			return nil
		})
		d := start(Config{}, []alert.Notifier{&quick, hanging, sleeper(time.Second)}, noError(t))
		for range 3 {
			send(d, alertsWithID("a"))
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
		if got := lost(d); got != 3 {
			t.Errorf("%d undelivered, want 3: what the one that hangs has, and what never reached it", got)
		}
		quick.checkAlerts(t, []string{"a", "a", "a"})
		close(release)
		mustClose(t, d) // and every goroutine has ended, or the test would not
		if len(cancelled) != 1 || !errors.Is(cancelled[0], context.Canceled) {
			t.Errorf("the contexts of the notifier that hung: %v, want one, cancelled", cancelled)
		}
	})
}

func TestDispatcherWithoutNotifiers(t *testing.T) {
	d := start(Config{}, nil, noError(t))
	send(d, alertsWithID("a"))
	if err := errors.Join(d.Flush(t.Context()), d.Close(t.Context())); err != nil {
		t.Error(err)
	}
	if n := lost(d); n != 0 {
		t.Errorf("%d undelivered, though there is nobody to deliver to", n)
	}
}

// A monitor asks this to find out that it is called back.
func TestDispatcherNotifiersAreHandlers(t *testing.T) {
	var notify, onError bool
	d := start(Config{MaxAttempts: 1}, []alert.Notifier{alert.NotifierFunc(func(context.Context, []alert.Alert) error {
		notify = outbox.IsHandler()
		return errors.New("down")
	})}, func(string, error) { onError = outbox.IsHandler() })
	send(d, alertsWithID("a"))
	mustClose(t, d)
	if !notify || !onError {
		t.Errorf("IsHandler in a notifier: %v, in OnError: %v", notify, onError)
	}
}

// Sinks get the period, each notifier its own copy of the evidence.
func TestEvidenceIsPrivate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fresh := func() (engine.Period, []alert.Alert) {
			s := fullSummary()
			p := engine.Period{Start: s.Start, End: s.End, Summaries: []engine.Summary{s}}
			alerts := alert.NewJudge().Judge(&p)
			return p, alerts
		}
		p, alerts := fresh()
		if len(alerts) != 2 {
			t.Fatalf("got the alerts %v, want one for each kind of objective", alerts)
		}
		wantPeriod, want := fresh()

		spoiling := alert.NotifierFunc(func(_ context.Context, alerts []alert.Alert) error {
			for i := range alerts {
				spoil(&alerts[i])
				alerts[i] = alert.Alert{}
			}
			return nil
		})
		var got []alert.Alert
		keeping := alert.NotifierFunc(func(_ context.Context, alerts []alert.Alert) error {
			time.Sleep(time.Second) // the others are first
			got = alerts
			return nil
		})
		d := start(Config{}, []alert.Notifier{spoiling, keeping, spoiling}, noError(t))
		send(d, alerts)
		mustClose(t, d)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("alerts of another notifier (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, alerts); diff != "" {
			t.Errorf("the sender's alerts (-want +got):\n%s", diff)
		}
		for i := range alerts { // they belong to the sender, who may spoil them, too
			spoil(&alerts[i])
		}
		if diff := cmp.Diff(wantPeriod, p); diff != "" {
			t.Errorf("the sink's period (-want +got):\n%s", diff)
		}
	})
}

// fullSummary is a period in which both availability and latency are bad, with all that a
// summary can point to.
func fullSummary() engine.Summary {
	start := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	call := func(id byte, code string, d time.Duration) []engine.Exemplar {
		ref := engine.TraceRef{TraceID: [16]byte{id}, SpanID: [8]byte{id}, Sampled: true}
		return []engine.Exemplar{{Trace: ref, Code: code, Duration: d, End: start.Add(42 * time.Second)}}
	}
	cause := func(operation string) []engine.CauseCount {
		return []engine.CauseCount{{Cause: engine.Cause{Operation: operation}, Count: 50, Share: 0.5}}
	}
	o := engine.Objective{AlertAfter: 1}
	return engine.Summary{
		Monitor: "m", Operation: "GET /users/{id}", Start: start, End: start.Add(time.Minute),
		Objective: o.Inherit(engine.DefaultObjective()),
		Count:     100, Success: 10, Failure: 90, WithinTarget: 1, SuccessRatio: 0.1, WithinTargetRatio: 0.1,
		Distribution:     []engine.Bucket{{Low: 0, High: 100 * time.Millisecond, Count: 3}, {Low: 100 * time.Millisecond, Count: 7}},
		Failures:         []engine.CodeCount{{Code: "503", Name: "unavailable", Count: 85}, {Code: "500", Count: 5}},
		FailureExemplars: call(0x11, "503", 1200*time.Millisecond),
		SlowExemplars:    call(0x22, "200", 3*time.Second),
		FailureCauses:    cause("INSERT orders"),
		SlowCauses:       cause("SELECT orders"),
		Histogram:        &engine.ExponentialHistogram{Counts: []uint64{1, 2, 3}},
	}
}

// spoil changes everything that an alert refers to.
func spoil(a *alert.Alert) {
	for i := range a.Causes {
		a.Causes[i].Operation = "spoilt"
	}
	for i := range a.Evidence {
		s := &a.Evidence[i]
		for j := range s.Distribution {
			s.Distribution[j].Count = 999
		}
		for j := range s.Failures {
			s.Failures[j] = engine.CodeCount{Code: "spoilt"}
		}
		for j := range s.FailureExemplars {
			s.FailureExemplars[j].Code = "spoilt"
		}
		for j := range s.FailureCauses {
			s.FailureCauses[j].Operation = "spoilt"
		}
		for j := range s.SlowCauses {
			s.SlowCauses[j].Operation = "spoilt"
		}
		for j := range s.SlowExemplars {
			s.SlowExemplars[j].Code = "spoilt"
		}
		if s.Histogram != nil {
			clear(s.Histogram.Counts)
		}
		*s = engine.Summary{Operation: "spoilt"}
	}
}
