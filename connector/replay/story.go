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
	// First and Last are the start of the first period and the end of the last one.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Periods is the number of periods, Partial that of those among them that were cut short, which are
	// not judged: the first and the last one mostly are.
	Periods int `json:"periods"`
	Partial int `json:"partial_periods"`
	// Calls is the number of calls, Overflowed that of those for whose operations there was no room.
	Calls      uint64 `json:"calls"`
	Overflowed uint64 `json:"overflowed"`
	// Episodes are the alerts that fired, in the order in which they did.
	Episodes []*Episode `json:"episodes"`
	// Operations are all operations that were called, in their order.
	Operations []*Operation `json:"operations"`

	byID  map[string]*Episode
	byKey map[engine.OperationKey]*Operation
}

// Episode is an alert from when it fired to when it was resolved.
type Episode struct {
	ID        string              `json:"id"`
	Service   string              `json:"service"`
	Operation string              `json:"operation"`
	SpanKind  engine.SpanKind     `json:"span_kind"`
	Objective alert.ObjectiveKind `json:"objective"`
	// FiredAt is when it fired, StartsAt when what it is about began.
	FiredAt  time.Time `json:"fired_at"`
	StartsAt time.Time `json:"starts_at"`
	// ResolvedAt is when it was resolved, zero if it still fired at the end, and Lasted
	// how long things were bad.
	ResolvedAt time.Time     `json:"resolved_at,omitzero"`
	Lasted     time.Duration `json:"lasted_ns"`
	// Measured says what was measured when it fired.
	Measured string `json:"measured"`
	// CausedBy is the id of the alert that it is caused by.
	CausedBy string `json:"caused_by,omitempty"`
	// RootService is the service that it names as the cause, and Cause says what there; its own if it
	// blames nobody else.
	RootService string `json:"root_service"`
	Cause       string `json:"cause"`

	isItself bool // it blames nobody else
}

// Operation is what became of one operation.
type Operation struct {
	Service  string          `json:"service"`
	Name     string          `json:"operation"`
	SpanKind engine.SpanKind `json:"span_kind"`
	Calls    uint64          `json:"calls"`
	Success  uint64          `json:"success"`
	Failure  uint64          `json:"failure"`
	// Judged says how many periods were judged for each objective, good or bad.
	Judged Judged `json:"judged"`
	// NotJudged says why neither its availability nor its latency was ever judged; empty if one was.
	NotJudged string `json:"not_judged,omitempty"`

	whole    uint64 // calls in periods that were not cut short
	minCalls int
}

// Judged is a number of judged periods for each objective.
type Judged struct {
	Availability int `json:"availability"`
	Latency      int `json:"latency"`
}

// newStory returns a story that has not begun.
func newStory() *Result {
	return &Result{byID: make(map[string]*Episode), byKey: make(map[engine.OperationKey]*Operation), Episodes: []*Episode{}, Operations: []*Operation{}}
}

// add takes a closed period and its alerts.
func (s *Result) add(p *engine.Period, alerts []alert.Alert) {
	if s.First.IsZero() {
		s.First = p.Start
	}
	s.Last = p.End
	s.Periods++
	if p.Partial {
		s.Partial++
	}
	s.Overflowed += p.Overflowed
	for i := range p.Summaries {
		s.count(&p.Summaries[i])
	}
	for i := range alerts {
		s.note(&alerts[i])
	}
}

func (s *Result) count(sum *engine.Summary) {
	if sum.Count+sum.Ignored == 0 {
		return
	}
	o := s.byKey[sum.Key()]
	if o == nil {
		o = &Operation{Service: sum.Service, Name: sum.Operation, SpanKind: sum.SpanKind}
		s.byKey[sum.Key()] = o
	}
	s.Calls += sum.Count
	o.Calls += sum.Count
	o.Success += sum.Success
	o.Failure += sum.Failure
	o.minCalls = sum.Objective.MinCalls
	if sum.Partial {
		return
	}
	o.whole += sum.Count
	isJudged := func(v engine.Verdict) int {
		if v == engine.VerdictGood || v == engine.VerdictBad {
			return 1
		}
		return 0
	}
	o.Judged.Availability += isJudged(sum.Verdicts.Availability)
	o.Judged.Latency += isJudged(sum.Verdicts.Latency)
}

func (s *Result) note(a *alert.Alert) {
	in := s.byID[a.ID]
	switch {
	case a.State == alert.Resolved && in != nil:
		in.ResolvedAt, in.Lasted = a.DecidedAt, a.Lasted()
	case a.State == alert.Firing && in == nil:
		in = &Episode{
			ID: a.ID, Service: a.Service, Operation: a.Operation, SpanKind: a.SpanKind, Objective: a.Objective,
			FiredAt: a.DecidedAt, StartsAt: a.StartsAt, Measured: a.Measured(), CausedBy: a.CausedBy,
		}
		c := culprit(a)
		in.RootService, in.Cause, in.isItself = c.Service, alert.CauseName(&c, ""), c.Key() == a.Key() && !c.IsNetwork()
		// What is caused by another alert has its cause.
		if root := s.byID[a.CausedBy]; root != nil {
			in.RootService, in.Cause, in.isItself = root.RootService, root.Cause, false
		}
		s.byID[a.ID] = in
		s.Episodes = append(s.Episodes, in)
	}
}

// culprit returns what most of the calls are blamed on that made an alert fire.
func culprit(a *alert.Alert) engine.Cause {
	own := 1.0
	for i := range a.Causes {
		own -= a.Causes[i].Share
	}
	if len(a.Causes) > 0 && a.Causes[0].Share > own {
		return a.Causes[0].Cause
	}
	return engine.Cause{Service: a.Service, SpanKind: a.SpanKind, Operation: a.Operation}
}

// end completes the story.
func (s *Result) end() {
	s.Operations = slices.SortedFunc(maps.Values(s.byKey), func(a, b *Operation) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name), cmp.Compare(a.SpanKind, b.SpanKind))
	})
	for _, o := range s.Operations {
		o.NotJudged = o.whyNot()
	}
	for _, in := range s.Episodes {
		if in.ResolvedAt.IsZero() {
			in.Lasted = s.Last.Sub(in.StartsAt)
		}
	}
}

// Why an operation was never judged.
const (
	onlyPartial   = "called only in periods that were cut short"
	onlyCancelled = "no call ended of itself: all were given up or ignored"
	tooFew        = "fewer calls than min_calls asks for"
	notSure       = "too few calls to be as sure as confidence asks for"
)

// whyNot says why an operation was never judged; empty if it was.
func (o *Operation) whyNot() string {
	switch {
	case o.Judged.Availability+o.Judged.Latency > 0:
		return ""
	case o.whole == 0 && o.Calls > 0:
		return onlyPartial
	case o.Success+o.Failure == 0:
		return onlyCancelled
	case o.whole < uint64(max(o.minCalls, 1)):
		return tooFew
	}
	return notSure
}

// FirstRootService returns the service that the first alert after a time names as the cause, and when it fired;
// false if there was none.
func (s *Result) FirstRootService(after time.Time) (service string, at time.Time, ok bool) {
	for _, in := range s.Episodes {
		if in.FiredAt.After(after) {
			return in.RootService, in.FiredAt, true
		}
	}
	return "", time.Time{}, false
}
