package monitor

import (
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/blurooo/go-monitor/v2/classify"
	"github.com/blurooo/go-monitor/v2/engine"
)

// detailsOf reads what the span of a bad call tells beyond its code and its duration.
func (m *Monitor) detailsOf(s sdktrace.ReadOnlySpan) *engine.Details {
	d := m.details.Read(s.Status().Description)
	attributes := s.Attributes()
	for i := range attributes {
		if kv := &attributes[i]; m.details.Keeps(string(kv.Key)) {
			d.Attribute(string(kv.Key), kv.Value.Emit())
		}
	}
	events, start := s.Events(), s.StartTime()
	for i := range events {
		e := &events[i]
		if e.Name != classify.ExceptionEvent {
			if d.Event(e.Name, e.Time.Sub(start)) {
				for j := range e.Attributes {
					d.EventAttribute(string(e.Attributes[j].Key), e.Attributes[j].Value.Emit())
				}
			}
			continue
		}
		var exception classify.Exception
		var stack string
		for j := range e.Attributes {
			switch kv := &e.Attributes[j]; kv.Key {
			case classify.ExceptionType:
				exception.Type = textOf(&kv.Value)
			case classify.ExceptionMessage:
				exception.Message = textOf(&kv.Value)
			case classify.ExceptionStack:
				stack = textOf(&kv.Value)
			}
		}
		d.Exception(exception, stack)
	}
	return d.Details()
}
