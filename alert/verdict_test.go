package alert

import (
	"math"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// began is when period 0 of all tests begins.
var began = time.Date(2026, time.March, 1, 2, 57, 0, 0, time.FixedZone("CET", 3600))

// startOf returns when the i-th period begins; it ends when the next one begins.
func startOf(i int) time.Time { return began.Add(time.Duration(i) * time.Minute) }

// calls are what an operation was called in one period.
type calls struct{ success, within, failure, cancelled uint64 }

// summaryOf returns the summary of the i-th period of the test operation.
func summaryOf(i int, o engine.Objective, c calls) engine.Summary {
	s := engine.Summary{
		Monitor:           "http",
		Service:           "shop",
		Operation:         "GET /users/{id}",
		SpanKind:          engine.SpanKindServer,
		Start:             startOf(i),
		End:               startOf(i + 1),
		Count:             c.success + c.failure + c.cancelled,
		Success:           c.success,
		Failure:           c.failure,
		Cancelled:         c.cancelled,
		SuccessRatio:      1,
		WithinTarget:      c.within,
		WithinTargetRatio: 1,
		Objective:         o,
	}
	if n := c.success + c.failure; n > 0 {
		s.SuccessRatio = float64(c.success) / float64(n)
	}
	if c.success > 0 {
		s.WithinTargetRatio = float64(c.within) / float64(c.success)
	}
	if c.failure > 0 {
		s.Failures = []engine.CodeCount{{Code: "503", Name: "unavailable", Count: c.failure}}
	}
	return s
}

// expecting returns the default objective with the fields that are set in o instead of its own.
func expecting(o engine.Objective) engine.Objective { return o.Inherit(engine.DefaultObjective()) }

func TestVerdict(t *testing.T) {
	const (
		good         = engine.VerdictGood
		bad          = engine.VerdictBad
		insufficient = engine.VerdictInsufficient
	)
	tests := []struct {
		name      string
		objective engine.Objective // a zero field means the default's
		calls     calls
		want      engine.Verdicts
	}{
		{"no calls", engine.Objective{}, calls{}, engine.Verdicts{Availability: insufficient, Latency: insufficient}},
		{"only cancelled calls", engine.Objective{}, calls{cancelled: 100}, engine.Verdicts{Availability: insufficient, Latency: insufficient}},
		{"only failures", engine.Objective{}, calls{failure: 1}, engine.Verdicts{Availability: bad, Latency: insufficient}},
		{"one success", engine.Objective{}, calls{success: 1, within: 1}, engine.Verdicts{Availability: good, Latency: good}},
		{"one slow success", engine.Objective{}, calls{success: 1}, engine.Verdicts{Availability: good, Latency: bad}},

		{"success ratio exactly at its target", engine.Objective{}, calls{success: 95, within: 95, failure: 5}, engine.Verdicts{Availability: good, Latency: good}},
		{"success ratio one call below its target", engine.Objective{}, calls{success: 94, within: 94, failure: 6}, engine.Verdicts{Availability: bad, Latency: good}},
		{"success ratio of 7 % exactly at its target", engine.Objective{SuccessRatio: 0.07}, calls{success: 7, within: 7, failure: 93}, engine.Verdicts{Availability: good, Latency: good}},
		{"cancelled calls don't count as failures", engine.Objective{}, calls{success: 95, within: 95, failure: 5, cancelled: 1000}, engine.Verdicts{Availability: good, Latency: good}},
		{"cancelled calls don't count as successes", engine.Objective{}, calls{success: 94, within: 94, failure: 6, cancelled: 1000}, engine.Verdicts{Availability: bad, Latency: good}},
		{"everything must succeed and does", engine.Objective{SuccessRatio: 1}, calls{success: 1e9, within: 1e9}, engine.Verdicts{Availability: good, Latency: good}},
		{"everything must succeed and one in 10^9 does not", engine.Objective{SuccessRatio: 1}, calls{success: 1e9 - 1, within: 1e9, failure: 1}, engine.Verdicts{Availability: bad, Latency: good}},

		{"latency exactly at its target", engine.Objective{}, calls{success: 10, within: 8}, engine.Verdicts{Availability: good, Latency: good}},
		{"latency one call below its target", engine.Objective{}, calls{success: 10, within: 7}, engine.Verdicts{Availability: good, Latency: bad}},
		{"failures don't lower the latency ratio", engine.Objective{}, calls{success: 10, within: 10, failure: 90}, engine.Verdicts{Availability: bad, Latency: good}},
		{"everything must be fast and one call is not", engine.Objective{WithinTargetRatio: 1}, calls{success: 1000, within: 999}, engine.Verdicts{Availability: good, Latency: bad}},

		{"one call too few", engine.Objective{MinCalls: 10}, calls{failure: 9, cancelled: 100}, engine.Verdicts{Availability: insufficient, Latency: insufficient}},
		{"just enough calls", engine.Objective{MinCalls: 10}, calls{success: 9, within: 0, failure: 1}, engine.Verdicts{Availability: bad, Latency: insufficient}},
		{"just enough successes", engine.Objective{MinCalls: 10}, calls{success: 10, within: 0, failure: 1}, engine.Verdicts{Availability: bad, Latency: bad}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := engine.Period{Summaries: []engine.Summary{summaryOf(0, expecting(tt.objective), tt.calls)}}
			NewJudge().Judge(&p)
			if got := p.Summaries[0].Verdicts; got != tt.want {
				t.Errorf("verdicts = %+v, want %+v", got, tt.want)
			}
		})
	}
}

// The engine fills the minimum in; a summary that was made by hand may lack it.
func TestVerdictWithoutMinimum(t *testing.T) {
	for _, tt := range []struct {
		reading reading
		want    engine.Verdict
	}{
		{reading{target: 0.9}, engine.VerdictInsufficient},
		{reading{part: 1, whole: 1, target: 0.9}, engine.VerdictGood},
		{reading{part: 0, whole: 1, target: 0.9}, engine.VerdictBad},
	} {
		if got := tt.reading.verdict(Availability, &engine.Summary{}); got != tt.want {
			t.Errorf("verdict on %+v = %s, want %s", tt.reading, got, tt.want)
		}
	}
}

func TestReadingAddsUp(t *testing.T) {
	a := reading{part: 1, whole: 2, target: 0.9, extreme: 5}
	b := reading{part: 9, whole: 18, target: 0.8, extreme: 3}
	want := reading{part: 10, whole: 20, target: 0.8, extreme: 5}
	if got := a.plus(Availability, b); got != want {
		t.Errorf("sum = %+v, want %+v: the later target counts", got, want)
	}
	if got := (reading{}).value(Availability); got != 1 {
		t.Errorf("ratio of no calls = %v, want 1", got)
	}
	if got := (reading{part: 0, whole: math.MaxUint64}).value(Latency); got != 0 {
		t.Errorf("ratio without a good call = %v, want 0", got)
	}
}

// shareKinds are the kinds of objectives that are always on.
var shareKinds = []ObjectiveKind{Availability, Latency}
