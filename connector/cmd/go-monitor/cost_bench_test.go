package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
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

// rss returns the memory that a process has, in bytes. The pages of the program's file are part of
// it: they are shared, and the system takes them back when it needs them.
func rss(b *testing.B, p *process) int { return memoryOf(b, p, "VmRSS:") }

// own returns the memory that a process has without the pages of files, in bytes.
func own(b *testing.B, p *process) int { return memoryOf(b, p, "RssAnon:") }

func memoryOf(b *testing.B, p *process, what string) int {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		b.Skip(err)
	}
	_, after, _ := strings.Cut(string(text), what)
	kib, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		b.Fatal(err)
	}
	return kib << 10
}

// BenchmarkService measures how many spans one core of a service takes, by the processor
// time that its process uses for them: requests of 1000 spans of 100 operations, beside a
// Collector that makes span metrics of the same requests.
func BenchmarkService(b *testing.B) {
	const spans, operations = 1000, 100
	td := load(spans, operations)
	ways := map[string]func(testing.TB, addresses) reporter{
		"gRPC":     func(t testing.TB, a addresses) reporter { return byRawGRPC(t, a.grpc) },
		"protobuf": func(_ testing.TB, a addresses) reporter { return byRawHTTP(a.http, "application/x-protobuf") },
		"JSON":     func(_ testing.TB, a addresses) reporter { return byRawHTTP(a.http, "application/json") },
	}
	for _, way := range []string{"gRPC", "protobuf", "JSON"} {
		b.Run(way, func(b *testing.B) {
			a := newAddresses(b)
			sendLoad(b, startDefault(b, a), ways[way](b, a), td)
		})
		b.Run("span metrics/"+way, func(b *testing.B) {
			a := newAddresses(b)
			sendLoad(b, startSpanMetrics(b, a), ways[way](b, a), td)
		})
	}
	b.Run("first tier", func(b *testing.B) {
		instances := startInstances(b, 3)
		f := startTier(b, instances)
		sendLoad(b, f.process, byRawGRPC(b, f.grpc), td)
	})
}

// BenchmarkCores measures how many spans a second the service takes on one processor and on two,
// from several senders.
func BenchmarkCores(b *testing.B) {
	td := load(1000, 100)
	for _, cores := range []int{1, 2} {
		b.Run(fmt.Sprint(cores), func(b *testing.B) {
			a := newAddresses(b)
			b.Setenv("GOMAXPROCS", fmt.Sprint(cores))
			p := startDefault(b, a)
			endNow(td)
			before := cpu(b, p)
			b.SetParallelism(2)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				r := byRawGRPC(b, a.grpc)
				for pb.Next() {
					if err := r(b.Context(), td); err != nil {
						b.Error(err)
						return
					}
				}
			})
			sent := float64(b.N) * float64(td.SpanCount())
			b.ReportMetric(sent/b.Elapsed().Seconds(), "spans/s")
			b.ReportMetric((cpu(b, p)-before).Seconds()/b.Elapsed().Seconds(), "cores")
		})
	}
}

// spanMetrics returns the path of the Collector with span metrics.
var spanMetrics = sync.OnceValues(func() (string, error) {
	path, err := binary()
	if err != nil {
		return "", err
	}
	path = filepath.Join(filepath.Dir(path), "spanmetrics")
	out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "../../internal/spanmetrics").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// startSpanMetrics starts a Collector that makes span metrics, told apart as go-monitor's are.
func startSpanMetrics(b *testing.B, a addresses) *process {
	b.Helper()
	path, err := spanMetrics()
	if err != nil {
		b.Fatal(err)
	}
	p := start(b, b.TempDir(), nil, path, "--config", fmt.Sprintf(`yaml:
receivers: {otlp: {protocols: {grpc: {endpoint: %q}, http: {endpoint: %q}}}}
processors: {memory_limiter: {check_interval: 1s, limit_percentage: 75, spike_limit_percentage: 15}}
connectors: {span_metrics: {}}
exporters: {prometheus: {endpoint: %q}}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [memory_limiter], exporters: [span_metrics]}
    metrics: {receivers: [span_metrics], exporters: [prometheus]}
  telemetry: {metrics: {level: none}}
`, a.grpc, a.http, a.metrics))
	p.says("Everything is ready")
	return p
}

// sendLoad sends spans again and again, and reports what that costs a process.
func sendLoad(b *testing.B, p *process, r reporter, td ptrace.Traces) {
	b.Helper()
	endNow(td)
	if err := r(b.Context(), td); err != nil { // the first request takes the memory
		b.Fatal(err)
	}
	before := cpu(b, p)
	refused := 0
	for b.Loop() {
		err := r(b.Context(), td)
		for ; status.Code(err) == codes.ResourceExhausted; err = r(b.Context(), td) {
			refused++ // what comes behind is slower
			select {
			case <-time.After(20 * time.Millisecond):
			case <-b.Context().Done():
			}
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	used := cpu(b, p) - before
	sent := float64(b.N) * float64(td.SpanCount())
	b.ReportMetric(sent/max(used.Seconds(), 0.01), "spans/core-s")
	b.ReportMetric(float64(used.Nanoseconds())/sent, "ns/span")
	b.ReportMetric(float64(rss(b, p))/(1<<20), "MiB-RSS")
	b.ReportMetric(float64(own(b, p))/(1<<20), "MiB-own")
	if refused > 0 {
		b.ReportMetric(float64(refused), "refused")
	}
}

// messages keeps the last request that was encoded: to encode each anew would take the sender more
// time than the service needs to read it.
type messages struct {
	of     ptrace.Traces
	encode func(ptrace.Traces) ([]byte, error)
	bytes  []byte
}

func (m *messages) message(td ptrace.Traces) ([]byte, error) {
	if m.bytes != nil && m.of == td {
		return m.bytes, nil
	}
	bytes, err := m.encode(td)
	m.of, m.bytes = td, bytes
	return bytes, err
}

// byRawGRPC is byGRPC for spans that are sent again and again as they were the first time.
func byRawGRPC(t testing.TB, addr string) reporter {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	m := messages{encode: func(td ptrace.Traces) ([]byte, error) {
		return ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	}}
	return func(ctx context.Context, td ptrace.Traces) error {
		request, err := m.message(td)
		if err != nil {
			return err
		}
		var answer []byte
		return conn.Invoke(ctx, "/opentelemetry.proto.collector.trace.v1.TraceService/Export", request, &answer)
	}
}

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// byRawHTTP is byHTTP for spans that are sent again and again as they were the first time.
func byRawHTTP(addr, contentType string) reporter {
	m := messages{encode: func(td ptrace.Traces) ([]byte, error) {
		if contentType == "application/json" {
			return ptraceotlp.NewExportRequestFromTraces(td).MarshalJSON()
		}
		return ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	}}
	return func(ctx context.Context, td ptrace.Traces) error {
		request, err := m.message(td)
		if err != nil {
			return err
		}
		return postRequest(ctx, addr, contentType, request)
	}
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
