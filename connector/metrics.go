package gomonitorconnector

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// MetricsConfig says how calls are emitted as metrics. Its keys, and the names of the
// metrics and of their attributes, are those of the span metrics connector, so that
// dashboards made for that one show these. A zero field means its default.
type MetricsConfig struct {
	// Namespace is put before the names calls and duration, with a dot. Default
	// "traces.span.metrics".
	Namespace string `mapstructure:"namespace"`
	// Temporality says what a data point covers: "cumulative", all periods since the
	// operation was first called, or "delta", one period. The long names of OTLP,
	// AGGREGATION_TEMPORALITY_DELTA for one, are the same. Default "cumulative".
	Temporality string `mapstructure:"aggregation_temporality"`
	// Histogram says how durations are emitted.
	Histogram HistogramConfig `mapstructure:"histogram"`
	// ExcludeDimensions names attributes that are left out. The only one that can be is
	// collector.instance.id, which tells apart what several processes say of the same
	// operation. Default: none.
	ExcludeDimensions []string `mapstructure:"exclude_dimensions"`
}

// HistogramConfig says how durations are emitted.
type HistogramConfig struct {
	// Disable leaves the metric duration out.
	Disable bool `mapstructure:"disable"`
	// Unit is that of durations, "ms" or "s". Default "ms".
	Unit string `mapstructure:"unit"`
	// Exponential sets what an exponential histogram may hold. That is the default form.
	Exponential ExponentialConfig `mapstructure:"exponential"`
	// Explicit, if it is there, makes histograms with buckets of fixed bounds instead, as
	// backends need them that don't know exponential ones.
	Explicit *ExplicitConfig `mapstructure:"explicit"`
}

// Unmarshal reads the configuration. With nothing behind its key, as in "explicit:", the form
// of histograms has all its defaults.
func (c *HistogramConfig) Unmarshal(conf *confmap.Conf) error {
	if err := conf.Unmarshal(c); err != nil {
		return err
	}
	fillIn(conf, "explicit", &c.Explicit)
	return nil
}

// ExponentialConfig sets the bounds of exponential histograms.
type ExponentialConfig struct {
	// MaxSize is the number of buckets that one histogram may have, 2 to 4096: where the
	// durations spread further, buckets get wider. Default 160.
	MaxSize int `mapstructure:"max_size"`
}

// ExplicitConfig sets the bounds of histograms with fixed ones.
type ExplicitConfig struct {
	// Buckets are the upper bounds of all buckets but the last, which has none, ascending.
	// A call that took up to 1.1 % longer than a bound may be counted below it. Default 2ms,
	// 4ms, 6ms, 8ms, 10ms, 50ms, 100ms, 200ms, 400ms, 800ms, 1s, 1.4s, 2s, 5s, 10s, 15s.
	Buckets []time.Duration `mapstructure:"buckets"`
}

const (
	defaultNamespace = "traces.span.metrics"
	defaultMaxSize   = 160
	largestMaxSize   = 4096
	mostBuckets      = 200
	instanceKey      = "collector.instance.id"

	unitMilliseconds = "ms"
	unitSeconds      = "s"
)

var defaultBuckets = []time.Duration{
	2 * time.Millisecond, 4 * time.Millisecond, 6 * time.Millisecond, 8 * time.Millisecond, 10 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond,
	time.Second, 1400 * time.Millisecond, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second,
}

// temporalities are what aggregation_temporality may say, in lower case.
var temporalities = map[string]pmetric.AggregationTemporality{
	"":                                   pmetric.AggregationTemporalityCumulative,
	"cumulative":                         pmetric.AggregationTemporalityCumulative,
	"delta":                              pmetric.AggregationTemporalityDelta,
	"aggregation_temporality_cumulative": pmetric.AggregationTemporalityCumulative,
	"aggregation_temporality_delta":      pmetric.AggregationTemporalityDelta,
}

