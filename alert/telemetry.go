package alert

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/engine"
)

// ScopeName is the instrumentation scope of everything that the monitor itself emits. Spans
// of this scope are never monitored.
const ScopeName = "github.com/blurooo/go-monitor/v2"

// Names of the events that announce alerts.
const (
	EventFiring   = "gomonitor.alert.firing"
	EventResolved = "gomonitor.alert.resolved"
	// EventInterrupted is that of an alert that fired when the process ended.
	EventInterrupted = "gomonitor.alert.interrupted"
)

// EventName returns the name of the event that announces an alert.
func EventName(s State) string {
	switch s {
	case Resolved:
		return EventResolved
	case Interrupted:
		return EventInterrupted
	}
	return EventFiring
}

// text returns an attribute whose value may hold anything. What is not UTF-8 is
// replaced: an OTLP exporter loses the whole batch over one such byte.
func text(key, value string) attribute.KeyValue {
	return attribute.String(key, strings.ToValidUTF8(value, string(unicode.ReplacementChar)))
}

// Attributes returns the attributes of an alert's event. They have the keys of the semantic
// conventions where there are any, and begin with "gomonitor." otherwise. All text in them is
// UTF-8.
func Attributes(a *Alert) []attribute.KeyValue {
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
	if a.Repeat && !a.LastSentAt.IsZero() {
		attrs = append(attrs, attribute.Int64("gomonitor.alert.calls_since", int64(a.CallsSince)))
	}
	if a.EndReason != 0 {
		attrs = append(attrs, attribute.String("gomonitor.alert.end_reason", a.EndReason.String()))
	}
	if !a.Silenced.Until.IsZero() {
		attrs = append(attrs,
			attribute.String("gomonitor.alert.silenced.until", a.Silenced.Until.Format(time.RFC3339Nano)),
			text("gomonitor.alert.silenced.reason", a.Silenced.Reason),
		)
	}
	if a.Flapping.Count > 0 {
		attrs = append(attrs,
			attribute.Int("gomonitor.alert.flapping.count", a.Flapping.Count),
			attribute.String("gomonitor.alert.flapping.since", a.Flapping.Since.Format(time.RFC3339Nano)),
		)
	}
	if a.State == Interrupted {
		attrs = append(attrs,
			text("gomonitor.alert.process", a.Process),
			attribute.String("gomonitor.alert.expires_at", a.ExpiresAt.Format(time.RFC3339Nano)),
		)
	}
	if a.State != Firing || a.Repeat {
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
		if data, err := json.Marshal(e); err == nil { // fails for a year of five digits
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
	// Latency is about successes, and the evidence of a resolved alert is good periods.
	if (a.Objective == Availability || a.Objective == BurnRate) && a.State != Resolved {
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

// topCode returns the most frequent failure code of all periods together. Failures without a
// code do not count.
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

// ContextWithExemplar returns ctx with the span of the worst exemplar as its remote span, if that was
// sampled, so that what is emitted with it is part of an affected trace. Otherwise ctx has no
// span any more, as the caller of Notify has nothing to do with the alert.
func ContextWithExemplar(ctx context.Context, a *Alert) context.Context {
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
