package replay

import "github.com/blurooo/go-monitor/v2/engine"

// Operation is one operation over the whole replay.
type Operation struct {
	Service  string          `json:"service"`
	Name     string          `json:"operation"`
	SpanKind engine.SpanKind `json:"span_kind"`
	Calls    uint64          `json:"calls"`
	Success  uint64          `json:"success"`
	Failure  uint64          `json:"failure"`
	// Judged is the number of periods that were judged.
	Judged Judged `json:"judged"`
	// NotJudged says why neither availability nor latency was ever judged; empty if one was.
	NotJudged string `json:"not_judged,omitempty"`

	whole    uint64 // calls in periods that were not cut short
	minCalls int
}

// Judged is the number of periods with a good or a bad verdict, by objective.
type Judged struct {
	Availability int `json:"availability"`
	Latency      int `json:"latency"`
}

// add adds the operation's summary of one period.
func (o *Operation) add(s *engine.Summary) {
	o.Calls += s.Count
	o.Success += s.Success
	o.Failure += s.Failure
	o.minCalls = s.Objective.MinCalls
	if s.Partial {
		return
	}
	o.whole += s.Count
	isJudged := func(v engine.Verdict) int {
		if v == engine.VerdictGood || v == engine.VerdictBad {
			return 1
		}
		return 0
	}
	o.Judged.Availability += isJudged(s.Verdicts.Availability)
	o.Judged.Latency += isJudged(s.Verdicts.Latency)
}

// Why an operation was never judged.
const (
	onlyPartial   = "called only in periods that were cut short"
	onlyCancelled = "all calls were cancelled or ignored"
	tooFew        = "fewer calls than min_calls asks for"
	notSure       = "too few calls to be as sure as confidence asks for"
)

// whyNot says why the operation was never judged; empty if it was.
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
