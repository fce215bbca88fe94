package engine

import (
	"math/bits"
	"time"
)

// window is one operation in one period, while it fills. The goroutine that owns
// the [Windows] owns it.
type window struct {
	// target is objective.LatencyTarget and lowest bounds[0]. They are copied here since
	// every success touches this cache line.
	target  time.Duration
	lowest  time.Duration
	within  uint64
	success Histogram // of the successes' durations; its count is theirs

	failure   uint64
	cancelled uint64
	ignored   uint64

	intervals *intervals

	failLow, failHigh uint64 // sum of the failures' durations
	failMax           time.Duration
	codes             codeCounter
	exemplars         *exemplars // nil until there is one
	inFlight          inFlightTally
	others            *otherHistograms // nil unless the summary holds histograms
	own               *ownTimes        // nil: as far as is known, the own time of a call is its whole time

	objective *Objective
}

// intervals are the counts of a distribution. The first one is not counted: it is the number of
// successes less the others. They stand by themselves since few calls touch them.
type intervals struct {
	bounds []time.Duration
	counts []uint64
	// untimed are the successes, and untimedFailure the failures, whose time does not count.
	untimed, untimedFailure uint64
	slowCancelled           uint64 // given up after more than the target
	late                    uint64 // calls of periods that were closed before
}

func (i *intervals) add(d time.Duration, n uint64) { i.counts[interval(i.bounds, d)] += n }

// otherHistograms hold the durations of the calls that did not succeed.
type otherHistograms struct{ failure, cancelled Histogram }

// open makes w judge by the given objective and distribution from now on.
func (w *window) open(objective *Objective, bounds []time.Duration) {
	w.objective, w.target = objective, objective.LatencyTarget
	if w.target < 0 { // not judged: every call is within it
		w.target = maxDuration
	}
	w.lowest = bounds[0]
	if w.intervals == nil {
		w.intervals = &intervals{counts: make([]uint64, len(bounds)+1)}
	}
	w.intervals.bounds = bounds
}

// add counts one call, whose duration may be [Untimed]. It returns the code under which a
// failure was counted.
func (w *window) add(outcome Outcome, code string, d time.Duration, maxCodes int) string {
	if outcome == OutcomeSuccess && isTimed(d) {
		if d <= w.target {
			w.within++
		}
		if d >= w.lowest {
			w.intervals.add(d, 1)
		}
		w.success.Record(d)
		return code
	}
	return w.addOther(outcome, code, d, 1, maxCodes)
}

// addMany counts n calls at once, all like the given one.
func (w *window) addMany(outcome Outcome, code string, d time.Duration, n uint64, maxCodes int) string {
	if outcome == OutcomeSuccess && isTimed(d) {
		if d <= w.target {
			w.within += n
		}
		if d >= w.lowest {
			w.intervals.add(d, n)
		}
		w.success.recordMany(d, n)
		return code
	}
	return w.addOther(outcome, code, d, n, maxCodes)
}

// addOther is addMany for calls that did not succeed, and for those whose time does not count.
func (w *window) addOther(outcome Outcome, code string, d time.Duration, n uint64, maxCodes int) string {
	timed := isTimed(d)
	switch outcome {
	case OutcomeSuccess:
		w.intervals.untimed += n
	case OutcomeFailure:
		w.failure += n
		if !timed {
			w.intervals.untimedFailure += n
			return w.codes.add(code, n, maxCodes)
		}
		w.failMax = max(w.failMax, d)
		high, low := bits.Mul64(uint64(d), n)
		var c uint64
		w.failLow, c = bits.Add64(w.failLow, low, 0)
		w.failHigh += high + c
		if w.others != nil {
			w.others.failure.recordMany(d, n)
		}
		return w.codes.add(code, n, maxCodes)
	case OutcomeCancelled:
		w.cancelled += n
		if timed && d > w.target {
			w.intervals.slowCancelled += n
		}
		if w.others != nil && timed {
			w.others.cancelled.recordMany(d, n)
		}
	default:
		w.ignored += n
	}
	return code
}

// addTraced counts n calls at once, all like the given one, which can be looked up, and
// what it is blamed on, and keeps it if it is worth that. The time of an untimed one does not
// count, but is kept.
func (w *window) addTraced(outcome Outcome, call Exemplar, untimed bool, cause *Cause, n uint64, maxCodes int) {
	d := call.Duration
	if untimed {
		d = Untimed
	}
	call.Code = w.addMany(outcome, call.Code, d, n, maxCodes)
	call.Duration = lengthOf(call.Duration)
	switch {
	case call.Trace.IsZero():
	case outcome == OutcomeFailure:
		w.examples().addFailed(call)
		w.exemplars.compared.add(failedCall, &call)
		w.exemplars.failureCauses.add(cause, n)
	case outcome != OutcomeIgnored && isTimed(d) && d > w.target:
		w.examples().addSlow(call)
		w.exemplars.compared.add(slowCall, &call)
		w.exemplars.slowCauses.add(cause, n)
	case outcome == OutcomeSuccess && call.Details != nil:
		w.examples().compared.add(goodCall, &call)
	}
}

