package store

import (
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Calls are those of one operation, of all instances, in the time that was asked for.
func TestCalls(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		a, b := openStore(t, Config{DSN: dsn, Instance: "a"}), openStore(t, Config{DSN: dsn, Instance: "b"})
		at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		period := func(i int, operation string, success, failure uint64) engine.Period {
			start := at.Add(time.Duration(i) * time.Minute)
			return engine.Period{Monitor: "m", Start: start, End: start.Add(time.Minute), Summaries: []engine.Summary{{
				Service: "shop", Operation: operation, SpanKind: engine.SpanKindServer, Start: start, End: start.Add(time.Minute),
				Count: success + failure, Success: success, Failure: failure,
			}}}
		}
		mustConsume(t, a, period(0, "GET /", 10, 1), period(1, "GET /", 20, 2), period(1, "POST /", 500, 500), period(2, "GET /", 1000, 1000))
		mustConsume(t, b, period(1, "GET /", 30, 3))
		key := engine.OperationKey{Service: "shop", Name: "GET /", SpanKind: engine.SpanKindServer}
		success, failure, err := a.Calls(t.Context(), key, at, at.Add(2*time.Minute))
		if err != nil || success != 60 || failure != 6 {
			t.Errorf("%d succeeded, %d failed (%v), want 60 and 6", success, failure, err)
		}
		key.SpanKind = engine.SpanKindClient
		if success, failure, err := a.Calls(t.Context(), key, time.Time{}, time.Time{}); err != nil || success+failure != 0 {
			t.Errorf("of no call %d succeeded, %d failed (%v)", success, failure, err)
		}
	})
}
