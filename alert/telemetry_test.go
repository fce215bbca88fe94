package alert

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/engine"
)

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
		want["gomonitor.alert.end_reason"] = "recovered"
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

func TestAttributesOfLatency(t *testing.T) {
	firing, _ := incident(t, Latency)
	got := valuesOf(t, Attributes(&firing))
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
	if diff := cmp.Diff(any(want), valuesOf(t, Attributes(&a))["gomonitor.evidence.trace_ids"]); diff != "" {
		t.Errorf("trace ids (-want +got):\n%s", diff)
	}
	var all []engine.Exemplar
	for _, text := range valuesOf(t, Attributes(&a))["gomonitor.evidence.exemplars"].([]string) {
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
	got := valuesOf(t, Attributes(&Alert{Objective: Availability, State: Firing}))
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
		got := valuesOf(t, Attributes(&firing))
		for key, want := range want {
			if diff := cmp.Diff(want, got[key]); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", k, key, diff)
			}
		}
		ended := valuesOf(t, Attributes(&resolved))
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
			for _, s := range traced(context.Background(), t, sdktrace.AlwaysSample(), firing, resolved) {
				checkUTF8(t, s.Events[0].Attributes)
			}
		}
	}
}

func checkUTF8(t *testing.T, attrs []attribute.KeyValue) {
	t.Helper()
	for _, a := range attrs {
		values := []string{a.Value.Emit()}
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
