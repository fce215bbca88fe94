// Package spantest reads the recorded spans in classify/testdata for the tests of whatever
// turns spans into calls.
package spantest

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// End is when every recorded span ends.
var End = time.Date(2026, 3, 1, 3, 0, 30, 0, time.UTC)

// Scenario is a situation with all the spans that it made.
type Scenario struct {
	Group    string `json:"group"`
	Scenario string `json:"scenario"`
	Spans    []Span `json:"spans"`
}

// Case is a single span, and what a user expects of a monitor.
type Case struct {
	ID     string `json:"id"`
	Span   Span   `json:"span"`
	Expect struct {
		Operation string `json:"operation"`
		Outcome   string `json:"outcome"`
		Code      string `json:"code"`    // empty: it does not matter
		Latency   string `json:"latency"` // "excluded", or empty
	} `json:"expect"`
	ParentContext struct {
		Err        string   `json:"err"` // what ctx.Err() says at the span's end, or empty
		DeadlineMS *float64 `json:"deadline_ms"`
	} `json:"parent_context"`
	Note string `json:"note"`
}

// Context returns the context that the span was started with, as it is at the span's end.
func (c *Case) Context() context.Context {
	ended := &endedContext{Context: context.Background(), done: make(chan struct{})}
	if ms := c.ParentContext.DeadlineMS; ms != nil {
		ended.deadline = End.Add(time.Duration(*ms * float64(time.Millisecond)))
	}
	switch c.ParentContext.Err {
	case "":
		return ended
	case context.Canceled.Error():
		ended.err = context.Canceled
	default:
		ended.err = context.DeadlineExceeded
	}
	close(ended.done)
	return ended
}

// endedContext is a context that ended long ago.
type endedContext struct {
	context.Context
	done     chan struct{}
	err      error
	deadline time.Time
}

func (c *endedContext) Done() <-chan struct{}       { return c.done }
func (c *endedContext) Err() error                  { return c.err }
func (c *endedContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Span is a recorded span.
type Span struct {
	Name              string         `json:"name"`
	Kind              string         `json:"kind"`
	Status            string         `json:"status"`
	StatusDescription string         `json:"status_description"`
	Attributes        map[string]any `json:"attributes"` // numbers are json.Number
	Events            []Event        `json:"events"`
	Scope             string         `json:"scope"`
	DurationMS        float64        `json:"duration_ms"`
}

// Event is an event of a recorded span.
type Event struct {
	Name       string         `json:"name"`
	Attributes map[string]any `json:"attributes"`
	AfterEnd   bool           `json:"after_end"`
}

// Scenarios returns the recorded situations. The events of a call whose caller saw a panic come
// after the end, as in the SDK, and all others before it: their times were not recorded.
func Scenarios(t testing.TB) []Scenario {
	t.Helper()
	scenarios := read[Scenario](t, "real-spans.json")
	for _, s := range scenarios {
		for _, span := range s.Spans {
			for i := range span.Events {
				span.Events[i].AfterEnd = strings.Contains(s.Scenario, "panic")
			}
		}
	}
	return scenarios
}

// Cases returns the situations that people reported.
func Cases(t testing.TB) []Case {
	t.Helper()
	return read[Case](t, "field-cases.json")
}

func read[T any](t testing.TB, name string) []T {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	file, err := os.Open(filepath.Join(filepath.Dir(here), "..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // It was only read.
	var all []T
	decoder := json.NewDecoder(file)
	decoder.UseNumber()
	if err := decoder.Decode(&all); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("%s holds nothing", name)
	}
	return all
}

// Start returns when the span started.
func (s *Span) Start() time.Time {
	return End.Add(-time.Duration(s.DurationMS * float64(time.Millisecond)))
}

// Time returns when the event came.
func (e *Event) Time() time.Time {
	if e.AfterEnd {
		return End.Add(time.Microsecond)
	}
	return End.Add(-time.Microsecond)
}

// Stub returns the span as the SDK would have handed it over.
func (s *Span) Stub(t testing.TB) tracetest.SpanStub {
	t.Helper()
	kinds := map[string]trace.SpanKind{"internal": trace.SpanKindInternal, "server": trace.SpanKindServer, "client": trace.SpanKindClient, "producer": trace.SpanKindProducer, "consumer": trace.SpanKindConsumer}
	statuses := map[string]codes.Code{"Unset": codes.Unset, "Ok": codes.Ok, "Error": codes.Error}
	kind, knownKind := kinds[s.Kind]
	status, knownStatus := statuses[s.Status]
	if !knownKind || !knownStatus {
		t.Fatalf("kind %q, status %q", s.Kind, s.Status)
	}
	stub := tracetest.SpanStub{
		Name: s.Name, SpanKind: kind, StartTime: s.Start(), EndTime: End,
		Status: sdktrace.Status{Code: status, Description: s.StatusDescription}, Attributes: attributes(t, s.Attributes),
		InstrumentationScope: instrumentation.Scope{Name: s.Scope},
		SpanContext:          trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}}),
	}
	for _, e := range s.Events {
		stub.Events = append(stub.Events, sdktrace.Event{Name: e.Name, Time: e.Time(), Attributes: attributes(t, e.Attributes)})
	}
	return stub
}

func attributes(t testing.TB, values map[string]any) []attribute.KeyValue {
	t.Helper()
	var attrs []attribute.KeyValue
	for key, value := range values {
		switch v := value.(type) {
		case string:
			attrs = append(attrs, attribute.String(key, v))
		case bool:
			attrs = append(attrs, attribute.Bool(key, v))
		case json.Number:
			attrs = append(attrs, attribute.Int64(key, Int(t, v)))
		case []any:
			texts := make([]string, len(v))
			for i := range v {
				texts[i], _ = v[i].(string)
			}
			attrs = append(attrs, attribute.StringSlice(key, texts))
		default:
			t.Fatalf("%s: unexpected %T", key, v)
		}
	}
	return attrs
}

// Int returns the value of a recorded number, of which all are whole.
func Int(t testing.TB, n json.Number) int64 {
	t.Helper()
	v, err := n.Int64()
	if err != nil {
		t.Fatal(err)
	}
	return v
}
