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
)

// periodMetrics turns closed periods into metrics. It keeps the sums of cumulative data points
// and which alerts fire. It is not safe for concurrent use.
//
// A cumulative count stands at 0 for some periods before it holds its first calls. Prometheus
// computes increases from what it has read, and would not see those calls otherwise.
//
// Its memory is bounded by the number of operations that the engine counts: an operation that
// the engine evicts is forgotten. If it comes back, its data points start anew at that time, with
// a 0, so that nothing is lost.
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
	// isEvicted says that the engine has given the operation up.
	isEvicted bool
}

// callSeries are the calls of an operation with one status.
type callSeries struct {
	calls     uint64
	durations durations
	exemplars []engine.Exemplar // of the calls since the last data point that held some
	// callZeros and durationZeros are the numbers of periods for which the data points of the calls
	// and of their durations still stand at 0.
	callZeros, durationZeros int
}

// isWaiting reports whether there are calls that no data point holds yet.
func (c *callSeries) isWaiting() bool {
	return c.callZeros > 0 && c.calls > 0 || c.durationZeros > 0 && c.durations.count > 0
}

// sent is called when the data points of a period are made.
func (c *callSeries) sent() {
	if c.callZeros == 0 {
		c.exemplars = nil
	}
	c.callZeros, c.durationZeros = max(0, c.callZeros-1), max(0, c.durationZeros-1)
}

// sample takes the exemplars of a period, if there are any.
func (c *callSeries) sample(exemplars []engine.Exemplar) {
	if len(exemplars) > 0 {
		c.exemplars = exemplars
	}
}

type firingKey struct {
	operation engine.OperationKey
	objective alert.ObjectiveKind
}

// newPeriodMetrics returns periodMetrics for a valid configuration. instance is the id of this
// process; it may be empty.
func newPeriodMetrics(c MetricsConfig, period time.Duration, instance string) *periodMetrics {
	return &periodMetrics{
		metricOptions: c.options(period, instance),
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
		m.firing[firingKey{cleanKey(a.Key()), a.Objective}] = a.State == alert.Firing
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

	wasWaiting := make(map[engine.OperationKey]bool)
	for key, o := range m.operations {
		if o.unset.isWaiting() || o.failed.isWaiting() {
			wasWaiting[key] = true
		}
	}

	metrics := m.build(pcommon.NewTimestampFromTime(p.End))

	maps.DeleteFunc(m.firing, func(_ firingKey, fires bool) bool { return !fires })
	maps.DeleteFunc(m.operations, func(key engine.OperationKey, o *operationSeries) bool {
		o.now, o.isEvicted = nil, o.isEvicted || evicted[key]
		o.unset.sent()
		o.failed.sent()
		return m.delta || o.isEvicted && !wasWaiting[key]
	})
	return metrics
}

// hurry ends the time for which counts stand at 0: what is made next are the last data points.
func (m *periodMetrics) hurry() {
	for _, o := range m.operations {
		for _, c := range []*callSeries{&o.unset, &o.failed} {
			c.callZeros, c.durationZeros = 0, 0
		}
	}
	m.zeros = 0
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
		o.unset.callZeros, o.failed.callZeros = m.zeros, m.zeros
		m.operations[key] = o
	}
	o.now, o.isEvicted = s, false
	o.unset.calls += s.Success + s.Cancelled
	o.failed.calls += s.Failure
	o.unset.sample(s.SlowExemplars)
	o.failed.sample(s.FailureExemplars)
	if m.duration != "" {
		m.time(&o.unset, s.Histogram)
		m.time(&o.unset, s.CancelledHistogram)
		m.time(&o.failed, s.FailureHistogram)
	}
}

// time adds the durations of a period. Those of one status begin when the first of them comes.
func (m *periodMetrics) time(c *callSeries, h *engine.ExponentialHistogram) {
	isNew := c.durations.count == 0
	c.durations.add(h, &m.histograms)
	if isNew && c.durations.count > 0 {
		c.durationZeros = m.zeros
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
