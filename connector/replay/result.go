package replay

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Result is what a replay has shown: which alerts fired and when, and how much was judged.
type Result struct {
	// First is the start of the first period, Last the end of the last one.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Periods is the number of periods. Partial is the number of those that were cut short,
	// usually the first and the last one: they are not judged.
	Periods int `json:"periods"`
	Partial int `json:"partial_periods"`
	// Calls is the number of calls. Overflowed is the number of those whose operations had no
	// place, because max_operations was reached.
	Calls      uint64 `json:"calls"`
	Overflowed uint64 `json:"overflowed"`
	// Episodes are the alerts that fired, in the order in which they fired.
	Episodes []*Episode `json:"episodes"`
	// Operations are all operations that were called, by service, name and span kind.
	Operations []*Operation `json:"operations"`

	byID  map[string]*Episode
	byKey map[engine.OperationKey]*Operation
}

// newResult returns the result of a replay that has not begun.
func newResult() *Result {
	return &Result{byID: make(map[string]*Episode), byKey: make(map[engine.OperationKey]*Operation), Episodes: []*Episode{}, Operations: []*Operation{}}
}

// add takes a closed period and its alerts.
func (r *Result) add(p *engine.Period, alerts []alert.Alert) {
	if r.First.IsZero() {
		r.First = p.Start
	}
	r.Last = p.End
	r.Periods++
	if p.Partial {
		r.Partial++
	}
	r.Overflowed += p.Overflowed
	for i := range p.Summaries {
		r.count(&p.Summaries[i])
	}
	for i := range alerts {
		r.note(&alerts[i])
	}
}

// count adds a summary to its operation.
func (r *Result) count(s *engine.Summary) {
	if s.Count+s.Ignored == 0 {
		return
	}
	o := r.byKey[s.Key()]
	if o == nil {
		o = &Operation{Service: s.Service, Name: s.Operation, SpanKind: s.SpanKind}
		r.byKey[s.Key()] = o
	}
	r.Calls += s.Count
	o.add(s)
}

// note begins the episode of an alert that fires, or ends that of one that is resolved.
func (r *Result) note(a *alert.Alert) {
	e := r.byID[a.ID]
	switch {
	case a.State == alert.Resolved && e != nil:
		e.ResolvedAt, e.Lasted = a.DecidedAt, a.Lasted()
	case a.State == alert.Firing && e == nil:
		e = newEpisode(a, r.byID[a.CausedBy])
		r.byID[a.ID] = e
		r.Episodes = append(r.Episodes, e)
	}
}

// end completes the result after the last period.
func (r *Result) end() {
	r.Operations = slices.SortedFunc(maps.Values(r.byKey), func(a, b *Operation) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name), cmp.Compare(a.SpanKind, b.SpanKind))
	})
	for _, o := range r.Operations {
		o.NotJudged = o.whyNot()
	}
	for _, e := range r.Episodes {
		if e.ResolvedAt.IsZero() {
			e.Lasted = r.Last.Sub(e.StartsAt)
		}
	}
}

// FirstRootService returns the root service of the first episode that began after a time, and
// when it fired. ok is false if there was none.
func (r *Result) FirstRootService(after time.Time) (service string, at time.Time, ok bool) {
	for _, e := range r.Episodes {
		if e.FiredAt.After(after) {
			return e.RootService, e.FiredAt, true
		}
	}
	return "", time.Time{}, false
}
