package monitor

import (
	"context"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Exporter returns a span exporter over the same engine, for pipelines in which
// the monitor can't be a span processor. Behind a batcher it sees sampled spans
// only: prefer the processor, which sees all that are recorded. Use one of the two,
// or sampled spans count twice. The exporter's Shutdown is the monitor's.
func (m *Monitor) Exporter() sdktrace.SpanExporter { return exporter{m} }

// exporter makes a monitor an exporter. The monitor itself can't be one: OnEnd
// makes it a processor.
type exporter struct{ m *Monitor }

// ExportSpans counts the calls that the spans stand for.
func (e exporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, s := range spans {
		if !e.m.off {
			e.m.observe(s, false)
		}
	}
	return nil
}

// Shutdown shuts the monitor down.
func (e exporter) Shutdown(ctx context.Context) error { return e.m.Shutdown(ctx) }
