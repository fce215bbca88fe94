package gomonitorconnector

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/blurooo/go-monitor/v2/engine"
)

// absurdSpans returns spans that nobody should send, and how many they are.
func absurdSpans(now time.Time) (ptrace.Traces, int) {
	td := ptrace.NewTraces()
	end := pcommon.NewTimestampFromTime(now)
	times := [][2]pcommon.Timestamp{
		{end - 1e6, end}, {end, end - 1e9}, {0, 0}, {0, end}, {end, 0}, {0, math.MaxUint64}, {math.MaxUint64, 0},
		{math.MaxInt64, math.MaxInt64 + 1}, {end, math.MaxUint64}, {1, math.MaxInt64},
	}
	names := []string{"", "op", "\xff\x00\n", strings.Repeat("é", 5000), "_OTHER", "_UNNAMED", " > "}
	values := []func(pcommon.Value){
		func(v pcommon.Value) { v.SetInt(math.MinInt64) },
		func(v pcommon.Value) { v.SetInt(503) },
		func(v pcommon.Value) { v.SetDouble(math.NaN()) },
		func(v pcommon.Value) { v.SetStr("\xff" + strings.Repeat("x", 10000)) },
		func(v pcommon.Value) { v.SetStr("") },
		func(v pcommon.Value) { v.SetEmptyMap().PutStr("a", "b") },
		func(v pcommon.Value) { v.SetEmptySlice().AppendEmpty() },
		func(v pcommon.Value) { v.SetEmptyBytes() },
		func(pcommon.Value) {},
	}
	keys := []string{"http.response.status_code", "error.type", "rpc.grpc.status_code", "http.request.method", "server.address", ""}
	for _, service := range values {
		resource := td.ResourceSpans().AppendEmpty()
		service(resource.Resource().Attributes().PutEmpty("service.name"))
		spans := resource.ScopeSpans().AppendEmpty().Spans()
		resource.ScopeSpans().AppendEmpty() // with no span at all
		for i := range 2000 {
			s := spans.AppendEmpty()
			s.SetStartTimestamp(times[i%len(times)][0])
			s.SetEndTimestamp(times[i%len(times)][1])
			s.SetName(names[i/3%len(names)])
			s.SetKind(ptrace.SpanKind([]int32{0, 1, 2, 3, 4, 5, 99, -1, math.MinInt32}[i/2%9]))
			s.SetTraceID(pcommon.TraceID{byte(i % 3)})
			s.SetSpanID(pcommon.SpanID{byte(i % 11)})      // most of them twice, or none
			s.SetParentSpanID(pcommon.SpanID{byte(i % 7)}) // in circles, or their own
			s.SetFlags(uint32(i) << 6)
			s.Status().SetCode(ptrace.StatusCode([]int32{0, 1, 2, 99, -1}[i/5%5]))
			s.Status().SetMessage(names[i/4%len(names)])
			s.TraceState().FromRaw([]string{"", "ot=th:ffffffffffffff", "ot=th:", "ot=;;th:c;=,,ot=th:8", "\xff"}[i/6%5])
			values[i/7%len(values)](s.Attributes().PutEmpty(keys[i/8%len(keys)]))
			e := s.Events().AppendEmpty()
			e.SetName("exception")
			values[i/9%len(values)](e.Attributes().PutEmpty("exception.type"))
		}
	}
	return td, td.SpanCount()
}

// Whatever spans hold, each is counted once, and what comes of them can be sent on.
func TestAbsurdSpans(t *testing.T) {
	for what, c := range map[string]Config{
		"plain":    {},
		"all ways": {TimelineConfig: engine.TimelineConfig{PeerServices: true, RecentSpans: 100, Config: engine.Config{MaxOperations: 10}}},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.Kinds = []engine.SpanKind{engine.SpanKindInternal, engine.SpanKindServer, engine.SpanKindClient, engine.SpanKindProducer, engine.SpanKindConsumer}
				c.Logs.Summaries = true
				p := start(t, &c, toBoth)
				want := 0
				for range 4 {
					untilMinute(15)
					td, n := absurdSpans(time.Now())
					p.send(t, td)
					want += n
				}
				p.shutdown(t)
				got := p.summarized()
				for _, record := range p.events(eventSummary) {
					ignored, _ := record.Attributes().Get("gomonitor.ignored")
					got += int(ignored.Int())
				}
				for _, record := range p.events("gomonitor.error") {
					if late, ok := record.Attributes().Get("gomonitor.late"); ok {
						got += int(late.Int())
					}
				}
				if got != want {
					t.Errorf("%d spans are counted, want %d", got, want)
				}
				for _, metrics := range p.metrics.AllMetrics() {
					if text, err := new(pmetric.JSONMarshaler).MarshalMetrics(metrics); err != nil || !utf8.Valid(text) || strings.Contains(string(text), "NaN") {
						t.Errorf("metrics can't be sent on: %v", err)
					}
				}
				for _, logs := range p.logs.AllLogs() {
					if text, err := new(plog.JSONMarshaler).MarshalLogs(logs); err != nil || !utf8.Valid(text) || strings.Contains(strings.ReplaceAll(string(text), `\"NaN\"`, ""), "NaN") {
						t.Errorf("logs can't be sent on: %v", err)
					}
				}
			})
		})
	}
}
