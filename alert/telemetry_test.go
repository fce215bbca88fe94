package alert

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/engine"
)

// logRecords is an exporter that keeps what it gets.
type logRecords struct{ records []sdklog.Record }

func (e *logRecords) Export(_ context.Context, records []sdklog.Record) error {
	for _, r := range records {
		e.records = append(e.records, r.Clone())
	}
	return nil
}
func (*logRecords) Shutdown(context.Context) error   { return nil }
func (*logRecords) ForceFlush(context.Context) error { return nil }

// logged returns the log records that the real SDK makes of alerts.
func logged(ctx context.Context, t *testing.T, alerts ...Alert) []sdklog.Record {
	t.Helper()
	var e logRecords
	p := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(&e)))
	if err := Log(p).Notify(ctx, alerts); err != nil {
		t.Fatal(err)
	}
	if err := p.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(e.records) != len(alerts) {
		t.Fatalf("%d alerts have become %d log records", len(alerts), len(e.records))
	}
	return e.records
}

// traced returns the spans that the real SDK makes of alerts. Spans with a
// sampled parent are sampled, others are not unless roots says so.
func traced(ctx context.Context, t *testing.T, roots sdktrace.Sampler, alerts ...Alert) tracetest.SpanStubs {
	t.Helper()
	e := tracetest.NewInMemoryExporter()
	p := sdktrace.NewTracerProvider(sdktrace.WithSyncer(e), sdktrace.WithSampler(sdktrace.ParentBased(roots)))
	if err := SpanEvent(p).Notify(ctx, alerts); err != nil {
		t.Fatal(err)
	}
	spans := e.GetSpans()
	if err := p.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	return spans
}

// inSpan returns a context with a sampled span that has nothing to do with any alert.
func inSpan() context.Context {
	return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0xee}, SpanID: trace.SpanID{0xee}, TraceFlags: trace.FlagsSampled,
	}))
}

// wantAttributes is what is said of the alerts of incident(Availability).
func wantAttributes(a *Alert) map[attribute.Key]any {
	const traceID = "11111111111111111111111111111111"
	want := map[attribute.Key]any{
		"gomonitor.alert.id":           a.ID,
		"gomonitor.alert.starts_at":    "2026-03-01T02:57:00+01:00",
		"gomonitor.monitor":            "http",
		"service.name":                 "shop",
		"gomonitor.operation":          "GET /users/{id}",
		"gomonitor.span.kind":          "server",
		"gomonitor.objective":          "availability",
		"gomonitor.target":             0.95,
		"gomonitor.actual":             a.Actual,
		"gomonitor.evidence.periods":   int64(3),
		"gomonitor.evidence.calls":     int64(221),
		"gomonitor.evidence.failures":  int64(66),
		"gomonitor.evidence.trace_ids": []string{traceID, traceID, traceID},
		"error.type":                   "503",
	}
	want["gomonitor.evidence.exemplars"] = slices.Repeat([]string{
		`{"trace_id":"` + traceID + `","span_id":"1111111111111111","sampled":true,"code":"503","duration_ns":1200000000,"end":"2026-03-01T02:57:42+01:00"}`,
	}, 3)
	if a.State == Resolved {
		delete(want, "error.type")
		want["gomonitor.alert.ends_at"] = "2026-03-01T03:00:00+01:00"
		want["gomonitor.alert.lasted"], want["gomonitor.worst_actual"], want["gomonitor.last_actual"] = 180.0, 1.0/3, 1.0/3
		want["gomonitor.evidence.calls"], want["gomonitor.evidence.failures"] = int64(222), int64(1)
	}
	return want
}

// valuesOf returns attributes as plain values by key.
func valuesOf(t *testing.T, attrs []attribute.KeyValue) map[attribute.Key]any {
	t.Helper()
	values := make(map[attribute.Key]any)
	for _, a := range attrs {
		if _, ok := values[a.Key]; ok {
			t.Errorf("%s is there twice", a.Key)
		}
		values[a.Key] = a.Value.AsInterface()
	}
	return values
}

