package monitor

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// node is one call of a scenario, with the calls that it makes one after the other.
type node struct {
	kind  trace.SpanKind
	name  string
	code  string        // what it fails with; empty: it succeeds
	works time.Duration // how long it takes by itself, after its children
	late  time.Duration // how long it goes on after its parent has ended; 0: it does not
	calls []node
}

const ms = time.Millisecond

// gaveUp is the code of a call that its caller gave up.
const gaveUp = "context canceled"

// Short names for kinds of calls.
func server(name, code string, works time.Duration, calls ...node) node {
	return node{kind: trace.SpanKindServer, name: name, code: code, works: works, calls: calls}
}

func client(name, code string, works time.Duration, calls ...node) node {
	return node{kind: trace.SpanKindClient, name: name, code: code, works: works, calls: calls}
}

func internal(name, code string, works time.Duration, calls ...node) node {
	return node{kind: trace.SpanKindInternal, name: name, code: code, works: works, calls: calls}
}

// run makes the call.
func (n node) run(ctx context.Context, tracer trace.Tracer) {
	ctx, span := tracer.Start(ctx, n.name, trace.WithSpanKind(n.kind))
	end := func() {
		if n.code == gaveUp {
			span.SetStatus(codes.Error, "rows: context canceled")
		} else if n.code != "" {
			span.SetStatus(codes.Error, "")
			span.SetAttributes(attribute.String("error.type", n.code))
		}
		span.End()
	}
	if n.late > 0 {
		time.AfterFunc(n.late, end)
		return
	}
	for _, c := range n.calls {
		if n.kind == trace.SpanKindClient && c.kind == trace.SpanKindServer {
			// The other side of the call is in this process, too: it got here by a header.
			c.run(trace.ContextWithRemoteSpanContext(context.Background(), span.SpanContext()), tracer)
			continue
		}
		c.run(ctx, tracer)
	}
	time.Sleep(n.works)
	end()
}

// blamed writes causes as "2x INSERT [23505] 50 %".
func blamed(causes []engine.CauseCount) []string {
	var all []string
	for _, c := range causes {
		code := ""
		if c.Code != "" && c.Code != "OK" {
			code = " [" + c.Code + "]"
		}
		all = append(all, fmt.Sprintf("%dx %s%s %.0f %%", c.Count, c.Operation, code, 100*c.Share))
	}
	return all
}

