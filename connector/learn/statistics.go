package learn

import "math"

// leastRank returns the smallest k for which the k-th smallest of n independent values is at or
// above the given quantile of their distribution, with the confidence sure. It returns 0 if not
// even the largest value is. It assumes nothing about the distribution: the number of values
// below the quantile is binomial (David and Nagaraja, Order Statistics, section 7.1).
func leastRank(n uint64, quantile, sure float64) uint64 {
	const exact = 10_000
	if n > exact { // the binomial distribution is nearly normal
		x := float64(n)*quantile + normalQuantile(sure)*math.Sqrt(float64(n)*quantile*(1-quantile))
		return min(n, uint64(math.Ceil(x))+1)
	}
	// The k-th value is at or above the quantile if fewer than k values are below it.
	below := 0.0
	for k := range n {
		below += math.Exp(logBinomial(n, k) + float64(k)*math.Log(quantile) + float64(n-k)*math.Log1p(-quantile))
		if below >= sure {
			return k + 1
		}
	}
	return 0
}

// fewest returns the smallest number of values of which the largest is at or above the
// quantile, with the confidence sure.
func fewest(quantile, sure float64) uint64 {
	return uint64(math.Ceil(math.Log1p(-sure)/math.Log(quantile) - 1e-9))
}

// logBinomial returns the logarithm of n over k.
func logBinomial(n, k uint64) float64 {
	a, _ := math.Lgamma(float64(n) + 1)
	b, _ := math.Lgamma(float64(k) + 1)
	c, _ := math.Lgamma(float64(n-k) + 1)
	return a - b - c
}

// normalQuantile returns the quantile of the standard normal distribution.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// wilson returns a lower and an upper bound, each with the confidence sure, of a share of which
// some of all were seen: E. B. Wilson's score interval, by which package alert judges, too.
func wilson(some, all uint64, sure float64) (low, high float64) {
	if all == 0 {
		return 0, 1
	}
	n, z := float64(all), normalQuantile(sure)
	p, z2 := float64(some)/n, z*z/n
	center := (p + z2/2) / (1 + z2)
	half := z / (1 + z2) * math.Sqrt((p*(1-p)+z2/4)/n)
	return max(0, center-half), min(1, center+half)
}

// leastRate returns a lower bound of the mean of a Poisson distribution, of which so many events
// were seen, by the approximation of Wilson and Hilferty.
func leastRate(seen uint64, sure float64) float64 {
	if seen == 0 {
		return 0
	}
	n := float64(seen)
	root := 1 - 1/(9*n) - normalQuantile(sure)/(3*math.Sqrt(n))
	return n * max(0, root) * max(0, root) * max(0, root)
}
