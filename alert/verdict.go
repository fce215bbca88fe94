package alert

import "github.com/blurooo/go-monitor/v2/engine"

// reading is what one objective says of one period: a share of calls, and how
// many calls it is a share of.
type reading struct {
	good, total uint64
	target      float64
}

// read returns the reading of an objective in a summary.
//
// Availability is the share of the successes among successes and failures: a call
// that its caller gave up says nothing about who was called. Latency is the share
// of those within the target among the successes alone: failures are availability's
// matter, so an outage neither raises a second alert nor, since it leaves no
// success, ends one.
func read(k Kind, s *engine.Summary) reading {
	if k == Latency {
		return reading{good: s.WithinTarget, total: s.Success, target: s.Objective.WithinTarget}
	}
	return reading{good: s.Success, total: s.Success + s.Failure, target: s.Objective.SuccessRatio}
}

// relevant returns o without what has no part in judging the given kind: whoever
// tunes a latency target while calls fail must not put off the alert about that.
func relevant(k Kind, o engine.Objective) engine.Objective {
	if k == Latency {
		o.SuccessRatio = 0
	} else {
		o.LatencyTarget, o.WithinTarget = 0, 0
	}
	return o
}

// verdict judges a reading.
func (r reading) verdict(minCalls int) engine.Verdict {
	switch {
	case r.total == 0 || r.total < uint64(minCalls):
		return engine.VerdictInsufficient
	case r.ratio() < r.target:
		return engine.VerdictBad
	default:
		return engine.VerdictGood
	}
}

// ratio returns the share; 1 if there was no call.
func (r reading) ratio() float64 {
	if r.total == 0 {
		return 1
	}
	return float64(r.good) / float64(r.total)
}

// plus adds the calls of two periods up.
func (r reading) plus(o reading) reading {
	return reading{good: r.good + o.good, total: r.total + o.total, target: o.target}
}
