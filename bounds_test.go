package monitor

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// memoryBound is what the documentation promises of a monitor with the default bounds
// (2,000 operations, 64 codes each, 8,192 calls in flight) in such a flood.
const memoryBound = 16 << 20

// heap returns the bytes that are in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Memory is bounded by the configuration: not by the number of names, of failures, of calls
// whose parents never end, or of spans that never end, nor by how long texts are.
func TestMemoryIsBounded(t *testing.T) {
	names, failures, leaks := 1_000_000, 200_000, 50_000
	if testing.Short() {
		names, failures, leaks = names/10, failures/10, leaks/10
	}
	catchTroubles(t)
	before := heap()
	m, err := New(Config{
		Period:    time.Hour,
		Objective: engine.Objective{MinCalls: 10, TrafficDrop: 0.5, BudgetRatio: 0.99, StuckAfter: time.Minute, AlertAfter: 100},
		Notifiers: []alert.Notifier{}, Sinks: []engine.Sink{},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Shutdown(context.Background()) //nolint:errcheck // nothing to deliver

	flush := func() {
		if err := m.ForceFlush(context.Background()); err != nil {
			t.Error(err)
		}
	}
	for i := range names {
		m.Report(Report{Operation: fmt.Sprintf("GET /users/%d/%0300d", i, i), Duration: time.Duration(i) * time.Microsecond})
		if i%1000 == 0 {
			flush()
		}
	}
	end := time.Now()
	for i := range failures {
		var traceID trace.TraceID
		var spanID, parentID trace.SpanID
		binary.BigEndian.PutUint64(traceID[8:], uint64(i+1))
		binary.BigEndian.PutUint64(spanID[:], uint64(i+1))
		binary.BigEndian.PutUint64(parentID[:], uint64(i+2))
		m.OnEnd(tracetest.SpanStub{
			Name: fmt.Sprintf("INSERT %d %0300d", i, i), SpanKind: trace.SpanKindClient,
			SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: trace.FlagsSampled}),
			Parent:      trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: parentID}), // never ends
			StartTime:   end.Add(-time.Duration(i) * time.Millisecond), EndTime: end,
			Status:     sdktrace.Status{Code: codes.Error},
			Attributes: []attribute.KeyValue{attribute.String("error.type", fmt.Sprintf("%d %0300d", i, i))},
		}.Snapshot())
		if i%1000 == 0 {
			flush()
		}
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m))
	for i := range leaks {
		_, span := tp.Tracer("test").Start(context.Background(), fmt.Sprintf("GET /leak/%0300d", i), trace.WithSpanKind(trace.SpanKindServer))
		span.SetAttributes(attribute.String("big", fmt.Sprintf("%01000d", i))) // never ended
		if i%10_000 == 0 {
			m.sweepInFlight(time.Now(), func(engine.InFlight) {})
		}
	}
	m.sweepInFlight(time.Now(), func(engine.InFlight) {})
	m.sweepInFlight(time.Now(), func(engine.InFlight) {}) // spans seen twice are not held any more
	flush()
	after := heap()
	grown := int64(after) - int64(before)
	t.Logf("%d names, %d failures, %d spans that never end: %.1f MiB", names, failures, leaks, float64(grown)/(1<<20))
	if grown > memoryBound {
		t.Errorf("the monitor holds %d MiB, want at most %d", grown>>20, memoryBound>>20)
	}
	if s := m.Stats(); s.Counted != uint64(names+failures) || s.Dropped() != 0 {
		t.Errorf("%+v, want all of %d reports counted", s, names+failures)
	}
	runtime.KeepAlive(m)
}
