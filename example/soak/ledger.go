package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// change is a change of state of one objective of one operation.
type change struct {
	key, id  string
	isFiring bool
}

// ledger is a sink and a notifier that adds up what it gets, and notes what can't be. It is safe
// for concurrent use.
type ledger struct {
	mu         sync.Mutex
	violations []string
	periods    int
	last       time.Time             // the end of the last period
	sums       map[int64]periodCount // by start, in Unix milliseconds
	received   uint64
	counted    uint64
	dropped    uint64
	missed     int
	most       int // summaries in a period
	untracked  uint64
	abandoned  uint64
	overflowed uint64
	lateness   []time.Duration
	changes    []change
	kinds      map[string]int // alerts by objective and state
}

// periodCount is what a period counted.
type periodCount struct{ received, calls uint64 }

// maxViolations is the number of violations that are kept.
const maxViolations = 20

func (l *ledger) violated(format string, args ...any) {
	if len(l.violations) < maxViolations {
		l.violations = append(l.violations, fmt.Sprintf(format, args...))
	}
}

// Consume adds up a period.
func (l *ledger) Consume(_ context.Context, p engine.Period) error {
	l.add(&p, time.Now())
	return nil
}

func (l *ledger) add(p *engine.Period, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var calls, ignored uint64
	for i := range p.Summaries {
		s := &p.Summaries[i]
		calls, ignored = calls+s.Count, ignored+s.Ignored
		if s.Success+s.Failure+s.Cancelled != s.Count {
			l.violated("%s: %d successes, %d failures and %d cancelled are not %d calls", s.Operation, s.Success, s.Failure, s.Cancelled, s.Count)
		}
		var byCode, byLength uint64
		for _, c := range s.Failures {
			byCode += c.Count
		}
		for _, b := range s.Distribution {
			byLength += b.Count
		}
		if byCode != s.Failure || byLength > s.Success {
			l.violated("%s: failures by code are %d of %d, successes by length %d of %d", s.Operation, byCode, s.Failure, byLength, s.Success)
		}
	}
	if p.Received != calls+ignored+p.Dropped {
		l.violated("the period at %s: received %d, counted %d, dropped %d", p.Start, p.Received, calls+ignored, p.Dropped)
	}
	if !l.last.IsZero() && !p.Start.Equal(l.last) {
		l.violated("the period at %s follows one that ended at %s", p.Start, l.last)
	}
	l.last = p.End
	l.sums[p.Start.UnixMilli()] = periodCount{p.Received, calls}
	l.periods++
	l.received, l.counted, l.dropped = l.received+p.Received, l.counted+calls+ignored, l.dropped+p.Dropped
	l.missed += p.Missed
	l.most = max(l.most, len(p.Summaries))
	l.untracked, l.abandoned, l.overflowed = l.untracked+p.Untracked, l.abandoned+p.Abandoned, l.overflowed+p.Overflowed
	if !p.Partial {
		l.lateness = append(l.lateness, now.Sub(p.End))
	}
}

// Notify notes alerts.
func (l *ledger) Notify(_ context.Context, alerts []alert.Alert) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range alerts {
		a := &alerts[i]
		if a.Repeat { // what flaps is said again after an hour
			continue
		}
		l.changes = append(l.changes, changeOf(a))
		what := a.State.String()
		if a.EndReason == alert.EndIdle {
			what = "ended, called no more"
		}
		if a.Flapping.Count > 0 {
			what += ", flapping"
		}
		l.kinds[a.Objective.String()+" "+what]++
	}
	return nil
}

func changeOf(a *alert.Alert) change {
	return change{
		key: fmt.Sprintf("%s|%s|%s|%s", a.Service, a.SpanKind, a.Operation, a.Objective), id: a.ID, isFiring: a.State == alert.Firing,
	}
}

// checkChanges returns what is wrong with the changes that somebody was told of, in their order:
// firing and its end take turns, under one id, and no id comes again.
func checkChanges(who string, changes []change) (violations []string) {
	firing, used := make(map[string]string), make(map[string]bool)
	for _, c := range changes {
		id, isFiring := firing[c.key]
		switch {
		case c.isFiring && isFiring:
			violations = append(violations, fmt.Sprintf("%s: %s fires twice, as %s and %s", who, c.key, id, c.id))
		case !c.isFiring && !isFiring:
			violations = append(violations, fmt.Sprintf("%s: %s ends, and did not fire", who, c.key))
		case c.isFiring && used[c.id]:
			violations = append(violations, fmt.Sprintf("%s: the id %s comes again", who, c.id))
		case !c.isFiring && id != c.id:
			violations = append(violations, fmt.Sprintf("%s: %s fires as %s and ends as %s", who, c.key, id, c.id))
		}
		if c.isFiring {
			firing[c.key], used[c.id] = c.id, true
		} else {
			delete(firing, c.key)
		}
	}
	return violations
}