func attributesOf(r *sdklog.Record) []attribute.KeyValue {
	var attrs []attribute.KeyValue
	r.WalkAttributes(func(a attribute.KeyValue) bool {
		attrs = append(attrs, a)
		return true
	})
	return attrs
}

func TestLog(t *testing.T) {
	firing, resolved := incident(t, Availability)
	for i, r := range logged(context.Background(), t, firing, resolved) {
		a := []*Alert{&firing, &resolved}[i]
		want := []struct {
			event    string
			severity log.Severity
			text     string
			body     string
		}{
			{"gomonitor.alert.firing", log.SeverityError, "ERROR", "GET /users/{id}: 70.1 % succeed (target 95 %)"},
			{"gomonitor.alert.resolved", log.SeverityInfo, "INFO", "GET /users/{id}: 99.5 % succeed (target 95 %)"},
		}[i]
		t.Run(want.event, func(t *testing.T) {
			if got := r.EventName(); got != want.event {
				t.Errorf("event name = %q, want %q", got, want.event)
			}
			if r.Severity() != want.severity || r.SeverityText() != want.text {
				t.Errorf("severity = %v %q, want %v %q", r.Severity(), r.SeverityText(), want.severity, want.text)
			}
			if got := r.Body().AsString(); got != want.body {
				t.Errorf("body = %q, want %q", got, want.body)
			}
			if !r.Timestamp().Equal(a.DecidedAt) {
				t.Errorf("timestamp = %v, want %v", r.Timestamp(), a.DecidedAt)
			}
			if r.ObservedTimestamp().IsZero() {
				t.Error("no observed timestamp")
			}
			if got := r.InstrumentationScope().Name; got != ScopeName {
				t.Errorf("scope = %q, want %q", got, ScopeName)
			}
			if diff := cmp.Diff(wantAttributes(a), valuesOf(t, attributesOf(&r))); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			checkContext(t, "log record", r.TraceID(), r.SpanID(), r.TraceFlags(), a)
		})
	}
}

// checkContext fails the test unless the ids are those of the alert's worst call.
func checkContext(t *testing.T, what string, traceID trace.TraceID, spanID trace.SpanID, flags trace.TraceFlags, a *Alert) {
	t.Helper()
	want := a.WorstExemplar.Trace
	if want.IsZero() {
		t.Fatal("the test's alert has no worst call")
	}
	if traceID != trace.TraceID(want.TraceID) || spanID != trace.SpanID(want.SpanID) || !flags.IsSampled() {
		t.Errorf("%s stands in trace %s, span %s, flags %s, want trace %x, span %x, sampled",
			what, traceID, spanID, flags, want.TraceID, want.SpanID)
	}
}

func TestLogWithoutSampledCall(t *testing.T) {
	for name, worst := range map[string]engine.Exemplar{"not sampled": exemplar(0x11, false, "503", 0), "none": {}} {
		t.Run(name, func(t *testing.T) {
			a, _ := incident(t, Availability)
			a.WorstExemplar = worst
			for _, ctx := range []context.Context{context.Background(), inSpan()} {
				r := logged(ctx, t, a)[0]
				if r.TraceID().IsValid() || r.SpanID().IsValid() {
					t.Errorf("the log record stands in trace %s, span %s, want none", r.TraceID(), r.SpanID())
				}
			}
		})
	}
}

