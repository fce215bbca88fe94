package monitor

import (
	"context"
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

// Rule says what to make of the spans that fit its conditions; see [Config.Rules].
type Rule = classify.Rule

// classifier applies the rules of package classify to the SDK's spans. It is safe for
// concurrent use.
type classifier struct{ rules *classify.Rules }

func newClassifier(codes map[string]engine.CodeFeature, outcomes Outcomes, rules []Rule) classifier {
	return classifier{classify.New(codes, outcomes, rules)}
}

// classify says which operation a span stands for, and how the call ended. kind and end are
// the span's, which the caller has read already: every accessor of a span copies all of it.
//
// ctx is the context that the span was started with, nil if that is not known.
func (c classifier) classify(ctx context.Context, s sdktrace.ReadOnlySpan, kind trace.SpanKind, end time.Time) (operation string, result classify.Result) {
	name, attrs, status := s.Name(), s.Attributes(), s.Status()
	if status.Code == codes.Unset && kind != trace.SpanKindClient {
		if code, ok := c.quickHTTP(name, attrs); ok {
			return name, classify.Result{Code: code, Outcome: engine.OutcomeSuccess}
		}
	}
	return c.closely(ctx, s, kind, end, name, attrs, status)
}

// quickHTTP returns the code of the HTTP calls of which most are: instrumentation saw them
// to their end and found no fault. ok is false for all others.
func (c classifier) quickHTTP(name string, attrs []attribute.KeyValue) (code string, ok bool) {
	var status int64
	for i := range attrs {
		key := string(attrs[i].Key)
		if !classify.MayMatter(key) {
			continue
		}
		v := &attrs[i].Value
		if status != 0 || key != classify.HTTPResponseStatusCode || v.Type() != attribute.INT64 {
			return "", false
		}
		status = v.AsInt64()
	}
	return c.rules.QuickHTTP(name, status)
}

// closely is classify by all of the rules.
func (c classifier) closely(ctx context.Context, s sdktrace.ReadOnlySpan, kind trace.SpanKind, end time.Time, name string, attrs []attribute.KeyValue, status sdktrace.Status) (operation string, result classify.Result) {
	var span classify.Span
	span.SpanKind, span.Name = engine.SpanKind(kind), name
	c.setAttributes(&span, attrs)
	span.Message = status.Description
	switch status.Code {
	case codes.Ok:
		span.Status = classify.StatusOK
	case codes.Error:
		span.Status = classify.StatusError
	}
	operation = c.rules.Operation(&span)
	if code, ok := c.rules.Quick(&span); ok {
		return operation, classify.Result{Code: code, Outcome: engine.OutcomeSuccess}
	}
	if ctx != nil && ctx.Done() != nil {
		span.GaveUp = classify.GaveUpOf(ctx, span.SpanKind, s.StartTime(), end)
	}
	if span.MayBePassedOn() {
		span.HasParent = s.Parent().IsValid()
	}
	if c.rules.NeedsScope(&span) {
		span.Scope = s.InstrumentationScope().Name
	}
	var e classify.Events
	if span.NeedsEvents() {
		e = eventsOf(s, end)
	}
	if span.IsUnanswered() {
		span.AttributesDropped = s.DroppedAttributes() > 0
	}
	return operation, c.rules.Classify(&span, e)
}

// operation returns the operation of a span that has not ended.
func (c classifier) operation(s sdktrace.ReadOnlySpan, kind trace.SpanKind) string {
	span := classify.Span{SpanKind: engine.SpanKind(kind), Name: s.Name()}
	if span.NeedsAttributes() {
		c.setAttributes(&span, s.Attributes())
	}
	return c.rules.Operation(&span)
}

// setAttributes hands the attributes of a span to the rules. A value of a type that an
// attribute should not have counts as none.
func (c classifier) setAttributes(span *classify.Span, attrs []attribute.KeyValue) {
	custom := c.rules.WantsAttributes()
	for i := range attrs {
		key, v := string(attrs[i].Key), &attrs[i].Value
		if custom && c.rules.WantsText(key) {
			c.rules.SetText(span, key, v.Emit())
		}
		if !span.Wants(key) {
			continue
		}
		switch v.Type() {
		case attribute.STRING:
			span.Attributes.SetString(key, v.AsString())
		case attribute.INT64:
			span.Attributes.SetInt(key, v.AsInt64())
		case attribute.STRINGSLICE:
			if key == classify.ContentType {
				span.Attributes.SetString(key, firstOf(v.AsStringSlice()))
			}
		}
	}
}

func firstOf(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return texts[0]
}

// eventsOf looks for the exception that ended the call, and for the messages of an RPC. Of several
// exceptions the last one counts: those before it were followed by another try.
func eventsOf(s sdktrace.ReadOnlySpan, end time.Time) (found classify.Events) {
	events := s.Events()
	hasException := false
	for i := len(events) - 1; i >= 0 && (!hasException || !found.IsStream); i-- {
		e := &events[i]
		switch {
		case e.Name == classify.ExceptionEvent && !hasException:
			hasException = true
			found.Exception.IsPanic = i == len(events)-1 && isPanic(s, end, e.Time)
			for j := range e.Attributes {
				switch kv := &e.Attributes[j]; kv.Key {
				case classify.ExceptionType:
					found.Exception.Type = textOf(&kv.Value)
				case classify.ExceptionMessage:
					found.Exception.Message = textOf(&kv.Value)
				}
			}
		case classify.IsMessage(e.Name):
			for j := range e.Attributes {
				if kv := &e.Attributes[j]; kv.Value.Type() == attribute.INT64 && classify.IsLaterMessage(string(kv.Key), kv.Value.AsInt64()) {
					found.IsStream = true
				}
			}
		}
	}
	return found
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
