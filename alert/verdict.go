package alert

import (
	"cmp"
	"fmt"
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
func read(k Kind, s *engine.Summary) reading {
	switch k {
	case Latency:
		return reading{part: s.WithinTarget, whole: s.Success, target: s.Objective.WithinTarget}
	case Traffic:
		return reading{part: s.Count, whole: 1, target: leastTraffic(s)}
	case Stuck:
		return reading{extreme: s.OldestInFlight.Seconds(), target: s.Objective.StuckAfter.Seconds()}
	case BurnRate:
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
	if s.Objective.TrafficDrop > 0 && s.TypicalCalls >= busyCalls {
		least = max(least, s.Objective.TrafficDrop*float64(s.TypicalCalls))
	}
	return least
}

// isShare reports whether the objective is about a share of calls, which takes enough
// calls to tell.
func (k Kind) isShare() bool { return k == Availability || k == Latency }

// isSet reports whether the objective asks for anything of this kind.
func (k Kind) isSet(o *engine.Objective) bool {
	switch k {
	case Traffic:
		return o.MinTraffic > 0 || o.TrafficDrop > 0
	case Stuck:
		return o.StuckAfter > 0
	case BurnRate:
		return o.BudgetRatio > 0
	}
	return true
}

// relevant returns of o what has a part in judging the given kind: whoever tunes a
// latency target while calls fail must not put off the alert about that.
func relevant(k Kind, o engine.Objective) engine.Objective {
	r := engine.Objective{AlertAfter: o.AlertAfter, RecoverAfter: o.RecoverAfter}
	switch k {
	case Availability:
		r.SuccessRatio, r.MinCalls, r.Confidence = o.SuccessRatio, o.MinCalls, o.Confidence
	case Latency:
		r.LatencyTarget, r.WithinTarget, r.MinCalls, r.Confidence = o.LatencyTarget, o.WithinTarget, o.MinCalls, o.Confidence
	case Traffic:
		r.MinTraffic, r.TrafficDrop = o.MinTraffic, o.TrafficDrop
	case Stuck:
		r.StuckAfter = o.StuckAfter
	case BurnRate:
		r.BudgetRatio = o.BudgetRatio
	}
	return r
}

// verdict judges a reading, of the period of s or of several that end with it.
func (r reading) verdict(k Kind, s *engine.Summary) engine.Verdict {
	switch {
	case !k.isSet(&s.Objective):
		return engine.VerdictNone
	case k.isShare():
		if r.tooFew(&s.Objective) {
			return engine.VerdictInsufficient
		}
		return judgeRatio(r.part, r.whole, r.target, s.Objective.Confidence)
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
func (r reading) value(k Kind) float64 {
	switch {
	case k == Stuck || k == BurnRate:
		return r.extreme
	case r.whole == 0:
		return 1
	}
	return float64(r.part) / float64(r.whole)
}

// plus takes two readings together, of which o is the later one.
func (r reading) plus(o reading) reading {
	return reading{part: r.part + o.part, whole: r.whole + o.whole, extreme: max(r.extreme, o.extreme), target: o.target}
}

// worse returns the worse one of two values.
func (k Kind) worse(a, b float64) float64 {
	if k == Stuck || k == BurnRate {
		return max(a, b)
	}
	return min(a, b)
}

// measured says in words what was measured and what was expected.
func measured(k Kind, value, target float64, latencyTarget time.Duration) string {
	switch k {
	case Latency:
		return fmt.Sprintf("%s of successful calls within %s (target %s)", percent(value, target), short(latencyTarget), exactPercent(target))
	case Traffic:
		return fmt.Sprintf("%s calls a period (at least %s expected)", decimals(value), decimals(target))
	case Stuck:
		return fmt.Sprintf("oldest call in flight for %s (stuck after %s)", rounded(seconds(value)), short(seconds(target)))
	case BurnRate:
		_, long := limitOf(target)
		return fmt.Sprintf("error budget burns %sx too fast (limit %sx over %s)", decimals(value), decimals(target), short(long))
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
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// ratesOf returns the burn rates of a summary.
func ratesOf(s *engine.Summary) burnRates {
	return burnRates{M5: s.BurnRates.Minutes5, M30: s.BurnRates.Minutes30, H1: s.BurnRates.Hour1, H6: s.BurnRates.Hours6}
}

// compareKeys orders operations as summaries are.
func compareKeys(a, b engine.OperationKey) int {
	return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
}
