package learn

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// durations counts durations by the buckets of the engine's histograms, which are about 1 %
// wide. The zero value is empty.
type durations struct {
	count   uint64
	buckets map[int32]uint64 // by index; tooShort has those below the lowest bucket
	longest time.Duration
	scale   int32
}

// tooShort is the bucket of durations that the histogram counts as zero.
const tooShort = math.MinInt32

// add adds what a histogram counted.
func (d *durations) add(h *engine.ExponentialHistogram) {
	if h == nil || h.Count == 0 {
		return
	}
	if d.buckets == nil {
		d.buckets = make(map[int32]uint64)
	}
	d.scale = h.Scale
	d.count += h.Count
	d.longest = max(d.longest, time.Duration(math.Round(h.Max*float64(time.Second))))
	if h.ZeroCount > 0 {
		d.buckets[tooShort] += h.ZeroCount
	}
	for i, n := range h.Counts {
		if n > 0 {
			d.buckets[h.Offset+int32(i)] += n
		}
	}
}

// merge adds other durations.
func (d *durations) merge(o *durations) {
	if o.count == 0 {
		return
	}
	if d.buckets == nil {
		d.buckets = make(map[int32]uint64)
	}
	d.scale = o.scale
	d.count += o.count
	d.longest = max(d.longest, o.longest)
	for b, n := range o.buckets {
		d.buckets[b] += n
	}
}

// at returns the duration of the given rank, 1 being the shortest, rounded up to the end of
// its bucket.
func (d *durations) at(rank uint64) time.Duration {
	passed := uint64(0)
	for _, b := range slices.Sorted(maps.Keys(d.buckets)) {
		if passed += d.buckets[b]; passed >= rank {
			return min(d.endOf(b), d.longest)
		}
	}
	return d.longest
}

// endOf returns the longest duration in a bucket.
func (d *durations) endOf(bucket int32) time.Duration {
	if bucket == tooShort {
		return time.Microsecond
	}
	return time.Duration(math.Exp2(float64(bucket+1)/math.Exp2(float64(d.scale))) * float64(time.Second))
}

// quantile returns the duration below which the given share of all lies.
func (d *durations) quantile(q float64) time.Duration {
	return d.at(max(1, uint64(math.Ceil(q*float64(d.count)-1e-9))))
}

// each calls f for each bucket with its end, in no particular order.
func (d *durations) each(f func(longest time.Duration, n uint64)) {
	for b, n := range d.buckets {
		f(min(d.endOf(b), d.longest), n)
	}
}
