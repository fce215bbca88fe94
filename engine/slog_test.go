package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestSlog(t *testing.T) {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	p := Period{Summaries: []Summary{
		{
			Monitor: "http", Service: "shop", Operation: "GET /\n\x1b[31m", SpanKind: SpanKindServer, Start: start, End: start.Add(time.Minute),
			Count: 10, Success: 6, Failure: 4, SuccessRatio: 0.6, WithinTargetRatio: 0.5, Latency: Latency{P50: 12 * time.Millisecond}, OwnTime: OwnTime{Count: 6, P50: 3 * time.Millisecond, P99: 5 * time.Millisecond},
			Failures: []CodeCount{{Code: "503", Count: 4}}, Verdicts: Verdicts{Availability: VerdictBad},
		},
		{Operation: "GET /silent", Partial: true},
	}}
	var b bytes.Buffer
	if err := Slog(slog.New(slog.NewJSONHandler(&b, nil))).Consume(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines:\n%s", len(lines), b.String())
	}
	var got [2]map[string]any
	for i, line := range lines {
		if err := json.Unmarshal([]byte(line), &got[i]); err != nil {
			t.Fatal(err)
		}
	}
	for key, want := range map[string]any{
		"level": "WARN", "msg": "gomonitor.summary", "gomonitor.operation": "GET /\n\x1b[31m", "gomonitor.span.kind": "server", "service.name": "shop",
		"gomonitor.calls": 10.0, "gomonitor.failures": 4.0, "gomonitor.success_ratio": 0.6, "gomonitor.latency.p50": 0.012, "error.type": "503",
		"gomonitor.own_time.p50": 0.003, "gomonitor.own_time.p99": 0.005,
	} {
		if got[0][key] != want {
			t.Errorf("%s = %v, want %v", key, got[0][key], want)
		}
	}
	for _, key := range []string{"gomonitor.success_ratio", "gomonitor.latency.p50", "gomonitor.own_time.p50", "error.type"} {
		if v, ok := got[1][key]; ok {
			t.Errorf("%s = %v, though there was no call", key, v)
		}
	}
	if got[1]["level"] != "INFO" || got[1]["gomonitor.period.partial"] != true {
		t.Errorf("got %v", got[1])
	}
}

// A logger that takes no such level is not bothered.
func TestSlogLevel(t *testing.T) {
	var b bytes.Buffer
	l := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if err := Slog(l).Consume(context.Background(), Period{Summaries: []Summary{{Operation: "a"}}}); err != nil || b.Len() > 0 {
		t.Errorf("%v\n%s", err, b.String())
	}
}
