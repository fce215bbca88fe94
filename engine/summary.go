package engine

import (
	"slices"
	"time"
)

// Summary is what one operation did in one closed period.
//
// The engine fills it in when it closes the period, all but TypicalCalls, BurnRates and
// Verdicts: these are for whoever judges the period, before anybody else gets it. From then on
// it is shared by all who got it, and nobody may change it or what it points to.
type Summary struct {
	Monitor   string   `json:"monitor"`
	Service   string   `json:"service"`
	Operation string   `json:"operation"`
	SpanKind  SpanKind `json:"span_kind"`

	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	// Partial says that the period was cut short (the first one and the last one
	// mostly are), so that it is not judged.
	Partial bool `json:"partial,omitempty"`

	// Count is Success + Failure + Cancelled.
	Count     uint64 `json:"count"`
	Success   uint64 `json:"success"`
	Failure   uint64 `json:"failure"`
	Cancelled uint64 `json:"cancelled"`
	// Ignored calls stand outside Count.
	Ignored uint64 `json:"ignored"`
	// Late calls had ended in an earlier period, which was closed already, when they were
	// reported. They stand outside Count, and nothing else is known of them: what happened then
	// is no evidence of how the operation does now.
	Late uint64 `json:"late,omitzero"`
	// SuccessRatio is Success / (Success + Failure); 1 when both are 0.
	SuccessRatio float64 `json:"success_ratio"`

	// Untimed is the number of successes whose time does not count, because it says nothing
	// about latency or can't be; see [Untimed]. What follows is about the others.
	Untimed uint64 `json:"untimed,omitzero"`
	// Latency is that of the successes.
	Latency Latency `json:"latency"`
	// WithinTarget is the number of successes done within the latency target.
	WithinTarget uint64 `json:"within_target"`
	// SlowCancelled is the number of calls that were cancelled after more than the latency target.
	// They have missed it, whatever would have become of them.
	SlowCancelled uint64 `json:"slow_cancelled,omitzero"`
	// WithinTargetRatio is WithinTarget / (Success - Untimed + SlowCancelled); 1 when that is 0.
	WithinTargetRatio float64 `json:"within_target_ratio"`
	// OwnTime is that of the successes; 0 where that is not known, or is their latency.
	OwnTime OwnTime `json:"own_time,omitzero"`
	// FailureLatency is that of the failures.
	FailureLatency FailureLatency `json:"failure_latency"`
	// Distribution counts the latencies of the successes by interval. It sums to Success -
	// Untimed.
	Distribution []Bucket `json:"distribution"`
	// Failures counts the failures by code, largest first.
	Failures []CodeCount `json:"failures"`

	// FailureExemplars are up to five of the failed calls, spread over the codes; sampled
	// ones are preferred, since only they can be looked up.
	FailureExemplars []Exemplar `json:"failure_exemplars,omitempty"`
	// SlowExemplars are up to five of the slowest successes above the latency target,
	// sampled ones first.
	SlowExemplars []Exemplar `json:"slow_exemplars,omitempty"`
	// StuckExemplars are up to five of the calls that were in flight for longer than
	// [Objective.StuckAfter], sampled ones first and then the oldest. They have not ended:
	// their End is that of the period, and their Duration what they took until then.
	StuckExemplars []Exemplar `json:"stuck_exemplars,omitempty"`

	// Reasons are what the bad calls say of why they are bad; nil if they say nothing. Nobody
	// changes it, so copies of the summary share it.
	Reasons *Reasons `json:"reasons,omitempty"`

	// FailureCauses are the operations, called within this one, that explain its failures,
	// the largest first. The failures that no cause explains are the operation's own, or were
	// reported without a span.
	FailureCauses []CauseCount `json:"failure_causes,omitempty"`
	// SlowCauses explain the successes above the latency target in the same way: they are
	// operations that took more than half of the time.
	SlowCauses []CauseCount `json:"slow_causes,omitempty"`

	// InFlight is the number of calls that had begun and not ended at the end of the
	// period, and OldestInFlight the age of the oldest of them. Stuck is the number of
	// those older than [Objective.StuckAfter]. All are 0 unless calls in flight are tracked.
	InFlight       uint64        `json:"in_flight,omitzero"`
	OldestInFlight time.Duration `json:"oldest_in_flight_ns,omitzero"`
	Stuck          uint64        `json:"stuck,omitzero"`

	// TypicalCalls is the median number of calls of the last 20 periods with calls before
	// this one; 0 unless [Objective.MinTrafficRatio] asks for it and there were so many.
	TypicalCalls uint64 `json:"typical_calls,omitzero"`
	// BurnRates says how fast the error budget burns; zero unless
	// [Objective.SLO] sets one.
	BurnRates BurnRates `json:"burn_rates,omitzero"`

	// Objective is what was expected of the operation in this period.
	Objective Objective `json:"objective"`
	// Verdicts says how the operation did against each objective.
	Verdicts Verdicts `json:"verdicts"`

	// Histogram holds the latencies of the successes in full; nil unless
	// [Config.Histograms] asks for it. It is not part of the JSON form.
	Histogram *ExponentialHistogram `json:"-"`
	// FailureHistogram and CancelledHistogram are the same for the failed and the
	// cancelled calls; nil, too, if there were none.
	FailureHistogram   *ExponentialHistogram `json:"-"`
	CancelledHistogram *ExponentialHistogram `json:"-"`
	// LatencyCounts counts the successes by latency, the shortest first, in four buckets for
	// every doubling. It is nil unless somebody watches ([Windows.CountLatencies]), and not part
	// of the JSON form.
	LatencyCounts []TimeCount `json:"-"`
}

