package gomonitorconnector

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	monitor "github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/classify/spantest"
	"github.com/blurooo/go-monitor/v2/engine"
)

// spanEnd is when the spans of the tests end.
var spanEnd = time.Date(2026, 3, 1, 3, 0, 30, 0, time.UTC)

// oneSpan returns a batch with a server's span of 20ms, after edit.
func oneSpan(edit func(ptrace.Span)) ptrace.Traces {
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	s := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetName("GET /a")
	s.SetKind(ptrace.SpanKindServer)
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{2})
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(spanEnd))
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(spanEnd.Add(-20 * time.Millisecond)))
	if edit != nil {
		edit(s)
	}
	return td
}

func readerOf(c Config) *reader {
	c = c.withDefaults("")
	return newReader(&c)
}

func TestRead(t *testing.T) {
	tests := map[string]struct {
		edit   func(ptrace.Span)
		config Config
		want   func(*engine.Span) // what differs from a success of a server
	}{
		"success": {},
		"failure by status": {
			edit: func(s ptrace.Span) { s.Status().SetCode(ptrace.StatusCodeError) },
			want: func(s *engine.Span) { s.Code, s.Outcome = "_OTHER", engine.OutcomeFailure },
		},
		"failure by code": {
			edit: func(s ptrace.Span) { s.Attributes().PutInt("http.response.status_code", 503) },
			want: func(s *engine.Span) { s.Code, s.Outcome = "503", engine.OutcomeFailure },
		},
		"code as text": {
			edit: func(s ptrace.Span) { s.Attributes().PutStr("http.response.status_code", "503") },
			want: func(s *engine.Span) { s.Code, s.Outcome = "503", engine.OutcomeFailure },
		},
		"code of the wrong type": {
			edit: func(s ptrace.Span) { s.Attributes().PutDouble("http.response.status_code", 503) },
		},
		"the program's own word": {
			edit: func(s ptrace.Span) {
				s.Attributes().PutInt("http.response.status_code", 503)
				s.Status().SetCode(ptrace.StatusCodeOk)
			},
			want: func(s *engine.Span) { s.Code = "503" },
		},
		"unknown status": {
			edit: func(s ptrace.Span) { s.Status().SetCode(17) },
		},
		"exception": {
			edit: func(s ptrace.Span) {
				s.Status().SetCode(ptrace.StatusCodeError)
				for _, name := range []string{"first", "last"} {
					e := s.Events().AppendEmpty()
					e.SetName("exception")
					e.Attributes().PutStr("exception.type", name)
				}
				s.Events().AppendEmpty().SetName("something else")
			},
			want: func(s *engine.Span) { s.Code, s.Outcome = "last", engine.OutcomeFailure },
		},
		"exception that was dealt with": {
			edit: func(s ptrace.Span) {
				e := s.Events().AppendEmpty()
				e.SetName("exception")
				e.SetTimestamp(s.EndTimestamp())
				e.Attributes().PutStr("exception.type", "mine")
			},
		},
		"panic": {
			edit: func(s ptrace.Span) {
				e := s.Events().AppendEmpty()
				e.SetName("exception")
				e.SetTimestamp(s.EndTimestamp() + 1000)
				e.Attributes().PutStr("exception.type", "mine")
			},
			want: func(s *engine.Span) { s.Code, s.Outcome = "mine", engine.OutcomeFailure },
		},
		"exception after the end, and something after that": {
			edit: func(s ptrace.Span) {
				for _, name := range []string{"exception", "note"} {
					e := s.Events().AppendEmpty()
					e.SetName(name)
					e.SetTimestamp(s.EndTimestamp() + 1000)
				}
			},
		},
		"cancelled by message": {
			edit: func(s ptrace.Span) {
				s.SetKind(ptrace.SpanKindClient)
				s.Status().SetCode(ptrace.StatusCodeError)
				s.Status().SetMessage("context canceled")
			},
			want: func(s *engine.Span) {
				s.SpanKind, s.Code, s.Outcome = engine.SpanKindClient, "_OTHER", engine.OutcomeCancelled
			},
		},
		"client named after its method": {
			edit: func(s ptrace.Span) {
				s.SetKind(ptrace.SpanKindClient)
				s.SetName("GET")
				s.Attributes().PutStr("http.request.method", "GET")
				s.Attributes().PutStr("server.address", "shop.example.org")
				s.Attributes().PutInt("http.response.status_code", 200)
			},
			want: func(s *engine.Span) {
				s.SpanKind, s.Operation, s.Code = engine.SpanKindClient, "GET shop.example.org", "200"
			},
		},
		"codes of the configuration": {
			edit:   func(s ptrace.Span) { s.Attributes().PutInt("http.response.status_code", 503) },
			config: Config{TimelineConfig: engine.TimelineConfig{Config: engine.Config{Codes: map[string]engine.CodeFeature{"503": {Success: true}}}}},
			want:   func(s *engine.Span) { s.Code = "503" },
		},
		"internal": {
			edit: func(s ptrace.Span) { s.SetKind(ptrace.SpanKindInternal) },
			want: func(s *engine.Span) {
				s.SpanKind, s.Unwatched, s.Operation, s.Code, s.Outcome = engine.SpanKindInternal, true, "", "", engine.OutcomeUnset
			},
		},
		"internal where asked for": {
			edit:   func(s ptrace.Span) { s.SetKind(ptrace.SpanKindInternal) },
			config: Config{Kinds: []engine.SpanKind{engine.SpanKindInternal}},
			want:   func(s *engine.Span) { s.SpanKind = engine.SpanKindInternal },
		},
		"unspecified and unknown kinds are internal": {
			edit:   func(s ptrace.Span) { s.SetKind(ptrace.SpanKindUnspecified) },
			config: Config{Kinds: []engine.SpanKind{engine.SpanKindInternal}},
			want:   func(s *engine.Span) { s.SpanKind = engine.SpanKindInternal },
		},
		"kinds out of bounds": {
			edit:   func(s ptrace.Span) { s.SetKind(-200) },
			config: Config{Kinds: []engine.SpanKind{engine.SpanKindInternal}},
			want:   func(s *engine.Span) { s.SpanKind = engine.SpanKindInternal },
		},
		"end before the start": {
			edit: func(s ptrace.Span) { s.SetStartTimestamp(s.EndTimestamp() + 5) },
			want: func(s *engine.Span) { s.Duration = engine.Untimed },
		},
		"no times": {
			edit: func(s ptrace.Span) { s.SetStartTimestamp(0); s.SetEndTimestamp(0) },
			want: func(s *engine.Span) { s.Duration, s.End = engine.Untimed, 0 },
		},
		"times beyond all bounds": {
			edit: func(s ptrace.Span) { s.SetStartTimestamp(1); s.SetEndTimestamp(math.MaxUint64) },
			want: func(s *engine.Span) { s.Duration, s.End = math.MaxInt64, math.MaxInt64 },
		},
		"no start": {
			edit: func(s ptrace.Span) { s.SetStartTimestamp(0) },
			want: func(s *engine.Span) { s.Duration = engine.Untimed },
		},
		"parent that is said to be local": {
			edit: func(s ptrace.Span) { s.SetParentSpanID(pcommon.SpanID{3}); s.SetFlags(0x101) },
			want: func(s *engine.Span) { s.Link.Parent = [8]byte{3} },
		},
		"parent that is said to be remote": {
			edit: func(s ptrace.Span) {
				s.SetKind(ptrace.SpanKindClient)
				s.SetParentSpanID(pcommon.SpanID{3})
				s.SetFlags(0x301)
			},
			want: func(s *engine.Span) {
				s.SpanKind, s.Link.Parent, s.Link.RemoteParent = engine.SpanKindClient, [8]byte{3}, true
			},
		},
		"parent of a server that nothing is said of": {
			edit: func(s ptrace.Span) { s.SetParentSpanID(pcommon.SpanID{3}); s.SetFlags(0x201) },
			want: func(s *engine.Span) { s.Link.Parent, s.Link.RemoteParent = [8]byte{3}, true },
		},
		"parent of a client that nothing is said of": {
			edit: func(s ptrace.Span) { s.SetKind(ptrace.SpanKindClient); s.SetParentSpanID(pcommon.SpanID{3}) },
			want: func(s *engine.Span) { s.SpanKind, s.Link.Parent = engine.SpanKindClient, [8]byte{3} },
		},
		"threshold that nobody asks for": {
			edit: func(s ptrace.Span) { s.TraceState().FromRaw("ot=th:c") },
		},
		"threshold": {
			edit:   func(s ptrace.Span) { s.TraceState().FromRaw("ot=th:c") },
			config: Config{AdjustedCounts: true},
			want:   func(s *engine.Span) { s.Weight = 4 },
		},
		"no threshold": {
			config: Config{AdjustedCounts: true},
			want:   func(s *engine.Span) { s.Weight = 1 },
		},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			want := engine.Span{
				Service: "shop", Operation: "GET /a", Code: "OK", SpanKind: engine.SpanKindServer, Outcome: engine.OutcomeSuccess,
				Duration: 20 * time.Millisecond, End: spanEnd.UnixNano(), Sampled: true,
				Link: engine.Link{Trace: [16]byte{1}, Span: [8]byte{2}},
			}
			if tt.want != nil {
				tt.want(&want)
			}
			got, unwatched := read(t, readerOf(tt.config), oneSpan(tt.edit))
			if diff := cmp.Diff([]engine.Span{want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (unwatched == 1) != want.Unwatched {
				t.Errorf("%d unwatched", unwatched)
			}
		})
	}
}

