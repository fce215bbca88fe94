package engine

import (
	"math"
	"math/bits"
	"slices"
	"time"
)

// The histogram is base-2 exponential, the layout of OTLP's exponential histogram
// (https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram)
// at scale 6: 64 buckets for every doubling of the duration. Bucket i holds the
// durations in (2^(i/64), 2^((i+1)/64)] seconds, so its middle is at most 0.55 %
// away from any of them.
const (
	histogramScale = 6
	subBuckets     = 1 << histogramScale
	// lowOctave and highOctave are the binary logarithms of the shortest and the
	// longest duration that is told apart: 2^-20 s (954 ns) and 2^17 s (36 h).
	// Shorter ones are counted as zero, longer ones in the last bucket.
	lowOctave  = -20
	highOctave = 17
	octaves    = highOctave - lowOctave
)

// perSecond is 2^93 / 10^9, rounded down: the factor that turns nanoseconds into
// binary fractions of a second.
const perSecond = 9903520314283042199

// zeroThreshold is the longest duration that is counted as zero: 2^-20 s.
const zeroThreshold = time.Second >> -lowOctave

var (
	// bucketStart[j] is 2^(j/64) as a fraction of 2^63, rounded up; the entry past the end is never reached.
	bucketStart [subBuckets + 1]uint64
	// firstBucket[k] is the bucket in which the k-th of 128 equal parts of an octave
	// begins. A part is narrower than a bucket, so it reaches into one more at most.
	firstBucket [128]uint8
	// bucketMiddle[j] is the value that stands for bucket j of the octave from 1 s
	// to 2 s: the harmonic mean of its bounds, whose greatest relative error is least.
	bucketMiddle [subBuckets]float64
)

func init() {
	for j := range subBuckets {
		low, high := math.Exp2(float64(j)/subBuckets), math.Exp2(float64(j+1)/subBuckets)
		bucketStart[j] = uint64(math.Ceil(math.Ldexp(low, 63)))
		bucketMiddle[j] = 2 * low * high / (low + high)
	}
	bucketStart[subBuckets] = math.MaxUint64
	j := 0
	for k := range firstBucket {
		part := uint64(128+k) << 56
		for bucketStart[j+1] <= part {
			j++
		}
		firstBucket[k] = uint8(j)
	}
}

// bucketOf returns the bucket of a duration longer than zeroThreshold: its octave,
// counted from lowOctave, and its place in the octave. It works on integers
// alone, which is exact where a logarithm rounds wrongly.
func bucketOf(d time.Duration) (octave int, sub uint8) {
	zeros := bits.LeadingZeros64(uint64(d))
	m, _ := bits.Mul64(uint64(d)<<zeros, perSecond)
	// The product of two numbers with their highest bit set lacks at most that bit.
	// perSecond is rounded down, so a power of two stays just below itself and
	// belongs to the octave it ends, as OTLP wants it.
	short := int(^m >> 63)
	m <<= short
	// m is now d in seconds times 2^(29+zeros+short), and in [2^63, 2^64).
	octave = 63 - (29 + zeros + short) - lowOctave
	sub = firstBucket[m>>56&127]
	// The next bucket, unless m is below it: a comparison that no branch predictor could guess.
	_, below := bits.Sub64(m, bucketStart[sub+1], 0)
	sub += uint8(1 - below)
	if octave >= octaves {
		return octaves - 1, subBuckets - 1
	}
	return octave, sub
}

// middleOf returns the duration that stands for a bucket.
func middleOf(octave, sub int) time.Duration {
	return time.Duration(math.Ldexp(bucketMiddle[sub], octave+lowOctave) * float64(time.Second))
}

// octaveCounts holds the low 16 bits of the counts of one octave's buckets. Most
// never see more; what does is carried.
type octaveCounts [subBuckets]uint16

// carry is what a bucket holds above its 16 bits.
type carry struct {
	bucket uint16 // octave*subBuckets + sub
	times  uint32 // in units of 65,536
}

// Histogram counts durations. Counts, sum, minimum and maximum are exact,
// quantiles lie within 1 % from 1µs to 1h. Memory follows the spread of the
// durations: 128 bytes for every octave that holds one. The zero value is an empty
// histogram, ready to use; it must not be copied after first use, and it is
// not safe for concurrent use.
type Histogram struct {
	// The fields stand in the order of their use, since a duration that is recorded in
	// one of many histograms finds none of them in the processor's cache.
	count    uint64
	sumLow   uint64 // sum is sumHigh*2^64 + sumLow: no load can overflow it
	min, max time.Duration
	counts   []octaveCounts
	place    [octaves]uint8 // 1 + index into counts; 0: no duration in this octave
	sumHigh  uint64
	zero     uint64 // durations of zeroThreshold or less
	carries  []carry
}