// Validate returns one error for everything in c that can't be, joined; each names the key
// and quotes the value.
func (c MetricsConfig) Validate() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !isMetricName(c.Namespace) {
		refuse("namespace: want letters, digits, dots, underscores and dashes, a letter first, got %q", c.Namespace)
	}
	if _, ok := temporalities[strings.ToLower(c.Temporality)]; !ok {
		refuse("aggregation_temporality: must be cumulative or delta, got %q", c.Temporality)
	}
	switch c.Histogram.Unit {
	case "", unitMilliseconds, unitSeconds:
	default:
		refuse("histogram.unit: must be %s or %s, got %q", unitMilliseconds, unitSeconds, c.Histogram.Unit)
	}
	if n := c.Histogram.Exponential.MaxSize; n != 0 && (n < 2 || n > largestMaxSize) {
		refuse("histogram.exponential.max_size: must be between 2 and %d, got %d", largestMaxSize, n)
	}
	if explicit := c.Histogram.Explicit; explicit != nil {
		if c.Histogram.Exponential.MaxSize != 0 {
			refuse("histogram: use either explicit or exponential, got both")
		}
		if n := len(explicit.Buckets); n > mostBuckets {
			refuse("histogram.explicit.buckets: must be at most %d, got %d", mostBuckets, n)
		}
		last := time.Duration(0)
		for _, b := range explicit.Buckets {
			if b <= last {
				refuse("histogram.explicit.buckets: must be positive and ascend, got %s after %s", b, last)
				break
			}
			last = b
		}
	}
	for _, key := range c.ExcludeDimensions {
		if key != instanceKey {
			refuse("exclude_dimensions: can only be %s, got %q", instanceKey, key)
		}
	}
	return errors.Join(errs...)
}

// isMetricName reports whether a metric may be called so, or s is empty.
func isMetricName(s string) bool {
	for i, r := range s {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || (r < '0' || r > '9') && !strings.ContainsRune("._-", r)) {
			return false
		}
	}
	return true
}

// metricOptions are a [MetricsConfig] as it is used.
type metricOptions struct {
	calls, duration string
	unit            string
	delta           bool
	histograms      histogramOptions
	instance        string
}

func (c MetricsConfig) options(instance string) metricOptions {
	namespace := cmp.Or(c.Namespace, defaultNamespace)
	o := metricOptions{
		calls:    namespace + ".calls",
		duration: namespace + ".duration",
		unit:     cmp.Or(c.Histogram.Unit, unitMilliseconds),
		delta:    temporalities[strings.ToLower(c.Temporality)] == pmetric.AggregationTemporalityDelta,
		instance: clean(instance),
	}
	if slices.Contains(c.ExcludeDimensions, instanceKey) {
		o.instance = ""
	}
	o.histograms = histogramOptions{
		maxSize: cmp.Or(c.Histogram.Exponential.MaxSize, defaultMaxSize),
		factor:  map[string]float64{unitMilliseconds: 1e3, unitSeconds: 1}[o.unit],
	}
	switch explicit := c.Histogram.Explicit; {
	case c.Histogram.Disable:
		o.duration = ""
	case explicit != nil && len(explicit.Buckets) > 0:
		o.histograms.bounds = explicit.Buckets
	case explicit != nil:
		o.histograms.bounds = defaultBuckets
	}
	return o
}

// periodMetrics turns closed periods into metrics. It is pure, but remembers what a
// cumulative data point has to hold and which alerts fire; it is not safe for concurrent use.
//
// Its memory is bounded by the number of operations that the engine counts: what an operation
// brought is forgotten when it gives up its place. If it comes back it begins anew, with
// the time of its return as the start of its data points.
type periodMetrics struct {
	metricOptions
	operations map[engine.OperationKey]*operationSeries
	firing     map[firingKey]bool
}