// Spans of a monitor's own tell of alerts: they are not looked at.
func TestReadLeavesOutWhatMonitorsSay(t *testing.T) {
	td := oneSpan(nil)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().SetName(alert.ScopeName)
	spans, unwatched := read(t, readerOf(Config{}), td)
	if len(spans) != 0 || unwatched != 1 {
		t.Errorf("%d spans and %d unwatched, want none and 1", len(spans), unwatched)
	}
}

func TestReadServices(t *testing.T) {
	tests := map[string]func(pcommon.Map){
		"":     func(m pcommon.Map) { m.Clear() },
		"shop": func(pcommon.Map) {},
		"z":    func(m pcommon.Map) { m.Clear(); m.PutBool("a", true); m.PutStr("service.name", "z") },
	}
	tests["\x00"] = func(m pcommon.Map) { m.PutStr("service.name", "\x00") }
	for want, edit := range tests {
		td := oneSpan(nil)
		edit(td.ResourceSpans().At(0).Resource().Attributes())
		spans, _ := read(t, readerOf(Config{}), td)
		if spans[0].Service != want {
			t.Errorf("service %q, want %q", spans[0].Service, want)
		}
	}
	td := oneSpan(nil)
	td.ResourceSpans().At(0).Resource().Attributes().PutInt("service.name", 7)
	if spans, _ := read(t, readerOf(Config{}), td); spans[0].Service != "" {
		t.Errorf("service %q of a number, want none", spans[0].Service)
	}
}

