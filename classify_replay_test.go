package monitor

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/classify/spantest"
	"github.com/blurooo/go-monitor/v2/engine"
)

// What people reported of real programs is counted as they expect, from the span to the summary.
func TestReportedCases(t *testing.T) {
	for _, c := range spantest.Cases(t) {
		t.Run(c.ID, func(t *testing.T) {
			sum := replayed(t, &c)
			want := engine.Summary{}
			switch c.Expect.Outcome {
			case "success":
				want.Count, want.Success = 1, 1
			case "failure":
				want.Count, want.Failure = 1, 1
			case "cancelled":
				want.Count, want.Cancelled = 1, 1
			case "ignored":
				want.Ignored = 1
			}
			if sum.Count != want.Count || sum.Success != want.Success || sum.Failure != want.Failure || sum.Cancelled != want.Cancelled || sum.Ignored != want.Ignored {
				t.Errorf("%+v, want %+v (%s)", sum, c.Expect, c.Note)
			}
			if want.Ignored == 0 && sum.Operation != c.Expect.Operation {
				t.Errorf("operation %q, want %q", sum.Operation, c.Expect.Operation)
			}
			if c.Expect.Outcome == "success" && (sum.Untimed == 1) != (c.Expect.Latency == "excluded") {
				t.Errorf("%d untimed, latency %+v (%s)", sum.Untimed, sum.Latency, c.Note)
			}
			if c.Expect.Latency == "excluded" && sum.Latency != (engine.Latency{}) {
				t.Errorf("latency %+v", sum.Latency)
			}
			if c.Expect.Code != "" && sum.Failures[0].Code != c.Expect.Code {
				t.Errorf("code %q, want %q", sum.Failures[0].Code, c.Expect.Code)
			}
		})
	}
}

// replayed has a live span of a case counted by a monitor, and returns the one summary of it.
func replayed(t *testing.T, c *spantest.Case) engine.Summary {
	t.Helper()
	var summaries []engine.Summary
	m, err := New(Config{
		Kinds:     []trace.SpanKind{kindInternal, kindServer, kindClient, kindProducer, kindConsumer},
		Notifiers: []alert.Notifier{},
		Sinks: []engine.Sink{engine.SinkFunc(func(_ context.Context, p engine.Period) error {
			summaries = append(summaries, p.Summaries...)
			return nil
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m), sdktrace.WithSampler(sdktrace.AlwaysSample()))
	stub := c.Span.Stub(t)
	ctx := c.Context()
	if c.ParentContext.Err == "" && c.ParentContext.DeadlineMS == nil {
		ctx = t.Context()
	}
	func() {
		defer func() { _ = recover() }()
		_, span := tp.Tracer(c.Span.Scope).Start(ctx, stub.Name,
			trace.WithSpanKind(stub.SpanKind), trace.WithAttributes(stub.Attributes...), trace.WithTimestamp(stub.StartTime))
		if stub.Status.Code != codes.Unset {
			span.SetStatus(stub.Status.Code, stub.Status.Description)
		}
		for _, e := range stub.Events {
			span.AddEvent(e.Name, trace.WithTimestamp(e.Time), trace.WithAttributes(e.Attributes...))
		}
		span.End(trace.WithTimestamp(stub.EndTime))
	}()
	if err := tp.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	if len(summaries) != 1 {
		t.Fatalf("%d summaries of one span", len(summaries))
	}
	return summaries[0]
}
