package alert

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
)

// Slog returns a notifier that logs each alert as one record: its message is the alert in one
// line, its level ERROR when the alert fires, WARN when it is interrupted and INFO when it is resolved, its attributes are
// [Attributes] and the event's name. The context has the trace of the worst exemplar, for
// handlers that look for one. A nil logger means [slog.Default], whichever that is when an
// alert comes.
func Slog(logger *slog.Logger) Notifier {
	return NotifierFunc(func(ctx context.Context, alerts []Alert) error {
		l := logger
		if l == nil {
			l = slog.Default()
		}
		for i := range alerts {
			a := &alerts[i]
			level := slog.LevelError
			switch a.State {
			case Resolved:
				level = slog.LevelInfo
			case Interrupted:
				level = slog.LevelWarn
			}
			attrs := []slog.Attr{slog.String("event.name", EventName(a.State))}
			for _, kv := range Attributes(a) {
				attrs = append(attrs, slogAttr(kv))
			}
			l.LogAttrs(ContextWithExemplar(ctx, a), level, Printable(a.Summary()), attrs...)
		}
		return nil
	})
}

// slogAttr returns an attribute as slog has it.
func slogAttr(kv attribute.KeyValue) slog.Attr {
	key := string(kv.Key)
	switch kv.Value.Type() {
	case attribute.STRING:
		return slog.String(key, kv.Value.AsString())
	case attribute.INT64:
		return slog.Int64(key, kv.Value.AsInt64())
	case attribute.FLOAT64:
		return slog.Float64(key, kv.Value.AsFloat64())
	case attribute.BOOL:
		return slog.Bool(key, kv.Value.AsBool())
	}
	return slog.Any(key, kv.Value.AsInterface())
}
