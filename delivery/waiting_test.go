package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// What a notifier has not taken when the process ends, the next process delivers to it, in order, and
// to nobody else.
func TestWaitingOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		isDown := true
		up := alert.NotifierFunc(func(context.Context, []alert.Alert) error { return nil })
		down := alert.NotifierFunc(func(_ context.Context, alerts []alert.Alert) error {
			if isDown {
				return errors.New("down")
			}
			for i := range alerts {
				told = append(told, fmt.Sprintf("%s %s", alerts[i].ID, alerts[i].State))
			}
			return nil
		})
		saves := 0
		run := func() *Dispatcher {
			var d *Dispatcher
			d = New(Options{
				Notifiers: []alert.Notifier{up, down},
				Save: func(time.Time) {
					if saves++; len(d.Waiting()) != 2 {
						t.Errorf("before anything is delivered, it is not known what is to be: %d", len(d.Waiting()))
					}
				},
			})
			return d
		}
		end := func(d *Dispatcher) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_ = d.Close(ctx)
		}
		at := time.Now()
		a := alert.Alert{ID: "a", Objective: alert.Latency, State: alert.Firing, DecidedAt: at, Evidence: []engine.Summary{{}, {Count: 7}}}
		resolved := a
		resolved.State, resolved.DecidedAt = alert.Resolved, at.Add(time.Minute)

		d := run()
		d.Send(&engine.Period{}, []alert.Alert{a})
		d.Send(&engine.Period{}, []alert.Alert{resolved})
		end(d)
		saved, err := json.Marshal(d.Waiting())
		if err != nil || saves != 2 {
			t.Fatalf("%d saves, %v", saves, err)
		}
		var left Waiting
		if err := json.Unmarshal(saved, &left); err != nil {
			t.Fatal(err)
		}
		if len(left) != 1 || len(left[0].Alerts) != 2 || len(left.Shorten().(Waiting)[0].Alerts[0].Evidence) != 1 || len(left[0].Alerts[0].Evidence) != 2 {
			t.Fatalf("left for %d notifiers", len(left))
		}
		isDown = false
		d = run()
		d.Deliver(append(left, WaitingFor{Notifier: "9 *gone.Notifier", Alerts: left[0].Alerts}))
		if err := d.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := []string{"a firing", "a resolved"}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
		if left := d.Waiting(); len(left) != 0 {
			t.Errorf("left after that: %+v", left)
		}
		end(d)
	})
}

func TestWaitingIsBounded(t *testing.T) {
	w := newWaiting([]alert.Notifier{nil})
	for i := range 3 * maxWaiting {
		w.add(0, []alert.Alert{{ID: fmt.Sprint(i), DecidedAt: time.Unix(int64(i), 0)}})
	}
	if n := len(w.alerts[0]); n != maxWaiting || w.alerts[0][n-1].ID != fmt.Sprint(3*maxWaiting-1) {
		t.Errorf("%d alerts, the last one %q", n, w.alerts[0][n-1].ID)
	}
}
