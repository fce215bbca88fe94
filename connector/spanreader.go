package gomonitorconnector

import (
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/blurooo/go-monitor/v2/engine"
)

// SpanReader converts recorded spans to the engine's as the connector does. It is safe for
// concurrent use.
type SpanReader struct{ reader *reader }

// NewSpanReader returns a reader for a configuration. It returns the errors of [Config.Validate].
func NewSpanReader(c *Config) (*SpanReader, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	own := c.withDefaults(Type.String())
	return &SpanReader{newReader(&own)}, nil
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
