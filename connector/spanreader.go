package gomonitorconnector

import (
	"sync"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/blurooo/go-monitor/connector/internal/undecoded"
	"github.com/blurooo/go-monitor/v2/engine"
)

// SpanReader converts recorded spans to the engine's as the connector does. It is safe for
// concurrent use.
type SpanReader struct {
	reader   *reader
	messages sync.Pool // of messageReaders
}

// messageReader is what one message after the other is read with, by one goroutine at a time.
type messageReader struct {
	*undecodedReader
	texts keptTexts
}

// NewSpanReader returns a reader for a configuration. It returns the errors of [Config.Validate].
func NewSpanReader(c *Config) (*SpanReader, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	own := c.withDefaults(Type.String())
	r := &SpanReader{reader: newReader(&own)}
	readers := newUndecodedReaders(r.reader)
	r.messages.New = func() any {
		return &messageReader{readers.Get().(*undecodedReader), make(keptTexts)}
	}
	return r, nil
}

// ReadJSON appends all spans of a message of OTLP in JSON. Those whose kind is not watched have
// Unwatched set. They share no memory with the message.
func (r *SpanReader) ReadJSON(to []engine.Span, message []byte) ([]engine.Span, error) {
	return r.readMessage(to, undecoded.Request{Bytes: message, Encoding: undecoded.JSON})
}

// ReadProtobuf is ReadJSON for a message in protobuf.
func (r *SpanReader) ReadProtobuf(to []engine.Span, message []byte) ([]engine.Span, error) {
	return r.readMessage(to, undecoded.Request{Bytes: message})
}

func (r *SpanReader) readMessage(to []engine.Span, message undecoded.Request) ([]engine.Span, error) {
	m := r.messages.Get().(*messageReader)
	defer r.messages.Put(m)
	if err := m.read(message); err != nil {
		return to, err
	}
	to = append(to, m.spans...)
	for i := len(to) - len(m.spans); i < len(to); i++ {
		s := &to[i]
		s.Service, s.Operation, s.Code = m.texts.own(s.Service, message.Bytes), m.texts.own(s.Operation, message.Bytes), m.texts.own(s.Code, message.Bytes)
	}
	return to, nil
}

// Read appends all spans of td. Those whose kind is not watched have Unwatched set. They share
// the strings of td.
func (r *SpanReader) Read(to []engine.Span, td ptrace.Traces) []engine.Span {
	spans, _ := r.reader.read(to, td)
	return spans
}

// Timeline returns the engine's configuration with the connector's defaults: its name is that of
// the component, and spans without a service get one.
func (c *Config) Timeline() engine.TimelineConfig {
	own := c.withDefaults(Type.String())
	return own.TimelineConfig
}
