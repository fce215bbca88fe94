// Package otellog sends alerts as OpenTelemetry log records. It is a module of its own, so
// that programs without OpenTelemetry logs need not have them.
package otellog

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"

	"github.com/blurooo/go-monitor/v2/alert"
)

// New returns a notifier that emits each alert as its [Record], in the trace context of the
// alert's worst exemplar if that was sampled.
func New(p log.LoggerProvider) alert.Notifier {
	logger := p.Logger(alert.ScopeName)
	return alert.NotifierFunc(func(ctx context.Context, alerts []alert.Alert) error {
		for i := range alerts {
			a := &alerts[i]
			r := Record(a)
			r.SetObservedTimestamp(time.Now())
			logger.Emit(alert.ContextWithExemplar(ctx, a), r)
		}
		return nil
	})
}

// Record returns the log record of an alert. Its event name is [alert.EventFiring], with
// severity ERROR, [alert.EventInterrupted], with WARN, or [alert.EventResolved], with INFO. All its text is UTF-8. The
// caller adds the observed timestamp and the trace context.
func Record(a *alert.Alert) log.Record {
	var r log.Record
	r.SetEventName(alert.EventName(a.State))
	r.SetTimestamp(a.DecidedAt)
	r.SetSeverity(log.SeverityError)
	r.SetSeverityText("ERROR")
	switch a.State {
	case alert.Resolved:
		r.SetSeverity(log.SeverityInfo)
		r.SetSeverityText("INFO")
	case alert.Interrupted:
		r.SetSeverity(log.SeverityWarn)
		r.SetSeverityText("WARN")
	}
	r.SetBody(attribute.StringValue(alert.Printable(a.Summary())))
	r.AddAttributes(alert.Attributes(a)...)
	return r
}
