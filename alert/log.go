package alert

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
)

// LogRecord returns the log record of an alert. Its event name is [EventFiring], with severity
// ERROR, or [EventResolved], with severity INFO. All its text is UTF-8. The caller adds the
// observed timestamp and the trace context, which is that of the alert's worst exemplar if
// that was sampled.
func LogRecord(a *Alert) log.Record {
	var r log.Record
	r.SetEventName(eventName(a.State))
	r.SetTimestamp(a.DecidedAt)
	r.SetSeverity(log.SeverityError)
	r.SetSeverityText("ERROR")
	if a.State == Resolved {
		r.SetSeverity(log.SeverityInfo)
		r.SetSeverityText("INFO")
	}
	r.SetBody(attribute.StringValue(Printable(a.Summary())))
	r.AddAttributes(attributes(a)...)
	return r
}

// Log returns a notifier that emits each alert as its [LogRecord], in the trace context
// of the alert's worst exemplar.
func Log(p log.LoggerProvider) Notifier {
	logger := p.Logger(ScopeName)
	return NotifierFunc(func(ctx context.Context, alerts []Alert) error {
		for i := range alerts {
			a := &alerts[i]
			r := LogRecord(a)
			r.SetObservedTimestamp(time.Now())
			logger.Emit(withWorst(ctx, a), r)
		}
		return nil
	})
}
