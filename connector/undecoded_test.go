package gomonitorconnector

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/blurooo/go-monitor/connector/internal/undecoded"
	"github.com/blurooo/go-monitor/v2/engine"
)

// requestOf returns spans as they are sent.
func requestOf(t testing.TB, td ptrace.Traces) undecoded.Request {
	t.Helper()
	message, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	return undecoded.Request{Bytes: message}
}

// read reads spans, both decoded and not: that must be the same.
func read(t testing.TB, r *reader, td ptrace.Traces) (spans []engine.Span, unwatched int) {
	t.Helper()
	spans, unwatched = r.read(nil, td)
	u := newUndecodedReaders(r).Get().(*undecodedReader)
	if err := u.read(requestOf(t, td)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append([]engine.Span{}, spans...), append([]engine.Span{}, u.spans...)); diff != "" {
		t.Errorf("(-decoded +undecoded):\n%s", diff)
	}
	if u.unwatched != unwatched || u.count != td.SpanCount() {
		t.Errorf("%d spans and %d unwatched, want %d and %d", u.count, u.unwatched, td.SpanCount(), unwatched)
	}
	return spans, unwatched
}

// What is counted holds on to nothing of the request, whose memory is used again.
func TestUndecodedSpansAreNotKept(t *testing.T) {
	p := start(t, &Config{Logs: LogsConfig{Summaries: true}}, toLogs)
	for i := range 200 {
		td := callsAt(time.Now(), fmt.Sprintf("GET /%d", i%10), 0, 1)
		resource := td.ResourceSpans().At(0)
		resource.Resource().Attributes().PutStr("service.name", fmt.Sprintf("shop-%d", i%3))
		s := resource.ScopeSpans().At(0).Spans().At(0)
		s.Attributes().PutStr("error.type", fmt.Sprintf("E%d", i%5))
		s.Status().SetCode(ptrace.StatusCodeError)
		request := requestOf(t, td)
		if _, err := p.parts[0].(*part).shared.consumeUndecoded(request); err != nil {
			t.Fatal(err)
		}
		for i := range request.Bytes {
			request.Bytes[i] = '#'
		}
	}
	p.shutdown(t)
	for _, logs := range p.logs.AllLogs() {
		text, err := (&plog.JSONMarshaler{}).MarshalLogs(logs)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "#") || !strings.Contains(string(text), `"E4"`) || !strings.Contains(string(text), "GET /9") {
			t.Errorf("memory of a request was kept: %s", text)
		}
	}
	if n := p.summarized(); n != 200 {
		t.Errorf("%d calls, want 200", n)
	}
}

func TestOwnTexts(t *testing.T) {
	request := []byte("E1 and E2, " + strings.Repeat("x", longestText+1))
	k := make(keptTexts)
	within := func(from, to int) string { return unsafe.String(&request[from], to-from) }
	for _, code := range []string{"OK", "", within(0, 2), within(7, 9), within(11, len(request))} {
		want := strings.Clone(code)
		got := k.own(code, request)
		if got != want || isWithin(got, request) {
			t.Errorf("%q, want %q of its own", got, want)
		}
	}
	if len(k) != 2 {
		t.Errorf("%d codes are kept, want 2", len(k))
	}
	for i := range 2 * mostTexts {
		other := []byte(fmt.Sprint(i))
		k.own(unsafe.String(&other[0], len(other)), other)
	}
	if len(k) != mostTexts {
		t.Errorf("%d codes are kept, want %d", len(k), mostTexts)
	}
}

func BenchmarkUndecoded(b *testing.B) {
	p := startBench(b, &Config{})
	td := traffic(1000)
	request := requestOf(b, td)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.shared.consumeUndecoded(request); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(td.SpanCount()), "ns/span")
}

// BenchmarkUndecodedParallel measures how counting grows with cores (-cpu 1,2): reading is parallel,
// counting is not.
func BenchmarkUndecodedParallel(b *testing.B) {
	p := startBench(b, &Config{})
	td := traffic(1000)
	b.RunParallel(func(pb *testing.PB) {
		request := requestOf(b, td)
		for pb.Next() {
			if _, err := p.shared.consumeUndecoded(request); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(td.SpanCount())*float64(b.N)/b.Elapsed().Seconds(), "spans/s")
}

func TestUndecodedAllocatesNothing(t *testing.T) {
	p := startBench(t, &Config{})
	request := requestOf(t, traffic(1000))
	for range 200 { // the details of the first failed calls are kept
		if _, err := p.shared.consumeUndecoded(request); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(20, func() {
		if _, err := p.shared.consumeUndecoded(request); err != nil {
			t.Fatal(err)
		}
	}); n >= 100 { // of 1000 spans: the engine holds some failed ones
		t.Errorf("%v allocations in a request of 1000 spans", n)
	}
}
