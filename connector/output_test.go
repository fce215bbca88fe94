package gomonitorconnector

import (
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/collector/consumer/consumertest"

	"github.com/blurooo/go-monitor/v2/engine"
)

// periodWith returns the n-th period of a test, with n calls of one operation.
func periodWith(n int) *engine.Period {
	from := dayStart.Add(time.Duration(n) * time.Minute)
	return &engine.Period{Start: from, End: from.Add(time.Minute), Summaries: []engine.Summary{{
		Service: "shop", Operation: "GET /a", SpanKind: engine.SpanKindServer, Start: from, End: from.Add(time.Minute),
		Count: uint64(n), Success: uint64(n), SuccessRatio: 1,
	}}}
}

// The metrics of periods that never came, because the sink was too slow, come with the
// next one: with deltas nothing is missing in the sum.
func TestMetricsOfPeriodsThatNeverCame(t *testing.T) {
	p := &pipelines{}
	o := newMetricsOutput(newPeriodMetrics(MetricsConfig{Temporality: "delta", Histogram: HistogramConfig{Disable: true}}, time.Minute, ""), &p.metrics)
	sum := func() (n int) {
		for _, m := range p.metrics.AllMetrics() {
			one := &pipelines{}
			_ = one.metrics.ConsumeMetrics(t.Context(), m)
			n += one.calls()
		}
		return n
	}
	for n := 1; n <= 5; n++ {
		o.add(periodWith(n), nil)
		if n == 2 || n == 5 { // the others were dropped
			if err := o.Consume(t.Context(), *periodWith(n)); err != nil {
				t.Fatal(err)
			}
		}
		if want := map[int]int{1: 0, 2: 3, 3: 3, 4: 3, 5: 15}[n]; sum() != want {
			t.Errorf("%d calls after period %d, want %d", sum(), n, want)
		}
	}
}

// Where nothing is taken for long, the oldest go.
func TestMetricsThatWaitAreBounded(t *testing.T) {
	p := &pipelines{}
	o := newMetricsOutput(newPeriodMetrics(MetricsConfig{}, time.Minute, ""), &p.metrics)
	for n := range 3 * maxWaiting {
		o.add(periodWith(n+1), nil)
	}
	if err := o.Consume(t.Context(), *periodWith(1)); err != nil {
		t.Fatal(err)
	}
	if n := len(p.metrics.AllMetrics()); n != maxWaiting {
		t.Errorf("%d metrics, want %d", n, maxWaiting)
	}
}

// An error ends the try, and what waits behind is kept.
func TestMetricsAfterAnError(t *testing.T) {
	p := &pipelines{}
	failing := consumertest.NewErr(errors.New("full"))
	o := newMetricsOutput(newPeriodMetrics(MetricsConfig{}, time.Minute, ""), failing)
	o.add(periodWith(1), nil)
	o.add(periodWith(2), nil)
	if err := o.Consume(t.Context(), *periodWith(2)); err == nil {
		t.Error("no error")
	}
	o.next = &p.metrics
	if err := o.Consume(t.Context(), *periodWith(3)); err != nil {
		t.Fatal(err)
	}
	if n := len(p.metrics.AllMetrics()); n != 1 {
		t.Errorf("%d metrics after one failed, want 1", n)
	}
}
