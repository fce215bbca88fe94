package alert

import "math"

// chance is the probability below which what was seen is no chance.
const chance = 0.001

// isSurelyMissed reports whether a share misses its target by more than chance: whether so few
// good calls, or fewer, are to be expected once in a thousand times at most of calls that just
// meet it.
func (r reading) isSurelyMissed() bool {
	return float64(r.part) < r.target*float64(r.whole) && atLeast(r.whole-r.part, r.whole, 1-r.target) < chance
}

// atLeast returns the probability of so many successes or more in so many independent tries:
// the upper tail of the binomial distribution. It adds up what is below, so that it ends early
// for few of many, and takes the normal distribution in its place where there are many of both.
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