// addOwn counts the own times of successes.
func (w *window) addOwn(counts []bucketCount) {
	if w.own == nil {
		w.own = new(ownTimes)
	}
	w.own.add(counts)
}

// inFlightTally counts the calls of one operation that have begun and not ended.
type inFlightTally struct {
	calls, stuck uint64
	oldest       time.Duration
}

// addInFlight counts a call of the given age, and keeps it if it is stuck and worth that.
func (w *window) addInFlight(age time.Duration, ref TraceRef) {
	t := &w.inFlight
	t.calls++
	t.oldest = max(t.oldest, age)
	if after := w.objective.StuckAfter; after <= 0 || age <= after {
		return
	}
	t.stuck++
	if !ref.IsZero() {
		w.examples().addStuck(Exemplar{Trace: ref, Duration: age})
	}
}

// examples returns the window's exemplars, to add one.
func (w *window) examples() *exemplars {
	if w.exemplars == nil {
		w.exemplars = new(exemplars)
	}
	return w.exemplars
}

// isEmpty reports whether nothing was counted.
func (w *window) isEmpty() bool {
	return w.success.count == 0 && w.failure == 0 && w.cancelled == 0 && w.ignored == 0 && (w.intervals == nil || w.intervals.untimed == 0 && w.intervals.late == 0)
}

// isIdle reports whether nothing was counted and nothing is in flight.
func (w *window) isIdle() bool { return w.isEmpty() && w.inFlight.calls == 0 }

var summaryQuantiles = []float64{0.50, 0.90, 0.95, 0.99}

// close returns what w counted and empties it for the next period. The caller
// fills in whose summary it is.
func (w *window) close(codes map[string]CodeFeature, histogram bool) Summary {
	timed := w.success.count
	success := timed + w.intervals.untimed
	counts := w.intervals.counts
	counts[0] = timed
	for _, n := range counts[1:] {
		counts[0] -= n
	}
	s := Summary{
		Count:             success + w.failure + w.cancelled,
		Success:           success,
		Failure:           w.failure,
		Cancelled:         w.cancelled,
		Ignored:           w.ignored,
		Late:              w.intervals.late,
		SuccessRatio:      share(success, success+w.failure),
		Untimed:           w.intervals.untimed,
		WithinTarget:      w.within,
		SlowCancelled:     w.intervals.slowCancelled,
		WithinTargetRatio: share(w.within, timed+w.intervals.slowCancelled),
		Distribution:      buckets(w.intervals.bounds, counts),
		Failures:          w.codes.take(codes),
		Objective:         *w.objective,
	}
	s.Latency = Latency{Min: w.success.min, Mean: w.success.Mean(), Max: w.success.max}
	var q [4]time.Duration
	w.success.quantiles(summaryQuantiles, q[:])
	s.Latency.P50, s.Latency.P90, s.Latency.P95, s.Latency.P99 = q[0], q[1], q[2], q[3]
	if timed := w.failure - w.intervals.untimedFailure; timed > 0 {
		mean, _ := bits.Div64(w.failHigh, w.failLow, timed)
		s.FailureLatency = FailureLatency{Mean: time.Duration(mean), Max: w.failMax}
	}
	if w.exemplars != nil {
		s.FailureExemplars, s.SlowExemplars, s.StuckExemplars = w.exemplars.take()
		s.FailureCauses = w.exemplars.failureCauses.take(s.Failure)
		s.SlowCauses = w.exemplars.slowCauses.take(timed - w.within + w.intervals.slowCancelled)
		isEmpty := w.exemplars.compared.isEmpty()
		s.Reasons = w.exemplars.compared.take()
		if isEmpty && s.FailureExemplars == nil && s.SlowExemplars == nil && s.StuckExemplars == nil {
			w.exemplars = nil
		}
	}
	if histogram {
		s.Histogram = exponentialOf(&w.success)
	}
	if o := w.others; o != nil {
		if o.failure.count > 0 {
			s.FailureHistogram = exponentialOf(&o.failure)
		}
		if o.cancelled.count > 0 {
			s.CancelledHistogram = exponentialOf(&o.cancelled)
		}
		o.failure.reset()
		o.cancelled.reset()
	}
	s.OwnTime = w.own.take()
	s.InFlight, s.Stuck, s.OldestInFlight = w.inFlight.calls, w.inFlight.stuck, w.inFlight.oldest
	w.inFlight = inFlightTally{}
	w.within, w.failure, w.cancelled, w.ignored = 0, 0, 0, 0
	w.intervals.untimed, w.intervals.untimedFailure, w.intervals.slowCancelled, w.intervals.late = 0, 0, 0, 0
	w.failLow, w.failHigh, w.failMax = 0, 0, 0
	w.success.reset()
	clear(counts)
	return s
}

func exponentialOf(h *Histogram) *ExponentialHistogram {
	e := h.Exponential()
	return &e
}

// share returns part/whole, 1 when the whole is 0.
func share(part, whole uint64) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}
