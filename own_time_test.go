package monitor

import (
	"context"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// What a server takes that is in the same process as its client is not the client's own time.
func TestOwnTimeWithinOneProcess(t *testing.T) {
	var periods []engine.Period
	m := start(t, Config{Notifiers: []alert.Notifier{}, Sinks: []engine.Sink{engine.SinkFunc(func(_ context.Context, p engine.Period) error {
		periods = append(periods, p)
		return nil
	})}})
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m)).Tracer("test")
	began := time.Now()
	at := func(ms int) trace.SpanEventOption {
		return trace.WithTimestamp(began.Add(time.Duration(ms) * time.Millisecond))
	}
	request, cancel := context.WithCancel(context.Background())
	defer cancel()
	ctx, client := tracer.Start(request, "GET", trace.WithSpanKind(trace.SpanKindClient), at(0))
	remote := trace.ContextWithRemoteSpanContext(context.Background(), trace.SpanContextFromContext(ctx))
	_, server := tracer.Start(remote, "GET /", trace.WithSpanKind(trace.SpanKindServer), at(5))
	server.End(at(95))
	client.End(at(100))
	if err := m.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, s := range periods[len(periods)-1].Summaries {
		if own := s.OwnTime.P50; s.SpanKind == engine.SpanKindClient && (own < 97*time.Millisecond/10 || own > 103*time.Millisecond/10) {
			t.Errorf("the client's own time is %s, want 10ms", own)
		}
	}
}

// The own time of a span is its time without that of its children in this process, of which two
// may run at once. Internal spans are in nobody's way. It holds for a processor and for an exporter.
func TestOwnTimeOfSpans(t *testing.T) {
	for _, way := range []string{"processor", "exporter", "switched off"} {
		t.Run(way, func(t *testing.T) {
			var periods []engine.Period
			c := Config{
				Notifiers: []alert.Notifier{},
				Sinks: []engine.Sink{engine.SinkFunc(func(_ context.Context, p engine.Period) error {
					periods = append(periods, p)
					return nil
				})},
			}
			if way == "switched off" {
				c.Slice = -1
			}
			m := start(t, c)
			option := sdktrace.WithSpanProcessor(m)
			if way == "exporter" {
				option = sdktrace.WithSyncer(m.Exporter())
			}
			tracer := sdktrace.NewTracerProvider(option).Tracer("test")
			began := time.Now()
			at := func(ms int) trace.SpanEventOption {
				return trace.WithTimestamp(began.Add(time.Duration(ms) * time.Millisecond))
			}
			span := func(ctx context.Context, name string, kind trace.SpanKind, from int) (context.Context, trace.Span) {
				return tracer.Start(ctx, name, trace.WithSpanKind(kind), at(from))
			}
			remote := trace.ContextWithRemoteSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
				TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true,
			}))
			ctx, server := span(remote, "GET /", trace.SpanKindServer, 0)
			_, first := span(ctx, "SELECT", trace.SpanKindClient, 10)
			first.End(at(30))
			inner, internal := span(ctx, "work", trace.SpanKindInternal, 40)
			_, second := span(inner, "SELECT", trace.SpanKindClient, 50)
			_, third := span(inner, "SELECT", trace.SpanKindClient, 60)
			second.End(at(70))
			third.End(at(90))
			internal.End(at(95))
			server.End(at(100))
			if err := m.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
			for _, s := range periods[len(periods)-1].Summaries {
				switch own := s.OwnTime; {
				case s.Operation == "GET /" && way != "switched off":
					if own.Count != 1 || own.P50 < 39*time.Millisecond || own.P50 > 41*time.Millisecond {
						t.Errorf("%s: %+v, want 40ms", s.Operation, own)
					}
				case own != engine.OwnTime{}:
					t.Errorf("%s: %+v, want none", s.Operation, own)
				}
			}
			if n := len(periods[len(periods)-1].Summaries); n != 2 {
				t.Errorf("%d summaries, want 2", n)
			}
		})
	}
}
