package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// load returns spans of a service as an SDK sends them: with a resource and the usual
// attributes of an HTTP server.
func load(spans, operations int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	for _, kv := range [][2]string{{"service.name", "shop"}, {"telemetry.sdk.language", "go"}, {"host.name", "web-1"}, {"k8s.pod.name", "shop-6c9f7b-xk2lp"}} {
		rs.Resource().Attributes().PutStr(kv[0], kv[1])
	}
	list := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range spans {
		s := list.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1, byte(i), byte(i >> 8)})
		s.SetSpanID(pcommon.SpanID{1, byte(i), byte(i >> 8)})
		s.SetKind(ptrace.SpanKindServer)
		s.SetName(fmt.Sprintf("GET /things/%d/{id}", i%operations))
		a := s.Attributes()
		a.PutStr("http.request.method", "GET")
		a.PutStr("http.route", s.Name()[4:])
		a.PutStr("url.path", fmt.Sprintf("/things/%d/%d", i%operations, i))
		a.PutStr("url.scheme", "https")
		a.PutStr("server.address", "shop.example")
		a.PutStr("client.address", "192.0.2.17")
		a.PutStr("network.protocol.version", "1.1")
		a.PutStr("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64)")
		a.PutInt("http.response.status_code", 200)
		if i%100 == 0 {
			a.PutInt("http.response.status_code", 503)
			s.Status().SetCode(ptrace.StatusCodeError)
		}
	}
	return td
}

// endNow has all spans end now.
func endNow(td ptrace.Traces) {
	now := time.Now()
	list := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for i, s := range list.All() {
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Duration(i%50+1) * time.Millisecond)))
	}
}

// cpu returns the processor time that a process has used.
func cpu(b *testing.B, p *process) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		b.Skip(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int
	for _, f := range fields[11:13] { // utime and stime
		n, err := strconv.Atoi(f)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100)
}

// rss returns the memory that a process has, in bytes.
func rss(b *testing.B, p *process) int {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		b.Skip(err)
	}
	_, after, _ := strings.Cut(string(text), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		b.Fatal(err)
	}
	return kib << 10
}

// BenchmarkService measures how many spans one core of a service takes, by the processor
// time that its process uses for them: requests of 1000 spans of 100 operations.
func BenchmarkService(b *testing.B) {
	const spans, operations = 1000, 100
	for name, to := range map[string]func(a addresses) reporter{
		"gRPC": func(a addresses) reporter { return byGRPC(b, a.grpc) },
		"JSON": func(a addresses) reporter { return byHTTP(a.http) },
	} {
		b.Run(name, func(b *testing.B) {
			a := newAddresses(b)
			p := startDefault(b, a)
			sendLoad(b, p, to(a), load(spans, operations))
		})
	}
	b.Run("first tier", func(b *testing.B) {
		instances := startInstances(b, 3)
		f := startTier(b, instances)
		sendLoad(b, f.process, byGRPC(b, f.grpc), load(spans, operations))
	})
}

// sendLoad sends spans again and again, and reports what that costs a process.
func sendLoad(b *testing.B, p *process, r reporter, td ptrace.Traces) {
	b.Helper()
	before := cpu(b, p)
	for b.Loop() {
		endNow(td)
		if err := r(b.Context(), td); err != nil {
			b.Fatal(err)
		}
	}
	used := cpu(b, p) - before
	sent := float64(b.N) * float64(td.SpanCount())
	b.ReportMetric(sent/max(used.Seconds(), 0.01), "spans/core-s")
	b.ReportMetric(float64(used.Nanoseconds())/sent, "ns/span")
	b.ReportMetric(float64(rss(b, p))/(1<<20), "MiB-RSS")
}

// BenchmarkStart measures how long it takes until the service is ready, from its start, and
// what memory it has then.
func BenchmarkStart(b *testing.B) {
	mustBinary(b)
	var memory int
	for b.Loop() {
		p := startDefault(b, newAddresses(b))
		memory = rss(b, p)
		if err := p.stop(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(memory)/(1<<20), "MiB-RSS")
	info, err := os.Stat(mustBinary(b))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/(1<<20), "MiB-binary")
}

// BenchmarkOperations measures the memory that an operation takes, when each is called 10 times a period.
func BenchmarkOperations(b *testing.B) {
	const operations = 20_000
	a := newAddresses(b)
	p := startDefault(b, a, fmt.Sprintf("yaml:{connectors: {gomonitor: {period: 5s, grace: 1s, max_operations: %d}}}", operations))
	r := byGRPC(b, a.grpc)
	before := rss(b, p)
	const perRequest = 5000
	period := time.NewTicker(5 * time.Second)
	defer period.Stop()
	for b.Loop() {
		for range 3 {
			for service := range operations / perRequest {
				td := load(perRequest, perRequest)
				td.ResourceSpans().At(0).Resource().Attributes().PutStr("service.name", fmt.Sprintf("shop-%d", service))
				for range 10 {
					endNow(td)
					if err := r(b.Context(), td); err != nil {
						b.Fatal(err)
					}
				}
			}
			<-period.C
		}
	}
	b.ReportMetric(float64(rss(b, p)-before)/operations, "B/operation")
	b.ReportMetric(float64(rss(b, p))/(1<<20), "MiB-RSS")
	if info, err := os.Stat(filepath.Clean(a.database)); err == nil {
		b.ReportMetric(float64(info.Size())/(1<<20), "MiB-database")
	}
}
