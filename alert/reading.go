package alert

import (
	"math"

	"github.com/blurooo/go-monitor/v2/engine"
)

// reading is what one objective measures in one period, or in several together.
type reading struct {
	// part and whole are good calls and all calls for availability and latency, whose value is
	// the share; calls and periods for traffic, whose value is the mean.
	part, whole uint64
	// extreme is the value of the other objectives: the age in seconds of the oldest call in
	// flight, or the burn rate.
	extreme float64
	target  float64
}

// read returns the reading of an objective in a summary.
//
// Availability is the share of successes among successes and failures: a call that its
// caller cancelled says nothing about the operation. Latency is the share of calls within
// the target among the successes whose time counts and the calls that were cancelled after more than
// the target: they have missed it, so an outage in which all callers give up can't hide. So an outage raises no second alert about latency, and
// ends none either, since it leaves no success.
func read(k ObjectiveKind, s *engine.Summary) reading {
	switch k {
	case Latency:
		return reading{part: s.WithinTarget, whole: s.Timed() + s.SlowCancelled, target: s.Objective.WithinTargetRatio}
	case Traffic:
		return reading{part: s.Count, whole: 1, target: leastTraffic(s)}
	case Stuck:
		return reading{extreme: s.OldestInFlight.Seconds(), target: max(s.Objective.StuckAfter.Seconds(), 0)}
	case BurnRate:
		if !k.isSet(&s.Objective) {
			return reading{}
		}
		rate, limit := worstBurn(s.BurnRates)
		return reading{extreme: rate, target: limit}
	}
	return reading{part: s.Success, whole: s.Success + s.Failure, target: s.Objective.SuccessRatio}
}

// leastTraffic returns the number of calls below which a period has too little traffic. It is
// 0 if that is not known yet.
func leastTraffic(s *engine.Summary) float64 {
	least := 0.0
	if s.Objective.MinTraffic > 0 {
		least = float64(s.Objective.MinTraffic)
	}
	if s.Objective.MinTrafficRatio > 0 && s.TypicalCalls >= busyCalls {
		// Rounded up, since calls are whole, but not because of a rounding error.
		const noise = 1e-6
		least = max(least, math.Ceil(s.Objective.MinTrafficRatio*float64(s.TypicalCalls)-noise))
	}
	return least
}

// value returns what was measured: a share (1 without calls), calls a period, seconds, or a
// burn rate.
func (r reading) value(k ObjectiveKind) float64 {
	switch {
	case k == Stuck || k == BurnRate:
		return r.extreme
	case r.whole == 0:
		return 1
	}
	return float64(r.part) / float64(r.whole)
}

// plus returns r followed by o as one reading, with the target of o. For traffic the target
// is the mean, as the value is. Of two burn rates it is the one nearer to its limit, with
// that limit, since each rule has its own.
func (r reading) plus(k ObjectiveKind, o reading) reading {
	sum := reading{part: r.part + o.part, whole: r.whole + o.whole, extreme: max(r.extreme, o.extreme), target: o.target}
	switch k {
	case Traffic:
		sum.target = (r.target*float64(r.whole) + o.target*float64(o.whole)) / float64(max(sum.whole, 1))
	case BurnRate:
		sum.extreme = o.extreme
		if r.extreme*o.target > o.extreme*r.target {
			sum.extreme, sum.target = r.extreme, r.target
		}
	}
	return sum
}

// worse returns the worse one of two values.
func (k ObjectiveKind) worse(a, b float64) float64 {
	if k == Stuck || k == BurnRate {
		return max(a, b)
	}
	return min(a, b)
}
