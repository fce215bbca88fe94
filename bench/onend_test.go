package main

import (
	"context"
	"maps"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/engine"
)

// observed is a span that counts how often each of its accessors is called.
type observed struct {
	sdktrace.ReadOnlySpan
	calls map[string]int
}

func (o observed) Name() string             { o.calls["Name"]++; return o.ReadOnlySpan.Name() }
func (o observed) SpanKind() trace.SpanKind { o.calls["SpanKind"]++; return o.ReadOnlySpan.SpanKind() }
func (o observed) StartTime() time.Time     { o.calls["StartTime"]++; return o.ReadOnlySpan.StartTime() }
func (o observed) EndTime() time.Time       { o.calls["EndTime"]++; return o.ReadOnlySpan.EndTime() }
func (o observed) Links() []sdktrace.Link   { o.calls["Links"]++; return o.ReadOnlySpan.Links() }
func (o observed) Events() []sdktrace.Event { o.calls["Events"]++; return o.ReadOnlySpan.Events() }
func (o observed) Status() sdktrace.Status  { o.calls["Status"]++; return o.ReadOnlySpan.Status() }
func (o observed) Resource() *resource.Resource {
	o.calls["Resource"]++
	return o.ReadOnlySpan.Resource()
}
func (o observed) Parent() trace.SpanContext { o.calls["Parent"]++; return o.ReadOnlySpan.Parent() }
func (o observed) SpanContext() trace.SpanContext {
	o.calls["SpanContext"]++
	return o.ReadOnlySpan.SpanContext()
}

func (o observed) Attributes() []attribute.KeyValue {
	o.calls["Attributes"]++
	return o.ReadOnlySpan.Attributes()
}

func (o observed) InstrumentationScope() instrumentation.Scope {
	o.calls["InstrumentationScope"]++
	return o.ReadOnlySpan.InstrumentationScope()
}

// The line "just reading the same fields" has to be just that.
func TestReadingReadsWhatTheMonitorReads(t *testing.T) {
	span := captureSpans(makeNames(1), call{status: 200})[0]
	calls := func(p sdktrace.SpanProcessor) map[string]int {
		o := observed{span, map[string]int{}}
		p.OnEnd(o)
		return o.calls
	}
	for _, tt := range []struct {
		config  monitor.Config
		reading reading
	}{
		{quietConfig(), reading{parent: true}},
		{withoutOwnTimes(), reading{}},
	} {
		m, err := newSpanMonitor(tt.config)
		if err != nil {
			t.Fatal(err)
		}
		for range 1000 { // then few of the calls are looked up
			m.OnEnd(span)
		}
		counted(m)()
		want, got := calls(m), calls(tt.reading)
		if len(want) == 0 || !maps.Equal(got, want) {
			t.Errorf("it reads %v, the monitor reads %v", got, want)
		}
		shut(m)
	}
}

// The captured spans are what they are said to be.
func TestCapturedSpans(t *testing.T) {
	for _, tt := range []struct {
		call call
		want engine.Summary
	}{
		{call{status: 200}, engine.Summary{Count: 1, Success: 1, WithinTarget: 1}},
		{call{status: 503}, engine.Summary{Count: 1, Failure: 1}},
		{call{status: 200, slow: true}, engine.Summary{Count: 1, Success: 1}},
	} {
		var got engine.Summary
		c := quietConfig()
		c.Sinks = []engine.Sink{engine.SinkFunc(func(_ context.Context, p engine.Period) error {
			got = p.Summaries[0]
			return nil
		})}
		m, err := monitor.New(c)
		if err != nil {
			t.Fatal(err)
		}
		spans := captureSpans(makeNames(1), tt.call)
		if n := len(spans[0].Attributes()); n != 6 {
			t.Errorf("%+v has %d attributes", tt.call, n)
		}
		m.OnEnd(spans[0])
		shut(m)
		if got.Service != "shop" || got.SpanKind != engine.SpanKindServer || got.Operation != spans[0].Name() {
			t.Errorf("%+v is of %+v", tt.call, got.Key())
		}
		if got.Count != tt.want.Count || got.Success != tt.want.Success || got.Failure != tt.want.Failure || got.WithinTarget != tt.want.WithinTarget {
			t.Errorf("%+v counts as %+v", tt.call, got)
		}
	}
}

// Every peer records the call that it is shown.
func TestPeersReadTheCall(t *testing.T) {
	for _, c := range []call{{status: 200}, {status: 503}} {
		span := captureSpans(makeNames(1), c)[0]
		name, code, d := readCall(span)
		if name != "GET /api/resource/000000" || code != int64(c.status) || d != latencies[0] {
			t.Errorf("%+v reads as %s, %d, %s", c, name, code, d)
		}
	}
	var done closers
	defer done.close()
	peers, err := newRecorders(makeNames(3), &done)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range peers {
		for _, status := range []int{200, 503} {
			p.OnEnd(captureSpans(makeNames(1), call{status: status})[0])
		}
	}
	v := peers[3].recorder.(*victoria)
	if got := len(v.set.ListMetricNames()); got != 4 {
		t.Errorf("VictoriaMetrics has %d histograms, want 3 names with 200 and one with 503", got)
	}
}
