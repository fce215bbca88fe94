package gomonitorconnector

import (
	"strings"
	"time"
)

// PrometheusNames are the names that metrics have in Prometheus, where the Prometheus exporter
// offers them.
type PrometheusNames struct {
	// Calls is the counter of calls, Duration the histogram of durations, without _bucket. Duration
	// is empty if there is none.
	Calls, Duration string
	// Bounds are those of the histogram's buckets, nil if they are not fixed.
	Bounds []time.Duration
	// Unit is that of the bounds' labels.
	Unit time.Duration
}

// PrometheusNames returns the names that the metrics of c have in Prometheus.
func (c MetricsConfig) PrometheusNames() PrometheusNames {
	o := c.options(time.Minute, "")
	name := func(s string) string { return strings.NewReplacer(".", "_", "-", "_").Replace(s) }
	names := PrometheusNames{Calls: name(o.calls) + "_total", Bounds: o.histograms.Bounds, Unit: time.Millisecond}
	suffix := "_milliseconds"
	if o.unit == unitSeconds {
		names.Unit, suffix = time.Second, "_seconds"
	}
	if o.duration != "" {
		names.Duration = name(o.duration) + suffix
	}
	return names
}
