package alert

import (
	"github.com/blurooo/go-monitor/v2/engine"
)

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
		k == BurnRate && isBurning(s.BurnRates):
		return engine.VerdictBad
	}
	return engine.VerdictGood
}

// tooFew reports whether a share is one of too few calls.
func (r reading) tooFew(o *engine.Objective) bool {
	return r.whole < uint64(max(o.MinCalls, 1))
}

// verdictOf returns the place of an objective's verdict.
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

// VerdictOf returns the verdict on an objective in a summary.
func VerdictOf(s *engine.Summary, k ObjectiveKind) engine.Verdict { return *verdictOf(&s.Verdicts, k) }
