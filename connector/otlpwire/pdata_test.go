package otlpwire

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/blurooo/go-monitor/v2/classify"
)

// everything is what wants all attributes.
func everything(string) bool { return true }

// clone returns a span that shares no memory with s.
func clone(s *Span) Span {
	c := *s
	for _, text := range []*string{&c.Service, &c.Scope, &c.TraceState, &c.Name, &c.StatusMessage, &c.Exception.Type, &c.Exception.Message} {
		*text = strings.Clone(*text)
	}
	c.Attributes = nil
	for _, a := range s.Attributes {
		a.Key, a.Text = strings.Clone(a.Key), strings.Clone(a.Text)
		a.value, a.isJSON = []byte(a.String()), false // so that both can be compared
		c.Attributes = append(c.Attributes, a)
	}
	return c
}

// viaPdata returns the spans of decoded ones, as a [Reader] that wants everything reads them.
func viaPdata(td ptrace.Traces) []Span {
	var spans []Span
	for _, resource := range td.ResourceSpans().All() {
		service := textOf(resource.Resource().Attributes(), serviceName)
		for _, scope := range resource.ScopeSpans().All() {
			for _, s := range scope.Spans().All() {
				spans = append(spans, Span{
					Service: service, Scope: scope.Scope().Name(),
					TraceID: s.TraceID(), SpanID: s.SpanID(), ParentID: s.ParentSpanID(),
					TraceState: s.TraceState().AsRaw(), Flags: s.Flags(), Name: s.Name(), Kind: int32(s.Kind()),
					Start: uint64(s.StartTimestamp()), End: uint64(s.EndTimestamp()),
					StatusCode: int32(s.Status().Code()), StatusMessage: s.Status().Message(),
					Attributes: attributesOf(s.Attributes()), Exception: exceptionOf(s.Events()),
					DroppedAttributes: s.DroppedAttributesCount(), IsStream: isStream(s.Events()),
				})
			}
		}
	}
	return spans
}

func textOf(m pcommon.Map, key string) string {
	if v, ok := m.Get(key); ok && v.Type() == pcommon.ValueTypeStr {
		return v.Str()
	}
	return ""
}

func attributesOf(m pcommon.Map) (attrs []Attribute) {
	for key, value := range m.All() {
		if len(attrs) == MaxAttributes {
			break
		}
		a := Attribute{Key: key}
		switch value.Type() {
		case pcommon.ValueTypeStr:
			a.Type, a.Text = ValueText, value.Str()
		case pcommon.ValueTypeInt:
			a.Type, a.Int = ValueInt, value.Int()
		case pcommon.ValueTypeSlice:
			a.Type = ValueList
			if value.Slice().Len() > 0 && value.Slice().At(0).Type() == pcommon.ValueTypeStr {
				a.Text = value.Slice().At(0).Str()
			}
		}
		a.value = []byte(value.AsString())
		attrs = append(attrs, a)
	}
	return attrs
}

func exceptionOf(events ptrace.SpanEventSlice) Exception {
	for i := events.Len() - 1; i >= 0; i-- {
		if e := events.At(i); e.Name() == exceptionEvent {
			return Exception{
				Found: true, IsLast: i == events.Len()-1, Time: uint64(e.Timestamp()),
				Type: textOf(e.Attributes(), exceptionType), Message: textOf(e.Attributes(), exceptionMessage),
			}
		}
	}
	return Exception{}
}

func isStream(events ptrace.SpanEventSlice) bool {
	for _, e := range events.All() {
		for key, value := range e.Attributes().All() {
			if classify.IsMessage(e.Name()) && value.Type() == pcommon.ValueTypeInt && classify.IsLaterMessage(key, value.Int()) {
				return true
			}
		}
	}
	return false
}
