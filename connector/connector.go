package gomonitorconnector

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/blurooo/go-monitor/connector/internal/undecoded"
)

// part is the component for one pair of signals, such as traces to logs. The parts of one
// configuration share an analysis. It is safe for concurrent use.
type part struct {
	shared *shared
	feeds  bool // its spans are counted; those of the other parts are the same ones
}

var _ connector.Traces = (*part)(nil)

// Start begins the analysis if all other parts have started.
func (p *part) Start(ctx context.Context, host component.Host) error {
	return p.shared.start(ctx, host)
}

// Shutdown closes the open periods, delivers everything and ends the analysis, unless another
// part has done so.
func (p *part) Shutdown(ctx context.Context) error { return p.shared.shutdown(ctx) }

// Capabilities says that spans are not changed.
func (p *part) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeTraces counts spans, unless another part feeds the analysis. Those of the receiver
// gomonitor may come in the context, as they were sent.
func (p *part) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	if !p.feeds {
		return nil
	}
	if offer := undecoded.Offered(ctx, td); offer != nil {
		return offer.Take(p.shared, p.shared.consumeUndecoded)
	}
	return p.shared.consume(td)
}
