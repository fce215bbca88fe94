package gomonitorconnector

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/blurooo/go-monitor/otellog"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

const minute = time.Minute

// dayStart is when the periods of the tests begin.
var dayStart = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// callOf is one call of a trace that begins with b.
func callOf(b byte, sampled bool, code string, d time.Duration) engine.Exemplar {
	e := engine.Exemplar{Code: code, Duration: d, End: dayStart}
	e.Trace = engine.TraceRef{TraceID: [16]byte{b, 15: 1}, SpanID: [8]byte{b, 7: 2}, Sampled: sampled}
	return e
}

// summaryOf is a period of an operation with 100 calls, some of which failed.
func summaryOf(service, operation string, failed uint64) engine.Summary {
	const ms = time.Millisecond
	s := engine.Summary{
		Monitor: "edge", Service: service, Operation: operation, SpanKind: engine.SpanKindServer,
		Count: 100, Success: 100 - failed, Failure: failed, SuccessRatio: 1 - float64(failed)/100,
		Latency:      engine.Latency{Min: ms, Mean: 20 * ms, Max: 900 * ms, P50: 19 * ms, P90: 30 * ms, P95: 40 * ms, P99: 80 * ms},
		WithinTarget: 100 - failed, WithinTargetRatio: 1,
		SlowExemplars: []engine.Exemplar{callOf(7, true, "", 900*ms), callOf(8, false, "", 800*ms)},
		Objective:     engine.Objective{SuccessRatio: 0.95, AlertAfter: 2, RecoverAfter: 2, MinCalls: 10},
	}
	if failed > 0 {
		s.Failures = []engine.CodeCount{{Code: "", Count: 1}, {Code: "503", Name: "unavailable", Count: failed - 1}}
		s.FailureExemplars = []engine.Exemplar{callOf(1, true, "503", 5*ms), callOf(2, true, "503", 9*ms), callOf(3, false, "503", 90*ms)}
		s.FailureCauses = []engine.CauseCount{{Cause: engine.Cause{Service: "db", Operation: "INSERT orders", Code: "23505"}, Count: failed / 2, Share: 0.5}}
		s.FailureLatency = engine.FailureLatency{Mean: 9 * ms, Max: 90 * ms}
		s.OwnTime = engine.OwnTime{Count: 94, Mean: 2 * ms, P50: ms, P99: 3 * ms}
	}
	return s
}

// periodOf is the n-th period of a day, made of summaries.
func periodOf(n int, summaries ...engine.Summary) *engine.Period {
	p := &engine.Period{Monitor: "edge", Start: dayStart.Add(time.Duration(n) * minute), End: dayStart.Add(time.Duration(n+1) * minute)}
	for _, s := range summaries {
		s.Start, s.End = p.Start, p.End
		p.Summaries = append(p.Summaries, s)
	}
	return p
}

// incidentOf returns the alerts that a real judge raises about two operations, the second of
// which nobody knows the service of: both fail and recover.
func incidentOf(t *testing.T, service, operation string) []alert.Alert {
	t.Helper()
	judge := alert.NewJudge()
	var alerts []alert.Alert
	for n, failed := range []uint64{40, 60, 0, 0} {
		alerts = append(alerts, judge.Judge(periodOf(n, summaryOf(service, operation, failed), summaryOf("", operation+"2", failed)))...)
	}
	if len(alerts) != 4 || alerts[0].State != alert.Firing || alerts[3].State != alert.Resolved {
		t.Fatalf("the judge raised %d alerts, want two firing and two resolved", len(alerts))
	}
	return alerts
}

// spoken is what one log record says, wherever it comes from.
type spoken struct {
	Event, Severity, Body, Scope, Service string
	Number                                int
	At                                    time.Time
	Trace, Span                           string
	Sampled                               bool
	Attributes                            map[string]any
}

// keptLogs is an exporter of the SDK that keeps what it gets.
type keptLogs struct{ said []spoken }

func (k *keptLogs) Export(_ context.Context, records []sdklog.Record) error {
	for i := range records {
		r := &records[i]
		s := spoken{
			Event: r.EventName(), Severity: r.SeverityText(), Number: int(r.Severity()), Body: r.Body().AsString(),
			Scope: r.InstrumentationScope().Name, At: r.Timestamp().UTC(), Attributes: make(map[string]any),
			Sampled: r.TraceFlags().IsSampled(),
		}
		if r.TraceID().IsValid() {
			s.Trace, s.Span = r.TraceID().String(), r.SpanID().String()
		}
		r.WalkAttributes(func(a attribute.KeyValue) bool {
			v := a.Value.AsInterface()
			if list, ok := v.([]string); ok {
				v = anySlice(list)
			}
			s.Attributes[string(a.Key)] = v
			return true
		})
		s.Service, _ = s.Attributes["service.name"].(string)
		k.said = append(k.said, s)
	}
	return nil
}
func (*keptLogs) Shutdown(context.Context) error   { return nil }
func (*keptLogs) ForceFlush(context.Context) error { return nil }

func anySlice(list []string) []any {
	values := make([]any, len(list))
	for i := range list {
		values[i] = list[i]
	}
	return values
}

