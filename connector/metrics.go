package gomonitorconnector

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/spanmetrics"
)

// periodMetrics turns closed periods into metrics. It keeps the sums of cumulative data points
// and which alerts fire. It is not safe for concurrent use. Its memory is bounded by the number of
// operations that the engine counts.
type periodMetrics struct {
	metricOptions
	totals *spanmetrics.Totals
	firing map[firingKey]bool
}

type firingKey struct {
	operation engine.OperationKey
	objective alert.ObjectiveKind
}

// newPeriodMetrics returns periodMetrics for a valid configuration. instance is the id of this
// process; it may be empty.
func newPeriodMetrics(c MetricsConfig, period time.Duration, instance string) *periodMetrics {
	o := c.options(period, instance)
	return &periodMetrics{metricOptions: o, totals: spanmetrics.NewTotals(o.totals()), firing: make(map[firingKey]bool)}
}

// add returns the metrics of a closed period and of the alerts that were raised in it. Periods
// come in order.
func (m *periodMetrics) add(p *engine.Period, alerts []alert.Alert) pmetric.Metrics {
	m.totals.Add(p)
	for i := range alerts {
		a := &alerts[i]
		m.firing[firingKey{spanmetrics.CleanKey(a.Key()), a.Objective}] = a.State != alert.Resolved
	}
	// The judge forgets evicted operations, so their alerts will not be resolved.
	for key := range m.firing {
		if m.totals.Evicted(key.operation) {
			m.firing[key] = false
		}
	}

	metrics := m.build(pcommon.NewTimestampFromTime(p.End))

	maps.DeleteFunc(m.firing, func(_ firingKey, fires bool) bool { return !fires })
	m.totals.Shown()
	return metrics
}

// build returns the data points of all operations at the end of a period.
func (m *periodMetrics) build(now pcommon.Timestamp) pmetric.Metrics {
	b := metricsBuilder{all: pmetric.NewMetrics(), options: &m.metricOptions, now: now}
	for _, key := range m.totals.Keys() {
		o := m.totals.Of(key)
		start := pcommon.NewTimestampFromTime(o.Start)
		b.calls(key, start, spanmetrics.StatusUnset, &o.Unset)
		b.calls(key, start, spanmetrics.StatusError, &o.Failed)
		if s := o.Now; s != nil && s.Success+s.Failure > 0 {
			b.ratio(key, metricSuccess, s.SuccessRatio)
			if s.Timed() > 0 && s.Objective.LatencyTarget > 0 {
				b.ratio(key, metricWithinTarget, s.WithinTargetRatio)
			}
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(m.firing), func(a, b firingKey) int {
		return cmp.Or(a.operation.Compare(b.operation), cmp.Compare(a.objective, b.objective))
	}) {
		b.alert(key, m.firing[key])
	}
	return b.all
}
