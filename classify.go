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

// Outcomes say how calls end that one program takes for failures and another does not.
// [Config.Codes] decides on single codes, before Outcomes.
type Outcomes = classify.Outcomes

// classifier applies the rules of package classify to the SDK's spans. It is safe for
// concurrent use.
type classifier struct{ rules *classify.Rules }

func newClassifier(codes map[string]engine.CodeFeature, outcomes Outcomes) classifier {
	return classifier{classify.New(codes, outcomes)}
}

// classify says which operation a span stands for, with which code the call ended,
// and how; the outcome is never unset. kind and end are the span's, which the caller
// has read already: every accessor of a span copies all of it.
func (c classifier) classify(s sdktrace.ReadOnlySpan, kind trace.SpanKind, end time.Time) (operation, code string, outcome engine.Outcome) {
	name, attrs, status := s.Name(), s.Attributes(), s.Status()
	if status.Code == codes.Unset && kind != trace.SpanKindClient {
		if code, ok := c.quickHTTP(attrs); ok {
			return name, code, engine.OutcomeSuccess
		}
	}
	return c.closely(s, kind, end, name, attrs, status)
}

// quickHTTP returns the code of an HTTP call whose instrumentation saw it end and found no
// fault, as most calls are. ok is false for all others.
func (c classifier) quickHTTP(attrs []attribute.KeyValue) (code string, ok bool) {
	var status int64
	for i := range attrs {
		key := string(attrs[i].Key)
		if !classify.MayHoldCode(key) {
			continue
		}
		v := &attrs[i].Value
		if status != 0 || key != classify.HTTPResponseStatusCode || v.Type() != attribute.INT64 {
			return "", false
		}
		status = v.AsInt64()
	}
	return c.rules.QuickHTTP(status)
}

// closely is classify by all rules.
func (c classifier) closely(s sdktrace.ReadOnlySpan, kind trace.SpanKind, end time.Time, name string, attrs []attribute.KeyValue, status sdktrace.Status) (operation, code string, outcome engine.Outcome) {
	var span classify.Span
	span.SpanKind, span.Name = engine.SpanKind(kind), name
	setAttributes(&span, attrs)
	span.Message = status.Description
	switch status.Code {
	case codes.Ok:
		span.Status = classify.StatusOK
	case codes.Error:
		span.Status = classify.StatusError
	}
	operation = c.rules.Operation(&span)
	code, outcome, ok := c.rules.Quick(&span)
	if !ok {
		var e classify.Exception
		if span.NeedsException() {
			e = lastException(s, end)
		}
		code, outcome = c.rules.Classify(&span, e)
	}
	return operation, code, outcome
}

// operation returns the operation of a span that has not ended.
func (c classifier) operation(s sdktrace.ReadOnlySpan, kind trace.SpanKind) string {
	span := classify.Span{SpanKind: engine.SpanKind(kind), Name: s.Name()}
	if kind == trace.SpanKindClient { // no other is named by its attributes
		setAttributes(&span, s.Attributes())
	}
	return c.rules.Operation(&span)
}

// setAttributes hands the attributes of a span to the rules. A value of a type that an
// attribute should not have counts as none.
func setAttributes(span *classify.Span, attrs []attribute.KeyValue) {
	for i := range attrs {
		key := string(attrs[i].Key)
		if !span.Wants(key) {
			continue
		}
		switch v := &attrs[i].Value; v.Type() {
		case attribute.STRING:
			span.Attributes.SetString(key, v.AsString())
		case attribute.INT64:
			span.Attributes.SetInt(key, v.AsInt64())
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
		found := classify.Exception{IsPanic: i == len(events)-1 && isPanic(s, end, e.Time)}
		for j := range e.Attributes {
			switch kv := &e.Attributes[j]; kv.Key {
			case classify.ExceptionType:
				found.Type = textOf(&kv.Value)
			case classify.ExceptionMessage:
				found.Message = textOf(&kv.Value)
			}
		}
		return found
	}
	return classify.Exception{}
}

// textOf returns the text of v, or "" if it is anything but text.
func textOf(v *attribute.Value) string {
	if v.Type() != attribute.STRING {
		return ""
	}
	return v.AsString()
}

// isPanic reports whether the call ended in a panic that went through a deferred End. The last
// event came at the given time; [classify.IsPanic] says how a panic shows.
//
// That is sure if the SDK set the end. A program that gives End a time of its own may have
// recorded an error after that time. Mostly such an end is recognised: it lies further back, or
// it has no monotonic clock reading though the start has one, which the SDK would have taken
// over. Where it is a time.Now() of the last second, and the error left no status, the call is
// taken for one that panicked.
//
// Not seen is a panic through an End that was given a later time, one where a coarse clock
// reads the same twice, and one where End is not itself the deferred function.
func isPanic(s sdktrace.ReadOnlySpan, end, at time.Time) bool {
	return classify.IsPanic(at.Sub(end)) && isMonotonic(end) == isMonotonic(s.StartTime())
}

// isMonotonic reports whether t has a monotonic clock reading, which Round takes away.
func isMonotonic(t time.Time) bool { return t != t.Round(0) }