// said returns what all records say, those of one service after the other.
func said(logs plog.Logs) []spoken {
	var all []spoken
	for _, resource := range logs.ResourceLogs().All() {
		service, _ := resource.Resource().Attributes().Get("service.name")
		for _, scope := range resource.ScopeLogs().All() {
			for _, r := range scope.LogRecords().All() {
				s := spoken{
					Event: r.EventName(), Severity: r.SeverityText(), Number: int(r.SeverityNumber()), Body: r.Body().Str(),
					Scope: scope.Scope().Name(), At: r.Timestamp().AsTime(), Attributes: r.Attributes().AsRaw(),
					Sampled: r.Flags().IsSampled(), Trace: r.TraceID().String(), Span: r.SpanID().String(),
				}
				if service != (pcommon.Value{}) {
					s.Service = service.Str()
				}
				all = append(all, s)
			}
		}
	}
	return all
}

func TestAlertLogsSayWhatTheSDKDoes(t *testing.T) {
	alerts := incidentOf(t, "shop", "GET /users/{id}")
	var sdk keptLogs
	provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(&sdk)))
	if err := otellog.New(provider).Notify(context.Background(), alerts); err != nil {
		t.Fatal(err)
	}
	if err := provider.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	// Ours stand by service.
	byService := func(a, b spoken) int { return strings.Compare(b.Service, a.Service) }
	slices.SortStableFunc(sdk.said, byService)
	logs := alertLogs(alerts)
	ours := said(logs)
	slices.SortStableFunc(ours, byService)
	if diff := cmp.Diff(sdk.said, ours); diff != "" {
		t.Errorf("log records (-SDK +ours):\n%s", diff)
	}

	first := ours[0]
	if want := callOf(2, true, "", 0).Trace; first.Event != "gomonitor.alert.firing" || first.Service != "shop" ||
		first.Trace != fmt.Sprintf("%x", want.TraceID) || first.Span != fmt.Sprintf("%x", want.SpanID) || !first.Sampled {
		t.Errorf("the first record is %+v, want a firing alert of shop in trace %x", first, want.TraceID)
	}
	if n := logs.ResourceLogs().Len(); n != 2 {
		t.Fatalf("%d resources, want one for each service", n)
	}
	// The service that nobody knows has no attribute.
	if a, b := logs.ResourceLogs().At(0).Resource().Attributes().Len(), logs.ResourceLogs().At(1).Resource().Attributes().Len(); min(a, b) != 0 || max(a, b) == 0 {
		t.Errorf("the services have %d and %d attributes", a, b)
	}
	record := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	if record.ObservedTimestamp() == 0 {
		t.Error("no observed timestamp")
	}
}

func TestAlertLogsWithoutSampledCall(t *testing.T) {
	alerts := incidentOf(t, "shop", "GET /")[:1]
	for _, worst := range []engine.Exemplar{callOf(1, false, "503", 0), {}} {
		alerts[0].WorstExemplar = worst
		if got := said(alertLogs(alerts))[0]; got.Trace != "" || got.Span != "" || got.Sampled {
			t.Errorf("the record stands in trace %q, span %q, want none", got.Trace, got.Span)
		}
	}
}

