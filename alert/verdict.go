package alert

import (
	"fmt"
	"math"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// reading is what one objective says of one period, or of several together.
type reading struct {
	// part and whole are calls for availability and latency, whose value is the share;
	// calls and periods for traffic, whose value is their mean.
	part, whole uint64
	// extreme is the value of the others: the age in seconds of the oldest call in
	// flight, and the burn rate.
	extreme float64
	target  float64
}

// read returns the reading of an objective in a summary.
//
// Availability is the share of the successes among successes and failures: a call
// that its caller gave up says nothing about who was called. Latency is the share
// of those within the target among the successes alone: failures are availability's
// matter, so an outage neither raises a second alert nor, since it leaves no
// success, ends one.
func read(k ObjectiveKind, s *engine.Summary) reading {
	switch k {
	case Latency:
		return reading{part: s.WithinTarget, whole: s.Success, target: s.Objective.WithinTargetRatio}
	case Traffic:
		return reading{part: s.Count, whole: 1, target: leastTraffic(s)}
	case Stuck:
		return reading{extreme: s.OldestInFlight.Seconds(), target: max(s.Objective.StuckAfter.Seconds(), 0)}
	case BurnRate:
		if !k.isSet(&s.Objective) {
			return reading{}
		}
		rate, limit, _ := ratesOf(s).worst()
		return reading{extreme: rate, target: limit}
	}
	return reading{part: s.Success, whole: s.Success + s.Failure, target: s.Objective.SuccessRatio}
}

// leastTraffic returns the number of calls below which a period has too little
// traffic; 0 if nothing can be said.
func leastTraffic(s *engine.Summary) float64 {
	least := 0.0
	if s.Objective.MinTraffic > 0 {
		least = float64(s.Objective.MinTraffic)
	}
	if s.Objective.MinTrafficRatio > 0 && s.TypicalCalls >= busyCalls {
		// Rounded up, since calls are whole; what multiplying adds is noise.
		const noise = 1e-6
		least = max(least, math.Ceil(s.Objective.MinTrafficRatio*float64(s.TypicalCalls)-noise))
	}
	return least
}

// isShare reports whether the objective is about a share of calls, which takes enough
// calls to tell.
func (k ObjectiveKind) isShare() bool { return k == Availability || k == Latency }

// isSet reports whether the objective asks for anything of this kind.
func (k ObjectiveKind) isSet(o *engine.Objective) bool {
	switch k {
	case Traffic:
		return o.MinTraffic > 0 || o.MinTrafficRatio > 0
	case Stuck:
		return o.StuckAfter > 0
	case BurnRate:
		return o.SLO > 0
	}
	return true
}

// relevant returns of o what has a part in judging the given kind: whoever tunes a
// latency target while calls fail must not put off the alert about that.
func relevant(k ObjectiveKind, o engine.Objective) engine.Objective {
	r := engine.Objective{AlertAfter: o.AlertAfter, AlertFor: o.AlertFor, RecoverAfter: o.RecoverAfter}
	switch k {
	case Availability:
		r.SuccessRatio, r.MinCalls, r.Confidence = o.SuccessRatio, o.MinCalls, o.Confidence
	case Latency:
		r.LatencyTarget, r.WithinTargetRatio, r.MinCalls, r.Confidence = o.LatencyTarget, o.WithinTargetRatio, o.MinCalls, o.Confidence
	case Traffic:
		r.MinTraffic, r.MinTrafficRatio = o.MinTraffic, o.MinTrafficRatio
	case Stuck:
		r.StuckAfter = o.StuckAfter
	case BurnRate:
		r.SLO = o.SLO
	}
	return r
}

// verdict judges a reading, of the period of s or of several that end with it.
func (r reading) verdict(k ObjectiveKind, s *engine.Summary) engine.Verdict {
	switch {
	case !k.isSet(&s.Objective):
		return engine.VerdictNone
	case k.isShare():
		if r.tooFew(&s.Objective) {
			return engine.VerdictInsufficient
		}
		return judgeRatio(r.part, r.whole, r.target, max(s.Objective.Confidence, 0))
	case k == Traffic && r.target == 0:
		return engine.VerdictInsufficient // not known yet what is usual
	case k == Traffic && float64(r.part) < r.target,
		k == Stuck && s.Stuck > 0,
		k == BurnRate && ratesOf(s).isBurning():
		return engine.VerdictBad
	}
	return engine.VerdictGood
}

// tooFew reports whether a share is one of too few calls.
func (r reading) tooFew(o *engine.Objective) bool {
	return r.whole < uint64(max(o.MinCalls, 1))
}

// value returns what was measured: a share (1 if there was no call), calls a period,
// seconds, or a burn rate.
func (r reading) value(k ObjectiveKind) float64 {
	switch {
	case k == Stuck || k == BurnRate:
		return r.extreme
	case r.whole == 0:
		return 1
	}
	return float64(r.part) / float64(r.whole)
}

// plus takes two readings together, of which o is the later one, whose target counts.
// Of two burn rates it is the one nearer to its limit, since each rule has its own, and
// the least traffic is the mean of what was expected, as the traffic is.
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

// measured says in words what was measured and what was expected.
func measured(k ObjectiveKind, value, target float64, latencyTarget time.Duration) string {
	switch k {
	case Latency:
		return fmt.Sprintf("%s of successful calls within %s (target %s)", percent(value, target), short(latencyTarget), exactPercent(target))
	case Traffic:
		if target <= 0 {
			return fmt.Sprintf("%s (none expected any more)", callsAPeriod(value, 0))
		}
		return fmt.Sprintf("%s (at least %s expected)", callsAPeriod(value, target), decimals(target, value))
	case Stuck:
		text := "no call in flight"
		if value > 0 {
			text = "oldest call in flight for " + age(value, target)
		}
		if target <= 0 {
			return text + " (none counts as stuck any more)"
		}
		return fmt.Sprintf("%s (stuck after %s)", text, short(seconds(target)))
	case BurnRate:
		if target <= 0 {
			return "no error budget any more"
		}
		_, long := limitOf(target)
		return fmt.Sprintf("error budget burns at %sx (limit %sx over %s)", decimals(value, target), decimals(target, value), short(long))
	}
	return fmt.Sprintf("%s succeed (target %s)", percent(value, target), exactPercent(target))
}

// limitOf returns the limit of a burn rate's rule and its long window.
func limitOf(limit float64) (float64, time.Duration) {
	if limit == slowBurn {
		return slowBurn, slowLong
	}
	return fastBurn, fastLong
}

// seconds returns a duration of so many seconds.
func seconds(s float64) time.Duration { return time.Duration(math.Round(s * float64(time.Second))) }

// age writes an age in seconds for people, as long as it takes to tell it from its limit.
func age(s, limit float64) string {
	d, bound := seconds(s), seconds(limit)
	if text := rounded(d); (d > bound) == (readable(d) > bound) {
		return text
	}
	return short(d)
}

// callsAPeriod writes a number of calls a period, beside the one that is expected.
func callsAPeriod(calls, target float64) string {
	text := decimals(calls, target)
	if text == "1" {
		return text + " call a period"
	}
	return text + " calls a period"
}

// ratesOf returns the burn rates of a summary.
func ratesOf(s *engine.Summary) burnRates {
	return burnRates{M5: s.BurnRates.Minutes5, M30: s.BurnRates.Minutes30, H1: s.BurnRates.Hour1, H6: s.BurnRates.Hours6}
}
