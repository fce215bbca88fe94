package monitor

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// What the documentation promises of a monitor with the default bounds (2,000 operations,
// 64 codes each, 8,192 calls in flight) in such floods.
const (
	countingBound  = 16 << 20  // before anything is judged
	alertingBound  = 64 << 20  // when alerts about all operations fire
	manyCodesBound = 192 << 20 // when besides all their failures have codes of their own
)

// heap returns the bytes that are in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// long is longer than names and codes can be.
var long = " " + strings.Repeat("0", 300)

// failedCall returns the i-th call that failed: one whose parent never ends.
func failedCall(i int, name, code string, end time.Time) sdktrace.ReadOnlySpan {
	var traceID trace.TraceID
	var spanID, parentID trace.SpanID
	binary.BigEndian.PutUint64(traceID[8:], uint64(i+1))
	binary.BigEndian.PutUint64(spanID[:], uint64(i+1))
	binary.BigEndian.PutUint64(parentID[:], uint64(i+2))
	return tracetest.SpanStub{
		Name: name, SpanKind: trace.SpanKindClient,
		SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: trace.FlagsSampled}),
		Parent:      trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: parentID}),
		StartTime:   end.Add(-time.Duration(i) * time.Millisecond), EndTime: end,
		Status:     sdktrace.Status{Code: codes.Error},
		Attributes: []attribute.KeyValue{attribute.String("error.type", code)},
	}.Snapshot()
}

// leak begins the i-th span that never ends.
func leak(tp *sdktrace.TracerProvider, i int) {
	_, span := tp.Tracer("test").Start(context.Background(), fmt.Sprint("GET /leak/", i, long), trace.WithSpanKind(trace.SpanKindServer))
	span.SetAttributes(attribute.String("big", fmt.Sprint(i, long, long, long)))
}

// Memory is bounded by the configuration: not by the number of names, of failures, or of calls
// whose parents never end, nor by how long texts are.
func TestMemoryIsBounded(t *testing.T) {
	names, failures := 1_000_000, 200_000
	if testing.Short() {
		names, failures = names/10, failures/10
	}
	catchErrors(t)
	before := heap()
	m, err := New(Config{
		Period:    time.Hour,
		Objective: engine.Objective{MinCalls: 10, MinTrafficRatio: 0.5, SLO: 0.99, StuckAfter: time.Minute, AlertAfter: 100},
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
		m.Report(Report{Operation: fmt.Sprint("GET /users/", i, long), Duration: time.Duration(i) * time.Microsecond})
		if i%1000 == 0 {
			flush()
		}
	}
	end := time.Now()
	for i := range failures {
		m.OnEnd(failedCall(i, fmt.Sprint("INSERT ", i, long), fmt.Sprint(i, long), end))
		if i%1000 == 0 {
			flush()
		}
	}
	flush()
	after := heap()
	grown := int64(after) - int64(before)
	t.Logf("%d names, %d failures: %.1f MiB", names, failures, float64(grown)/(1<<20))
	if grown > countingBound {
		t.Errorf("the monitor holds %d MiB, want at most %d", grown>>20, countingBound>>20)
	}
	if s := m.Stats(); s.Counted != uint64(names+failures) || s.Dropped() != 0 {
		t.Errorf("%+v, want all of %d reports counted", s, names+failures)
	}
	runtime.KeepAlive(m)
}

// So it is when periods are closed, all objectives of all operations are missed, every alert
// holds its evidence and some spans never end, with 100,000 failed spans a second.
func TestMemoryIsBoundedWhileAlertsFire(t *testing.T) {
	t.Run("one code", func(t *testing.T) {
		testMemoryWhileAlertsFire(t, 20_000, alertingBound, func(int) string { return "23505" })
	})
	t.Run("a code for each failure", func(t *testing.T) {
		testMemoryWhileAlertsFire(t, 100_000, manyCodesBound, func(i int) string { return fmt.Sprint(i, long) })
	})
}

// testMemoryWhileAlertsFire floods a monitor for three periods of a second, with so many failures in
// each, and as many names.
func testMemoryWhileAlertsFire(t *testing.T, calls int, bound int64, code func(i int) string) {
	const seconds = 3
	if testing.Short() {
		calls = min(calls, 10_000)
	}
	catchErrors(t)
	synctest.Test(t, func(t *testing.T) {
		before := heap()
		m := start(t, Config{
			Period:    time.Second,
			Objective: engine.Objective{MinCalls: 2, MinTraffic: 1, MinTrafficRatio: 0.5, SLO: 0.99, StuckAfter: time.Second, AlertAfter: 3, RepeatInterval: time.Second},
			Notifiers: []alert.Notifier{}, Sinks: []engine.Sink{},
		})
		tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m))
		// A burn rate needs calls from before its short window.
		const names = 2000
		for i := range names {
			m.OnEnd(failedCall(i, fmt.Sprint("INSERT ", i, long), code(i), time.Now()))
		}
		time.Sleep(6 * time.Minute)
		var grown int64
		for second := range seconds {
			for i := range calls {
				i += second * calls
				m.OnEnd(failedCall(i, fmt.Sprint("INSERT ", i%names, long), code(i), time.Now()))
				if second > 0 { // the others have all places by then
					m.Report(Report{Operation: fmt.Sprint("GET /users/", i, long), Duration: time.Duration(i) * time.Microsecond})
				}
				if i%10 == 0 {
					leak(tp, i)
				}
				if i%1000 == 0 {
					if err := m.ForceFlush(context.Background()); err != nil {
						t.Fatal(err)
					}
				}
			}
			time.Sleep(time.Second)
			synctest.Wait()
			grown = max(grown, int64(heap())-int64(before))
		}
		s := m.Status()
		t.Logf("%d operations, %d alerts: %.1f MiB", len(s.Operations), len(s.Alerts), float64(grown)/(1<<20))
		if grown > bound {
			t.Errorf("the monitor holds %d MiB, want at most %d", grown>>20, bound>>20)
		}
		if want := 2 * (len(s.Operations) - 1); len(s.Alerts) < want {
			t.Errorf("%d alerts, want at least the availability and the burn rate of each operation, %d", len(s.Alerts), want)
		}
		if s := m.Stats(); s.Counted != uint64(names+(2*seconds-1)*calls) || s.Dropped() != 0 {
			t.Errorf("%+v, want all of %d reports counted", s, names+(2*seconds-1)*calls)
		}
	})
}
