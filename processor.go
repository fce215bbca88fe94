package monitor

import (
	"context"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

var _ sdktrace.SpanProcessor = (*Monitor)(nil)

// OnStart notes that a call has begun, if calls in flight are tracked. Otherwise it does
// nothing: calls are judged when they end.
func (m *Monitor) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) {
	if m.tracks && (m.filter == nil || m.wants(s)) {
		m.engine.Begin(s.SpanContext().SpanID(), s)
	}
}

// OnEnd counts the call that a span stands for, if the span is of a watched kind.
// It never waits, never panics, allocates nothing and does not keep the span.
func (m *Monitor) OnEnd(s sdktrace.ReadOnlySpan) {
	if m.off {
		return
	}
	if m.tracks {
		m.engine.End(s.SpanContext().SpanID())
	}
	m.observe(s)
}
