package store

import (
	"fmt"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// start is when the periods of the tests begin.
var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// call returns an exemplar.
func call(id byte, code string, d time.Duration, end time.Time) engine.Exemplar {
	return engine.Exemplar{
		Trace:    engine.TraceRef{TraceID: [16]byte{0: 0xab, 15: id}, SpanID: [8]byte{7: id}, Sampled: id%2 == 0},
		Code:     code,
		Duration: d,
		End:      end,
		Details: &engine.Details{
			Message: "no \"route\"\\u0000", ExceptionType: "E", Frame: "f (a.go:1)",
			Events:     []engine.EventNote{{Name: "retry", Text: "n=1", Offset: time.Second}},
			Attributes: []engine.Attribute{{Key: "tenant.id", Value: "acme"}},
		},
	}
}

// fullSummary returns a summary in which nothing is zero.
func fullSummary(operation string, at time.Time) engine.Summary {
	end := at.Add(time.Minute)
	return engine.Summary{
		Monitor: "shop", Service: "checkout", Operation: operation, SpanKind: engine.SpanKindServer,
		Start: at, End: end, Partial: true,
		Count: 103, Success: 90, Failure: 10, Cancelled: 3, Ignored: 2, SuccessRatio: 0.9,
		Latency: engine.Latency{
			Min: 1_234_567, Mean: 20 * time.Millisecond, Max: 2 * time.Second, P50: 15 * time.Millisecond,
			P90: 100 * time.Millisecond, P95: 200*time.Millisecond + 1, P99: 900 * time.Millisecond,
		},
		Untimed: 5, SlowCancelled: 2, WithinTarget: 80, WithinTargetRatio: 80.0 / 85,
		OwnTime:        engine.OwnTime{Count: 84, Mean: 2 * time.Millisecond, P50: time.Millisecond, P99: 5 * time.Millisecond},
		Reasons:        fullReasons(),
		FailureLatency: engine.FailureLatency{Mean: 3 * time.Millisecond, Max: 7 * time.Millisecond},
		Distribution: []engine.Bucket{
			{High: 100 * time.Millisecond, Count: 80},
			{Low: 100 * time.Millisecond, High: 150*time.Millisecond + 1, Count: 0},
			{Low: 150*time.Millisecond + 1, Count: 10},
		},
		Failures:         []engine.CodeCount{{Code: "503", Name: "payment down", Count: 7}, {Code: "DEADLINE_EXCEEDED", Count: 3}},
		FailureExemplars: []engine.Exemplar{call(1, "503", time.Second, at.Add(time.Second)), call(2, "", 0, at)},
		SlowExemplars:    []engine.Exemplar{call(4, "200", 2*time.Second, at.Add(2*time.Second)), {Duration: time.Second}},
		StuckExemplars:   []engine.Exemplar{call(5, "", time.Minute, at.Add(time.Minute))},
		FailureCauses: []engine.CauseCount{
			{Cause: engine.Cause{Service: "payment", SpanKind: engine.SpanKindClient, Operation: "POST /pay", Code: "503"}, Count: 7, Share: 0.7},
			{Cause: engine.Cause{Service: "checkout", SpanKind: engine.SpanKindClient, Operation: "INSERT orders", Code: "23505"}, Count: 1, Share: 0.1},
		},
		SlowCauses: []engine.CauseCount{
			{Cause: engine.Cause{Service: "checkout", Operation: "render"}, Count: 9, Share: 0.9},
			{Cause: engine.Cause{Service: "stock", SpanKind: engine.SpanKindServer, Operation: "GET /stock", Code: engine.NetworkCode}, Count: 1, Share: 0.1},
		},
		Late: 6, InFlight: 5, OldestInFlight: 3 * time.Second, Stuck: 1, TypicalCalls: 100,
		BurnRates: engine.BurnRates{Minutes5: 20, Minutes30: 10.5, Hour1: 5, Hours6: 0.25, FastInsufficient: true, SlowInsufficient: true},
		Objective: engine.Objective{
			SuccessRatio: 0.95, LatencyTarget: 100 * time.Millisecond, WithinTargetRatio: 0.8, AlertAfter: 3, RecoverAfter: 2,
			MinCalls: 10, Confidence: 0.9, AlertFor: 23*time.Second + 1, MinTraffic: 4, MinTrafficRatio: 0.5, StuckAfter: 2 * time.Second, SLO: 0.999,
			RepeatInterval: time.Hour, EndAfterIdle: 7,
		},
		Verdicts: engine.Verdicts{
			Availability: engine.VerdictBad, Latency: engine.VerdictGood, Traffic: engine.VerdictInsufficient,
			Stuck: engine.VerdictBad, BurnRate: engine.VerdictGood,
		},
	}
}

// fullReasons returns reasons in which nothing is zero.
func fullReasons() *engine.Reasons {
	shared := []engine.Shared{{Attributes: []engine.Attribute{{Key: "tenant.id", Value: "acme"}}, Above: true, BadRatio: 0.9, GoodRatio: 0.1, Bad: 60, Good: 40}}
	return &engine.Reasons{
		FailureMessages: []engine.MessageCount{{Code: "503", Message: "payment '*' down", Count: 7}},
		FailureShared:   shared, SlowShared: shared,
	}
}

// periodOf returns the period that has the given summaries.
func periodOf(at time.Time, summaries ...engine.Summary) engine.Period {
	p := engine.Period{
		Monitor: "shop", Start: at, End: at.Add(time.Minute), Partial: true, Final: true, Missed: 1, Summaries: summaries,
		Dropped: 2, Late: 7, Early: 8, Overflowed: 3, InFlight: 4, Untracked: 5, Abandoned: 6,
		UndeliveredPeriods: 9, UndeliveredNotifications: 10, SampledRatio: 0.5,
	}
	for i := range summaries {
		p.Received += summaries[i].Count
	}
	p.Received += p.Dropped
	return p
}

// bigPeriod returns a period of n operations, of which every tenth fails at times.
func bigPeriod(n int, at time.Time) engine.Period {
	summaries := make([]engine.Summary, n)
	for i := range summaries {
		s := fullSummary(fmt.Sprintf("GET /things/%04d/{id}", i), at)
		s.Partial = false
		if i%10 != 0 {
			s.Failure, s.Failures, s.FailureExemplars, s.FailureCauses, s.SlowExemplars, s.SlowCauses = 0, nil, nil, nil, nil, nil
		}
		s.Count = s.Success + s.Failure + s.Cancelled
		summaries[i] = s
	}
	p := periodOf(at, summaries...)
	p.Partial, p.Final = false, false
	return p
}

// fullAlert returns an alert in which nothing is zero but EndsAt.
func fullAlert(at time.Time) alert.Alert {
	return alert.Alert{
		ID: "0123456789abcdef", Monitor: "shop", Service: "checkout", Operation: "POST /orders", SpanKind: engine.SpanKindServer,
		Objective: alert.Latency, State: alert.Firing, StartsAt: at, DecidedAt: at.Add(3 * time.Minute), Repeat: true,
		Silenced:  alert.Silencing{Held: true, Until: at.Add(time.Hour), Reason: "upkeep"},
		EndReason: alert.EndIdle, LastSentAt: at.Add(-time.Minute), CallsSince: 12, GoodPeriods: 3, Flapping: alert.Flapping{Count: 4, Since: at.Add(-time.Hour)},
		Target: 0.95, Actual: 0.5, WorstActual: 0.1, LastActual: 0.6, LatencyTarget: 100 * time.Millisecond,
		WorstExemplar: call(2, "503", time.Second, at), CausedBy: "fedcba9876543210",
		Causes: []engine.CauseCount{
			{Cause: engine.Cause{Service: "payment", SpanKind: engine.SpanKindClient, Operation: "POST /pay", Code: "503"}, Count: 7, Share: 0.7},
		},
		Why:      alert.Why{Messages: fullReasons().FailureMessages, Shared: fullReasons().FailureShared},
		Evidence: []engine.Summary{fullSummary("POST /orders", at), fullSummary("POST /orders", at.Add(time.Minute))},
	}
}
