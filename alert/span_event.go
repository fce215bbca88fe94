package alert

import (
	"context"

	"go.opentelemetry.io/otel/trace"
)

// SpanEvent returns a notifier that records each alert as an event, named [EventFiring] or
// [EventResolved], on a span of its own. That is a child of the alert's worst exemplar, so
// that the alert is part of an affected trace and is exported with it. An alert without a
// sampled exemplar gets a trace of its own.
func SpanEvent(p trace.TracerProvider) Notifier {
	tracer := p.Tracer(ScopeName)
	return NotifierFunc(func(ctx context.Context, alerts []Alert) error {
		for i := range alerts {
			a := &alerts[i]
			_, span := tracer.Start(ContextWithExemplar(ctx, a), "gomonitor.alert",
				trace.WithSpanKind(trace.SpanKindInternal))
			span.AddEvent(EventName(a.State), trace.WithTimestamp(a.DecidedAt), trace.WithAttributes(Attributes(a)...))
			span.End()
		}
		return nil
	})
}
