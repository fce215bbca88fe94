package gomonitorconnector

import (
	"cmp"
	"maps"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// periodMetrics turns closed periods into metrics. It keeps the sums of cumulative data points
// and which alerts fire. It is not safe for concurrent use.
//
// Its memory is bounded by the number of operations that the engine counts: an operation that
// the engine evicts is forgotten. If it comes back, its data points start anew at that time.
type periodMetrics struct {
	metricOptions
	operations map[engine.OperationKey]*operationSeries
	firing     map[firingKey]bool
}

// operationSeries are the data points of one operation.
type operationSeries struct {
	start pcommon.Timestamp
	// unset are the calls with the status UNSET, which did not fail, and failed the others.
	unset, failed callSeries
	// now is the operation's summary of this period, nil if there is none.
	now *engine.Summary
}

// callSeries are the calls of an operation with one status.
type callSeries struct {
	calls     uint64
	durations durations
	exemplars []engine.Exemplar // of this period
}

type firingKey struct {
	operation engine.OperationKey
	objective alert.ObjectiveKind
}

// newPeriodMetrics returns periodMetrics for a valid configuration. instance is the id of this
// process; it may be empty.
func newPeriodMetrics(c MetricsConfig, instance string) *periodMetrics {
	return &periodMetrics{
		metricOptions: c.options(instance),
		operations:    make(map[engine.OperationKey]*operationSeries),
		firing:        make(map[firingKey]bool),
	}
}

// add returns the metrics of a closed period and of the alerts that were raised in it. Periods
// come in order.
func (m *periodMetrics) add(p *engine.Period, alerts []alert.Alert) pmetric.Metrics {
	start := pcommon.NewTimestampFromTime(p.Start)
	for i := range p.Summaries {
		m.count(&p.Summaries[i], start)
	}
	for i := range alerts {
		a := &alerts[i]
		m.firing[firingKey{cleanKey(a.Key()), a.Objective}] = a.State != alert.Resolved
	}
	// The judge forgets evicted operations, so their alerts will not be resolved.
	evicted := make(map[engine.OperationKey]bool, len(p.Evicted))
	for _, key := range p.Evicted {
		evicted[cleanKey(key)] = true
	}
	for key := range m.firing {
		if evicted[key.operation] {
			m.firing[key] = false
		}
	}

	metrics := m.build(pcommon.NewTimestampFromTime(p.End))

	maps.DeleteFunc(m.firing, func(_ firingKey, fires bool) bool { return !fires })
	maps.DeleteFunc(m.operations, func(key engine.OperationKey, o *operationSeries) bool {
		o.now, o.unset.exemplars, o.failed.exemplars = nil, nil, nil
		return m.delta || evicted[key]
	})
	return metrics
}

// count adds a summary of the period that began at start.
func (m *periodMetrics) count(s *engine.Summary, start pcommon.Timestamp) {
	key := cleanKey(s.Key())
	o, ok := m.operations[key]
	if !ok {
		if s.Count == 0 {
			return
		}
		o = &operationSeries{start: start}
		m.operations[key] = o
	}
	o.now = s
	o.unset.calls += s.Success + s.Cancelled
	o.failed.calls += s.Failure
	o.unset.exemplars = s.SlowExemplars
	o.failed.exemplars = s.FailureExemplars
	if m.duration != "" {
		o.unset.durations.add(s.Histogram, &m.histograms)
		o.unset.durations.add(s.CancelledHistogram, &m.histograms)
		o.failed.durations.add(s.FailureHistogram, &m.histograms)
	}
}

// build returns the data points of all operations at the end of a period.
func (m *periodMetrics) build(now pcommon.Timestamp) pmetric.Metrics {
	b := metricsBuilder{all: pmetric.NewMetrics(), options: &m.metricOptions, now: now}
	for _, key := range slices.SortedFunc(maps.Keys(m.operations), engine.OperationKey.Compare) {
		o := m.operations[key]
		b.calls(key, o, "STATUS_CODE_UNSET", &o.unset)
		b.calls(key, o, "STATUS_CODE_ERROR", &o.failed)
		if s := o.now; s != nil && s.Success+s.Failure > 0 {
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

// cleanKey returns a key whose names are UTF-8. Operations that differ only in invalid bytes are
// one in metrics, since two data points must not have the same attributes.
func cleanKey(key engine.OperationKey) engine.OperationKey {
	key.Service, key.Name = clean(key.Service), clean(key.Name)
	return key
}
