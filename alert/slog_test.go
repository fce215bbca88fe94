package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

// traceHandler keeps the traces of the contexts of its records.
type traceHandler struct {
	slog.Handler
	traces *[]trace.TraceID
}

func (h traceHandler) Handle(ctx context.Context, r slog.Record) error {
	*h.traces = append(*h.traces, trace.SpanContextFromContext(ctx).TraceID())
	return h.Handler.Handle(ctx, r)
}

func TestSlog(t *testing.T) {
	firing, resolved := incident(t, Availability)
	var b bytes.Buffer
	var traces []trace.TraceID
	l := slog.New(traceHandler{slog.NewJSONHandler(&b, nil), &traces})
	if err := Slog(l).Notify(inSpan(), []Alert{firing, resolved}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines:\n%s", len(lines), b.String())
	}
	for i, want := range []map[string]any{
		{"level": "ERROR", "event.name": EventFiring, "msg": firing.Summary(), "gomonitor.target": 0.95, "error.type": "503", "gomonitor.evidence.failures": 66.0},
		{"level": "INFO", "event.name": EventResolved, "msg": resolved.Summary(), "gomonitor.alert.id": firing.ID},
	} {
		var got map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		for key, want := range want {
			if got[key] != want {
				t.Errorf("%s = %v, want %v", key, got[key], want)
			}
		}
		if ids, _ := got["gomonitor.evidence.trace_ids"].([]any); len(ids) != 3 {
			t.Errorf("trace ids %v, want 3", got["gomonitor.evidence.trace_ids"])
		}
		if want := trace.TraceID(firing.WorstExemplar.Trace.TraceID); traces[i] != want {
			t.Errorf("logged in trace %s, want %s", traces[i], want)
		}
	}
}

// Nobody's name makes a second line.
func TestSlogIsInert(t *testing.T) {
	for _, name := range hostile {
		firing, _ := spoiltBy(t, Availability, name)
		var b bytes.Buffer
		if err := Slog(slog.New(slog.NewTextHandler(&b, nil))).Notify(context.Background(), []Alert{firing}); err != nil {
			t.Fatal(err)
		}
		checkInert(t, strings.TrimSuffix(b.String(), "\n"))
		if strings.Count(b.String(), "\n") != 1 {
			t.Errorf("%.300q", b.String())
		}
	}
}
