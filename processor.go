package monitor

import (
	"context"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

var _ sdktrace.SpanProcessor = (*Monitor)(nil)

// OnStart remembers the context of a call, which tells in the end who gave it up, and that the call
// has begun, if calls in flight are tracked. It never waits and allocates nothing.
func (m *Monitor) OnStart(ctx context.Context, s sdktrace.ReadWriteSpan) {
	if m.off {
		return
	}
	if ctx != nil && ctx.Done() != nil && m.kinds.has(s.SpanKind()) {
		m.contexts.Put(ctx, s.SpanContext().SpanID())
	}
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
	m.observe(s, true)
	if m.ended.Load() {
		m.sayLate()
	}
}
