package monitor

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// A server that hangs until its callers give up is an outage, though no call of it fails.
func TestAnOutageCannotHideInCancelledCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fired []alert.Alert
		m := start(t, Config{
			Sinks: []engine.Sink{},
			Notifiers: []alert.Notifier{alert.NotifierFunc(func(_ context.Context, alerts []alert.Alert) error {
				fired = append(fired, alerts...)
				return nil
			})},
		})
		tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m)).Tracer("test")
		nextMinute()
		for range 3 {
			for range 19 {
				ctx, giveUp := context.WithCancel(context.Background())
				_, span := tracer.Start(ctx, "shop.Stock/Reserve", trace.WithSpanKind(trace.SpanKindServer))
				time.Sleep(time.Second)
				giveUp()
				span.SetAttributes(attribute.String("rpc.response.status_code", "CANCELLED"))
				span.End()
			}
			nextMinute()
		}
		if len(fired) != 1 || fired[0].Objective != alert.Latency {
			t.Fatalf("alerts: %v", fired)
		}
		text := alert.Text(&fired[0])
		for _, want := range []string{"0 % of calls within 500ms", "19 calls, 0 % within 500ms, 100 % of 19 cancelled"} {
			if !strings.Contains(text, want) {
				t.Errorf("the alert does not say %q:\n%s", want, text)
			}
		}
		if len(fired[0].Exemplars()) == 0 {
			t.Errorf("no call to look up:\n%s", text)
		}
	})
}

// The context that a span was started with says who gave up, whatever messages say.
func TestTheContextSaysWhoGaveUp(t *testing.T) {
	const canceled = "context canceled"
	tests := map[string]struct {
		context func() (context.Context, func()) // what to do before the end
		want    engine.Outcome
	}{
		"the caller gave up": {func() (context.Context, func()) { return context.WithCancel(context.Background()) }, engine.OutcomeCancelled},
		"its sibling failed": {func() (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(context.Background())
			return ctx, func() { cancel(context.DeadlineExceeded) }
		}, engine.OutcomeCancelled},
		"its time ran out": {func() (context.Context, func()) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			return ctx, func() { time.Sleep(2 * time.Second); cancel() }
		}, engine.OutcomeFailure},
		"the other side gave up": {func() (context.Context, func()) {
			ctx, cancel := context.WithCancel(context.Background())
			context.AfterFunc(context.Background(), cancel) // never
			return ctx, func() {}
		}, engine.OutcomeFailure},
		"nobody can know": {func() (context.Context, func()) { return context.Background(), func() {} }, engine.OutcomeCancelled},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := start(t, Config{Notifiers: []alert.Notifier{}, Sinks: []engine.Sink{}})
				tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m)).Tracer("test")
				ctx, end := tt.context()
				_, span := tracer.Start(ctx, "HTTP GET", trace.WithSpanKind(trace.SpanKindClient))
				end()
				span.SetAttributes(attribute.String("error.type", "*errors.remoteError"))
				span.SetStatus(1, "stock: "+canceled)
				span.End()
				nextMinute()
				last := m.Status().Operations[0].Last
				got := map[uint64]engine.Outcome{last.Cancelled: engine.OutcomeCancelled, last.Failure: engine.OutcomeFailure}[1]
				if got != tt.want {
					t.Errorf("%s, want %s", got, tt.want)
				}
			})
		})
	}
}
