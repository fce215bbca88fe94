package gomonitorconnector

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/blurooo/go-monitor/v2/engine"
)

// traffic returns a batch of n spans of 100 operations in 10 services, of which one in
// a hundred failed, as HTTP servers and clients make them.
func traffic(n int) ptrace.Traces {
	const services, names = 10, 10
	td := ptrace.NewTraces()
	end := time.Now()
	for s := range services {
		resource := td.ResourceSpans().AppendEmpty()
		resource.Resource().Attributes().PutStr("telemetry.sdk.language", "go")
		resource.Resource().Attributes().PutStr("service.name", fmt.Sprintf("service-%d", s))
		scope := resource.ScopeSpans().AppendEmpty()
		scope.Scope().SetName("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp")
		for i := range n / services {
			span := scope.Spans().AppendEmpty()
			id := s*n + i + 1
			span.SetTraceID(pcommon.TraceID{1, byte(id >> 16), byte(id >> 8), byte(id), 15: byte(id)})
			span.SetSpanID(pcommon.SpanID{2, byte(id >> 16), byte(id >> 8), byte(id)})
			span.SetKind(ptrace.SpanKindServer)
			span.SetName(fmt.Sprintf("GET /api/v1/things/%d", i%names))
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(end.Add(-time.Duration(1+i%50) * time.Millisecond)))
			attrs := span.Attributes()
			attrs.PutStr("http.request.method", "GET")
			attrs.PutStr("url.scheme", "https")
			attrs.PutStr("server.address", "shop.example.org")
			attrs.PutInt("server.port", 443)
			attrs.PutStr("network.peer.address", "10.1.2.3")
			attrs.PutStr("user_agent.original", "Mozilla/5.0")
			attrs.PutStr("http.route", "/api/v1/things/{id}")
			if i%100 == 99 {
				attrs.PutInt("http.response.status_code", 503)
				attrs.PutStr("error.type", "503")
				span.Status().SetCode(ptrace.StatusCodeError)
			} else {
				attrs.PutInt("http.response.status_code", 200)
			}
		}
	}
	return td
}

// startBench starts a component that connects to metrics, which keeps all there is to count.
func startBench(tb testing.TB, c *Config) benched {
	tb.Helper()
	p, err := NewFactory().CreateTracesToMetrics(tb.Context(), connectortest.NewNopSettings(Type), c, consumertest.NewNop())
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.Start(tb.Context(), nil); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Shutdown(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return benched{p.(*part)}
}

type benched struct{ *part }

// ConsumeTraces counts spans.
func (b benched) ConsumeTraces(td ptrace.Traces) error { return b.shared.consume(td) }

func BenchmarkConsumeTraces(b *testing.B) {
	p := startBench(b, &Config{})
	td := traffic(1000)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.ConsumeTraces(td); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(td.SpanCount()), "ns/span")
}

// BenchmarkConsumeTracesParallel is BenchmarkConsumeTraces with a receiver on each processor.
func BenchmarkConsumeTracesParallel(b *testing.B) {
	p := startBench(b, &Config{})
	b.ReportAllocs()
	spans := traffic(1000).SpanCount()
	b.RunParallel(func(pb *testing.PB) {
		td := traffic(1000)
		for pb.Next() {
			if err := p.ConsumeTraces(td); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(spans), "ns/span")
}

func BenchmarkRead(b *testing.B) {
	c := (&Config{}).withDefaults("")
	r := newReader(&c)
	td := traffic(1000)
	var spans []engine.Span
	b.ReportAllocs()
	for b.Loop() {
		spans, _ = r.read(spans[:0], td)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(td.SpanCount()), "ns/span")
}
