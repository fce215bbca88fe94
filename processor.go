package monitor

import (
	"context"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

var _ sdktrace.SpanProcessor = (*Monitor)(nil)

// OnStart does nothing: calls are judged when they end.
func (m *Monitor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd counts the call that a span stands for, if the span is of a watched kind.
// It never waits, never panics, allocates nothing and does not keep the span.
func (m *Monitor) OnEnd(s sdktrace.ReadOnlySpan) {
	if !m.off {
		m.observe(s)
	}
}
