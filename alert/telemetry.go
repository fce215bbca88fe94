package alert

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/engine"
)

// ScopeName is the instrumentation scope of everything the monitor itself
// emits. Spans of this scope are never monitored.
const ScopeName = "github.com/blurooo/go-monitor/v2"

// Names of the events that announce alerts.
const (
	EventFiring   = "gomonitor.alert.firing"
	EventResolved = "gomonitor.alert.resolved"
)

// eventName returns the name of the event that announces an alert.
func eventName(s State) string {
	if s == Resolved {
		return EventResolved
	}
	return EventFiring
}

// text returns an attribute whose value may hold anything. What is not UTF-8 is
// replaced: an OTLP exporter loses the whole batch over one such byte.
func text(key, value string) attribute.KeyValue {
	return attribute.String(key, strings.ToValidUTF8(value, string(unicode.ReplacementChar)))
}

// attributes returns what an event says about an alert. Existing semantic
// conventions are used where there are any; the rest stands under gomonitor.
func attributes(a *Alert) []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		text("gomonitor.alert.id", a.ID),
		attribute.String("gomonitor.alert.starts_at", a.StartsAt.Format(time.RFC3339Nano)),
		text("gomonitor.monitor", a.Monitor),
		text("gomonitor.operation", a.Operation),
		attribute.String("gomonitor.span.kind", a.SpanKind.String()),
		attribute.String("gomonitor.objective", a.Objective.String()),
		attribute.Float64("gomonitor.target", a.Target),
		attribute.Float64("gomonitor.actual", a.Actual),
		attribute.Int("gomonitor.evidence.periods", len(a.Evidence)),
	}
	if a.Service != "" {
		attrs = append(attrs, text("service.name", a.Service))
	}
	if !a.EndsAt.IsZero() {
		attrs = append(attrs, attribute.String("gomonitor.alert.ends_at", a.EndsAt.Format(time.RFC3339Nano)))
	}
	if a.Objective == Latency {
		attrs = append(attrs, attribute.Float64("gomonitor.latency_target", a.LatencyTarget.Seconds()))
	}
	if a.Repeat {
		attrs = append(attrs, attribute.Bool("gomonitor.alert.repeat", true))
	}
	if a.State == Resolved || a.Repeat {
		attrs = append(attrs,
			attribute.Float64("gomonitor.alert.lasted", a.Lasted().Seconds()),
			attribute.Float64("gomonitor.worst_actual", a.WorstActual),
			attribute.Float64("gomonitor.last_actual", a.LastActual),
		)
	}
	if len(a.Causes) > 0 {
		attrs = append(attrs,
			text("gomonitor.cause.operation", a.Causes[0].Operation),
			text("gomonitor.cause.service", a.Causes[0].Service),
			text("gomonitor.cause.code", a.Causes[0].Code),
			attribute.Float64("gomonitor.cause.share", a.Causes[0].Share),
		)
	}
	if a.CausedBy != "" {
		attrs = append(attrs, text("gomonitor.alert.caused_by", a.CausedBy))
	}
	var calls, failures uint64
	for i := range a.Evidence {
		calls, failures = calls+a.Evidence[i].Count, failures+a.Evidence[i].Failure
	}
	var exemplars, traces []string
	for _, e := range a.Exemplars() {
		if data, err := json.Marshal(e); err == nil { // it has an error for a year of five digits
			exemplars = append(exemplars, string(data))
		}
		if e.Trace.Sampled {
			traces = append(traces, trace.TraceID(e.Trace.TraceID).String())
		}
	}
	attrs = append(attrs,
		attribute.Int64("gomonitor.evidence.calls", int64(calls)),
		attribute.Int64("gomonitor.evidence.failures", int64(failures)),
	)
	// Latency is about successes, and a resolved alert's evidence is what went well.
	if (a.Objective == Availability || a.Objective == BurnRate) && a.State == Firing {
		if code := topCode(a.Evidence); code != "" {
			attrs = append(attrs, text("error.type", code))
		}
	}
	if len(exemplars) > 0 {
		attrs = append(attrs, attribute.StringSlice("gomonitor.evidence.exemplars", exemplars))
	}
	if len(traces) > 0 {
		attrs = append(attrs, attribute.StringSlice("gomonitor.evidence.trace_ids", traces))
	}
	return attrs
}

// topCode returns the most frequent failure code of all periods together, leaving
// failures without a code aside.
func topCode(evidence []engine.Summary) string {
	counts := make(map[string]uint64)
	var top string
	for i := range evidence {
		for _, f := range evidence[i].Failures {
			if f.Code == "" {
				continue
			}
			counts[f.Code] += f.Count
			if n := counts[f.Code]; top == "" || n > counts[top] || n == counts[top] && f.Code < top {
				top = f.Code
			}
		}
	}
	return top
}

// exemplarsOf returns the calls that show best how an objective was missed.
func exemplarsOf(k ObjectiveKind, s *engine.Summary) []engine.Exemplar {
	switch k {
	case Availability, BurnRate:
		return s.FailureExemplars
	case Latency:
		return s.SlowExemplars
	case Stuck:
		return s.StuckExemplars
	}
	return nil
}

// worst returns the call that shows best how an objective was missed: a sampled
// one, since only those can be looked up, and among these the longest. It is zero
// if there is none.
func worst(k ObjectiveKind, evidence []engine.Summary) engine.Exemplar {
	var w engine.Exemplar
	for i := range evidence {
		for _, e := range exemplarsOf(k, &evidence[i]) {
			better := e.Trace.Sampled && !w.Trace.Sampled ||
				e.Trace.Sampled == w.Trace.Sampled && e.Duration > w.Duration
			if !e.Trace.IsZero() && (w.Trace.IsZero() || better) {
				w = e
			}
		}
	}
	return w
}

// withWorst returns ctx with the span of the worst exemplar as its remote span, if
// that was sampled, so that what is emitted there stands in an affected trace. Otherwise
// ctx has no span any more: whoever called Notify has nothing to do with the alert.
func withWorst(ctx context.Context, a *Alert) context.Context {
	ref := a.WorstExemplar.Trace
	if !ref.Sampled {
		return trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	}
	return trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID:    ref.TraceID,
		SpanID:     ref.SpanID,
		TraceFlags: trace.FlagsSampled,
		Remote:     true,
	}))
}

// LogRecord returns the log record that announces an alert: with an event name,
// [EventFiring] with severity ERROR or [EventResolved] with severity INFO. All its text is
// UTF-8, whatever names and codes hold. It lacks the time at which it is observed and the
// trace context, which is that of the alert's worst exemplar if that was sampled.
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
	r.SetBody(attribute.StringValue(printable(a.Summary())))
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

// SpanEvent returns a notifier that puts each alert, as an event named
// [EventFiring] or [EventResolved], on a span of its own that is a child of the
// alert's worst exemplar: so the alert stands in an affected trace and is exported
// with it. An alert without a sampled exemplar gets a trace of its own.
func SpanEvent(p trace.TracerProvider) Notifier {
	tracer := p.Tracer(ScopeName)
	return NotifierFunc(func(ctx context.Context, alerts []Alert) error {
		for i := range alerts {
			a := &alerts[i]
			_, span := tracer.Start(withWorst(ctx, a), "gomonitor.alert",
				trace.WithSpanKind(trace.SpanKindInternal))
			span.AddEvent(eventName(a.State), trace.WithTimestamp(a.DecidedAt), trace.WithAttributes(attributes(a)...))
			span.End()
		}
		return nil
	})
}