// Record adds one duration; a negative one counts as zero.
func (h *Histogram) Record(d time.Duration) {
	d = max(d, 0)
	if h.count == 0 || d < h.min {
		h.min = d
	}
	if d > h.max {
		h.max = d
	}
	h.count++
	var c uint64
	if h.sumLow, c = bits.Add64(h.sumLow, uint64(d), 0); c != 0 {
		h.sumHigh++
	}
	if d <= zeroThreshold {
		h.zero++
		return
	}
	octave, sub := bucketOf(d)
	p := h.place[octave]
	if p == 0 {
		p = h.open(octave)
	}
	n := &h.counts[p-1][sub]
	*n++
	if *n == 0 {
		h.carry(octave*subBuckets+int(sub), 1)
	}
}

// recordMany adds a duration, which is not negative, n times.
func (h *Histogram) recordMany(d time.Duration, n uint64) {
	if n == 0 {
		return
	}
	if h.count == 0 || d < h.min {
		h.min = d
	}
	h.max = max(h.max, d)
	h.count += n
	high, low := bits.Mul64(uint64(d), n)
	var c uint64
	h.sumLow, c = bits.Add64(h.sumLow, low, 0)
	h.sumHigh += high + c
	if d <= zeroThreshold {
		h.zero += n
		return
	}
	octave, sub := bucketOf(d)
	p := h.place[octave]
	if p == 0 {
		p = h.open(octave)
	}
	sum := uint64(h.counts[p-1][sub]) + n
	h.counts[p-1][sub] = uint16(sum)
	if times := sum >> 16; times > 0 {
		h.carry(octave*subBuckets+int(sub), uint32(times))
	}
}

// open makes room for an octave, and for no more than that.
func (h *Histogram) open(octave int) uint8 {
	n := len(h.counts)
	if n == cap(h.counts) {
		h.counts = append(make([]octaveCounts, 0, n+1), h.counts...)
	}
	h.counts = h.counts[:n+1]
	h.counts[n] = octaveCounts{}
	h.place[octave] = uint8(n + 1)
	return uint8(n + 1)
}

// carry adds times 65,536 to a bucket.
func (h *Histogram) carry(bucket int, times uint32) {
	for i := range h.carries {
		if h.carries[i].bucket == uint16(bucket) {
			h.carries[i].times += times
			return
		}
	}
	h.carries = append(h.carries, carry{uint16(bucket), times})
}

// carried returns what a bucket holds above its 16 bits.
func (h *Histogram) carried(bucket int) uint64 {
	for _, c := range h.carries {
		if c.bucket == uint16(bucket) {
			return uint64(c.times) << 16
		}
	}
	return 0
}

// Merge adds all durations of o to h, as if they had been recorded in h. o stays as it is.
func (h *Histogram) Merge(o *Histogram) {
	if o.count == 0 {
		return
	}
	if h.count == 0 || o.min < h.min {
		h.min = o.min
	}
	h.max = max(h.max, o.max)
	h.count += o.count
	h.zero += o.zero
	var c uint64
	h.sumLow, c = bits.Add64(h.sumLow, o.sumLow, 0)
	h.sumHigh += o.sumHigh + c
	for octave, p := range o.place {
		if p == 0 {
			continue
		}
		if h.place[octave] == 0 {
			h.open(octave)
		}
		mine := &h.counts[h.place[octave]-1]
		for sub, n := range o.counts[p-1] {
			mine[sub] += n
			if mine[sub] < n {
				h.carry(octave*subBuckets+sub, 1)
			}
		}
	}
	for _, c := range o.carries {
		h.carry(int(c.bucket), c.times)
	}
}

// Count returns the number of durations.
func (h *Histogram) Count() uint64 { return h.count }

// Min returns the shortest duration, 0 if there is none.
func (h *Histogram) Min() time.Duration { return h.min }

// Max returns the longest duration, 0 if there is none.
func (h *Histogram) Max() time.Duration { return h.max }

// Mean returns the arithmetic mean, rounded down to the nanosecond; 0 if there is no duration.
func (h *Histogram) Mean() time.Duration {
	if h.count == 0 {
		return 0
	}
	// sumHigh < count, since no duration reaches 2^64.
	mean, _ := bits.Div64(h.sumHigh, h.sumLow, h.count)
	return time.Duration(mean)
}

