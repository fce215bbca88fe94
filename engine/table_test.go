package engine

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// tableOf returns what a table writes for periods.
func tableOf(t *testing.T, periods ...Period) string {
	t.Helper()
	var b bytes.Buffer
	sink := Table(&b)
	for _, p := range periods {
		if err := sink.Consume(context.Background(), p); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// A line for each operation, the worst first, with a mark at what is bad.
func TestTable(t *testing.T) {
	end := time.Date(2026, 3, 1, 9, 42, 20, 0, time.UTC)
	objective := DefaultObjective()
	p := Period{End: end, Summaries: []Summary{
		{Operation: "GET /cart", SpanKind: SpanKindServer, Count: 1200, Success: 1200, SuccessRatio: 1, WithinTargetRatio: 1, Latency: Latency{P90: 1234567}, Objective: objective},
		{Operation: "POST /orders", SpanKind: SpanKindServer, Count: 30, Success: 20, Failure: 10, SuccessRatio: 2.0 / 3, WithinTargetRatio: 1, Latency: Latency{P90: 81 * time.Microsecond}, Objective: objective,
			Verdicts: Verdicts{Availability: VerdictBad}, Failures: []CodeCount{{Code: "503", Count: 7}, {Code: "", Count: 1}, {Code: "a\n", Name: "b\x1b", Count: 1}, {Code: "x", Count: 1}}},
		{Operation: "SELECT", SpanKind: SpanKindClient, Count: 40, Success: 40, SuccessRatio: 1, WithinTargetRatio: 0.1, Latency: Latency{P90: 299 * time.Millisecond}, Objective: objective, Verdicts: Verdicts{Latency: VerdictBad}},
		{Operation: "silent", Objective: objective},
		{Operation: "hangs", InFlight: 2, SuccessRatio: 1, WithinTargetRatio: 1, Objective: objective},
		{Operation: "failing\r\x1b[2J", Count: 5, Failure: 5, WithinTargetRatio: 1, Objective: objective},
	}}
	const want = `           calls   success       p90
09:42:20      30    66.7 %!     81µs   POST /orders (server): 503 x7, no code x1, a\x0a b\x1b x1, others x1
09:42:20      40     100 %     299ms!  SELECT (client)
09:42:20       5       0 %         -   failing\x0d\x1b[2J
09:42:20    1200     100 %    1.23ms   GET /cart (server)
09:42:20       0         -         -   hangs, 2 in flight
`
	if got := tableOf(t, p); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// A period without a call writes nothing, one with many operations is cut, and the head comes
// again after a screenful.
func TestTableIsBounded(t *testing.T) {
	if got := tableOf(t, Period{}, Period{Summaries: []Summary{{Operation: "idle"}}}); got != "" {
		t.Errorf("got %q", got)
	}
	var p Period
	for range 50 {
		p.Summaries = append(p.Summaries, Summary{Operation: "GET /", Count: 1})
	}
	got := tableOf(t, p)
	if n := strings.Count(got, "\n"); n != 1+maxTableRows+1 || !strings.HasSuffix(got, "  and 30 operations more\n") {
		t.Errorf("%d lines:\n%s", n, got)
	}
	if heads := strings.Count(tableOf(t, p, p, p, p), "calls"); heads != 2 {
		t.Errorf("the head comes %d times, want twice", heads)
	}
}
