package gomonitorconnector

import (
	"testing"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestBatches(t *testing.T) {
	b := newBatches()
	if got := b.take(); len(got) != 0 {
		t.Errorf("%d spans in a new batch", len(got))
	}
	spans := make([]engine.Span, 3, 10)
	spans[2].Operation = "a"
	b.leave(spans)
	if got := b.take(); len(got) != 0 || cap(got) != 10 {
		t.Errorf("%d spans with room for %d, want none with room for 10", len(got), cap(got))
	}
	if spans[2].Operation != "" {
		t.Error("a batch that is kept holds on to what it held")
	}
	b.leave(make([]engine.Span, 0, maxBatch+1))
	if got := b.take(); cap(got) != 0 {
		t.Errorf("a batch with room for %d is kept", cap(got))
	}
	for range 2 * maxBatches { // never waits
		b.leave(make([]engine.Span, 1))
	}
}
