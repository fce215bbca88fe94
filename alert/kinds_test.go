package alert

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/engine"
)

// well are n calls that meet every objective.
func well(n uint64) calls { return calls{success: n, within: n} }

// inFlight returns a summary with calls in flight.
func inFlight(s engine.Summary, n, stuck uint64, oldest time.Duration) engine.Summary {
	s.InFlight, s.Stuck, s.OldestInFlight = n, stuck, oldest
	return s
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
		{"seven times too fast: slowly", 0.99, 7 * hour, steady(70), []string{"0 bad"}},
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

// Calls that their callers gave up say nothing about the budget.
func TestBurnRateOfCancelledCalls(t *testing.T) {
	o := expecting(engine.Objective{SLO: 0.99})
	p, _ := judged(NewJudge(), summaryOf(0, o, calls{success: 100, within: 100, cancelled: 100}))
	if s := &p.Summaries[0]; s.BurnRates != (engine.BurnRates{}) || s.Verdicts.BurnRate != engine.VerdictGood {
		t.Errorf("rates = %+v, verdict = %s", s.BurnRates, s.Verdicts.BurnRate)
	}
}

// The first period of an operation may be one in which the process stood still.
func TestBurnRateAfterALongPeriod(t *testing.T) {
	o := expecting(engine.Objective{SLO: 0.99})
	j := NewJudge()
	long := summaryOf(0, o, well(1))
	long.Start = long.Start.Add(-10 * time.Hour)
	judged(j, long)
	judged(j, summaryOf(1, o, calls{failure: 10}))
	var rates engine.BurnRates
	for i := 2; i < 8; i++ {
		p, _ := judged(j, summaryOf(i, o, well(10)))
		rates = p.Summaries[0].BurnRates
	}
	if rates.Minutes5 != 0 || rates.Hour1 == 0 {
		t.Errorf("rates = %+v six minutes after the failures, want none over 5 minutes", rates)
	}
	checkKept(t, j, 1, 1) // it burns slowly
}

// Partial periods are not judged, but their calls spend the budget, too: those of the process's
// first minute, before it is known how long a period is, and those before a leap of the clock.
func TestBurnRateCountsPartialPeriods(t *testing.T) {
	o := expecting(engine.Objective{SLO: 0.9, MinTrafficRatio: 0.5})
	for _, length := range []time.Duration{time.Minute, 5 * time.Minute} {
		j := NewJudge()
		rates := func(end time.Duration, partial time.Duration, c calls) engine.BurnRates {
			s := summaryOf(0, o, c)
			s.Start, s.End = midnight.Add(end-length), midnight.Add(end)
			if partial > 0 {
				s.Start, s.Partial = midnight.Add(end-partial), true
			}
			p := &engine.Period{Start: s.Start, End: s.End, Partial: s.Partial, Summaries: []engine.Summary{s}}
			j.Judge(p)
			if s := p.Summaries[0]; s.Partial && (s.BurnRates != engine.BurnRates{} || s.Verdicts != engine.Verdicts{}) {
				t.Errorf("a partial period was judged: %+v", s)
			}
			return p.Summaries[0].BurnRates
		}
		near := func(when string, got, want engine.BurnRates) {
			t.Helper()
			if !isNear(got.Minutes5, want.Minutes5) || !isNear(got.Minutes30, want.Minutes30) || !isNear(got.Hour1, want.Hour1) || !isNear(got.Hours6, want.Hours6) {
				t.Errorf("%s, periods of %s: %+v, want %+v", when, length, got, want)
			}
		}
		rates(0, 20*time.Second, calls{failure: 3})
		rates(0, 10*time.Second, calls{failure: 2})
		near("at first", rates(length, 0, well(5)), map[time.Duration]engine.BurnRates{
			time.Minute:     {Minutes5: 5, Minutes30: 5, Hour1: 5, Hours6: 5},
			5 * time.Minute: {Minutes5: 0, Minutes30: 5, Hour1: 5, Hours6: 5},
		}[length])
		near("ten minutes later", rates(10*time.Minute+length, 0, well(0)), engine.BurnRates{Minutes30: 5, Hour1: 5, Hours6: 5})
		rates(2*time.Hour, 30*time.Second, calls{failure: 10})
		near("after another one", rates(2*time.Hour+length, 0, well(30)), map[time.Duration]engine.BurnRates{
			time.Minute:     {Minutes5: 2.5, Minutes30: 2.5, Hour1: 2.5, Hours6: 3},
			5 * time.Minute: {Minutes5: 0, Minutes30: 2.5, Hour1: 2.5, Hours6: 3},
		}[length])
		if n := len(j.pasts[op("GET /users/{id}")].calls); n != 2 {
			t.Errorf("the traffic of %d periods is remembered, want that of the whole ones", n)
		}
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

// What is not sure breaks no streak and advances none.
func TestUnsurePeriodsChangeNothing(t *testing.T) {
	o := expecting(engine.Objective{Confidence: 0.95, AlertAfter: 2, RecoverAfter: 2})
	unsure, bad := calls{success: 18, within: 18, failure: 2}, calls{success: 500, within: 500, failure: 500}
	j := NewJudge()
	var got []string
	for i, c := range []calls{bad, unsure, unsure, bad, unsure, well(9), unsure, well(9)} {
		_, alerts := judged(j, summaryOf(i, o, c))
		for _, a := range alerts {
			got = append(got, fmt.Sprintf("%d %s of %d", i, a.State, len(a.Evidence)))
		}
	}
	if diff := cmp.Diff([]string{"3 firing of 2", "7 resolved of 2"}, got); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
}

func TestOverflowIsNotJudgedForNewKinds(t *testing.T) {
	o := expecting(engine.Objective{MinTraffic: 100, StuckAfter: time.Second, SLO: 0.99, AlertAfter: 1})
	s := inFlight(summaryOf(0, o, calls{failure: 10}), 3, 3, time.Hour)
	s.Operation = engine.OverflowName
	p, alerts := judged(NewJudge(), s)
	want := engine.Verdicts{Availability: engine.VerdictBad, Latency: engine.VerdictInsufficient}
	if got := p.Summaries[0].Verdicts; got != want {
		t.Errorf("verdicts = %+v, want %+v", got, want)
	}
	if diff := cmp.Diff([]string{"_OTHER availability firing"}, about(alerts)); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
}

func TestNothingIsSaidOfWhatIsOff(t *testing.T) {
	p, _ := judged(NewJudge(), summaryOf(0, engine.DefaultObjective(), well(10)))
	if diff := cmp.Diff([]ObjectiveKind{Availability, Latency}, ObjectiveKindsOf(p.Summaries[0].Objective)); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	data, err := json.Marshal(p.Summaries[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"traffic", "stuck", "burn", "typical", "confidence", "budget", "remind", "in_flight", "causes",
	} {
		if strings.Contains(string(data), key) {
			t.Errorf("%q stands in %s", key, data)
		}
	}
	all := expecting(engine.Objective{MinTrafficRatio: 0.5, StuckAfter: 1, SLO: 0.5})
	if diff := cmp.Diff(kinds[:], ObjectiveKindsOf(all)); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

// checkKept fails the test unless the judge remembers so many machines and pasts.
func checkKept(t testing.TB, j *Judge, machines, pasts int) {
	t.Helper()
	if len(j.machines) != machines || len(j.pasts) != pasts {
		t.Errorf("%d machines and %d pasts are kept, want %d and %d", len(j.machines), len(j.pasts), machines, pasts)
	}
}

// newKinds are the kinds of objectives that are off by default, with objectives that ask for
// each of them alone.
var newKinds = map[ObjectiveKind]engine.Objective{
	Traffic:  {MinTraffic: 10},
	Stuck:    {StuckAfter: time.Minute},
	BurnRate: {SLO: 0.99},
}

// kindSummary returns a summary that is good or bad for one of the new kinds and good for
// the share kinds. How bad it is says by.
func kindSummary(k ObjectiveKind, i int, o engine.Objective, isBad bool, by uint64) engine.Summary {
	s := summaryOf(i, o, well(1000))
	switch {
	case !isBad:
		if k == Stuck {
			s = inFlight(s, 3, 0, 10*time.Second)
		}
	case k == Traffic:
		s = summaryOf(i, o, well(10-by))
	case k == Stuck:
		s = inFlight(s, by+3, by, time.Minute+time.Duration(by)*time.Second)
	case k == BurnRate:
		s = summaryOf(i, o, calls{success: 1000 - by, within: 1000 - by, failure: by})
	}
	return s
}

func TestIncidentsOfNewKinds(t *testing.T) {
	type told struct {
		State               State
		Period              int
		Actual, Worst, Last float64
		Target              float64
		Lasted              time.Duration
		Evidence            int
	}
	minute := time.Minute
	// Two periods fire, two resolve: bad by 3, 5 and 4, and a good one among them.
	tests := map[ObjectiveKind][]told{
		Traffic: {
			{Firing, 1, 6, 5, 5, 10, 2 * minute, 2},
			{Resolved, 5, 1000, 5, 6, 10, 4 * minute, 2},
		},
		Stuck: {
			{Firing, 1, 65, 65, 65, 60, 2 * minute, 2},
			{Resolved, 5, 10, 65, 64, 60, 4 * minute, 2},
		},
	}
	for k, want := range tests {
		t.Run(k.String(), func(t *testing.T) {
			o := newKinds[k]
			o.AlertAfter, o.RecoverAfter = 2, 2
			o = expecting(o)
			j := NewJudge()
			var got []told
			for i, by := range []uint64{3, 5, 0, 4, 0, 0} {
				_, alerts := judged(j, kindSummary(k, i, o, by > 0, by))
				for _, a := range alerts {
					if a.Objective != k {
						t.Fatalf("an alert about %s", a.Objective)
					}
					got = append(got, told{a.State, i, a.Actual, a.WorstActual, a.LastActual, a.Target, a.Lasted(), len(a.Evidence)})
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("alerts (-want +got):\n%s", diff)
			}
			checkKept(t, j, 0, 0)
		})
	}
}

// An alert about burning says by which rule, and its rate and limit belong together.
func TestIncidentOfBurnRate(t *testing.T) {
	o := expecting(engine.Objective{SLO: 0.99, SuccessRatio: 0.01, AlertAfter: 3, RecoverAfter: 2})
	j := NewJudge()
	var got []string
	for i := range 600 {
		var n uint64
		switch {
		case i >= 400 && i < 420:
			n = 500
		case i < 400:
			n = 0
		}
		_, alerts := judged(j, kindSummary(BurnRate, i, o, n > 0, n))
		for _, a := range alerts {
			got = append(got, fmt.Sprintf("%d %s: %s; worst %.2f, last %.2f", i, a.State, a.Measured(), a.WorstActual, a.LastActual))
		}
	}
	want := []string{
		"419 firing: error budget burns at 16.7x (limit 14.4x over 1h); worst 16.67, last 16.67",
		"424 resolved: error budget burns at 10x (limit 14.4x over 1h); worst 16.67, last 16.67",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
}

func TestReadingsOfAKindAddUp(t *testing.T) {
	fast, slow := reading{extreme: 20, target: fastBurn}, reading{extreme: 8, target: slowBurn}
	slower := reading{extreme: 10, target: slowBurn}
	for _, tt := range []struct {
		name       string
		kind       ObjectiveKind
		a, b, want reading
	}{
		{"the burn rate nearer to its limit is the first", BurnRate, fast, slow, fast},
		{"or the second", BurnRate, slow, fast, fast},
		{"though it is smaller", BurnRate, fast, slower, slower},
		{"of equals the later one", BurnRate, reading{target: fastBurn}, reading{target: slowBurn}, reading{target: slowBurn}},
		{"the oldest call was first", Stuck, reading{extreme: 90, target: 60}, reading{extreme: 70, target: 60}, reading{extreme: 90, target: 60}},
		{"or later", Stuck, reading{extreme: 70, target: 60}, reading{extreme: 90, target: 60}, reading{extreme: 90, target: 60}},
		{"the least traffic is a mean, as the traffic is", Traffic,
			reading{part: 49, whole: 1, target: 50}, reading{part: 50, whole: 2, target: 35}, reading{part: 99, whole: 3, target: 40}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.a.plus(tt.kind, tt.b); got != tt.want {
				t.Errorf("sum = %+v, want %+v", got, tt.want)
			}
		})
	}
}

// An objective that is switched off while its alert fires ends it as if it were met.
func TestSwitchedOffWhileFiring(t *testing.T) {
	for k, on := range newKinds {
		t.Run(k.String(), func(t *testing.T) {
			on := on
			on.AlertAfter, on.RecoverAfter = 1, 3
			on = expecting(on)
			off := expecting(engine.Objective{AlertAfter: 1, RecoverAfter: 3, MinTraffic: -1, StuckAfter: -1, SLO: -1})
			off.SuccessRatio, on.SuccessRatio = 0.1, 0.1
			j := NewJudge()
			var got []string
			for i := range 8 {
				o := on
				if i >= 2 {
					o = off
				}
				p, alerts := judged(j, kindSummary(k, i, o, true, 5))
				if i >= 2 && VerdictOf(&p.Summaries[0], k) != engine.VerdictNone {
					t.Errorf("verdict of period %d = %s", i, VerdictOf(&p.Summaries[0], k))
				}
				if k == BurnRate && i < 2 {
					p, alerts = judged(j, kindSummary(k, i, o, true, 500))
				}
				for _, a := range alerts {
					got = append(got, fmt.Sprintf("%d %s", i, a.State))
					if a.State == Resolved && a.Target != 0 {
						t.Errorf("target = %v, though nothing is expected", a.Target)
					}
					if text := Text(&a); a.State == Resolved && !strings.Contains(text, "any more") {
						t.Errorf("it is not said that nothing is expected any more:\n%s", text)
					}
				}
			}
			if diff := cmp.Diff([]string{"0 firing", "4 resolved"}, got); diff != "" {
				t.Errorf("alerts (-want +got):\n%s", diff)
			}
			checkKept(t, j, 0, 0)
		})
	}
}

// One that was never missed is forgotten at once, and a streak with it.
func TestSwitchedOffWhilePending(t *testing.T) {
	on := expecting(engine.Objective{MinTraffic: 10, AlertAfter: 3})
	j := NewJudge()
	judged(j, summaryOf(0, on, well(1)))
	checkKept(t, j, 1, 0)
	p, alerts := judged(j, summaryOf(1, engine.DefaultObjective(), well(1)))
	if v := p.Summaries[0].Verdicts.Traffic; v != engine.VerdictNone || len(alerts) != 0 {
		t.Errorf("verdict = %s, alerts = %v", v, about(alerts))
	}
	checkKept(t, j, 0, 0)
}

func TestJudgeForgetsThePast(t *testing.T) {
	watched := expecting(engine.Objective{MinTraffic: 5, MinTrafficRatio: 0.5, StuckAfter: time.Second, SLO: 0.99})
	fresh := func() (*Judge, engine.OperationKey) {
		j := NewJudge()
		s := inFlight(summaryOf(0, watched, calls{failure: 1}), 1, 1, time.Hour)
		judged(j, s)
		checkKept(t, j, 4, 1) // all but latency, of which nothing is known
		return j, s.Key()
	}
	j, key := fresh()
	j.Judge(&engine.Period{Evicted: []engine.OperationKey{key}})
	checkKept(t, j, 0, 0)

	j, _ = fresh()
	judged(j, summaryOf(1, engine.DefaultObjective(), well(1)))
	checkKept(t, j, 0, 0)
}

// An operation that leaves is not judged: nobody would hear that it is well again.
func TestOperationsThatLeaveRaiseNoAlert(t *testing.T) {
	j := NewJudge()
	s := summaryOf(0, expecting(engine.Objective{MinTraffic: 5, AlertAfter: 1}), calls{failure: 9})
	p := periodOf(0, s)
	p.Evicted = []engine.OperationKey{s.Key()}
	if alerts := j.Judge(p); len(alerts) != 0 || p.Summaries[0].Verdicts != (engine.Verdicts{}) {
		t.Errorf("alerts = %v, verdicts = %+v", about(alerts), p.Summaries[0].Verdicts)
	}
	checkKept(t, j, 0, 0)
}

// Who must keep its place though nobody calls it.
func TestJudgeNeeds(t *testing.T) {
	for name, tt := range map[string]struct {
		objective engine.Objective
		calls     calls
		stuck     bool
		want      bool
	}{
		"nothing is known":              {engine.Objective{}, well(5), false, false},
		"availability is pending":       {engine.Objective{AlertAfter: 2}, calls{failure: 5}, false, false},
		"availability fires":            {engine.Objective{AlertAfter: 1}, calls{failure: 5}, false, true},
		"latency is pending":            {engine.Objective{AlertAfter: 2}, calls{success: 5}, false, false},
		"enough traffic":                {engine.Objective{MinTraffic: 5}, well(5), false, false},
		"too little traffic":            {engine.Objective{MinTraffic: 5}, well(4), false, true},
		"stuck":                         {engine.Objective{StuckAfter: time.Minute}, well(5), true, true},
		"calls that spend a budget":     {engine.Objective{SLO: 0.9}, well(5), false, true},
		"a budget that nobody spends":   {engine.Objective{SLO: 0.9}, calls{cancelled: 5}, false, false},
		"it is not known what is usual": {engine.Objective{MinTrafficRatio: 0.5}, well(5), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			j := NewJudge()
			s := summaryOf(0, expecting(tt.objective), tt.calls)
			if tt.stuck {
				s = inFlight(s, 1, 1, time.Hour)
			}
			judged(j, s)
			if got := j.Needs(s.Key()); got != tt.want {
				t.Errorf("needed: %t, want %t", got, tt.want)
			}
			if got := j.Needed(); got[s.Key()] != tt.want || len(got) > 1 {
				t.Errorf("needed: %v", got)
			}
			if j.Needs(op("another one")) {
				t.Error("another operation is needed")
			}
		})
	}
}
