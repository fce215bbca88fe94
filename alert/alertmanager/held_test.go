package alertmanager

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/alert"
)

// entryFor returns an entry for an alert decided at a time.
func entryFor(t *testing.T, operation string, state alert.State, decided, now time.Time) *entry {
	t.Helper()
	a := alert.Alert{Operation: operation, Objective: alert.Latency, State: state, StartsAt: decided.Add(-3 * time.Minute), DecidedAt: decided}
	if state == alert.Resolved {
		a.EndsAt = decided.Add(-time.Minute)
	}
	e, err := newEntry(&a, &Config{}, now)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A clock that is set back by an hour must not keep an alert from firing, or from being
// resolved, because there is a later one.
func TestClockSetBack(t *testing.T) {
	for _, before := range []alert.State{alert.Firing, alert.Resolved} {
		for _, after := range []alert.State{alert.Firing, alert.Resolved} {
			t.Run(fmt.Sprint(before, " then ", after), func(t *testing.T) {
				h := newHeld(10)
				h.put(entryFor(t, "a", before, begin, begin), begin)
				now := begin.Add(-time.Hour)
				e := entryFor(t, "a", after, now, now)
				h.put(e, now)
				if got := h.newest(e); got != e {
					t.Errorf("got %+v, want what was said last", got)
				}
			})
		}
	}
}

// Of two decisions of the same time the end is the later one: whatever fires began before.
func TestSameTime(t *testing.T) {
	fires, ended := entryFor(t, "a", alert.Firing, begin, begin), entryFor(t, "a", alert.Resolved, begin, begin)
	for _, order := range [][]*entry{{fires, ended}, {ended, fires}} {
		h := newHeld(10)
		for _, e := range order {
			h.put(e, begin)
		}
		if got := h.newest(fires); got != ended {
			t.Errorf("got %+v, want its end", got)
		}
	}
}

func TestMessage(t *testing.T) {
	now := begin
	tests := []struct {
		name               string
		entry              *entry
		startsAt, endsAt   time.Duration // from now
		resendDelay, after time.Duration
	}{
		{"fires", entryFor(t, "a", alert.Firing, now, now), -3 * time.Minute, 3 * time.Minute, time.Minute, 0},
		{"fires still", entryFor(t, "a", alert.Firing, now, now), -3 * time.Minute, 13 * time.Second, time.Second, 10 * time.Second},
		{"ended", entryFor(t, "a", alert.Resolved, now, now), -3 * time.Minute, -time.Minute, time.Minute, 0},
		{"ended a while ago", entryFor(t, "a", alert.Resolved, now, now), -3 * time.Minute, -time.Minute, time.Minute, 4 * time.Minute},
		{"fires, clock set back", entryFor(t, "a", alert.Firing, now, now), -time.Hour, 3*time.Minute - time.Hour, time.Minute, -time.Hour},
		{"ended, clock set back", entryFor(t, "a", alert.Resolved, now, now), -time.Hour, -time.Hour, time.Minute, -time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.entry.message(now.Add(tt.after), tt.resendDelay)
			if !got.StartsAt.Equal(now.Add(tt.startsAt)) || !got.EndsAt.Equal(now.Add(tt.endsAt)) {
				t.Errorf("from %s to %s, want from %s to %s", got.StartsAt, got.EndsAt, now.Add(tt.startsAt), now.Add(tt.endsAt))
			}
		})
	}
}

// Alerts without times of their own, made by hand, are of now.
func TestNoTimes(t *testing.T) {
	now := begin.Add(time.Minute)
	for _, state := range []alert.State{alert.Firing, alert.Resolved} {
		e, err := newEntry(&alert.Alert{State: state}, &Config{}, now)
		if err != nil {
			t.Fatal(err)
		}
		if m := e.message(now, time.Minute); !m.StartsAt.Equal(now) || m.EndsAt.Before(now) {
			t.Errorf("%s: from %s to %s", state, m.StartsAt, m.EndsAt)
		}
	}
}

// Of more alerts than there is room for, the one that was heard of longest ago goes, not
// the one that began first.
func TestHeardOfLongestAgo(t *testing.T) {
	h := newHeld(2)
	for i, operation := range []string{"a", "b", "a", "c"} {
		now := begin.Add(time.Duration(i) * time.Minute)
		h.put(entryFor(t, operation, alert.Firing, now, now), now)
	}
	var got []string
	for _, e := range h.all() {
		got = append(got, e.decided.Sub(begin).String())
	}
	if want := []string{"2m0s", "3m0s"}; !slices.Equal(got, want) || h.givenUp != 1 {
		t.Errorf("held are those of %v, want %v; %d given up", got, want, h.givenUp)
	}
}

// Whatever comes in whatever order: no more is kept than there is room for, the
// books balance, and of each alert that is kept the newest is known.
func TestHeld(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 5).Draw(rt, "max")
		h := newHeld(limit)
		now, newest := begin, make(map[string]time.Time)
		gone := 0
		for range rapid.IntRange(0, 50).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 120).Draw(rt, "s")) * time.Second)
			before := h.len()
			h.forget(now)
			gone += before - h.len()
			state := rapid.SampledFrom([]alert.State{alert.Firing, alert.Resolved}).Draw(rt, "state")
			decided := now.Add(-time.Duration(rapid.IntRange(0, 5).Draw(rt, "late")) * time.Minute)
			e := entryFor(t, rapid.StringMatching("[a-h]").Draw(rt, "operation"), state, decided, now)
			if _, isKnown := h.byKey[e.key]; !isKnown {
				delete(newest, e.key)
				gone--
			}
			h.put(e, now)
			if decided.After(newest[e.key]) {
				newest[e.key] = decided
			}
			if h.len() > limit || h.len() != len(h.byKey) || h.len() != -gone-int(h.givenUp) {
				rt.Fatalf("%d held of %d, %d by key, %d given up", h.len(), limit, len(h.byKey), h.givenUp)
			}
			if got := h.newest(e).decided; !got.Equal(newest[e.key]) {
				rt.Fatalf("newest is of %s, want %s", got, newest[e.key])
			}
		}
		h.forget(now.Add(time.Hour))
		for _, e := range h.all() {
			if e.isResolved {
				rt.Fatalf("%s is kept for ever", e.key)
			}
		}
	})
}
