package otelmetric

import (
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/spanmetrics"
)

// metrics returns all metrics. p.mu is held.
func (p *Producer) metrics() metricdata.ScopeMetrics {
	b := builder{producer: p}
	for _, key := range p.totals.Keys() {
		o := p.totals.Of(key)
		b.add(key, o, spanmetrics.StatusUnset, &o.Unset)
		b.add(key, o, spanmetrics.StatusError, &o.Failed)
		if p.tracksInFlight {
			point := metricdata.DataPoint[int64]{Attributes: attribute.NewSet(identify(key)...), StartTime: o.Start, Time: p.end}
			if o.Now != nil {
				point.Value = int64(o.Now.InFlight)
			}
			b.inFlight = append(b.inFlight, point)
		}
	}
	scope := metricdata.ScopeMetrics{Scope: instrumentation.Scope{Name: alert.ScopeName}}
	add := func(name, unit, description string, data metricdata.Aggregation) {
		scope.Metrics = append(scope.Metrics, metricdata.Metrics{Name: name, Unit: unit, Description: description, Data: data})
	}
	const temporality = metricdata.CumulativeTemporality
	if b.calls != nil {
		add(p.namespace+".calls", "", "", metricdata.Sum[int64]{Temporality: temporality, IsMonotonic: true, DataPoints: b.calls})
	}
	if b.exponential != nil {
		add(p.namespace+".duration", p.unit, "", metricdata.ExponentialHistogram[float64]{Temporality: temporality, DataPoints: b.exponential})
	}
	if b.explicit != nil {
		add(p.namespace+".duration", p.unit, "", metricdata.Histogram[float64]{Temporality: temporality, DataPoints: b.explicit})
	}
	if b.inFlight != nil {
		add("gomonitor.in_flight", "{call}", "Calls that had begun and not ended at the end of the period.", metricdata.Sum[int64]{Temporality: temporality, DataPoints: b.inFlight})
	}
	scope.Metrics = append(scope.Metrics, p.health.metric(p.end))
	return scope
}

// builder gathers data points.
type builder struct {
	producer    *Producer
	calls       []metricdata.DataPoint[int64]
	exponential []metricdata.ExponentialHistogramDataPoint[float64]
	explicit    []metricdata.HistogramDataPoint[float64]
	inFlight    []metricdata.DataPoint[int64]
}

// add adds the data points of the calls with one status. What it returns shares no memory with
// the totals, which go on.
func (b *builder) add(key engine.OperationKey, o *spanmetrics.Operation, status string, c *spanmetrics.Calls) {
	p := b.producer
	attributes := attribute.NewSet(append(identify(key), attribute.String(spanmetrics.AttributeStatus, status))...)
	b.calls = append(b.calls, metricdata.DataPoint[int64]{
		Attributes: attributes, StartTime: o.Start, Time: p.end, Value: int64(c.Count()),
		Exemplars: exemplarsOf(c.Exemplars(), func(time.Duration) int64 { return 1 }),
	})
	d, calls := c.Durations(&p.form)
	if d == nil {
		return
	}
	exemplars := exemplarsOf(calls, func(d time.Duration) float64 { return d.Seconds() * p.form.Factor })
	var low, high metricdata.Extrema[float64]
	if d.Count > 0 {
		low, high = metricdata.NewExtrema(d.Min), metricdata.NewExtrema(d.Max)
	}
	counts := append([]uint64(nil), d.Counts...)
	if p.form.Bounds != nil {
		bounds := make([]float64, len(p.form.Bounds))
		for i, bound := range p.form.Bounds {
			bounds[i] = float64(bound) / (float64(time.Second) / p.form.Factor)
		}
		b.explicit = append(b.explicit, metricdata.HistogramDataPoint[float64]{
			Attributes: attributes, StartTime: o.Start, Time: p.end, Count: d.Count, Sum: d.Sum, Min: low, Max: high,
			Bounds: bounds, BucketCounts: counts, Exemplars: exemplars,
		})
		return
	}
	b.exponential = append(b.exponential, metricdata.ExponentialHistogramDataPoint[float64]{
		Attributes: attributes, StartTime: o.Start, Time: p.end, Count: d.Count, Sum: d.Sum, Min: low, Max: high,
		Scale: d.Scale, ZeroCount: d.Zero, ZeroThreshold: d.Threshold,
		PositiveBucket: metricdata.ExponentialBucket{Offset: d.Offset, Counts: counts}, Exemplars: exemplars,
	})
}

// identify returns the attributes that name an operation.
func identify(key engine.OperationKey) []attribute.KeyValue {
	var list []attribute.KeyValue
	if key.Service != "" {
		list = append(list, attribute.String(spanmetrics.AttributeService, key.Service))
	}
	return append(list, attribute.String(spanmetrics.AttributeName, key.Name), attribute.String(spanmetrics.AttributeKind, spanmetrics.KindText(key.SpanKind)))
}

// exemplarsOf returns the sampled calls.
func exemplarsOf[N int64 | float64](calls []engine.Exemplar, value func(time.Duration) N) []metricdata.Exemplar[N] {
	var list []metricdata.Exemplar[N]
	for _, c := range calls {
		if c.Trace.Sampled {
			trace, span := c.Trace.TraceID, c.Trace.SpanID
			list = append(list, metricdata.Exemplar[N]{Time: c.End, Value: value(c.Duration), TraceID: trace[:], SpanID: span[:]})
		}
	}
	return list
}

func clean(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
