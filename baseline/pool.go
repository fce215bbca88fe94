package baseline

import (
	"math"
	"time"
)

// pool is the tail of healthy times that all parts share: how rare it is that a call takes so
// much longer than its part usually does. A handful of calls can't say that themselves. Excess is
// measured in units of the median and the floor: z = (x - median) / (median + floor). Each part
// counts alike, however often it is called.
type pool struct {
	above [poolBuckets + 1]float64 // the share of healthy calls from the start of a bucket on
	calls float64                  // from which this is known
}

const (
	// The buckets of z are logarithmic: the first ends at poolLow, and then there are
	// poolPerOctave for every doubling.
	poolBuckets   = 96
	poolLow       = 1.0 / 16
	poolPerOctave = 8
	// Until much is known, the tail is that of a Pareto distribution with this exponent, as if that
	// were known from priorCalls.
	priorExponent = 1.5
	priorCalls    = 50
	// leastCalls is the number of calls from which on a part is judged, and has a share in the pool.
	leastCalls = 5
	// mostInPool is the number of calls of one part that count for how much is known.
	mostInPool = 20
)

// poolBucket returns the bucket of an excess.
func poolBucket(z float64) int {
	if z <= poolLow {
		return 0
	}
	return min(1+int(poolPerOctave*math.Log2(z/poolLow)), poolBuckets-1)
}

// excess returns by how much a time is longer than the median, in the units of the pool.
func excess(x, median, floor time.Duration) float64 {
	return float64(x-median) / float64(median+floor+time.Microsecond)
}

// fill learns the tail from the parts anew.
func (p *pool) fill(parts map[engineKey]*part, floor time.Duration) {
	*p = pool{}
	for _, s := range parts {
		t := &s.times
		if t.total < leastCalls {
			continue
		}
		median := t.quantile(0.5)
		for i, w := range t.weights {
			if w > 0 {
				p.above[poolBucket(excess(timeAt(float64(t.first+i)+0.5), median, floor))] += float64(w) / t.total
			}
		}
		p.calls += min(t.total, mostInPool)
	}
	sum := 0.0
	for i := poolBuckets - 1; i >= 0; i-- {
		sum += p.above[i]
		p.above[i] = sum
	}
	for i := range p.above {
		p.above[i] /= max(sum, 1)
	}
}

// tail returns how likely a healthy call has such an excess or more.
func (p *pool) tail(z float64) float64 {
	if z <= 0 {
		return 1
	}
	prior := math.Pow(1+z, -priorExponent)
	return (p.calls*p.above[poolBucket(z)] + priorCalls*prior) / (p.calls + priorCalls)
}
