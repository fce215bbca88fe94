package spanmetrics

import (
	"math"
	"sort"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Form is the form of histograms.
type Form struct {
	// MaxSize is the largest number of buckets, unless there are Bounds.
	MaxSize int
	// Factor is that from seconds to the unit.
	Factor float64
	// Bounds are those of explicit buckets. Nil: buckets are exponential.
	Bounds []time.Duration
}

// Durations adds up the histograms of periods, in the form and the unit in which they are
// emitted. The zero value is empty. Its memory is bounded by the form, which must be the same in
// each call.
type Durations struct {
	// Count is the number of durations. Sum, Min and Max are theirs, in the unit.
	Count         uint64
	Sum, Min, Max float64
	// Zero is the number of durations that are no longer than Threshold, of exponential buckets.
	Zero      uint64
	Threshold float64
	// Counts are the durations by bucket. The buckets lie between the bounds, or are exponential
	// with the Scale, the first one having the index Offset, as OTLP has them.
	Counts        []uint64
	Scale, Offset int32
}

// Add adds the histogram of one period, which may be nil.
func (d *Durations) Add(e *engine.ExponentialHistogram, o *Form) {
	if e == nil || e.Count == 0 {
		return
	}
	if low := e.Min * o.Factor; d.Count == 0 || low < d.Min {
		d.Min = low
	}
	d.Max = max(d.Max, e.Max*o.Factor)
	d.Count += e.Count
	d.Sum += e.Sum * o.Factor
	d.Zero += e.ZeroCount
	d.Threshold = max(d.Threshold, e.ZeroThreshold*o.Factor)
	if o.Bounds != nil {
		d.addExplicit(e, o.Bounds)
	} else {
		d.addExponential(e, o)
	}
}

// addExplicit counts each bucket of e by its lower end. So a duration that equals a bound is
// counted below it, as OTLP asks for, and so is one that is longer by less than the width of a
// bucket of e.
func (d *Durations) addExplicit(e *engine.ExponentialHistogram, bounds []time.Duration) {
	if d.Counts == nil {
		d.Counts = make([]uint64, len(bounds)+1)
	}
	d.Counts[0] += e.ZeroCount
	perDoubling := math.Ldexp(1, int(e.Scale))
	for i, n := range e.Counts {
		if n == 0 {
			continue
		}
		lower := math.Exp2(float64(int(e.Offset)+i) / perDoubling)
		d.Counts[sort.Search(len(bounds), func(k int) bool { return lower < bounds[k].Seconds() })] += n
	}
}

// addExponential adds the buckets of e. It widens the buckets of both until they fit.
//
// Bucket bounds are powers of two of a second. In milliseconds they are not, so the buckets are
// moved by the whole number of buckets nearest to the factor, which is off by 0.2 %.
func (d *Durations) addExponential(e *engine.ExponentialHistogram, o *Form) {
	if len(e.Counts) == 0 {
		return
	}
	moved := int32(math.Round(math.Log2(o.Factor) * math.Ldexp(1, int(e.Scale))))
	first := e.Offset + moved
	last := first + int32(len(e.Counts)) - 1
	scale := e.Scale
	if len(d.Counts) > 0 {
		scale = min(scale, d.Scale)
	}
	// span returns the first and the last bucket of both at a scale.
	span := func(scale int32) (low, high int32) {
		low, high = first>>(e.Scale-scale), last>>(e.Scale-scale)
		if len(d.Counts) > 0 {
			low = min(low, d.Offset>>(d.Scale-scale))
			high = max(high, (d.Offset+int32(len(d.Counts))-1)>>(d.Scale-scale))
		}
		return low, high
	}
	low, high := span(scale)
	for int(high-low) >= o.MaxSize {
		scale--
		low, high = span(scale)
	}
	counts := d.Counts
	if len(d.Counts) == 0 || d.Scale != scale || d.Offset != low || len(d.Counts) != int(high-low)+1 {
		counts = make([]uint64, high-low+1)
		for i, n := range d.Counts {
			counts[(d.Offset+int32(i))>>(d.Scale-scale)-low] += n
		}
	}
	for i, n := range e.Counts {
		counts[(first+int32(i))>>(e.Scale-scale)-low] += n
	}
	d.Counts, d.Scale, d.Offset = counts, scale, low
}

// none returns durations of the same form as d of no call.
func (d *Durations) none(o *Form) *Durations {
	empty := &Durations{Scale: d.Scale, Threshold: d.Threshold}
	if o.Bounds != nil {
		empty.Counts = make([]uint64, len(o.Bounds)+1)
	}
	return empty
}
