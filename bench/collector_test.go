package main

import (
	"context"
	"testing"

	"go.opentelemetry.io/collector/consumer/consumertest"
)

// What is measured is the counting of all spans, under all operations.
func TestOurConnectorCounts(t *testing.T) {
	batches, err := newBatches(100)
	if err != nil {
		t.Fatal(err)
	}
	var done closers
	sink := new(consumertest.MetricsSink)
	components, err := startOurConnector(&done, nil, consumertest.NewNop(), sink)
	defer done.close()
	if err != nil {
		t.Fatal(err)
	}
	const rounds = 3
	if _, err := batches.measure(components)(rounds * batchCount * batchSpans); err != nil {
		t.Fatal(err)
	}
	for _, c := range components {
		if err := c.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	all := sink.AllMetrics()
	if len(all) == 0 {
		t.Fatal("no metrics")
	}
	calls := all[len(all)-1].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
	if calls.Name() != "traces.span.metrics.calls" {
		t.Fatalf("the first metric is %s", calls.Name())
	}
	var counted int64
	for _, p := range calls.Sum().DataPoints().All() {
		counted += p.IntValue()
	}
	if want := int64(rounds * batchCount * batchSpans); counted != want {
		t.Errorf("%d calls were counted, want %d", counted, want)
	}
	if n := calls.Sum().DataPoints().Len(); n != 2*100 {
		t.Errorf("%d series, want calls and failures of 100 operations", n)
	}
}
