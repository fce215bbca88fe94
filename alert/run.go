package alert

import (
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

const (
	// maxPooled and maxEvidence bound the summaries that are kept of periods judged
	// together, and for an alert; of more, the newest stay.
	maxPooled   = 5
	maxEvidence = 100
)

// run are periods that follow each other, insufficient ones aside.
type run struct {
	units   int       // how many verdicts they are, since some were judged together
	since   time.Time // the start of the first period
	total   reading
	count   int              // of the periods
	periods []engine.Summary // the newest of them
}

// plus returns r followed by o.
func (r run) plus(k ObjectiveKind, o run) run {
	if r.units == 0 {
		return o
	}
	return run{
		units: r.units + o.units, since: r.since, total: r.total.plus(k, o.total),
		count: r.count + o.count, periods: newest(r.periods, o.periods, maxEvidence),
	}
}

// clone returns a copy that shares nothing with r.
func (r run) clone() run {
	c := r
	c.periods = make([]engine.Summary, len(r.periods))
	for i := range r.periods {
		c.periods[i] = r.periods[i].Clone()
	}
	return c
}

// alert returns what an alert says about the periods that led to it.
func (r *run) alert(k ObjectiveKind) Alert {
	last := &r.periods[len(r.periods)-1]
	a := Alert{
		Monitor:   last.Monitor,
		Service:   last.Service,
		Operation: last.Operation,
		SpanKind:  last.SpanKind,
		Objective: k,
		DecidedAt: last.End,
		Target:    r.total.target,
		Actual:    r.total.value(k),
		Periods:   r.count,
		Evidence:  r.periods,
	}
	if k == Latency {
		a.LatencyTarget = last.Objective.LatencyTarget
	}
	return a
}

// newest returns the last of both lists together.
func newest(a, b []engine.Summary, most int) []engine.Summary {
	a = append(a, b...)
	if n := len(a) - most; n > 0 {
		a = slices.Delete(a, 0, n)
	}
	return a
}
