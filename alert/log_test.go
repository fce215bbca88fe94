package alert

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"

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

func (*logRecords) Shutdown(context.Context) error { return nil }

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