// Quantile returns the duration that the share q (0..1) of all durations does
// not exceed, by the nearest-rank method; 0 if there is no duration.
func (h *Histogram) Quantile(q float64) time.Duration {
	var out [1]time.Duration
	h.quantiles([]float64{q}, out[:])
	return out[0]
}

// quantiles sets out to the quantiles qs, which ascend, in one pass.
func (h *Histogram) quantiles(qs []float64, out []time.Duration) {
	if h.count == 0 {
		clear(out)
		return
	}
	rank := func(q float64) uint64 {
		return min(max(uint64(math.Ceil(q*float64(h.count))), 1), h.count)
	}
	i, seen := 0, h.zero
	settle := func(d time.Duration) {
		for i < len(qs) && rank(qs[i]) <= seen {
			out[i] = min(max(d, h.min), h.max)
			i++
		}
	}
	settle(zeroThreshold / 2)
	for octave, p := range h.place {
		if p == 0 {
			continue
		}
		for sub, n := range h.counts[p-1] {
			if i == len(qs) {
				return
			}
			if n == 0 && len(h.carries) == 0 {
				continue
			}
			seen += uint64(n) + h.carried(octave*subBuckets+sub)
			settle(middleOf(octave, sub))
		}
	}
}

// reset empties h for the next period. Octaves that held something keep their
// room, so that a steady load allocates nothing; the others give it back.
func (h *Histogram) reset() {
	used := 0
	for i := range h.counts {
		if h.counts[i] != (octaveCounts{}) {
			used++
		}
	}
	if used < len(h.counts) {
		kept := uint8(0)
		for octave, p := range h.place {
			if p == 0 {
				continue
			}
			h.place[octave] = 0
			if h.counts[p-1] != (octaveCounts{}) {
				kept++
				h.place[octave] = kept
			}
		}
		h.counts = make([]octaveCounts, used)
	}
	clear(h.counts)
	*h = Histogram{place: h.place, counts: h.counts, carries: h.carries[:0]}
}

// ExponentialHistogram is a [Histogram] in the form of OTLP's exponential
// histogram data point, in seconds. The conversion loses nothing: both have the
// same buckets.
type ExponentialHistogram struct {
	// Scale sets the width of the buckets: 2^Scale for every doubling.
	Scale int32
	Count uint64
	// Sum, Min and Max are in seconds.
	Sum, Min, Max float64
	// ZeroCount is the number of durations of ZeroThreshold seconds or less.
	ZeroCount     uint64
	ZeroThreshold float64
	// Offset is the index of the first bucket of Counts: Counts[i] holds the
	// durations in (base^(Offset+i), base^(Offset+i+1)] with base = 2^(2^-Scale).
	Offset int32
	Counts []uint64
}

// clone returns a copy that shares nothing with e, nil for nil.
func (e *ExponentialHistogram) clone() *ExponentialHistogram {
	if e == nil {
		return nil
	}
	c := *e
	c.Counts = slices.Clone(e.Counts)
	return &c
}

// Exponential returns h in OTLP's form.
func (h *Histogram) Exponential() ExponentialHistogram {
	e := ExponentialHistogram{
		Scale:         histogramScale,
		Count:         h.count,
		Sum:           (math.Ldexp(float64(h.sumHigh), 64) + float64(h.sumLow)) / float64(time.Second),
		Min:           h.min.Seconds(),
		Max:           h.max.Seconds(),
		ZeroCount:     h.zero,
		ZeroThreshold: math.Ldexp(1, lowOctave),
	}
	first, last := -1, -1
	h.each(func(bucket int, _ uint64) {
		if first < 0 {
			first = bucket
		}
		last = bucket
	})
	if first < 0 {
		return e
	}
	e.Offset = int32(lowOctave*subBuckets + first)
	e.Counts = make([]uint64, last-first+1)
	h.each(func(bucket int, n uint64) { e.Counts[bucket-first] = n })
	return e
}

// each calls f for every bucket that holds something, in ascending order.
func (h *Histogram) each(f func(bucket int, n uint64)) {
	for octave, p := range h.place {
		if p == 0 {
			continue
		}
		for sub, n := range h.counts[p-1] {
			bucket := octave*subBuckets + sub
			if n := uint64(n) + h.carried(bucket); n > 0 {
				f(bucket, n)
			}
		}
	}
}
