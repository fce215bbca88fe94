package engine

import (
	"testing"
	"testing/synctest"
	"time"
)

// A call without a latency counts in a live engine and in a timeline alike, with and without a trace;
// its time explains that of its parent all the same.
func TestUntimedCalls(t *testing.T) {
	link := func(id byte, parent byte) Link {
		return Link{Trace: [16]byte{1}, Span: [8]byte{id}, Parent: [8]byte{parent}}
	}
	spans := func(end time.Time) []Span {
		return []Span{
			{Operation: "BLPOP", SpanKind: SpanKindClient, Outcome: OutcomeSuccess, Duration: 5 * time.Second, Untimed: true, End: end.UnixNano(), Link: link(2, 1)},
			{Operation: "BLPOP", SpanKind: SpanKindClient, Outcome: OutcomeSuccess, Duration: 5 * time.Second, Untimed: true, End: end.UnixNano()},
			{Operation: "BLPOP", SpanKind: SpanKindClient, Outcome: OutcomeSuccess, Duration: ms, End: end.UnixNano()},
			{Operation: "BLPOP", SpanKind: SpanKindClient, Outcome: OutcomeFailure, Code: "EOF", Duration: 3 * time.Second, Untimed: true, End: end.UnixNano(), Link: link(3, 0)},
			{Operation: "BLPOP", SpanKind: SpanKindClient, Outcome: OutcomeCancelled, Duration: time.Hour, Untimed: true, End: end.UnixNano(), Link: link(4, 0)},
			{Operation: "GET /work", SpanKind: SpanKindServer, Outcome: OutcomeSuccess, Duration: 6 * time.Second, End: end.UnixNano(), Link: link(1, 0)},
		}
	}
	check := func(t *testing.T, p Period) {
		t.Helper()
		s := summaryOf(t, p, "BLPOP")
		checkSummary(t, &s)
		if s.Success != 3 || s.Failure != 1 || s.Cancelled != 1 || s.Untimed != 2 {
			t.Errorf("%d succeeded, %d failed, %d given up, %d untimed", s.Success, s.Failure, s.Cancelled, s.Untimed)
		}
		if s.Latency.Max != ms || s.WithinTarget != 1 || s.WithinTargetRatio != 1 || len(s.SlowExemplars) > 0 {
			t.Errorf("latency %+v, %d within, slow %v", s.Latency, s.WithinTarget, s.SlowExemplars)
		}
		if s.FailureLatency != (FailureLatency{}) || len(s.FailureExemplars) != 1 || s.FailureExemplars[0].Duration != 3*time.Second {
			t.Errorf("failures %+v, %v", s.FailureLatency, s.FailureExemplars)
		}
		parent := summaryOf(t, p, "GET /work")
		if len(parent.SlowCauses) != 1 || parent.SlowCauses[0].Operation != "BLPOP" {
			t.Errorf("the slow parent is blamed on %v", parent.SlowCauses)
		}
	}
	t.Run("live", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var periods []Period
			e, err := New(Config{}, Hooks{Closed: func(p *Period) map[OperationKey]bool { periods = append(periods, *p); return nil }})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range spans(time.Now()) {
				if !e.ReportSpan(&s) {
					t.Errorf("%+v was dropped", s)
				}
			}
			if err := e.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			check(t, periods[0])
		})
	})
	t.Run("timeline", func(t *testing.T) {
		now := time.Date(2026, 3, 1, 9, 0, 30, 0, time.UTC)
		timeline, err := NewTimeline(TimelineConfig{}, now)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range spans(now) {
			timeline.Add(&s)
		}
		timeline.Close(nil, func(p *Period) { check(t, *p) })
	})
}

// No call is too slow where no operation has a latency target.
func TestLatencyTargetOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var periods []Period
		e, err := New(Config{Objective: Objective{LatencyTarget: -1}}, Hooks{Closed: func(p *Period) map[OperationKey]bool { periods = append(periods, *p); return nil }})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.SetObjective("b", Objective{LatencyTarget: -time.Second}); err != nil {
			t.Error(err)
		}
		e.ReportSpan(&Span{Operation: "a", Outcome: OutcomeSuccess, Duration: time.Hour, Link: Link{Trace: [16]byte{1}, Span: [8]byte{1}}})
		if err := e.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := summaryOf(t, periods[0], "a")
		if s.WithinTargetRatio != 1 || len(s.SlowExemplars) != 0 || s.Latency.Max != time.Hour || s.Objective.LatencyTarget != -1 {
			t.Errorf("%+v", s)
		}
	})
}
