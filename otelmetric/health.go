package otelmetric

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/blurooo/go-monitor/v2/engine"
)

// health is what the semantic conventions ask of a span processor: how many spans it has
// processed, and how many it has dropped and why.
type health struct {
	monitor            string
	start              time.Time
	processed, dropped uint64
}

func (h *health) add(p *engine.Period) {
	if h.start.IsZero() {
		h.start, h.monitor = p.Start, p.Monitor
	}
	h.processed += p.Received - p.Dropped
	h.dropped += p.Dropped
}

// metric returns otel.sdk.processor.span.processed.
func (h *health) metric(now time.Time) metricdata.Metrics {
	point := func(n uint64, more ...attribute.KeyValue) metricdata.DataPoint[int64] {
		attributes := append([]attribute.KeyValue{
			attribute.String("otel.component.type", "gomonitor"), attribute.String("otel.component.name", "gomonitor/"+clean(h.monitor)),
		}, more...)
		return metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attributes...), StartTime: h.start, Time: now, Value: int64(n)}
	}
	return metricdata.Metrics{
		Name: "otel.sdk.processor.span.processed", Unit: "{span}",
		Description: "The number of spans for which the processing has finished, either successful or failed.",
		Data: metricdata.Sum[int64]{
			Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
			DataPoints: []metricdata.DataPoint[int64]{point(h.processed), point(h.dropped, attribute.String("error.type", "queue_full"))},
		},
	}
}
