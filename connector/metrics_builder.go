package gomonitorconnector

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/spanmetrics"
)

// Names of the metrics that the span metrics connector does not have.
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

// metricsBuilder builds the metrics of one period, grouped by service.
type metricsBuilder struct {
	all     pmetric.Metrics
	options *metricOptions
	now     pcommon.Timestamp

	services map[string]pmetric.MetricSlice
}

// metric returns a service's metric by name. If there is none yet, it adds one, which made sets
// up.
func (b *metricsBuilder) metric(service, name, unit string, made func(pmetric.Metric)) pmetric.Metric {
	list, ok := b.services[service]
	if !ok {
		resource := b.all.ResourceMetrics().AppendEmpty()
		if service != "" {
			resource.Resource().Attributes().PutStr("service.name", service)
		}
		scope := resource.ScopeMetrics().AppendEmpty()
		scope.Scope().SetName(alert.ScopeName)
		list = scope.Metrics()
		if b.services == nil {
			b.services = make(map[string]pmetric.MetricSlice)
		}
		b.services[service] = list
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

func (b *metricsBuilder) temporality() pmetric.AggregationTemporality {
	if b.options.delta {
		return pmetric.AggregationTemporalityDelta
	}
	return pmetric.AggregationTemporalityCumulative
}

// calls adds the data points of the calls with one status. A cumulative count is there from the
// operation's first call on, even while it is 0.
func (b *metricsBuilder) calls(key engine.OperationKey, start pcommon.Timestamp, status string, c *spanmetrics.Calls) {
	if c.Count() == 0 && b.options.delta {
		return
	}
	attributes := pcommon.NewMap()
	attributes.EnsureCapacity(5)
	b.identify(attributes, key)
	attributes.PutStr(spanmetrics.AttributeStatus, status)
	b.instance(attributes)

	sum := b.metric(key.Service, b.options.calls, "", func(metric pmetric.Metric) {
		sum := metric.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(b.temporality())
	}).Sum().DataPoints().AppendEmpty()
	sum.SetStartTimestamp(start)
	sum.SetTimestamp(b.now)
	sum.SetIntValue(int64(c.Count()))
	attributes.CopyTo(sum.Attributes())
	b.exemplars(sum.Exemplars(), c.Exemplars())

	d, exemplars := c.Durations(b.options.form())
	switch {
	case d == nil:
	case b.options.histograms.Bounds != nil:
		point := b.metric(key.Service, b.options.duration, b.options.unit, func(metric pmetric.Metric) {
			metric.SetEmptyHistogram().SetAggregationTemporality(b.temporality())
		}).Histogram().DataPoints().AppendEmpty()
		point.SetStartTimestamp(start)
		point.SetTimestamp(b.now)
		writeExplicit(d, point, &b.options.histograms)
		attributes.CopyTo(point.Attributes())
		b.exemplars(point.Exemplars(), exemplars)
	default:
		point := b.metric(key.Service, b.options.duration, b.options.unit, func(metric pmetric.Metric) {
			metric.SetEmptyExponentialHistogram().SetAggregationTemporality(b.temporality())
		}).ExponentialHistogram().DataPoints().AppendEmpty()
		point.SetStartTimestamp(start)
		point.SetTimestamp(b.now)
		writeExponential(d, point)
		attributes.CopyTo(point.Attributes())
		b.exemplars(point.Exemplars(), exemplars)
	}
}

// exemplars adds the sampled calls.
func (b *metricsBuilder) exemplars(to pmetric.ExemplarSlice, calls []engine.Exemplar) {
	for _, c := range calls {
		if !c.Trace.Sampled {
			continue
		}
		e := to.AppendEmpty()
		e.SetTraceID(c.Trace.TraceID)
		e.SetSpanID(c.Trace.SpanID)
		e.SetTimestamp(pcommon.NewTimestampFromTime(c.End))
		e.SetDoubleValue(c.Duration.Seconds() * b.options.histograms.Factor)
	}
}

// ratio adds a ratio of this period.
func (b *metricsBuilder) ratio(key engine.OperationKey, name string, value float64) {
	b.gauge(key, name, "1").SetDoubleValue(value)
}

// alert adds 1 if an alert fires, otherwise 0.
func (b *metricsBuilder) alert(key firingKey, fires bool) {
	point := b.gauge(key.operation, metricFiring, "{alert}")
	point.Attributes().PutStr("gomonitor.objective", key.objective.String())
	point.SetIntValue(0)
	if fires {
		point.SetIntValue(1)
	}
}

// gauge adds a data point of an operation. The caller sets its value.
func (b *metricsBuilder) gauge(key engine.OperationKey, name, unit string) pmetric.NumberDataPoint {
	point := b.metric(key.Service, name, unit, func(metric pmetric.Metric) {
		metric.SetEmptyGauge()
	}).Gauge().DataPoints().AppendEmpty()
	point.SetTimestamp(b.now)
	b.identify(point.Attributes(), key)
	b.instance(point.Attributes())
	return point
}

// identify sets the attributes that name the operation.
func (b *metricsBuilder) identify(attributes pcommon.Map, key engine.OperationKey) {
	if key.Service != "" {
		attributes.PutStr(spanmetrics.AttributeService, key.Service)
	}
	attributes.PutStr(spanmetrics.AttributeName, key.Name)
	attributes.PutStr(spanmetrics.AttributeKind, spanmetrics.KindText(key.SpanKind))
}

// instance sets the attribute that names this process.
func (b *metricsBuilder) instance(attributes pcommon.Map) {
	if b.options.instance != "" {
		attributes.PutStr(instanceKey, b.options.instance)
	}
}
