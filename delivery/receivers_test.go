package delivery

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// bufferedReceiver takes everything and says how it is doing.
type bufferedReceiver struct {
	receiver
	state  sync.Mutex
	health Health
	panics bool
}

func (b *bufferedReceiver) Health() Health {
	b.state.Lock()
	defer b.state.Unlock()
	if b.panics {
		panic("no health")
	}
	return b.health
}

func (b *bufferedReceiver) set(h Health) {
	b.state.Lock()
	defer b.state.Unlock()
	b.health = h
}

// A receiver that takes what it gets and can't pass it on is heard once a period while that
// lasts, and shows in the status, once, though it is a sink and a notifier.
func TestBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var heard []string
		b := &bufferedReceiver{}
		errs := NewErrorHandler(func(err error) {
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, err.Error())
		})
		d := New(Options{Sinks: []engine.Sink{b}, Notifiers: []alert.Notifier{b}, OnError: errs.HandleOnce})
		send := func(minute int) {
			t.Helper()
			d.Send(period(minute), []alert.Alert{{ID: "a", State: alert.Firing}})
			synctest.Wait()
			errs.NewPeriod()
		}
		check := func(want ...string) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			if diff := cmp.Diff(want, heard); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
			heard = nil
		}
		send(1)
		check()
		since := time.Now()
		b.set(Health{Waiting: 3, Dropped: 1, LastSuccess: since.Add(-time.Minute), FailingSince: since, Err: errors.New("disk full")})
		for minute := range 3 {
			send(2 + minute)
			check("sink 0 (*delivery.bufferedReceiver): disk full")
		}
		taken := time.Now()
		want := []ReceiverStatus{
			{Name: "sink 0", Type: "*delivery.bufferedReceiver", Waiting: 3, Undelivered: 1, LastSuccess: since.Add(-time.Minute), FailingSince: since, LastError: "disk full"},
			{Name: "notifier 0", Type: "*delivery.bufferedReceiver", LastSuccess: taken},
		}
		if diff := cmp.Diff(want, d.Receivers()); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		b.set(Health{LastSuccess: taken})
		send(6)
		check()
		if got := d.Receivers()[0]; got.FailingSince != (time.Time{}) || got.LastError != "" || got.Waiting != 0 {
			t.Errorf("after it healed: got %+v", got)
		}
		b.state.Lock()
		b.panics = true
		b.state.Unlock()
		send(7)
		check("sink 0 (*delivery.bufferedReceiver): panic: no health")
		mustClose(t, d)
		if err := errs.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A notifier that is down, and one that hangs when the delivery ends, are counted.
func TestReceiversThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		d := New(Options{Notifiers: []alert.Notifier{
			notifier(func(context.Context, []alert.Alert) error { return errors.New("down") }),
			notifier(func(context.Context, []alert.Alert) error { <-hang; return nil }),
		}})
		began := time.Now()
		d.Send(period(1), []alert.Alert{{ID: "a", State: alert.Firing}})
		d.Send(period(2), []alert.Alert{{ID: "b", State: alert.Firing}})
		synctest.Wait()
		want := []ReceiverStatus{
			{Name: "notifier 0", Type: "alert.NotifierFunc", Waiting: 2, FailingSince: began, LastError: "down"},
			{Name: "notifier 1", Type: "alert.NotifierFunc", Waiting: 2},
		}
		if diff := cmp.Diff(want, d.Receivers()); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := d.Close(ctx)
		if err == nil || !strings.Contains(err.Error(), "notifier 1: 2 left undelivered") {
			t.Errorf("close: got %v", err)
		}
		if _, notifications := d.Undelivered(); notifications != 4 {
			t.Errorf("got %d undelivered notifications, want 4", notifications)
		}
		close(hang)
		synctest.Wait()
	})
}
