package alert

import "math"

// chance is the probability below which an observation is not explained by chance.
const chance = 0.001

// isSurelyMissed reports whether a share misses its target by more than chance: whether an
// operation that just meets the target has so few good calls, or fewer, less than once in a
// thousand times.
func (r reading) isSurelyMissed() bool {
	return float64(r.part) < r.target*float64(r.whole) && atLeast(r.whole-r.part, r.whole, 1-r.target) < chance
}

// atLeast returns the probability of some or more successes in independent tries that each
// succeed with probability p: the upper tail of the binomial distribution. It adds up the
// terms below, which are few for small numbers, and uses the normal distribution for large
// ones.
func atLeast(some, tries uint64, p float64) float64 {
	const many = 1000
	mean := float64(tries) * p
	deviation := math.Sqrt(mean * (1 - p))
	switch {
	case some == 0:
		return 1
	case p <= 0:
		return 0
	case p >= 1:
		return 1
	case some > many:
		return math.Erfc((float64(some)-0.5-mean)/(deviation*math.Sqrt2)) / 2
	}
	n, below := float64(tries), 0.0
	all, _ := math.Lgamma(n + 1)
	for i := range some {
		k := float64(i)
		chosen, _ := math.Lgamma(k + 1)
		rest, _ := math.Lgamma(n - k + 1)
		below += math.Exp(all - chosen - rest + k*math.Log(p) + (n-k)*math.Log1p(-p))
	}
	return max(0, 1-below)
}
