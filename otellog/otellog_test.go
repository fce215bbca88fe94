package otellog

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logRecords is an exporter that keeps what it gets.
type logRecords struct{ records []sdklog.Record }

func (e *logRecords) Export(_ context.Context, records []sdklog.Record) error {
	for _, r := range records {
		e.records = append(e.records, r.Clone())
	}
	return nil
}

func (*logRecords) Shutdown(context.Context) error { return nil }

func (*logRecords) ForceFlush(context.Context) error { return nil }

// logged returns the log records that the real SDK makes of alerts.
func logged(ctx context.Context, t *testing.T, alerts ...alert.Alert) []sdklog.Record {
	t.Helper()
	var e logRecords
	p := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(&e)))
	if err := New(p).Notify(ctx, alerts); err != nil {
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

// incident returns an alert about an operation of this name, and its end.
func incident(operation string) (firing, resolved alert.Alert) {
	at := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	worst := engine.Exemplar{
		Trace: engine.TraceRef{TraceID: [16]byte{0x11}, SpanID: [8]byte{0x22}, Sampled: true},
		Code:  "503", Duration: 1200 * time.Millisecond, End: at,
	}
	firing = alert.Alert{
		ID: "1", Monitor: "http", Service: "shop", Operation: operation, SpanKind: engine.SpanKindServer,
		Objective: alert.Availability, State: alert.Firing, StartsAt: at.Add(-3 * time.Minute), DecidedAt: at,
		Target: 0.95, Actual: 0.701, WorstExemplar: worst,
		Evidence: []engine.Summary{{
			Operation: operation, Count: 10, Success: 7, Failure: 3, SuccessRatio: 0.7,
			Failures: []engine.CodeCount{{Code: "503", Count: 3}}, FailureExemplars: []engine.Exemplar{worst},
		}},
	}
	resolved = firing
	resolved.State, resolved.EndsAt, resolved.DecidedAt = alert.Resolved, at, at.Add(3*time.Minute)
	return firing, resolved
}

func attributesOf(r *sdklog.Record) []attribute.KeyValue {
	var attrs []attribute.KeyValue
	r.WalkAttributes(func(a attribute.KeyValue) bool {
		attrs = append(attrs, a)
		return true
	})
	return attrs
}

func TestRecord(t *testing.T) {
	firing, resolved := incident("GET /users/{id}")
	for i, r := range logged(context.Background(), t, firing, resolved) {
		a := []*alert.Alert{&firing, &resolved}[i]
		want := []struct {
			event    string
			severity log.Severity
			text     string
		}{
			{"gomonitor.alert.firing", log.SeverityError, "ERROR"},
			{"gomonitor.alert.resolved", log.SeverityInfo, "INFO"},
		}[i]
		t.Run(want.event, func(t *testing.T) {
			if got := r.EventName(); got != want.event {
				t.Errorf("event name = %q, want %q", got, want.event)
			}
			if r.Severity() != want.severity || r.SeverityText() != want.text {
				t.Errorf("severity = %v %q, want %v %q", r.Severity(), r.SeverityText(), want.severity, want.text)
			}
			if got := r.Body().AsString(); got != a.Summary() || !strings.HasPrefix(got, "GET /users/{id}: ") {
				t.Errorf("body = %q, want %q", got, a.Summary())
			}
			if !r.Timestamp().Equal(a.DecidedAt) {
				t.Errorf("timestamp = %v, want %v", r.Timestamp(), a.DecidedAt)
			}
			if r.ObservedTimestamp().IsZero() {
				t.Error("no observed timestamp")
			}
			if got := r.InstrumentationScope().Name; got != alert.ScopeName {
				t.Errorf("scope = %q, want %q", got, alert.ScopeName)
			}
			got, want := attributesOf(&r), alert.Attributes(a)
			if !slices.EqualFunc(got, want, func(a, b attribute.KeyValue) bool { return a == b }) {
				t.Errorf("attributes\ngot  %v\nwant %v", got, want)
			}
			worst := a.WorstExemplar.Trace
			if r.TraceID() != trace.TraceID(worst.TraceID) || r.SpanID() != trace.SpanID(worst.SpanID) || !r.TraceFlags().IsSampled() {
				t.Errorf("the log record stands in trace %s, span %s, flags %s", r.TraceID(), r.SpanID(), r.TraceFlags())
			}
		})
	}
}

// The span from which Notify is called has nothing to do with the alert.
func TestRecordWithoutSampledCall(t *testing.T) {
	inSpan := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0xee}, SpanID: trace.SpanID{0xee}, TraceFlags: trace.FlagsSampled,
	}))
	firing, _ := incident("GET /users/{id}")
	unsampled := firing.WorstExemplar
	unsampled.Trace.Sampled = false
	for name, worst := range map[string]engine.Exemplar{"not sampled": unsampled, "none": {}} {
		t.Run(name, func(t *testing.T) {
			a := firing
			a.WorstExemplar = worst
			for _, ctx := range []context.Context{context.Background(), inSpan} {
				r := logged(ctx, t, a)[0]
				if r.TraceID().IsValid() || r.SpanID().IsValid() {
					t.Errorf("the log record stands in trace %s, span %s, want none", r.TraceID(), r.SpanID())
				}
			}
		})
	}
}

// An OTLP exporter drops a whole batch when one string in it is not UTF-8.
func TestRecordIsInert(t *testing.T) {
	for _, name := range []string{"a\xffb", "line\nbreak\r\x1b[31m", strings.Repeat("x\x00", 5000)} {
		firing, resolved := incident(name)
		for _, r := range logged(context.Background(), t, firing, resolved) {
			body := r.Body().AsString()
			if !utf8.ValidString(body) || strings.ContainsAny(body, "\n\r\x1b\x00") {
				t.Errorf("body %.300q", body)
			}
			for _, a := range attributesOf(&r) {
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
	}
}
