package alert

import (
	"github.com/blurooo/go-monitor/v2/engine"
)

// relevant returns those fields of o by which the given kind is judged. Others may change
// without effect on it: a new latency target does not delay an alert about failures.
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
		r.SLO, r.MinCalls = o.SLO, o.MinCalls
	}
	return r
}

// verdict judges the reading of the period of s, or of several periods that end with it.
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
		return engine.VerdictInsufficient // the usual traffic is not known yet
	case k == Traffic && float64(r.part) < r.target,
		k == Stuck && s.Stuck > 0,
		k == BurnRate && isBurning(s.BurnRates):
		return engine.VerdictBad
	case k == BurnRate && seemsBurning(s.BurnRates):
		return engine.VerdictInsufficient
	}
	return engine.VerdictGood
}

// tooFew reports whether a share has fewer calls than MinCalls.
func (r reading) tooFew(o *engine.Objective) bool {
	return r.whole < uint64(max(o.MinCalls, 1))
}

// verdictOf returns the field of vs for a kind.
func verdictOf(vs *engine.Verdicts, k ObjectiveKind) *engine.Verdict {
	switch k {
	case Latency:
		return &vs.Latency
	case Traffic:
		return &vs.Traffic
	case Stuck:
		return &vs.Stuck
	case BurnRate:
		return &vs.BurnRate
	}
	return &vs.Availability
}

// VerdictOf returns a summary's verdict on a kind of objective.
func VerdictOf(s *engine.Summary, k ObjectiveKind) engine.Verdict { return *verdictOf(&s.Verdicts, k) }