// A mistake that a service passes on is told from one that it makes at another's.
func TestReadPassedOn(t *testing.T) {
	td := ptrace.NewTraces()
	call := func(service string, kind ptrace.SpanKind, parent byte) {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", service)
		s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		s.SetName("shop.Shop/Check")
		s.SetKind(kind)
		s.SetParentSpanID(pcommon.SpanID{parent})
		s.Attributes().PutStr("rpc.response.status_code", "NOT_FOUND")
		if kind == ptrace.SpanKindClient {
			s.Status().SetCode(ptrace.StatusCodeError)
		}
	}
	call("shop", ptrace.SpanKindServer, 1)
	call("shop", ptrace.SpanKindClient, 2)
	call("shop", ptrace.SpanKindClient, 0)
	call("front", ptrace.SpanKindClient, 2)
	spans, _ := readerOf(Config{}).read(nil, td)
	var got []engine.Outcome
	for i := range spans {
		got = append(got, spans[i].Outcome)
	}
	want := []engine.Outcome{engine.OutcomeSuccess, engine.OutcomeSuccess, engine.OutcomeFailure, engine.OutcomeFailure}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

func TestReadChangesNothing(t *testing.T) {
	td, before := traffic(100), ptrace.NewTraces()
	td.CopyTo(before)
	td.MarkReadOnly() // it panics at whoever tries
	readerOf(Config{AdjustedCounts: true, Kinds: []engine.SpanKind{engine.SpanKindServer}}).read(nil, td)
	if diff := cmp.Diff(marshal(t, before), marshal(t, td)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func marshal(t *testing.T, td ptrace.Traces) string {
	t.Helper()
	text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReadAllocatesNothing(t *testing.T) {
	r := readerOf(Config{AdjustedCounts: true})
	td := traffic(1000)
	for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		s.TraceState().FromRaw("rojo=1,ot=rv:abcdefabcdefab;th:e66")
	}
	var s engine.Span
	if n := testing.AllocsPerRun(20, func() { r.each(td, &s, func(*engine.Span) {}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestWeight(t *testing.T) {
	tests := []struct {
		tracestate string
		want       uint64
	}{
		{"", 1},
		{"ot=th:0", 1},
		{"ot=th:8", 2},
		{"ot=th:c", 4},
		{"ot=th:c0000000000000", 4},
		{"ot=th:ff", 256},
		{"ot=th:fff", 1 << 12},
		{"ot=th:fffc", 1 << 14},
		{"ot=th:fffd", 1 << 14}, // less than anybody keeps
		{"ot=th:ffffffffffffff", 1 << 14},
		{"ot=rv:123456789abcde;th:8", 2},
		{"ot=th:8;rv:123456789abcde", 2},
		{"rojo=00f067aa0ba902b7,ot=th:8", 2},
		{"rojo=1, \tot=th:8 ,x=y", 2},
		{"ot=th:8,ot=th:c", 2}, // the first counts; there must be only one
		// What is no threshold says nothing.
		{"ot=th:", 1},
		{"ot=th:8g", 1},
		{"ot=th:C", 1},
		{"ot=th:-8", 1},
		{"ot=th:000000000000001", 1}, // 15 digits
		{"ot=p:8", 1},
		{"ot=xth:8", 1},
		{"not=th:8", 1},
		{"ot=", 1},
		{"ot", 1},
		{",,,;;;===", 1},
		{"th:8", 1},
		{strings.Repeat("x", 10_000), 1},
	}
	for _, tt := range tests {
		if got := weightOf(tt.tracestate, [8]byte{1}); got != tt.want {
			t.Errorf("weight by %.40q is %d, want %d", tt.tracestate, got, tt.want)
		}
	}
}

// Over many spans, the weights add up to the calls that there were, whatever the ratio
// and however the span ids are made.
func TestWeightsAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	ids := map[string]func(int) uint64{
		"random":      func(int) uint64 { return random.Uint64() },
		"counting up": func(i int) uint64 { return uint64(i) },
		"in steps":    func(i int) uint64 { return uint64(i) << 40 },
	}
	for what, next := range ids {
		for _, ratio := range []float64{0.9, 2. / 3, 0.6, 0.3, 0.15, 0.0101, 0.00021} {
			const kept = 100_000
			threshold := fmt.Sprintf("ot=th:%014x", uint64((1-ratio)*(1<<56)))
			var sum, square float64
			for i := range kept {
				var id [8]byte
				binary.BigEndian.PutUint64(id[:], next(i))
				w := weightOf(threshold, id)
				if again := weightOf(threshold, id); again != w {
					t.Fatalf("one span stands for %d calls, and for %d", w, again)
				}
				sum += float64(w)
			}
			rest := 1/ratio - math.Floor(1/ratio)
			square = math.Sqrt(kept * rest * (1 - rest)) // the deviation to be expected
			if want := kept / ratio; math.Abs(sum-want) > 5*square+1 {
				t.Errorf("ids %s, ratio %v: %.0f calls, want %.0f", what, ratio, sum, want)
			}
		}
	}
}

func FuzzWeight(f *testing.F) {
	f.Add("ot=th:8;rv:1,a=b", uint64(1))
	f.Fuzz(func(t *testing.T, tracestate string, id uint64) {
		var span [8]byte
		binary.BigEndian.PutUint64(span[:], id)
		if w := weightOf(tracestate, span); w == 0 || w > maxWeight {
			t.Errorf("weight %d by %q", w, tracestate)
		}
	})
}

// traces returns a recorded span as the Collector gets it.
func traces(t *testing.T, r *spantest.Span) ptrace.Traces {
	kinds := map[string]ptrace.SpanKind{"internal": ptrace.SpanKindInternal, "server": ptrace.SpanKindServer, "client": ptrace.SpanKindClient, "producer": ptrace.SpanKindProducer, "consumer": ptrace.SpanKindConsumer}
	statuses := map[string]ptrace.StatusCode{"Unset": ptrace.StatusCodeUnset, "Ok": ptrace.StatusCodeOk, "Error": ptrace.StatusCodeError}
	put := func(to pcommon.Map, values map[string]any) {
		for key, value := range values {
			if n, ok := value.(json.Number); ok {
				to.PutInt(key, spantest.Int(t, n))
			} else if err := to.PutEmpty(key).FromRaw(value); err != nil {
				t.Fatal(err)
			}
		}
	}
	td := oneSpan(func(s ptrace.Span) {
		s.SetName(r.Name)
		s.SetKind(kinds[r.Kind])
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(r.Start()))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(spantest.End))
		s.Status().SetCode(statuses[r.Status])
		s.Status().SetMessage(r.StatusDescription)
		put(s.Attributes(), r.Attributes)
		for _, e := range r.Events {
			event := s.Events().AppendEmpty()
			event.SetName(e.Name)
			event.SetTimestamp(pcommon.NewTimestampFromTime(e.Time()))
			put(event.Attributes(), e.Attributes)
		}
	})
	td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().SetName(r.Scope)
	return td
}

// finding is what a monitor says of one span. The code is known of calls that failed and
// of those that were slow alone.
type finding struct {
	operation, code string
	outcome         engine.Outcome
	untimed         bool
}

// longer is a span that takes more than any latency target.
type longer struct{ sdktrace.ReadOnlySpan }

func (s longer) StartTime() time.Time { return s.ReadOnlySpan.StartTime().Add(-time.Millisecond) }

// findingOf lets a monitor inside of the process see a span.
func findingOf(t *testing.T, s sdktrace.ReadOnlySpan) finding {
	var periods []engine.Period
	m, err := monitor.New(monitor.Config{
		Objective: engine.Objective{LatencyTarget: 10 * time.Microsecond},
		Kinds:     []trace.SpanKind{trace.SpanKindInternal, trace.SpanKindServer, trace.SpanKindClient, trace.SpanKindProducer, trace.SpanKindConsumer},
		Notifiers: []alert.Notifier{},
		Sinks:     []engine.Sink{engine.SinkFunc(func(_ context.Context, p engine.Period) error { periods = append(periods, p); return nil })},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.OnEnd(longer{s})
	if err := m.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	var summaries []engine.Summary
	for _, p := range periods {
		summaries = append(summaries, p.Summaries...)
	}
	if len(summaries) != 1 {
		t.Fatalf("%d summaries of one span", len(summaries))
	}
	sum := &summaries[0]
	switch {
	case sum.Untimed == 1:
		return finding{sum.Operation, "", engine.OutcomeSuccess, true}
	case sum.Success == 1:
		return finding{sum.Operation, sum.SlowExemplars[0].Code, engine.OutcomeSuccess, false}
	case sum.Failure == 1:
		return finding{sum.Operation, sum.FailureExemplars[0].Code, engine.OutcomeFailure, false}
	case sum.Cancelled == 1:
		return finding{sum.Operation, "", engine.OutcomeCancelled, false}
	default:
		return finding{sum.Operation, "", engine.OutcomeIgnored, false}
	}
}

var allKinds = []engine.SpanKind{engine.SpanKindInternal, engine.SpanKindServer, engine.SpanKindClient, engine.SpanKindProducer, engine.SpanKindConsumer}

// What people reported of real programs is judged as they expect, but for what only the context of a
// live span can tell.
func TestReportedCases(t *testing.T) {
	needContext := []string{
		"errgroup-cause: HTTP GET client 2", "reverseproxy-client-gone: GET server",
		"grpc-server-context: grpc.health.v1.Health/Check server 1",
	}
	for _, c := range spantest.Cases(t) {
		if slices.Contains(needContext, c.ID) {
			continue
		}
		r := readerOf(Config{Kinds: allKinds})
		spans, _ := read(t, r, traces(t, &c.Span))
		got := spans[0]
		if got.Outcome.String() != c.Expect.Outcome || got.Outcome != engine.OutcomeIgnored && got.Operation != c.Expect.Operation ||
			c.Expect.Code != "" && got.Code != c.Expect.Code ||
			got.Outcome == engine.OutcomeSuccess && got.Untimed != (c.Expect.Latency == "excluded") {
			t.Errorf("%s: %q %q %s, want %+v (%s)", c.ID, got.Operation, got.Code, got.Outcome, c.Expect, c.Note)
		}
	}
}

// A span means the same in the Collector as inside of the process.
func TestSpansMeanTheSameAsInTheProcess(t *testing.T) {
	outcomes := make(map[engine.Outcome]int)
	for _, s := range spantest.Scenarios(t) {
		for i := range s.Spans {
			want := findingOf(t, s.Spans[i].Stub(t).Snapshot())
			r := readerOf(Config{Kinds: allKinds}) // one that has not called the same address at another port
			spans, _ := read(t, r, traces(t, &s.Spans[i]))
			got := finding{spans[0].Operation, spans[0].Code, spans[0].Outcome, spans[0].Untimed && spans[0].Outcome == engine.OutcomeSuccess}
			outcomes[got.outcome]++
			if want.code == "" {
				got.code = ""
			}
			if got != want {
				t.Errorf("%s: %s: span %d is %v, want %v", s.Group, s.Scenario, i, got, want)
			}
		}
	}
	for _, o := range []engine.Outcome{engine.OutcomeSuccess, engine.OutcomeFailure, engine.OutcomeCancelled} {
		if outcomes[o] == 0 {
			t.Errorf("no span was a %s: the recording shows too little", o)
		}
	}
	t.Logf("spans by outcome: %v", outcomes)
}

// What is counted holds on to nothing of the batch that it came in.
func TestSpansAreNotKept(t *testing.T) {
	const spans, size = 64, 1 << 20
	p := start(t, &Config{}, toLogs)
	for i := range spans {
		// Names and messages that are the beginning of something large.
		large := strings.Repeat(string(rune('a'+i%26)), size)
		td := callsAt(time.Now(), large[:20+i], 500, 1)
		resource := td.ResourceSpans().At(0)
		resource.Resource().Attributes().PutStr("service.name", large[:10])
		resource.ScopeSpans().At(0).Spans().At(0).Status().SetMessage(large)
		p.send(t, td)
	}
	var after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&after)
	if after.HeapAlloc > spans*size/2 {
		t.Errorf("%d MiB in use after %d spans of 1 MiB", after.HeapAlloc>>20, spans)
	}
	p.shutdown(t)
}

// Whatever the Collector understands can be read, and every span is in what comes out.
func FuzzRead(f *testing.F) {
	for _, td := range []ptrace.Traces{traffic(10), oneSpan(nil), ptrace.NewTraces()} {
		seed, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	r := readerOf(Config{AdjustedCounts: true, Kinds: allKinds})
	f.Fuzz(func(t *testing.T, message []byte) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(message)
		if err != nil {
			return
		}
		td.MarkReadOnly()
		spans, unwatched := read(t, r, td)
		if len(spans)+unwatched != td.SpanCount() {
			t.Fatalf("%d spans and %d unwatched of %d", len(spans), unwatched, td.SpanCount())
		}
		for i := range spans {
			s := &spans[i]
			if s.Outcome == engine.OutcomeUnset || s.Code == "" || s.Duration < engine.Untimed || s.End < 0 || s.Weight == 0 || s.SpanKind < engine.SpanKindInternal || s.SpanKind > engine.SpanKindConsumer {
				t.Fatalf("%+v", *s)
			}
		}
	})
}