func TestSpanEvent(t *testing.T) {
	firing, resolved := incident(t, Availability)
	spans := traced(inSpan(), t, sdktrace.NeverSample(), firing, resolved)
	if len(spans) != 2 {
		t.Fatalf("2 alerts have become %d sampled spans", len(spans))
	}
	for i, s := range spans {
		a := []*Alert{&firing, &resolved}[i]
		event := []string{"gomonitor.alert.firing", "gomonitor.alert.resolved"}[i]
		t.Run(event, func(t *testing.T) {
			checkContext(t, "parent", s.Parent.TraceID(), s.Parent.SpanID(), s.Parent.TraceFlags(), a)
			if !s.Parent.IsRemote() {
				t.Error("the parent is not a remote one")
			}
			if got, want := s.SpanContext.TraceID(), trace.TraceID(a.WorstExemplar.Trace.TraceID); got != want {
				t.Errorf("trace = %s, want %s", got, want)
			}
			if !s.SpanContext.IsSampled() {
				t.Error("the span is not sampled")
			}
			if s.Name != "gomonitor.alert" || s.SpanKind != trace.SpanKindInternal {
				t.Errorf("span = %s %q", s.SpanKind, s.Name)
			}
			if got := s.InstrumentationScope.Name; got != ScopeName {
				t.Errorf("scope = %q, want %q", got, ScopeName)
			}
			if s.EndTime.IsZero() {
				t.Error("the span has not ended")
			}
			if len(s.Events) != 1 || s.Events[0].Name != event || !s.Events[0].Time.Equal(a.DecidedAt) {
				t.Fatalf("events = %+v, want one %s at %v", s.Events, event, a.DecidedAt)
			}
			if diff := cmp.Diff(wantAttributes(a), valuesOf(t, s.Events[0].Attributes)); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSpanEventWithoutSampledCall(t *testing.T) {
	for name, worst := range map[string]engine.Exemplar{"not sampled": exemplar(0x11, false, "503", 0), "none": {}} {
		t.Run(name, func(t *testing.T) {
			a, _ := incident(t, Availability)
			a.WorstExemplar = worst
			for _, ctx := range []context.Context{context.Background(), inSpan()} {
				spans := traced(ctx, t, sdktrace.AlwaysSample(), a, a)
				if len(spans) != 2 {
					t.Fatalf("2 alerts have become %d spans", len(spans))
				}
				for _, s := range spans {
					if s.Parent.IsValid() {
						t.Errorf("the span has the parent %s in trace %s, want none", s.Parent.SpanID(), s.Parent.TraceID())
					}
					if len(s.Events) != 1 {
						t.Errorf("the span has %d events, want 1", len(s.Events))
					}
				}
				if spans[0].SpanContext.TraceID() == spans[1].SpanContext.TraceID() {
					t.Error("two alerts share a trace")
				}
			}
			if spans := traced(context.Background(), t, sdktrace.NeverSample(), a); len(spans) != 0 {
				t.Errorf("the sampler was not asked: %d spans", len(spans))
			}
		})
	}
}

func TestAttributesOfLatency(t *testing.T) {
	firing, _ := incident(t, Latency)
	got := valuesOf(t, attributes(&firing))
	for key, want := range map[attribute.Key]any{
		"gomonitor.objective":          "latency",
		"gomonitor.latency_target":     0.5,
		"gomonitor.evidence.trace_ids": slices.Repeat([]string{"22222222222222222222222222222222"}, 3),
		"error.type":                   nil, // some calls failed, but the alert is about those that did not
	} {
		if diff := cmp.Diff(want, got[key]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
}

func TestAttributesNameSampledTraces(t *testing.T) {
	a := Alert{Objective: Availability, Evidence: []engine.Summary{
		{FailureExemplars: []engine.Exemplar{exemplar(0x11, true, "", 0), exemplar(0x22, false, "", 0)}},
		{FailureExemplars: []engine.Exemplar{exemplar(0x33, false, "", 0), exemplar(0x44, true, "", 0)}},
	}}
	want := []string{"11111111111111111111111111111111", "44444444444444444444444444444444"}
	if diff := cmp.Diff(any(want), valuesOf(t, attributes(&a))["gomonitor.evidence.trace_ids"]); diff != "" {
		t.Errorf("trace ids (-want +got):\n%s", diff)
	}
	var all []engine.Exemplar
	for _, text := range valuesOf(t, attributes(&a))["gomonitor.evidence.exemplars"].([]string) {
		var e engine.Exemplar
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		all = append(all, e)
	}
	if diff := cmp.Diff(a.Exemplars(), all); diff != "" || len(all) != 4 {
		t.Errorf("exemplars (-want +got):\n%s", diff)
	}
}

func TestAttributesThatAreLeftOut(t *testing.T) {
	got := valuesOf(t, attributes(&Alert{Objective: Availability, State: Firing}))
	for _, key := range []attribute.Key{
		"gomonitor.alert.repeat", "gomonitor.alert.lasted", "gomonitor.worst_actual", "gomonitor.last_actual",
		"gomonitor.cause.operation", "gomonitor.cause.share", "gomonitor.alert.caused_by",
		"service.name", "gomonitor.alert.ends_at", "gomonitor.latency_target", "error.type", "gomonitor.evidence.trace_ids", "gomonitor.evidence.exemplars",
	} {
		if v, ok := got[key]; ok {
			t.Errorf("%s = %v, though there is nothing to say", key, v)
		}
	}
}

func TestAttributesOfNewKinds(t *testing.T) {
	for k, want := range map[ObjectiveKind]map[attribute.Key]any{
		Traffic:  {"gomonitor.objective": "traffic", "gomonitor.target": 10.0, "gomonitor.worst_actual": 0.0, "gomonitor.last_actual": 7.0, "error.type": nil, "gomonitor.evidence.trace_ids": nil},
		Stuck:    {"gomonitor.objective": "stuck", "gomonitor.target": 60.0, "gomonitor.worst_actual": 70.0, "gomonitor.last_actual": 63.0, "error.type": nil, "gomonitor.evidence.trace_ids": nil},
		BurnRate: {"gomonitor.objective": "burn_rate", "error.type": "503"},
	} {
		firing, resolved := incident(t, k)
		firing.CausedBy, firing.Repeat = "abc", true
		firing.Causes = []engine.CauseCount{cause("INSERT", "23505", 9), cause("SELECT", "", 1)}
		firing.Causes[0].Share = 0.9
		want["gomonitor.alert.repeat"] = true
		want["gomonitor.alert.lasted"] = 180.0
		want["gomonitor.alert.caused_by"] = "abc"
		want["gomonitor.cause.operation"], want["gomonitor.cause.service"] = "INSERT", "shop"
		want["gomonitor.cause.code"], want["gomonitor.cause.share"] = "23505", 0.9
		want["gomonitor.latency_target"] = nil
		got := valuesOf(t, attributes(&firing))
		for key, want := range want {
			if diff := cmp.Diff(want, got[key]); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", k, key, diff)
			}
		}
		ended := valuesOf(t, attributes(&resolved))
		for _, key := range []attribute.Key{"error.type", "gomonitor.alert.repeat", "gomonitor.cause.operation", "gomonitor.alert.caused_by"} {
			if v, ok := ended[key]; ok {
				t.Errorf("%s, resolved: %s = %v", k, key, v)
			}
		}
	}
}

// An OTLP exporter drops a whole batch when one string in it is not UTF-8.
func TestTelemetryIsInert(t *testing.T) {
	for _, k := range kinds {
		for _, name := range hostile {
			firing, resolved := spoiltBy(t, k, name)
			firing.Repeat = k != Availability
			for _, r := range logged(context.Background(), t, firing, resolved) {
				body := r.Body().AsString()
				checkInert(t, body)
				if strings.Contains(body, "\n") {
					t.Errorf("a body of several lines: %.300q", body)
				}
				checkUTF8(t, attributesOf(&r))
			}
			for _, s := range traced(context.Background(), t, sdktrace.AlwaysSample(), firing, resolved) {
				checkUTF8(t, s.Events[0].Attributes)
			}
		}
	}
}

func checkUTF8(t *testing.T, attrs []attribute.KeyValue) {
	t.Helper()
	for _, a := range attrs {
		values := []string{a.Value.String()}
		if a.Value.Type() == attribute.STRINGSLICE {
			values = a.Value.AsStringSlice()
		}
		for _, v := range values {
			if !utf8.ValidString(v) {
				t.Errorf("%s is not UTF-8: %.100q", a.Key, v)
			}
		}
	}
}

func TestTopCode(t *testing.T) {
	type codes = map[string]uint64
	for _, tt := range []struct {
		name    string
		periods []codes
		want    string
	}{
		{"none", []codes{{}, {}}, ""},
		{"one", []codes{{"500": 1}}, "500"},
		{"most in one period", []codes{{"500": 1, "503": 2}}, "503"},
		{"most in all periods together", []codes{{"500": 3, "503": 2}, {"503": 2}}, "503"},
		{"as many", []codes{{"503": 2}, {"500": 2}}, "500"},
		{"as many, the other way round", []codes{{"500": 2}, {"503": 2}}, "500"},
		{"failures without a code", []codes{{"": 9, "500": 1}, {"": 9}}, "500"},
		{"nothing but those", []codes{{"": 9}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var evidence []engine.Summary
			for _, p := range tt.periods {
				var s engine.Summary
				for _, code := range slices.Sorted(maps.Keys(p)) {
					s.Failures = append(s.Failures, engine.CodeCount{Code: code, Count: p[code]})
				}
				evidence = append(evidence, s)
			}
			if got := topCode(evidence); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestWorst(t *testing.T) {
	const ms = time.Millisecond
	type period = []engine.Exemplar
	for _, tt := range []struct {
		name    string
		periods []period
		want    engine.Exemplar
	}{
		{"none", []period{{}, {}}, engine.Exemplar{}},
		{"one that was not sampled is better than none", []period{{exemplar(1, false, "", ms)}}, exemplar(1, false, "", ms)},
		{"the longest", []period{{exemplar(1, true, "", ms), exemplar(2, true, "", 3*ms)}, {exemplar(3, true, "", 2*ms)}}, exemplar(2, true, "", 3*ms)},
		{"the longest of a later period", []period{{exemplar(1, true, "", ms)}, {exemplar(2, true, "", 2*ms)}}, exemplar(2, true, "", 2*ms)},
		{"a sampled one, though shorter", []period{{exemplar(1, false, "", 9*ms)}, {exemplar(2, true, "", ms)}, {exemplar(3, false, "", 9*ms)}}, exemplar(2, true, "", ms)},
		{"the longest of those not sampled", []period{{exemplar(1, false, "", ms), exemplar(2, false, "", 2*ms)}}, exemplar(2, false, "", 2*ms)},
		{"the first of equals", []period{{exemplar(1, true, "", ms), exemplar(2, true, "", ms)}}, exemplar(1, true, "", ms)},
		{"never one without a trace", []period{{exemplar(1, false, "", ms), {Duration: 9 * ms}}}, exemplar(1, false, "", ms)},
		{"even if there is no other", []period{{{Duration: 9 * ms}}}, engine.Exemplar{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, k := range shareKinds {
				var evidence []engine.Summary
				for _, p := range tt.periods {
					s := engine.Summary{FailureExemplars: p, SlowExemplars: period{exemplar(99, true, "", time.Hour)}}
					if k == Latency {
						s.FailureExemplars, s.SlowExemplars = s.SlowExemplars, s.FailureExemplars
					}
					evidence = append(evidence, s)
				}
				if diff := cmp.Diff(tt.want, worstExemplar(k, evidence)); diff != "" {
					t.Errorf("worst call for %s (-want +got):\n%s", k, diff)
				}
			}
		})
	}
}
