package alert

import (
	"math"

	"github.com/blurooo/go-monitor/v2/engine"
)

// wilson returns the Wilson score interval of good calls out of total at a two-sided
// confidence, at least 0 and below 1: the range in which the true ratio lies. It is [0, 1]
// without calls, and the share itself at confidence 0.
//
// Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical
// Inference", 1927,
// https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval#Wilson_score_interval.
func wilson(good, total uint64, confidence float64) (low, high float64) {
	if total == 0 {
		return 0, 1
	}
	n := float64(total)
	p := float64(good) / n
	z := math.Sqrt2 * math.Erfinv(confidence) // the normal quantile of (1+confidence)/2
	z2 := z * z / n
	center := (p + z2/2) / (1 + z2)
	half := z / (1 + z2) * math.Sqrt((p*(1-p)+z2/4)/n)

	// The bounds at the ends are exact, and rounding moves no bound beyond the share.
	low, high = min(center-half, p), max(center+half, p)
	if good == 0 {
		low = 0
	}
	if good == total {
		high = 1
	}
	return max(low, 0), min(high, 1)
}

// judgeRatio judges good out of total calls against a target. It is good if the share reaches
// the target, bad if the whole [wilson] interval lies below it, and insufficient otherwise
// or without calls. At confidence 0 the share alone decides.
func judgeRatio(good, total uint64, target, confidence float64) engine.Verdict {
	if total == 0 {
		return engine.VerdictInsufficient
	}
	if float64(good)/float64(total) >= target {
		return engine.VerdictGood
	}
	if _, high := wilson(good, total, confidence); high < target {
		return engine.VerdictBad
	}
	return engine.VerdictInsufficient
}
