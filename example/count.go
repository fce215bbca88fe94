package main

import (
	"context"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// counter counts spans, as a processor or as an exporter.
type counter struct{ spans atomic.Int64 }

func (c *counter) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (c *counter) OnEnd(sdktrace.ReadOnlySpan)                     { c.spans.Add(1) }
func (c *counter) ForceFlush(context.Context) error                { return nil }
func (c *counter) Shutdown(context.Context) error                  { return nil }

func (c *counter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	c.spans.Add(int64(len(spans)))
	return nil
}
