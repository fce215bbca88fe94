package alert

import (
	"fmt"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/google/go-cmp/cmp"
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

// plain is the default objective, but that one call is enough to judge a period, and that the ratio
// alone decides.
func plain() engine.Objective {
	o := engine.DefaultObjective()
	o.MinCalls, o.Confidence = 1, 0
	return o
}

// expecting returns the plain objective with the fields that are set in o instead of its own.
func expecting(o engine.Objective) engine.Objective { return o.Inherit(plain()) }

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

// shareKinds are the kinds of objectives that are always on.
var shareKinds = []ObjectiveKind{Availability, Latency}

// Calls without a latency say nothing about it, and a negative target judges none.
func TestVerdictOnLatency(t *testing.T) {
	for _, tt := range []struct {
		test    string
		target  time.Duration
		calls   calls
		untimed uint64
		want    engine.Verdict
	}{
		{"slow", 0, calls{success: 10, within: 7}, 0, engine.VerdictBad},
		{"slow, but for those without a latency", 0, calls{success: 100, within: 7}, 90, engine.VerdictBad},
		{"fast, but for those without a latency", 0, calls{success: 100, within: 10}, 90, engine.VerdictGood},
		{"none with a latency", 0, calls{success: 100}, 100, engine.VerdictInsufficient},
		{"switched off", -1, calls{success: 10}, 0, engine.VerdictNone},
	} {
		t.Run(tt.test, func(t *testing.T) {
			s := summaryOf(0, expecting(engine.Objective{LatencyTarget: tt.target}), tt.calls)
			s.Untimed = tt.untimed
			if got := read(Latency, &s).verdict(Latency, &s); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestVerdictOnTraffic(t *testing.T) {
	repeat := func(calls uint64, n int) []uint64 {
		var all []uint64
		for range n {
			all = append(all, calls)
		}
		return all
	}
	tests := []struct {
		name      string
		objective engine.Objective
		before    []uint64 // calls of the periods before
		calls     uint64
		typical   uint64
		want      engine.Verdict
		target    float64
	}{
		{"off", engine.Objective{}, nil, 0, 0, engine.VerdictNone, 0},
		{"switched off", engine.Objective{MinTraffic: -1, MinTrafficRatio: -1}, repeat(100, 30), 0, 0, engine.VerdictNone, 0},
		{"the least", engine.Objective{MinTraffic: 5}, nil, 5, 0, engine.VerdictGood, 5},
		{"one call less", engine.Objective{MinTraffic: 5}, nil, 4, 0, engine.VerdictBad, 5},
		{"silence", engine.Objective{MinTraffic: 1}, nil, 0, 0, engine.VerdictBad, 1},

		{"19 periods say nothing", engine.Objective{MinTrafficRatio: 0.5}, repeat(100, 19), 0, 0, engine.VerdictInsufficient, 0},
		{"silence says nothing about what is usual", engine.Objective{MinTrafficRatio: 0.5}, append(repeat(100, 19), repeat(0, 50)...), 0, 0, engine.VerdictInsufficient, 0},
		{"20 periods do", engine.Objective{MinTrafficRatio: 0.5}, repeat(100, 20), 49, 100, engine.VerdictBad, 50},
		{"with silence among them", engine.Objective{MinTrafficRatio: 0.5}, append(append(repeat(100, 10), repeat(0, 30)...), repeat(100, 10)...), 0, 100, engine.VerdictBad, 50},
		{"exactly at the drop", engine.Objective{MinTrafficRatio: 0.5}, repeat(100, 20), 50, 100, engine.VerdictGood, 50},
		{"exactly at a drop that is no binary fraction", engine.Objective{MinTrafficRatio: 0.55}, repeat(100, 20), 55, 100, engine.VerdictGood, 55},
		{"of an odd number", engine.Objective{MinTrafficRatio: 0.3}, repeat(115, 20), 34, 115, engine.VerdictBad, 35},
		{"the median, not the mean", engine.Objective{MinTrafficRatio: 0.5}, append(repeat(100, 11), repeat(100_000, 9)...), 60, 100, engine.VerdictGood, 50},
		{"between the two in the middle", engine.Objective{MinTrafficRatio: 0.5}, append(repeat(100, 10), repeat(200, 10)...), 74, 150, engine.VerdictBad, 75},
		{"only the last 20 count", engine.Objective{MinTrafficRatio: 0.5}, append(repeat(1000, 20), repeat(100, 20)...), 60, 100, engine.VerdictGood, 50},
		{"the 21st pushes out the oldest", engine.Objective{MinTrafficRatio: 0.5}, append(repeat(10, 11), append(repeat(100, 9), 100, 100)...), 0, 100, engine.VerdictBad, 50},
		{"a median of 9 is not busy", engine.Objective{MinTrafficRatio: 0.5}, repeat(9, 20), 0, 9, engine.VerdictInsufficient, 0},
		{"one of 10 is", engine.Objective{MinTrafficRatio: 0.5}, repeat(10, 20), 4, 10, engine.VerdictBad, 5},

		{"both, nothing usual yet", engine.Objective{MinTraffic: 5, MinTrafficRatio: 0.5}, nil, 4, 0, engine.VerdictBad, 5},
		{"both, nothing usual yet, enough", engine.Objective{MinTraffic: 5, MinTrafficRatio: 0.5}, nil, 5, 0, engine.VerdictGood, 5},
		{"both, the larger one counts", engine.Objective{MinTraffic: 5, MinTrafficRatio: 0.5}, repeat(100, 20), 49, 100, engine.VerdictBad, 50},
		{"both, the larger one counts the other way round", engine.Objective{MinTraffic: 70, MinTrafficRatio: 0.5}, repeat(100, 20), 69, 100, engine.VerdictBad, 70},
		{"both, not busy", engine.Objective{MinTraffic: 2, MinTrafficRatio: 0.5}, repeat(9, 20), 2, 9, engine.VerdictGood, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := NewJudge()
			o := expecting(tt.objective)
			o.AlertAfter = 100
			for i, n := range tt.before {
				judged(j, summaryOf(i, o, well(n)))
			}
			p, _ := judged(j, summaryOf(len(tt.before), o, well(tt.calls)))
			s := &p.Summaries[0]
			if s.Verdicts.Traffic != tt.want || VerdictOf(s, Traffic) != tt.want {
				t.Errorf("verdict = %s, want %s", s.Verdicts.Traffic, tt.want)
			}
			if s.TypicalCalls != tt.typical {
				t.Errorf("typical calls = %d, want %d", s.TypicalCalls, tt.typical)
			}
			if got := read(Traffic, s).target; got != tt.target {
				t.Errorf("target = %v, want %v", got, tt.target)
			}
		})
	}
}

func TestVerdictOnStuck(t *testing.T) {
	o := engine.Objective{StuckAfter: time.Minute}
	for _, tt := range []struct {
		name      string
		objective engine.Objective
		stuck     uint64
		want      engine.Verdict
	}{
		{"off", engine.Objective{}, 9, engine.VerdictNone},
		{"switched off", engine.Objective{StuckAfter: -1}, 9, engine.VerdictNone},
		{"none", o, 0, engine.VerdictGood},
		{"one", o, 1, engine.VerdictBad},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := judged(NewJudge(), inFlight(summaryOf(0, expecting(tt.objective), calls{}), 9, tt.stuck, time.Hour))
			if got := p.Summaries[0].Verdicts.Stuck; got != tt.want {
				t.Errorf("verdict = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestVerdictOnBurnRate(t *testing.T) {
	const hour = 60
	steady := func(failures uint64) func(int) uint64 { return func(int) uint64 { return failures } }
	tests := []struct {
		name     string
		budget   float64
		periods  int
		failures func(i int) uint64 // of 1000 calls in each period of a minute
		want     []string           // when it changes
	}{
		{"off", 0, 5, steady(1000), []string{"0 none"}},
		{"switched off", -1, 5, steady(1000), []string{"0 none"}},
		{"within the budget", 0.99, 7 * hour, steady(10), []string{"0 good"}},
		{"five times too fast", 0.99, 7 * hour, steady(50), []string{"0 good"}},
		{"seven times too fast: slowly, once there are calls of more than the short window", 0.99, 7 * hour, steady(70), []string{"0 insufficient", "30 bad"}},
		{"that after six good hours", 0.99, 14 * hour, func(i int) uint64 {
			if i < 6*hour {
				return 0
			}
			return 70
		}, []string{"0 good", "668 bad"}}, // 309 of 360 minutes at 7 are more than 6
		{"half of it fails after six good hours", 0.99, 7 * hour, func(i int) uint64 {
			if i < 6*hour {
				return 0
			}
			return 500
		}, []string{"0 good", "377 bad"}}, // 18 of 60 minutes at 50 are more than 14.4
		{"and stops", 0.99, 9 * hour, func(i int) uint64 {
			if i < 6*hour || i >= 6*hour+20 {
				return 0
			}
			return 500
		}, []string{"0 good", "377 bad", "383 good"}}, // less than 14.4 over the last 5 minutes
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := expecting(engine.Objective{SLO: tt.budget})
			j := NewJudge()
			var got []string
			var last engine.Verdict = 99
			for i := range tt.periods {
				n := tt.failures(i)
				p, _ := judged(j, summaryOf(i, o, calls{success: 1000 - n, within: 1000 - n, failure: n}))
				s := &p.Summaries[0]
				if v := s.Verdicts.BurnRate; v != last {
					got, last = append(got, fmt.Sprintf("%d %s", i, v)), v
				}
				if isOff := tt.budget <= 0; isOff != (last == engine.VerdictNone) || isOff && s.BurnRates != (engine.BurnRates{}) {
					t.Fatalf("period %d: verdict %s, rates %+v", i, last, s.BurnRates)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVerdictWithConfidence(t *testing.T) {
	for _, tt := range []struct {
		confidence  float64
		calls       calls
		want        engine.Verdict
		wantLatency engine.Verdict
	}{
		{0, calls{success: 18, within: 14, failure: 2}, engine.VerdictBad, engine.VerdictBad},
		{0.95, calls{success: 18, within: 14, failure: 2}, engine.VerdictInsufficient, engine.VerdictInsufficient},
		{0.95, calls{success: 900, within: 600, failure: 100}, engine.VerdictBad, engine.VerdictBad},
		{0.95, calls{success: 950, within: 760, failure: 50}, engine.VerdictGood, engine.VerdictGood},
		{0.999, calls{success: 90, within: 50, failure: 10}, engine.VerdictInsufficient, engine.VerdictBad},
		// Less than nothing switches off what would be inherited.
		{-0.5, calls{success: 18, within: 14, failure: 2}, engine.VerdictBad, engine.VerdictBad},
		{-1, calls{success: 18, within: 14, failure: 2}, engine.VerdictBad, engine.VerdictBad},
		{-95, calls{success: 18, within: 14, failure: 2}, engine.VerdictBad, engine.VerdictBad},
	} {
		o := expecting(engine.Objective{Confidence: tt.confidence, AlertAfter: 1})
		p, alerts := judged(NewJudge(), summaryOf(0, o, tt.calls))
		v := p.Summaries[0].Verdicts
		if v.Availability != tt.want || v.Latency != tt.wantLatency {
			t.Errorf("confidence %v of %+v: %+v, want %s and %s", tt.confidence, tt.calls, v, tt.want, tt.wantLatency)
		}
		bad := 0
		for _, k := range shareKinds {
			if VerdictOf(&p.Summaries[0], k) == engine.VerdictBad {
				bad++
			}
		}
		if len(alerts) != bad {
			t.Errorf("confidence %v of %+v: alerts %v, with %d bad verdicts", tt.confidence, tt.calls, about(alerts), bad)
		}
	}
}
