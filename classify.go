package monitor

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/classify"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Presets settle the matters of taste in the default rules: calls that one program
// takes for failures and another does not. [Config.Codes] has the last word on a
// single code.
type Presets = classify.Presets

// classifier applies the rules of package classify to the SDK's spans. It is safe for
// concurrent use.
type classifier struct{ rules *classify.Rules }

func newClassifier(codes map[string]engine.CodeFeature, presets Presets) classifier {
	return classifier{classify.New(codes, presets)}
}

// classify says which operation a span stands for, with which code the call ended,
// and how; the outcome is never unset. kind and end are the span's, which the caller
// has read already: every accessor of a span copies all of it.
func (c classifier) classify(s sdktrace.ReadOnlySpan, kind trace.SpanKind, end time.Time) (operation, code string, outcome engine.Outcome) {
	var span classify.Span
	setAttributes(&span.Attributes, s.Attributes())
	span.Kind, span.Name = engine.Kind(kind), s.Name()
	status := s.Status()
	span.Message = status.Description
	switch status.Code {
	case codes.Ok:
		span.Status = classify.StatusOK
	case codes.Error:
		span.Status = classify.StatusError
	}
	code, outcome = c.rules.Classify(&span, func() classify.Exception { return lastException(s, end) })
	return c.rules.Operation(&span), code, outcome
}

// operation says which operation a span stands for that has not ended.
func (c classifier) operation(s sdktrace.ReadOnlySpan, kind trace.SpanKind) string {
	span := classify.Span{Kind: engine.Kind(kind), Name: s.Name()}
	if kind == trace.SpanKindClient { // no other is named by its attributes
		setAttributes(&span.Attributes, s.Attributes())
	}
	return c.rules.Operation(&span)
}

// setAttributes hands the attributes of a span to the rules. A value of a type that an
// attribute should not have counts as none.
func setAttributes(to *classify.Attributes, attrs []attribute.KeyValue) {
	for i := range attrs {
		switch v := &attrs[i].Value; v.Type() {
		case attribute.STRING:
			to.SetString(string(attrs[i].Key), v.AsString())
		case attribute.INT64:
			to.SetInt(string(attrs[i].Key), v.AsInt64())
		}
	}
}

// lastException looks for the exception that ended the call. Of several the last one
// counts: those before it were followed by another try.
func lastException(s sdktrace.ReadOnlySpan, end time.Time) classify.Exception {
	events := s.Events()
	for i := len(events) - 1; i >= 0; i-- {
		e := &events[i]
		if e.Name != classify.ExceptionEvent {
			continue
		}
		return classify.Exception{
			Type:    textOf(e, classify.ExceptionType),
			Message: textOf(e, classify.ExceptionMessage),
			IsPanic: i == len(events)-1 && isPanic(s, end, e.Time),
		}
	}
	return classify.Exception{}
}

// textOf returns an attribute of an event, or "" if it has none or anything but text.
func textOf(e *sdktrace.Event, key attribute.Key) string {
	for i := range e.Attributes {
		if kv := &e.Attributes[i]; kv.Key == key {
			if kv.Value.Type() != attribute.STRING {
				return ""
			}
			return kv.Value.AsString()
		}
	}
	return ""
}

// isPanic reports whether the call ended in a panic that went through a deferred End, of
// which the last event came at the given time; [classify.IsPanic] says how that shows.
//
// That holds as long as it was the SDK that set the end. A program that gives End a
// time of its own may have recorded an error after it. An end from elsewhere mostly
// shows: either it lies further back, or it has no monotonic clock reading although
// the start has one, from which the SDK would have taken it over. What remains is a
// time.Now() of the last second, taken before an error was recorded that left no
// status: that is taken for a panic. A panic through an End that was given a time
// after the panic, or with nothing but a coarse clock between the two readings, is
// not seen; nor is one where End is not itself the deferred function.
func isPanic(s sdktrace.ReadOnlySpan, end, at time.Time) bool {
	return classify.IsPanic(at.Sub(end)) && isMonotonic(end) == isMonotonic(s.StartTime())
}

// isMonotonic reports whether t has a monotonic clock reading, which Round takes away.
func isMonotonic(t time.Time) bool { return t != t.Round(0) }
