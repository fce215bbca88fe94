package alertmanager

import (
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// An interrupted alert lasts until it expires, and takes the place of the firing one that was decided
// with it; a resolved one ends it.
func TestInterruptedOutlastsARestart(t *testing.T) {
	now := time.Now()
	a := alert.Alert{ID: "x", Operation: "pay", Objective: alert.Availability, State: alert.Firing, StartsAt: now.Add(-time.Hour), DecidedAt: now}
	entryOf := func(s alert.State, expires time.Duration) *entry {
		a.State, a.ExpiresAt = s, now.Add(expires)
		e, err := newEntry(&a, &Config{}, now)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	h := newHeld(10)
	h.put(entryOf(alert.Firing, 0), now)
	stopped := entryOf(alert.Interrupted, 7*time.Minute)
	h.put(stopped, now)
	if got := h.newest(stopped).message(now, time.Minute).EndsAt.Sub(now); got != 7*time.Minute {
		t.Errorf("it ends in %s, want 7m", got)
	}
	if got := entryOf(alert.Interrupted, time.Second).message(now, time.Minute).EndsAt.Sub(now); got != 3*time.Minute {
		t.Errorf("one that expires soon ends in %s, want 3m as any other", got)
	}
	a.EndsAt = now
	h.put(entryOf(alert.Resolved, 0), now)
	if m := h.all()[0].message(now, time.Minute); m.EndsAt.After(now) {
		t.Errorf("after it was resolved it ends at %s", m.EndsAt)
	}
	if len(h.all()) != 1 {
		t.Errorf("%d entries of one alert", len(h.all()))
	}
}