func TestSummaryLogs(t *testing.T) {
	failing := summaryOf("shop", "GET /users/{id}", 6)
	failing.Cancelled, failing.Ignored, failing.Partial = 2, 3, true
	failing.InFlight, failing.OldestInFlight, failing.Stuck = 4, 70*time.Second, 1
	failing.Verdicts = engine.Verdicts{Availability: engine.VerdictBad, Stuck: engine.VerdictGood}
	silent := engine.Summary{Monitor: "edge", Operation: "POST /pay\n", SuccessRatio: 1, WithinTargetRatio: 1}
	p := periodOf(0, failing, silent)
	p.Late, p.Early, p.Overflowed, p.UndeliveredNotifications = 1, 4, 2, 3

	window := map[string]any{
		"gomonitor.monitor": "edge", "gomonitor.period.starts_at": "2026-03-01T03:00:00Z", "gomonitor.period.ends_at": "2026-03-01T03:01:00Z",
	}
	with := func(more map[string]any) map[string]any {
		for k, v := range window {
			more[k] = v
		}
		return more
	}
	want := []spoken{
		{
			Event: "gomonitor.summary", Severity: "INFO", Number: 9, Service: "shop",
			Body: "GET /users/{id}: 100 calls, 94 % succeed: no code x1, 503 unavailable x5, p50 19ms, p99 80ms, max 900ms, 2 cancelled (2 %), 4 in flight, the oldest for 1m10s",
			Attributes: with(map[string]any{
				"service.name": "shop", "gomonitor.operation": "GET /users/{id}", "gomonitor.span.kind": "server", "gomonitor.period.partial": true,
				"gomonitor.calls": int64(100), "gomonitor.successes": int64(94), "gomonitor.failures": int64(6),
				"gomonitor.cancelled": int64(2), "gomonitor.ignored": int64(3),
				"gomonitor.success_ratio": 0.94, "gomonitor.within_target_ratio": 1.0,
				"gomonitor.latency.min": 0.001, "gomonitor.latency.mean": 0.02, "gomonitor.latency.p50": 0.019, "gomonitor.latency.p90": 0.03,
				"gomonitor.latency.p95": 0.04, "gomonitor.latency.p99": 0.08, "gomonitor.latency.max": 0.9,
				"gomonitor.own_time.mean": 0.002, "gomonitor.own_time.p50": 0.001, "gomonitor.own_time.p99": 0.003,
				"gomonitor.failure_latency.mean": 0.009, "gomonitor.failure_latency.max": 0.09, "error.type": "503",
				"gomonitor.cause.operation": "INSERT orders", "gomonitor.cause.service": "db", "gomonitor.cause.code": "23505", "gomonitor.cause.share": 0.5,
				"gomonitor.in_flight": int64(4), "gomonitor.oldest_in_flight": 70.0, "gomonitor.stuck": int64(1),
				"gomonitor.verdict.availability": "bad", "gomonitor.verdict.stuck": "good",
				"gomonitor.failure_exemplars.trace_ids": []any{"01000000000000000000000000000001", "02000000000000000000000000000001"},
				"gomonitor.slow_exemplars.trace_ids":    []any{"07000000000000000000000000000001"},
			}),
		},
		{
			Event: "gomonitor.summary", Severity: "INFO", Number: 9, Body: `POST /pay\x0a: 0 calls`,
			Attributes: with(map[string]any{
				"gomonitor.operation": "POST /pay\n", "gomonitor.span.kind": "unspecified", "gomonitor.calls": int64(0), "gomonitor.successes": int64(0),
				"gomonitor.failures": int64(0), "gomonitor.cancelled": int64(0), "gomonitor.ignored": int64(0),
			}),
		},
		{
			Event: "gomonitor.error", Severity: "WARN", Number: 13,
			Body:       "monitor edge: 1 call of an earlier period, 4 calls from the future, 2 calls of too many operations counted as _OTHER, 3 notifications not delivered",
			Attributes: with(map[string]any{"gomonitor.late": int64(1), "gomonitor.early": int64(4), "gomonitor.overflowed": int64(2), "gomonitor.undelivered_notifications": int64(3)}),
		},
	}
	for i := range want {
		want[i].Scope, want[i].At = alert.ScopeName, p.End
	}
	if diff := cmp.Diff(want, said(summaryLogs(p))); diff != "" {
		t.Errorf("log records (-want +got):\n%s", diff)
	}
}

// Every number of a period that says that something was lost has a record.
func TestSummaryLogsTellEveryProblem(t *testing.T) {
	if got := said(summaryLogs(periodOf(0))); len(got) != 0 {
		t.Errorf("a period without problems has the records %+v", got)
	}
	healthy := map[string]bool{"Received": true, "InFlight": true}
	typ := reflect.TypeFor[engine.Period]()
	for i := range typ.NumField() {
		field := typ.Field(i)
		if field.Type.Kind() != reflect.Uint64 || healthy[field.Name] {
			continue
		}
		p := periodOf(0)
		reflect.ValueOf(p).Elem().Field(i).SetUint(7)
		if got := said(summaryLogs(p)); len(got) != 1 || !strings.Contains(got[0].Body, ": 7 ") {
			t.Errorf("%s = 7 is told by the records %+v, want one", field.Name, got)
		}
	}
}

// hostileNames are names as no program should have, but some have.
var hostileNames = []string{"a\xff\xfe", "\x1b[31m", "<b>\u202e", strings.Repeat("\xc3", 300), "\x00"}

func TestLogsAreUTF8(t *testing.T) {
	for _, name := range hostileNames {
		s := summaryOf(name, name, 6)
		s.Monitor = name
		s.Failures[1].Code, s.Failures[1].Name = name, name
		s.FailureCauses[0].Cause = engine.Cause{Service: name, Operation: name, Code: name}
		p := periodOf(0, s)
		p.Monitor, p.Late = name, 1
		for _, logs := range []plog.Logs{alertLogs(incidentOf(t, name, name)), summaryLogs(p)} {
			data, err := new(plog.ProtoMarshaler).MarshalLogs(logs)
			if err != nil {
				t.Fatal(err)
			}
			if err := proto.Unmarshal(data, new(logspb.LogsData)); err != nil {
				t.Errorf("%q: %v", name, err)
			}
			for _, record := range said(logs) {
				if strings.ContainsAny(record.Body, "\x1b\n\u202e\x00") {
					t.Errorf("body = %q", record.Body)
				}
			}
		}
	}
}

func TestPutValue(t *testing.T) {
	for _, from := range []attribute.Value{
		attribute.BoolValue(true), attribute.Int64Value(-1), attribute.Float64Value(0.5),
		attribute.StringValue("a"), attribute.StringSliceValue([]string{"a", "b"}), attribute.Int64SliceValue([]int64{1, 2}), {},
	} {
		to := pcommon.NewValueEmpty()
		putValue(to, from)
		if got, want := to.AsString(), from.String(); got != want {
			t.Errorf("%v of type %v became %q, want %q", from.AsInterface(), from.Type(), got, want)
		}
	}
}