// operationSeries are the data points of one operation.
type operationSeries struct {
	start pcommon.Timestamp
	// unset are the calls that did not fail, failed those that did.
	unset, failed callSeries
	// now is what the operation did in this period, nil if nothing.
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

// newPeriodMetrics returns what makes metrics of a configuration that was validated. instance
// is the id of this process, which may be empty.
func newPeriodMetrics(c MetricsConfig, instance string) *periodMetrics {
	return &periodMetrics{
		metricOptions: c.options(instance),
		operations:    make(map[engine.OperationKey]*operationSeries),
		firing:        make(map[firingKey]bool),
	}
}

// add returns the metrics at the end of a closed period, in which alerts were raised. Periods
// come in their order.
func (m *periodMetrics) add(p *engine.Period, alerts []alert.Alert) pmetric.Metrics {
	start := pcommon.NewTimestampFromTime(p.Start)
	for i := range p.Summaries {
		m.count(&p.Summaries[i], start)
	}
	for i := range alerts {
		a := &alerts[i]
		m.firing[firingKey{cleanKey(a.Key()), a.Objective}] = a.State == alert.Firing
	}
	// Nobody will resolve the alerts of an operation that the judge has forgotten.
	left := make(map[engine.OperationKey]bool, len(p.Evicted))
	for _, key := range p.Evicted {
		left[cleanKey(key)] = true
	}
	for key := range m.firing {
		if left[key.operation] {
			m.firing[key] = false
		}
	}

	metrics := m.build(pcommon.NewTimestampFromTime(p.End))

	maps.DeleteFunc(m.firing, func(_ firingKey, fires bool) bool { return !fires })
	maps.DeleteFunc(m.operations, func(key engine.OperationKey, o *operationSeries) bool {
		o.now, o.unset.exemplars, o.failed.exemplars = nil, nil, nil
		return m.delta || left[key]
	})
	return metrics
}

// count adds what an operation did in the period that began at start.
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

// build returns the data points of all operations.
func (m *periodMetrics) build(now pcommon.Timestamp) pmetric.Metrics {
	out := metricsOut{all: pmetric.NewMetrics(), options: &m.metricOptions, now: now}
	for _, key := range slices.SortedFunc(maps.Keys(m.operations), engine.OperationKey.Compare) {
		o := m.operations[key]
		out.calls(key, o, "STATUS_CODE_UNSET", &o.unset)
		out.calls(key, o, "STATUS_CODE_ERROR", &o.failed)
		if s := o.now; s != nil && s.Success+s.Failure > 0 {
			out.ratio(key, metricSuccess, s.SuccessRatio)
			if s.Success > 0 && s.Objective.LatencyTarget > 0 {
				out.ratio(key, metricWithinTarget, s.WithinTargetRatio)
			}
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(m.firing), func(a, b firingKey) int {
		return cmp.Or(a.operation.Compare(b.operation), cmp.Compare(a.objective, b.objective))
	}) {
		out.alert(key, m.firing[key])
	}
	return out.all
}

// Names of the metrics that the span metrics connector has not.
const (
	metricFiring       = "gomonitor.alert.firing"
	metricSuccess      = "gomonitor.success_ratio"
	metricWithinTarget = "gomonitor.within_target_ratio"
)

var metricDescriptions = map[string]string{
	metricFiring:       "1 while an alert about the operation fires, 0 in the period in which it ends.",
	metricSuccess:      "Share of the calls of the period that succeeded.",
	metricWithinTarget: "Share of the successful calls of the period that were done within the latency target.",
}

// metricsOut builds metrics, by service.
type metricsOut struct {
	all     pmetric.Metrics
	options *metricOptions
	now     pcommon.Timestamp

	services map[string]pmetric.MetricSlice
}

// metric returns the metric of a service by its name; made sets it up if it is not there.
func (out *metricsOut) metric(service, name, unit string, made func(pmetric.Metric)) pmetric.Metric {
	list, ok := out.services[service]
	if !ok {
		resource := out.all.ResourceMetrics().AppendEmpty()
		if service != "" {
			resource.Resource().Attributes().PutStr("service.name", service)
		}
		scope := resource.ScopeMetrics().AppendEmpty()
		scope.Scope().SetName(alert.ScopeName)
		list = scope.Metrics()
		if out.services == nil {
			out.services = make(map[string]pmetric.MetricSlice)
		}
		out.services[service] = list
	}
	for _, metric := range list.All() {
		if metric.Name() == name {
			return metric
		}
	}
	metric := list.AppendEmpty()
	metric.SetName(name)
	metric.SetUnit(unit)
	metric.SetDescription(metricDescriptions[name])
	made(metric)
	return metric
}

func (out *metricsOut) temporality() pmetric.AggregationTemporality {
	if out.options.delta {
		return pmetric.AggregationTemporalityDelta
	}
	return pmetric.AggregationTemporalityCumulative
}

// calls adds the data points of the calls with one status.
//
// A cumulative count of failures is there, as 0, before the first call fails: a reader of
// counters sees growth alone, and would not see the first failures otherwise.
func (out *metricsOut) calls(key engine.OperationKey, o *operationSeries, status string, c *callSeries) {
	if c.calls == 0 && (out.options.delta || c != &o.failed) {
		return
	}
	attributes := pcommon.NewMap()
	attributes.EnsureCapacity(5)
	out.identify(attributes, key)
	attributes.PutStr("status.code", status)
	out.instance(attributes)

	sum := out.metric(key.Service, out.options.calls, "", func(metric pmetric.Metric) {
		sum := metric.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(out.temporality())
	}).Sum().DataPoints().AppendEmpty()
	sum.SetStartTimestamp(o.start)
	sum.SetTimestamp(out.now)
	sum.SetIntValue(int64(c.calls))
	attributes.CopyTo(sum.Attributes())
	out.exemplars(sum.Exemplars(), c.exemplars)

	switch d := &c.durations; {
	case out.options.duration == "" || d.count == 0:
	case out.options.histograms.bounds != nil:
		point := out.metric(key.Service, out.options.duration, out.options.unit, func(metric pmetric.Metric) {
			metric.SetEmptyHistogram().SetAggregationTemporality(out.temporality())
		}).Histogram().DataPoints().AppendEmpty()
		point.SetStartTimestamp(o.start)
		point.SetTimestamp(out.now)
		d.writeExplicit(point, &out.options.histograms)
		attributes.CopyTo(point.Attributes())
		out.exemplars(point.Exemplars(), c.exemplars)
	default:
		point := out.metric(key.Service, out.options.duration, out.options.unit, func(metric pmetric.Metric) {
			metric.SetEmptyExponentialHistogram().SetAggregationTemporality(out.temporality())
		}).ExponentialHistogram().DataPoints().AppendEmpty()
		point.SetStartTimestamp(o.start)
		point.SetTimestamp(out.now)
		d.writeExponential(point)
		attributes.CopyTo(point.Attributes())
		out.exemplars(point.Exemplars(), c.exemplars)
	}
}

// exemplars adds those calls that can be looked up.
func (out *metricsOut) exemplars(to pmetric.ExemplarSlice, calls []engine.Exemplar) {
	for _, c := range calls {
		if !c.Trace.Sampled {
			continue
		}
		e := to.AppendEmpty()
		e.SetTraceID(c.Trace.TraceID)
		e.SetSpanID(c.Trace.SpanID)
		e.SetTimestamp(pcommon.NewTimestampFromTime(c.End))
		e.SetDoubleValue(c.Duration.Seconds() * out.options.histograms.factor)
	}
}

// ratio adds what an operation did in this period alone.
func (out *metricsOut) ratio(key engine.OperationKey, name string, value float64) {
	out.gauge(key, name, "1").SetDoubleValue(value)
}

// alert adds whether an alert fires.
func (out *metricsOut) alert(key firingKey, fires bool) {
	point := out.gauge(key.operation, metricFiring, "{alert}")
	point.Attributes().PutStr("gomonitor.objective", key.objective.String())
	point.SetIntValue(0)
	if fires {
		point.SetIntValue(1)
	}
}

// gauge adds a data point of an operation, without a value.
func (out *metricsOut) gauge(key engine.OperationKey, name, unit string) pmetric.NumberDataPoint {
	point := out.metric(key.Service, name, unit, func(metric pmetric.Metric) {
		metric.SetEmptyGauge()
	}).Gauge().DataPoints().AppendEmpty()
	point.SetTimestamp(out.now)
	out.identify(point.Attributes(), key)
	out.instance(point.Attributes())
	return point
}

// identify says which operation a data point is of.
func (out *metricsOut) identify(attributes pcommon.Map, key engine.OperationKey) {
	if key.Service != "" {
		attributes.PutStr("service.name", key.Service)
	}
	attributes.PutStr("span.name", key.Name)
	attributes.PutStr("span.kind", "SPAN_KIND_"+strings.ToUpper(key.SpanKind.String()))
}

// instance says which process a data point is from.
func (out *metricsOut) instance(attributes pcommon.Map) {
	if out.options.instance != "" {
		attributes.PutStr(instanceKey, out.options.instance)
	}
}

// cleanKey returns a key whose names are UTF-8. Operations that are told apart by other bytes
// alone are one in metrics: two data points must not have the same attributes.
func cleanKey(key engine.OperationKey) engine.OperationKey {
	key.Service, key.Name = clean(key.Service), clean(key.Name)
	return key
}
