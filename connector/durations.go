package gomonitorconnector

import (
	"math"
	"sort"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/blurooo/go-monitor/v2/engine"
)

// histogramOptions set the form of histograms.
type histogramOptions struct {
	maxSize int             // largest number of buckets, unless bounds are set
	factor  float64         // from seconds to the unit
	bounds  []time.Duration // of explicit buckets; nil: buckets are exponential
}

// durations adds up the histograms of periods, in the form and the unit in which they are
// emitted. The zero value is empty. Its memory is bounded by the options, which must be the
// same in each call.
type durations struct {
	count         uint64
	sum, min, max float64
	zero          uint64 // calls that took no longer than threshold
	threshold     float64
	// counts are the calls by bucket. The buckets lie between the bounds, or are exponential
	// with the scale, the first one having the index offset.
	counts []uint64
	scale  int32
	offset int32
}

// add adds the histogram of one period, which may be nil.
func (d *durations) add(e *engine.ExponentialHistogram, o *histogramOptions) {
	if e == nil || e.Count == 0 {
		return
	}
	if low := e.Min * o.factor; d.count == 0 || low < d.min {
		d.min = low
	}
	d.max = max(d.max, e.Max*o.factor)
	d.count += e.Count
	d.sum += e.Sum * o.factor
	d.zero += e.ZeroCount
	d.threshold = max(d.threshold, e.ZeroThreshold*o.factor)
	if o.bounds != nil {
		d.addExplicit(e, o.bounds)
	} else {
		d.addExponential(e, o)
	}
}

// addExplicit counts each bucket of e by its lower end. So a duration that equals a bound is
// counted below it, as OTLP asks for, and so is one that is longer by less than the width of a
// bucket of e.
func (d *durations) addExplicit(e *engine.ExponentialHistogram, bounds []time.Duration) {
	if d.counts == nil {
		d.counts = make([]uint64, len(bounds)+1)
	}
	d.counts[0] += e.ZeroCount
	perDoubling := math.Ldexp(1, int(e.Scale))
	for i, n := range e.Counts {
		if n == 0 {
			continue
		}
		lower := math.Exp2(float64(int(e.Offset)+i) / perDoubling)
		d.counts[sort.Search(len(bounds), func(k int) bool { return lower < bounds[k].Seconds() })] += n
	}
}

// addExponential adds the buckets of e. It widens the buckets of both until they fit.
//
// Bucket bounds are powers of two of a second. In milliseconds they are not, so the buckets are
// moved by the whole number of buckets nearest to the factor, which is off by 0.2 %.
func (d *durations) addExponential(e *engine.ExponentialHistogram, o *histogramOptions) {
	if len(e.Counts) == 0 {
		return
	}
	moved := int32(math.Round(math.Log2(o.factor) * math.Ldexp(1, int(e.Scale))))
	first := e.Offset + moved
	last := first + int32(len(e.Counts)) - 1
	scale := e.Scale
	if len(d.counts) > 0 {
		scale = min(scale, d.scale)
	}
	// span returns the first and the last bucket of both at a scale.
	span := func(scale int32) (low, high int32) {
		low, high = first>>(e.Scale-scale), last>>(e.Scale-scale)
		if len(d.counts) > 0 {
			low = min(low, d.offset>>(d.scale-scale))
			high = max(high, (d.offset+int32(len(d.counts))-1)>>(d.scale-scale))
		}
		return low, high
	}
	low, high := span(scale)
	for int(high-low) >= o.maxSize {
		scale--
		low, high = span(scale)
	}
	counts := d.counts
	if len(d.counts) == 0 || d.scale != scale || d.offset != low || len(d.counts) != int(high-low)+1 {
		counts = make([]uint64, high-low+1)
		for i, n := range d.counts {
			counts[(d.offset+int32(i))>>(d.scale-scale)-low] += n
		}
	}
	for i, n := range e.Counts {
		counts[(first+int32(i))>>(e.Scale-scale)-low] += n
	}
	d.counts, d.scale, d.offset = counts, scale, low
}

// none returns durations of the same form as d of no call.
func (d *durations) none(o *histogramOptions) *durations {
	empty := &durations{scale: d.scale, threshold: d.threshold}
	if o.bounds != nil {
		empty.counts = make([]uint64, len(o.bounds)+1)
	}
	return empty
}

// writeExponential writes d as a data point with exponential buckets.
func (d *durations) writeExponential(point pmetric.ExponentialHistogramDataPoint) {
	point.SetCount(d.count)
	point.SetSum(d.sum)
	if d.count > 0 {
		point.SetMin(d.min)
		point.SetMax(d.max)
	}
	point.SetZeroCount(d.zero)
	point.SetZeroThreshold(d.threshold)
	point.SetScale(d.scale)
	point.Positive().SetOffset(d.offset)
	point.Positive().BucketCounts().FromRaw(d.counts)
}

// writeExplicit writes d as a data point with buckets of fixed bounds.
func (d *durations) writeExplicit(point pmetric.HistogramDataPoint, o *histogramOptions) {
	point.SetCount(d.count)
	point.SetSum(d.sum)
	point.ExplicitBounds().EnsureCapacity(len(o.bounds))
	for _, b := range o.bounds {
		point.ExplicitBounds().Append(float64(b) / (float64(time.Second) / o.factor))
	}
	point.BucketCounts().FromRaw(d.counts)
}