// Key returns what the summary is of.
func (s *Summary) Key() OperationKey {
	return OperationKey{Service: s.Service, SpanKind: s.SpanKind, Name: s.Operation}
}

// isLateOnly reports whether the operation did nothing in the period itself.
func (s *Summary) isLateOnly() bool { return s.Late > 0 && s.Count+s.Ignored+s.InFlight == 0 }

// Timed returns the number of successes whose time counts.
func (s *Summary) Timed() uint64 { return s.Success - s.Untimed }

// CancelledRatio returns Cancelled / Count; 0 when there was no call.
func (s *Summary) CancelledRatio() float64 {
	if s.Count == 0 {
		return 0
	}
	return float64(s.Cancelled) / float64(s.Count)
}

// Clone returns a copy that shares nothing with s.
func (s *Summary) Clone() Summary {
	c := *s
	c.Distribution = slices.Clone(s.Distribution)
	c.Failures = slices.Clone(s.Failures)
	c.FailureExemplars = slices.Clone(s.FailureExemplars)
	c.SlowExemplars = slices.Clone(s.SlowExemplars)
	c.StuckExemplars = slices.Clone(s.StuckExemplars)
	c.FailureCauses = slices.Clone(s.FailureCauses)
	c.SlowCauses = slices.Clone(s.SlowCauses)
	c.Histogram = s.Histogram.clone()
	c.FailureHistogram = s.FailureHistogram.clone()
	c.CancelledHistogram = s.CancelledHistogram.clone()
	c.LatencyCounts = slices.Clone(s.LatencyCounts)
	return c
}

// Latency describes the durations of calls. Min, Mean and Max are exact, the
// percentiles lie within 1 % of the exact nearest-rank ones for durations from
// 1µs to 1h. All are 0 when there were no calls. In JSON they are nanoseconds.
type Latency struct {
	Min  time.Duration `json:"min_ns"`
	Mean time.Duration `json:"mean_ns"`
	Max  time.Duration `json:"max_ns"`
	P50  time.Duration `json:"p50_ns"`
	P90  time.Duration `json:"p90_ns"`
	P95  time.Duration `json:"p95_ns"`
	P99  time.Duration `json:"p99_ns"`
}

// FailureLatency describes the durations of failed calls, exactly. In JSON they
// are nanoseconds.
type FailureLatency struct {
	Mean time.Duration `json:"mean_ns"`
	Max  time.Duration `json:"max_ns"`
}

// BurnRates says how many times too fast an error budget burns: the share of the calls
// of a window that failed, divided by the share that may fail. At 1 the budget of 30
// days lasts just that long.
type BurnRates struct {
	Minutes5  float64 `json:"minutes_5"`
	Minutes30 float64 `json:"minutes_30"`
	Hour1     float64 `json:"hour_1"`
	Hours6    float64 `json:"hours_6"`
	// FastInsufficient says that the rule of Minutes5 and Hour1 has too little evidence to fire,
	// SlowInsufficient that of Minutes30 and Hours6: one of its windows holds fewer calls than
	// [Objective.MinCalls], or the longer one holds fewer than two failed calls, or calls of no more
	// time than the shorter one is long.
	FastInsufficient bool `json:"fast_insufficient,omitzero"`
	SlowInsufficient bool `json:"slow_insufficient,omitzero"`
}
