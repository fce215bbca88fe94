package gomonitorconnector

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/blurooo/go-monitor/connector/otlpwire"
	"github.com/blurooo/go-monitor/v2/classify"
	"github.com/blurooo/go-monitor/v2/engine"
)

// detailReader reads what the spans of bad calls tell beyond code and duration. The zero value reads
// nothing. It is safe for concurrent use.
type detailReader struct {
	rules *classify.DetailRules
	wants func(*engine.Span) bool // nil: nothing is wanted
}

// isWanted reports whether the details of a span are wanted. It is to be asked once for each.
func (r *detailReader) isWanted(s *engine.Span) bool { return r.wants != nil && r.wants(s) }

// read reads them.
func (r *detailReader) read(s ptrace.Span, resource pcommon.Resource) *engine.Details {
	d := r.rules.Read(s.Status().Message())
	for key, value := range s.Attributes().All() {
		if r.rules.Keeps(key) {
			d.Attribute(key, value.AsString())
		}
	}
	for key, value := range resource.Attributes().All() {
		if key != "service.name" && r.rules.Keeps(key) {
			d.Attribute(key, value.AsString())
		}
	}
	for _, e := range s.Events().All() {
		if e.Name() == classify.ExceptionEvent {
			attrs := e.Attributes()
			d.Exception(classify.Exception{Type: textOf(attrs, classify.ExceptionType), Message: textOf(attrs, classify.ExceptionMessage)}, textOf(attrs, classify.ExceptionStack))
			continue
		}
		if d.Event(e.Name(), time.Duration(e.Timestamp()-s.StartTimestamp())) {
			for key, value := range e.Attributes().All() {
				d.EventAttribute(key, value.AsString())
			}
		}
	}
	return d.Details()
}

// readUndecoded decodes a span to read them.
func (r *detailReader) readUndecoded(s *otlpwire.Span) *engine.Details {
	td := s.Decode()
	if td.SpanCount() == 0 {
		return nil
	}
	resource := td.ResourceSpans().At(0)
	return r.read(resource.ScopeSpans().At(0).Spans().At(0), resource.Resource())
}
