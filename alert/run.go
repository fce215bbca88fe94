package alert

import (
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

const (
	maxPooled   = 5   // summaries that are kept of periods judged together, the newest
	maxEvidence = 100 // summaries that are kept for an alert, the newest
)

// run is a sequence of judged periods. Insufficient periods between them are left out.
type run struct {
	units   int              // the number of verdicts: some periods were judged together
	since   time.Time        // the start of the first period
	total   reading          // of all periods together
	count   int              // the number of periods
	periods []engine.Summary // the newest periods
}

// plus returns r followed by o.
func (r run) plus(k ObjectiveKind, o run) run {
	switch {
	case r.units == 0:
		return o
	case o.units == 0 && o.count == 0:
		return r
	}
	return run{
		units: r.units + o.units, since: r.since, total: r.total.plus(k, o.total),
		count: r.count + o.count, periods: newest(r.periods, o.periods, maxEvidence),
	}
}

// clone returns a copy that shares no memory with r.
func (r run) clone() run {
	c := r
	c.periods = make([]engine.Summary, len(r.periods))
	for i := range r.periods {
		c.periods[i] = r.periods[i].Clone()
	}
	return c
}

// alert returns an alert with what the periods of r say.
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

// newest returns the last summaries of a followed by b.
func newest(a, b []engine.Summary, most int) []engine.Summary {
	a = append(a, b...)
	if n := len(a) - most; n > 0 {
		a = slices.Delete(a, 0, n)
	}
	return a
}
