package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestTotals(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		s := openStore(t, Config{DSN: dsn, Instance: "a"})
		other := openStore(t, Config{DSN: dsn, Instance: "b"})
		at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		period := func(i int, success, failure, within uint64, slo float64) engine.Period {
			start := at.Add(time.Duration(i) * time.Minute)
			return engine.Period{Monitor: "m", Start: start, End: start.Add(time.Minute), Summaries: []engine.Summary{{
				Service: "shop", Operation: "GET /", SpanKind: engine.SpanKindServer, Start: start, End: start.Add(time.Minute),
				Count: success + failure + 1, Success: success, Failure: failure, Cancelled: 1, WithinTarget: within,
				Objective: engine.Objective{SuccessRatio: 0.95, WithinTargetRatio: 0.8, SLO: slo},
			}}}
		}
		mustConsume(t, s, period(0, 10, 1, 9, 0.99), period(1, 20, 2, 18, 0.999), period(2, 1000, 1000, 0, 0.9999))
		mustConsume(t, other, period(1, 30, 3, 27, 0))
		got, err := s.Totals(t.Context(), at, at.Add(2*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		want := []Totals{{
			Operation: engine.OperationKey{Service: "shop", Name: "GET /", SpanKind: engine.SpanKindServer},
			Success:   60, Failure: 6, Cancelled: 3, WithinTarget: 54, SLO: 0.999, SuccessRatio: 0.95, WithinTargetRatio: 0.8,
			First: at, Last: at.Add(time.Minute),
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if none, err := s.Totals(t.Context(), at.Add(time.Hour), time.Time{}); err != nil || len(none) != 0 {
			t.Errorf("got %v, %v", none, err)
		}
	})
}
