package baseline

import (
	"math"
	"time"
)

// pool is what all parts have in common: how rare it is that a healthy call takes so much longer
// than its part usually does. A handful of calls can't say that themselves. Excess is measured in
// units of the median and the floor: z = (x - median) / (median + floor). Each part counts
// alike, however often it is called.
type pool struct {
	above [poolBuckets + 1]float64 // the share of healthy calls from the start of a bucket on
	calls float64                  // from which this is known
	// noise is by how much healthy calls are longer than their median now and then.
	noise time.Duration
	// failureRatio is the mean share of the calls that fail.
	failureRatio float64
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
	priorCalls    = 200
	// pooledCalls is the number of calls from which on a part has a share in the pool, and
	// mostPooled the number of its calls that count for how much is known.
	pooledCalls = 5
	mostPooled  = 20
	// noiseShare is the quantile of the calls that counts as noise.
	noiseShare = 0.99
)

// poolBucket returns the bucket of an excess.
func poolBucket(z float64) int {
	if z <= poolLow {
		return 0
	}
	return min(1+int(poolPerOctave*math.Log2(z/poolLow)), poolBuckets-1)
}

// excess returns by how much a time is longer than a reference, in the units of the pool.
func excess(x, reference, floor time.Duration) float64 {
	return float64(x-reference) / float64(reference+floor+shortest)
}

// fill learns anew from all parts.
func (d *Detector) fillPool() {
	d.pooled = d.now
	d.pool = pool{}
	d.pool.noise = d.noise()
	var failures, n, sum float64
	for _, s := range d.parts {
		if s.calls > 0 {
			failures += s.failures / s.calls
			n++
		}
		if s.times.total < pooledCalls {
			continue
		}
		median, floor := s.times.quantile(0.5), d.floor(s)
		s.times.each(func(x time.Duration, share float64) {
			d.pool.above[poolBucket(excess(x, median, floor))] += share
		})
		d.pool.calls += min(s.times.total, mostPooled)
	}
	for i := poolBuckets - 1; i >= 0; i-- {
		sum += d.pool.above[i]
		d.pool.above[i] = sum
	}
	for i := range d.pool.above {
		d.pool.above[i] /= max(sum, 1)
	}
	d.pool.failureRatio = failures / max(n, 1)
	for _, s := range d.parts {
		d.rebound(s)
	}
}

// noise returns by how much healthy calls of all parts are longer than their median now and then.
func (d *Detector) noise() time.Duration {
	var noise sketch
	for _, s := range d.parts {
		if s.times.total < pooledCalls {
			continue
		}
		median := s.times.quantile(0.5)
		s.times.each(func(x time.Duration, share float64) { noise.add(bucketOf(x-median), share) })
	}
	return noise.quantile(noiseShare)
}

// tail returns how likely a healthy call has such an excess or more.
func (p *pool) tail(z float64) float64 {
	if z <= 0 {
		return 1
	}
	prior := math.Pow(1+z, -priorExponent)
	return (p.calls*p.above[poolBucket(z)] + priorCalls*prior) / (p.calls + priorCalls)
}