func TestCauses(t *testing.T) {
	insert := func(code string) node { return client("INSERT orders", code, 5*ms) }
	tests := []struct {
		name    string
		traces  []node
		failure map[string][]string // by operation: what its failures are blamed on
		slow    map[string][]string
	}{
		{
			name: "a database two levels down",
			traces: []node{
				server("POST /orders", "500", ms, client("POST payments", "502", ms, client("UPDATE accounts", "40001", ms))),
				server("POST /orders", "500", ms, client("POST payments", "502", ms, client("UPDATE accounts", "40001", ms))),
				server("POST /orders", "", ms, client("POST payments", "", ms, client("UPDATE accounts", "", ms))),
				server("POST /orders", "400", ms),
			},
			failure: map[string][]string{
				"POST /orders":    {"2x UPDATE accounts [40001] 67 %"},
				"POST payments":   {"2x UPDATE accounts [40001] 100 %"},
				"UPDATE accounts": nil,
			},
		},
		{
			name:    "with spans between that are not watched",
			traces:  []node{server("POST /orders", "500", ms, internal("place order", "", ms, internal("retry", "boom", ms, insert("23505"))))},
			failure: map[string][]string{"POST /orders": {"1x INSERT orders [23505] 100 %"}},
		},
		{
			name: "tried again with success",
			traces: []node{
				server("POST /orders", "", ms, insert("40001"), insert("")),
				server("POST /orders", "500", ms, insert("40001"), insert(""), internal("render", "", ms)), // failed by itself
				server("POST /orders", "500", ms, internal("retry", "", ms, insert("40001"), insert(""))),
			},
			failure: map[string][]string{"POST /orders": nil},
		},
		{
			name:    "tried again without success",
			traces:  []node{server("POST /orders", "500", ms, insert("40001"), insert("40001"))},
			failure: map[string][]string{"POST /orders": {"1x INSERT orders [40001] 100 %"}},
		},
		{
			name:    "a child that dealt with its own child's failure",
			traces:  []node{server("POST /orders", "500", ms, client("POST payments", "", ms, insert("40001")))},
			failure: map[string][]string{"POST /orders": nil, "POST payments": nil},
		},
		{
			// As with an errgroup: one of several queries fails, so the others are given up.
			name:    "what is given up after the failure of another one is no success",
			traces:  []node{server("POST /orders", "500", ms, insert("40001"), client("INSERT orders", gaveUp, 5*ms))},
			failure: map[string][]string{"POST /orders": {"1x INSERT orders [40001] 100 %"}},
		},
		{
			name:    "nor is it if it took its time",
			traces:  []node{server("POST /orders", "500", ms, insert("40001"), client("INSERT orders", gaveUp, 600*ms))},
			failure: map[string][]string{"POST /orders": {"1x INSERT orders [40001] 100 %"}},
		},
		{
			name:    "what failed below a call that was given up",
			traces:  []node{server("POST /orders", "500", ms, client("POST payments", gaveUp, 600*ms, insert("40001")))},
			failure: map[string][]string{"POST /orders": {"1x INSERT orders [40001] 100 %"}},
		},
		{
			name:   "a slow child that was given up, with a fallback",
			traces: []node{server("GET /report", "", ms, client("GET cache", gaveUp, time.Second))},
			slow:   map[string][]string{"GET /report": {"1x GET cache [_OTHER] 100 %"}},
		},
		{
			name: "different children",
			traces: []node{
				server("POST /orders", "500", ms, insert("23505")),
				server("POST /orders", "500", ms, insert("23505")),
				server("POST /orders", "500", ms, insert("08006")),
				server("POST /orders", "500", ms, client("POST mail", "timeout", ms), insert("")),
			},
			failure: map[string][]string{"POST /orders": {"2x INSERT orders [23505] 50 %", "1x INSERT orders [08006] 25 %", "1x POST mail [timeout] 25 %"}},
		},
		{
			name: "both sides of a call in one process",
			traces: []node{
				server("POST /orders", "500", ms, client("POST payments", "503", ms, server("POST /pay", "503", ms, insert("53300")))),
			},
			failure: map[string][]string{
				"POST /orders": {"1x INSERT orders [53300] 100 %"}, "POST payments": {"1x INSERT orders [53300] 100 %"},
				"POST /pay": {"1x INSERT orders [53300] 100 %"}, "INSERT orders": nil,
			},
		},
		{
			name: "a slow child",
			traces: []node{
				server("GET /report", "", 100*ms, client("SELECT", "", 700*ms)),
				server("GET /report", "", 600*ms, client("SELECT", "", 100*ms)), // by itself
				server("GET /report", "", 50*ms, client("SELECT", "", 60*ms)),   // not slow at all
			},
			slow: map[string][]string{"GET /report": {"1x SELECT 50 %"}, "SELECT": nil},
		},
		{
			name: "a slow child of a slow child",
			traces: []node{
				server("GET /report", "", 100*ms, client("GET data", "", 200*ms, client("SELECT", "", 2*time.Second))),
				server("GET /report", "", 100*ms, client("GET data", "", 2*time.Second, client("SELECT", "", 300*ms))),
			},
			slow: map[string][]string{"GET /report": {"1x GET data 50 %", "1x SELECT 50 %"}, "GET data": {"1x SELECT 50 %"}},
		},
		{
			name:   "a child that is not slow by itself, and yet most of the time",
			traces: []node{server("GET /report", "", 100*ms, client("SELECT", "", 450*ms))},
			slow:   map[string][]string{"GET /report": {"1x SELECT 100 %"}},
		},
		{
			name:   "a slow child that failed, with a fallback",
			traces: []node{server("GET /report", "", ms, client("GET cache", "timeout", time.Second))},
			slow:   map[string][]string{"GET /report": {"1x GET cache [timeout] 100 %"}},
		},
		{
			name:   "many small children",
			traces: []node{server("GET /report", "", ms, append([]node{client("SELECT", "", 300*ms)}, slicesOf(30, client("SELECT", "", 30*ms))...)...)},
			slow:   map[string][]string{"GET /report": nil, "SELECT": nil},
		},
		{
			name:    "children that end later",
			traces:  []node{server("POST /orders", "500", ms, node{kind: trace.SpanKindProducer, name: "publish", code: "boom", late: time.Second})},
			failure: map[string][]string{"POST /orders": nil, "publish": nil},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				m := start(t, r.record(Config{Service: "shop"}))
				tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m))
				for _, n := range tt.traces {
					n.run(context.Background(), tp.Tracer("test"))
				}
				time.Sleep(time.Minute)
				if err := tp.Shutdown(context.Background()); err != nil {
					t.Fatal(err)
				}
				check := func(what string, wanted map[string][]string, of func(*engine.Summary) []engine.CauseCount) {
					for operation, want := range wanted {
						for _, s := range r.summaries(operation) {
							if diff := cmp.Diff(want, blamed(of(&s))); diff != "" {
								t.Errorf("%s of %s (-want +got):\n%s", what, operation, diff)
							}
						}
						if len(r.summaries(operation)) != 1 {
							t.Errorf("%d summaries of %s", len(r.summaries(operation)), operation)
						}
					}
				}
				check("failures", tt.failure, func(s *engine.Summary) []engine.CauseCount { return s.FailureCauses })
				check("slow calls", tt.slow, func(s *engine.Summary) []engine.CauseCount { return s.SlowCauses })
			})
		})
	}
}

