package gomonitorconnector

import (
	"runtime"

	"github.com/blurooo/go-monitor/v2/engine"
)

// batches are slices for the spans that are counted together, which are used again. Their
// number and their size are bounded. Its methods are safe for concurrent use.
type batches chan []engine.Span

const (
	// maxBatches is the largest number of batches that are kept.
	maxBatches = 16
	// maxBatch is the largest number of spans for which a batch is kept.
	maxBatch = 8192
)

// newBatches returns room for as many batches as can be filled at once.
func newBatches() batches { return make(batches, min(runtime.GOMAXPROCS(0), maxBatches)) }

// take returns an empty batch.
func (b batches) take() []engine.Span {
	select {
	case spans := <-b:
		return spans
	default:
		return nil
	}
}

// leave keeps a batch for use again, without what its spans point to.
func (b batches) leave(spans []engine.Span) {
	if cap(spans) > maxBatch {
		return
	}
	clear(spans)
	select {
	case b <- spans[:0]:
	default:
	}
}
