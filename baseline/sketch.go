package baseline

import (
	"math"
	"time"
)

// Times are counted in buckets, perOctave of them for every doubling: each is 19 % wide. The first
// holds all up to shortest, the last all from longest on.
const (
	perOctave  = 4
	shortest   = time.Microsecond
	octaves    = 37 // up to 38 h
	bucketsAll = octaves * perOctave
	// maxBuckets bounds the buckets of one sketch: 12 octaves. What is shorter than fits counts as
	// the shortest that does: what matters is how long calls take.
	maxBuckets = 12 * perOctave
)

// bucketOf returns the bucket of a time.
func bucketOf(d time.Duration) int {
	if d <= shortest {
		return 0
	}
	b := 1 + int(perOctave*math.Log2(float64(d)/float64(shortest)))
	return min(b, bucketsAll-1)
}

// placeOf returns a time's place on the scale of the buckets: the bucket, and how far in it the time lies.
func placeOf(d time.Duration) float64 {
	if d <= shortest {
		return float64(max(d, 0)) / float64(shortest)
	}
	return min(1+perOctave*math.Log2(float64(d)/float64(shortest)), bucketsAll)
}

// timeAt is the inverse of placeOf.
func timeAt(place float64) time.Duration {
	if place <= 1 {
		return time.Duration(place * float64(shortest))
	}
	return time.Duration(float64(shortest) * math.Exp2((place-1)/perOctave))
}

// sketch is a distribution of times whose older part counts less. The zero value is empty.
type sketch struct {
	weights []float32 // of the buckets from first on
	first   int
	total   float64
}

// add adds a number of calls to a bucket.
func (s *sketch) add(bucket int, n float64) {
	if n <= 0 {
		return
	}
	s.total += n
	if len(s.weights) == 0 {
		s.weights, s.first = []float32{float32(n)}, bucket
		return
	}
	last := s.first + len(s.weights) - 1
	switch {
	case bucket > last:
		s.span(max(s.first, bucket-maxBuckets+1), bucket)
	case bucket < s.first:
		s.span(max(bucket, last-maxBuckets+1), last)
	}
	s.weights[max(bucket-s.first, 0)] += float32(n)
}

// span makes room for the buckets from first to last, and moves what is below first to it.
func (s *sketch) span(first, last int) {
	weights := make([]float32, last-first+1)
	for i, w := range s.weights {
		weights[max(s.first+i-first, 0)] += w
	}
	s.weights, s.first = weights, first
}

// negligible is the weight below which a bucket counts as empty: what is left of one call after
// more than four half-lives.
const negligible = 0.05

// decay multiplies all weights, and forgets those that have become negligible.
func (s *sketch) decay(by float64) {
	s.total = 0
	for i := range s.weights {
		if s.weights[i] *= float32(by); s.weights[i] < negligible {
			s.weights[i] = 0
		}
		s.total += float64(s.weights[i])
	}
	low, high := 0, len(s.weights)
	for low < high && s.weights[low] == 0 {
		low++
	}
	for high > low && s.weights[high-1] == 0 {
		high--
	}
	if low > 0 || high < len(s.weights) {
		s.weights = append([]float32(nil), s.weights[low:high]...)
		s.first += low
	}
}

// above returns the weight of what is longer than a time; within a bucket it is taken as evenly spread.
func (s *sketch) above(d time.Duration) float64 {
	place := placeOf(d) - float64(s.first)
	i := int(math.Floor(place))
	if i < 0 {
		return s.total
	}
	if i >= len(s.weights) {
		return 0
	}
	sum := (1 - (place - float64(i))) * float64(s.weights[i])
	for _, w := range s.weights[i+1:] {
		sum += float64(w)
	}
	return sum
}

// quantile returns the time that the share q of the calls does not exceed; 0 if there are none.
func (s *sketch) quantile(q float64) time.Duration {
	rest := q * s.total
	for i, w := range s.weights {
		if w := float64(w); w > 0 {
			if rest <= w {
				return timeAt(float64(s.first+i) + max(rest, 0)/w)
			}
			rest -= w
		}
	}
	return timeAt(float64(s.first + len(s.weights)))
}

// each calls f with the middle of each bucket and its share of the calls.
func (s *sketch) each(f func(x time.Duration, share float64)) {
	for i, w := range s.weights {
		if w > 0 {
			f(timeAt(float64(s.first+i)+0.5), float64(w)/s.total)
		}
	}
}

// merge adds what another sketch holds.
func (s *sketch) merge(o *sketch) {
	for i, w := range o.weights {
		s.add(o.first+i, float64(w))
	}
}