func slicesOf(n int, one node) []node {
	var all []node
	for range n {
		all = append(all, one)
	}
	return all
}

// One broken dependency is one incident: what depends on it says so, and comes after it.
func TestAlertsNameTheirRoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{Objective: engine.Objective{AlertAfter: 2, RecoverAfter: 1}}))
		tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m))
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute))) // whole periods only
		for minute := range 4 {
			for i := range 10 {
				code, status := "", ""
				if minute < 2 && i < 6 {
					code, status = "23505", "500"
				}
				server("POST /orders", status, ms, client("INSERT orders", code, 5*ms)).run(context.Background(), tp.Tracer("test"))
				server("GET /orders", status, ms, client("POST orders", status, ms, client("INSERT orders", code, ms))).run(context.Background(), tp.Tracer("test"))
			}
			time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
			synctest.Wait()
		}
		if err := tp.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if len(r.alerts) != 8 {
			t.Fatalf("%d alerts, want 4 operations to fire and be resolved", len(r.alerts))
		}
		root := r.alerts[0]
		if root.Operation != "INSERT orders" || root.CausedBy != "" || root.State != alert.Firing {
			t.Errorf("the first alert is %s, caused by %q", root.Summary(), root.CausedBy)
		}
		for _, a := range r.alerts[1:4] {
			if a.CausedBy != root.ID || a.State != alert.Firing {
				t.Errorf("%s: caused by %q, want %q", a.Summary(), a.CausedBy, root.ID)
			}
			if want := a.Operation + ": 40 % succeed (target 95 %), 100 % of failures caused by INSERT orders [23505]"; a.Summary() != want {
				t.Errorf("the alert says\n%s, want\n%s", a.Summary(), want)
			}
			if !strings.Contains(alert.Text(&a), "caused by alert "+root.ID) {
				t.Errorf("its text does not name the root:\n%s", alert.Text(&a))
			}
		}
	})
}

// unsampled makes the first span show that no sampler keeps calls from a monitor, so that it has
// no use for unwatched spans but where a call waits for its causes.
var unsampled = sdktrace.WithSampler(sdktrace.AlwaysRecord(sdktrace.NeverSample()))

// Nobody waits for anybody in a healthy process, so that nobody pays for it.
func TestCausesCostHealthySpansNothing(t *testing.T) {
	m := start(t, Config{Sinks: []engine.Sink{}})
	tp := sdktrace.NewTracerProvider(unsampled, sdktrace.WithSpanProcessor(m))
	server("GET /", "", 0, client("SELECT", "", 0)).run(context.Background(), tp.Tracer("test"))
	server("GET /", "500", 0, client("SELECT", "boom", 0)).run(context.Background(), tp.Tracer("test"))
	server("GET /", "", 0, client("SELECT", "boom", 0)).run(context.Background(), tp.Tracer("test"))
	if m.engine.WantsUnwatched() {
		t.Error("all calls have ended, and still somebody is waited for")
	}
}

// A classifier of the user's that leaves the outcome to the code: calls that succeed by it are
// nobody's fault.
func TestCausesFollowTheCode(t *testing.T) {
	var r recorder
	c := r.record(Config{
		Codes: map[string]CodeFeature{"23505": {Success: true}},
		Classify: func(s sdktrace.ReadOnlySpan) (string, engine.Outcome) {
			if len(s.Attributes()) > 0 {
				return s.Attributes()[0].Value.AsString(), engine.OutcomeUnset
			}
			return "200", engine.OutcomeUnset
		},
	})
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m))
	for _, code := range []string{"", "23505", "40001"} {
		server("POST /orders", "500", 0, client("INSERT "+code, code, 0)).run(context.Background(), tp.Tracer("test"))
	}
	if err := tp.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1x INSERT 40001 [40001] 33 %"}, blamed(r.summaries("POST /orders")[0].FailureCauses)); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
}

// A failed call whose parent lives elsewhere, as mostly that of a server does, makes nobody pay
// for waiting; one whose parent never ends does so no longer than two minutes.
func TestNobodyIsWaitedForInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, Config{Sinks: []engine.Sink{}, Notifiers: []alert.Notifier{}})
		tp := sdktrace.NewTracerProvider(unsampled, sdktrace.WithSpanProcessor(m))
		elsewhere := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true})
		server("GET /", "500", 0).run(trace.ContextWithRemoteSpanContext(context.Background(), elsewhere), tp.Tracer("test"))
		if m.engine.WantsUnwatched() {
			t.Error("a call of another process is waited for")
		}
		ctx, _ := tp.Tracer("test").Start(context.Background(), "never ends")
		client("SELECT", "boom", 0).run(ctx, tp.Tracer("test"))
		if !m.engine.WantsUnwatched() {
			t.Error("the call of this process is not waited for")
		}
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if m.engine.WantsUnwatched() {
			t.Error("it is waited for still")
		}
		if err := tp.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}
