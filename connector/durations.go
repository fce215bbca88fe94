package gomonitorconnector

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/blurooo/go-monitor/v2/spanmetrics"
)

// writeExponential writes d as a data point with exponential buckets.
func writeExponential(d *spanmetrics.Durations, point pmetric.ExponentialHistogramDataPoint) {
	point.SetCount(d.Count)
	point.SetSum(d.Sum)
	if d.Count > 0 {
		point.SetMin(d.Min)
		point.SetMax(d.Max)
	}
	point.SetZeroCount(d.Zero)
	point.SetZeroThreshold(d.Threshold)
	point.SetScale(d.Scale)
	point.Positive().SetOffset(d.Offset)
	point.Positive().BucketCounts().FromRaw(d.Counts)
}

// writeExplicit writes d as a data point with buckets of fixed bounds.
func writeExplicit(d *spanmetrics.Durations, point pmetric.HistogramDataPoint, o *spanmetrics.Form) {
	point.SetCount(d.Count)
	point.SetSum(d.Sum)
	point.ExplicitBounds().EnsureCapacity(len(o.Bounds))
	for _, b := range o.Bounds {
		point.ExplicitBounds().Append(float64(b) / (float64(time.Second) / o.Factor))
	}
	point.BucketCounts().FromRaw(d.Counts)
}
