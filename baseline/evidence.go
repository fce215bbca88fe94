package baseline

import (
	"math"
	"time"
)

// The evidence of a call is the logarithm of how much likelier its time is if the part is clearly
// worse than if it is as usual. What matters is u, the probability that a healthy call takes so
// long or longer, where a healthy one may take Factor times as long as it did, and a floor more.
//
// As usual, u is spread evenly from 0 to 1. If the part is worse, the share worseCommon of the
// calls has an u above usualShare still, the share worseRare has one below rareShare, there evenly by its logarithm
// down to leastShare, and the rest lies between. So a call with an u above usualShare counts
// ln(0.3/0.75) = -0.92, one between 0, one below 0.05 from 0.94 up to mostEvidence, and healthy
// calls -0.6 on average.
const (
	usualShare   = 0.25
	rareShare    = 0.05
	leastShare   = 0.001
	worseCommon  = 0.3
	worseRare    = 0.5
	mostEvidence = 3.0
)

var (
	usualEvidence = math.Log(worseCommon / (1 - usualShare))
	rareDensity   = worseRare / math.Log(rareShare/leastShare)
)

// evidence returns the evidence of a call of the part that took so long.
func (d *Detector) evidence(p *part, t time.Duration) float64 {
	b := &p.bounds
	switch {
	case t <= b.usual:
		return usualEvidence
	case t <= b.rare:
		return 0
	}
	u := d.likely(p, t)
	if u > rareShare {
		return 0
	}
	return min(mostEvidence, math.Log(rareDensity/max(u, leastShare)))
}

// likely returns the probability that a healthy call takes so long or longer. Where it is longer than all
// that was seen, the tail that all parts share may say that this is rarer than a handful of calls
// can tell.
func (d *Detector) likely(p *part, t time.Duration) float64 {
	b, n := &p.bounds, p.times.total
	x := b.better(t)
	above := p.times.above(x)
	u := (above + 1) / (n + 2)
	if above <= 0 {
		u = min(u, d.pool.tail(excess(x, b.reference, b.floor)))
	}
	return u
}

// Failures are compared in the same way. As usual, calls fail with a probability p, and if the part
// is worse with one of failureFactor*p, or of p and the configured floor if that is more.
const (
	failureFactor = 3.0
	// worstFailureRatio bounds the probability with which a call of a worse part fails.
	worstFailureRatio = 0.95
	// Until much is known, a part fails as often as all do, and at least as often as
	// leastFailureRatio, as if that were known from priorFailureCalls.
	priorFailureCalls = 20
	leastFailureRatio = 0.002
)

// failureEvidence returns the evidence of a number of calls of which some failed. Where failures come
// in bursts, each says less. While a change lasts, the worse probability is half of what was
// measured, if that is more: after an outage a few successes then show that it is over.
func (d *Detector) failureEvidence(p *part, calls, failures float64) float64 {
	if d.config.FailureFloor < 0 {
		return 0
	}
	usual := d.failureRatio(p)
	worse := min(worstFailureRatio, max(failureFactor*usual, usual+d.config.FailureFloor))
	if u := p.suspicions[AspectFailures]; u != nil && u.isFiring && u.calls > 0 {
		worse = max(worse, float64(u.failures)/float64(u.calls)/2)
	}
	if worse <= usual {
		return 0 // nearly all fail as it is
	}
	failed := min(mostEvidence, math.Log(worse/usual))
	evidence := failures*failed + (calls-failures)*math.Log((1-worse)/(1-usual))
	return evidence / p.burstiness()
}

// failureRatio returns the share of a part's calls that usually fail.
func (d *Detector) failureRatio(p *part) float64 {
	prior := max(leastFailureRatio, min(d.pool.failureRatio, 0.05))
	return min(0.99, (p.failures+priorFailureCalls*prior)/(p.calls+priorFailureCalls))
}

// burstiness returns how many times more the failures of batches differ than they do by chance, at
// least 1.
func (p *part) burstiness() float64 {
	const prior = 2 // batches' worth of failures without bursts
	return max(1, (float64(p.spread)+prior)/(float64(p.chance)+prior))
}
