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
	const spans = 1000
	request := protobufOf(b, traffic(spans))
	b.Run("wire", func(b *testing.B) {
		r := NewReader(func(key string) bool { return len(key) == 25 })
		kept := 0
		each := func(s *Span) { kept += len(s.Attributes) }
		b.SetBytes(int64(len(request)))
		b.ReportAllocs()
		for b.Loop() {
			if err := r.Protobuf(request, each); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/spans, "ns/span")
	})
	b.Run("pdata", func(b *testing.B) {
		b.SetBytes(int64(len(request)))
		b.ReportAllocs()
		for b.Loop() {
			if err := ptraceotlp.NewExportRequest().UnmarshalProto(request); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/spans, "ns/span")
	})
}

func BenchmarkJSON(b *testing.B) {
	const spans = 1000
	request := jsonOf(b, traffic(spans))
	b.Run("wire", func(b *testing.B) {
		r := NewReader(func(key string) bool { return len(key) == 25 })
		kept := 0
		each := func(s *Span) { kept += len(s.Attributes) }
		b.SetBytes(int64(len(request)))
		b.ReportAllocs()
		for b.Loop() {
			if err := r.JSON(request, each); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/spans, "ns/span")
	})
	b.Run("pdata", func(b *testing.B) {
		b.SetBytes(int64(len(request)))
		b.ReportAllocs()
		for b.Loop() {
			if err := ptraceotlp.NewExportRequest().UnmarshalJSON(request); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/spans, "ns/span")
	})
}
