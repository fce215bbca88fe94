package otlpwire

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// traffic returns a request of n spans of HTTP servers as an SDK writes them.
func traffic(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr(serviceName, "shop")
	resource.Resource().Attributes().PutStr("host.name", "web-1")
	list := resource.ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		s := list.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1, byte(i), byte(i >> 8), 15: 1})
		s.SetSpanID(pcommon.SpanID{1, byte(i), byte(i >> 8)})
		s.SetKind(ptrace.SpanKindServer)
		s.SetName(fmt.Sprintf("GET /things/%d/{id}", i%100))
		s.SetStartTimestamp(1780000000000000000)
		s.SetEndTimestamp(1780000000050000000)
		a := s.Attributes()
		a.PutStr("http.request.method", "GET")
		a.PutStr("http.route", s.Name()[4:])
		a.PutStr("url.path", fmt.Sprintf("/things/%d/%d", i%100, i))
		a.PutStr("url.scheme", "https")
		a.PutStr("server.address", "shop.example")
		a.PutStr("client.address", "192.0.2.17")
		a.PutStr("network.protocol.version", "1.1")
		a.PutStr("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64)")
		a.PutInt("http.response.status_code", 200)
	}
	return td
}

func BenchmarkProtobuf(b *testing.B) {
	r, request := benchReader(), protobufOf(b, traffic(benchSpans))
	b.Run("wire", func(b *testing.B) { benchRead(b, request, func() error { return r.Protobuf(request, func(*Span) {}) }) })
	b.Run("pdata", func(b *testing.B) {
		benchRead(b, request, func() error { return ptraceotlp.NewExportRequest().UnmarshalProto(request) })
	})
}

func BenchmarkJSON(b *testing.B) {
	r, request := benchReader(), jsonOf(b, traffic(benchSpans))
	b.Run("wire", func(b *testing.B) { benchRead(b, request, func() error { return r.JSON(request, func(*Span) {}) }) })
	b.Run("pdata", func(b *testing.B) {
		benchRead(b, request, func() error { return ptraceotlp.NewExportRequest().UnmarshalJSON(request) })
	})
}

const benchSpans = 1000

// benchReader returns a reader that keeps one attribute of each span.
func benchReader() *Reader { return NewReader(func(key string) bool { return len(key) == 25 }) }

// benchRead measures how long it takes to read a request of benchSpans spans.
func benchRead(b *testing.B, request []byte, read func() error) {
	b.SetBytes(int64(len(request)))
	b.ReportAllocs()
	for b.Loop() {
		if err := read(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchSpans, "ns/span")
}
