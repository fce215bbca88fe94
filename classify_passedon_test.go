package monitor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// A gateway's healthy users make mistakes: each request has a server's span for HTTP, a client's for
// gRPC and, in the same process, a server's. No alert comes of it. One comes of what the server
// fails in.
func TestGatewayPassesOnMistakes(t *testing.T) {
	for code, alerts := range map[string]int{"INVALID_ARGUMENT": 0, "CODE(2017)": 0, "UNAUTHENTICATED": 0, "UNAVAILABLE": 2, "INTERNAL": 2} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				m := start(t, r.record(Config{}))
				tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m))
				tracer := tp.Tracer("test")
				for range 5 {
					for range 10 {
						request(tracer, code)
					}
					time.Sleep(time.Minute)
					synctest.Wait()
				}
				if len(r.alerts) != alerts {
					t.Errorf("%d alerts, want %d", len(r.alerts), alerts)
				}
			})
		})
	}
}

// request makes the spans of one request whose call by gRPC ends with a code.
func request(tracer trace.Tracer, code string) {
	status := attribute.String("rpc.response.status_code", code)
	ctx, outer := tracer.Start(context.Background(), "POST /check", trace.WithSpanKind(trace.SpanKindServer))
	ctx, client := tracer.Start(ctx, "shop.Shop/Check", trace.WithSpanKind(trace.SpanKindClient))
	remote := trace.ContextWithRemoteSpanContext(context.Background(), trace.SpanContextFromContext(ctx))
	_, server := tracer.Start(remote, "shop.Shop/Check", trace.WithSpanKind(trace.SpanKindServer))
	server.SetAttributes(status)
	server.End()
	client.SetAttributes(status)
	client.SetStatus(codes.Error, "of the server")
	client.End()
	outer.SetAttributes(attribute.Int("http.response.status_code", 400))
	outer.End()
}
