package gomonitorconnector

import (
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/blurooo/go-monitor/v2/engine"
)

// SpanReader turns the spans of the Collector into those of the engine, as the connector
// does, for recorded ones. It changes nothing and is safe for concurrent use.
type SpanReader struct{ reader *reader }

// NewSpanReader returns a reader for a configuration. It returns the errors of [Config.Validate].
func NewSpanReader(c *Config) (*SpanReader, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	own := c.withDefaults(Type.String())
	return &SpanReader{newReader(&own)}, nil
}

// Read appends all spans of td, of which those of kinds that are not watched are marked as
// such. The strings in them are those of td.
func (r *SpanReader) Read(to []engine.Span, td ptrace.Traces) []engine.Span {
	spans, _ := r.reader.read(to, td)
	return spans
}

// Timeline returns how the connector counts, with what it adds to the engine's defaults: the
// service of spans that name none, and as its name that of the component.
func (c *Config) Timeline() engine.TimelineConfig {
	own := c.withDefaults(Type.String())
	return own.TimelineConfig
}
