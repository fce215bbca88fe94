package alert

import (
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Calls that their callers gave up say nothing about the budget.
func TestBurnRateOfCancelledCalls(t *testing.T) {
	o := expecting(engine.Objective{SLO: 0.99})
	p, _ := judged(NewJudge(), summaryOf(0, o, calls{success: 100, within: 100, cancelled: 100}))
	if s := &p.Summaries[0]; s.BurnRates != (engine.BurnRates{FastInsufficient: true, SlowInsufficient: true}) || s.Verdicts.BurnRate != engine.VerdictGood {
		t.Errorf("rates = %+v, verdict = %s", s.BurnRates, s.Verdicts.BurnRate)
	}
}

// The first period of an operation may be one in which the process stood still.
func TestBurnRateAfterALongPeriod(t *testing.T) {
	o := expecting(engine.Objective{SLO: 0.99})
	j := NewJudge()
	long := summaryOf(0, o, well(1))
	long.Start = long.Start.Add(-10 * time.Hour)
	calledBefore(j, 0, o)
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

func TestJudgeForgetsThePast(t *testing.T) {
	watched := expecting(engine.Objective{MinTraffic: 5, MinTrafficRatio: 0.5, StuckAfter: time.Second, SLO: 0.99})
	fresh := func() (*Judge, engine.OperationKey) {
		j := NewJudge()
		calledBefore(j, 0, watched)
		s := inFlight(summaryOf(0, watched, calls{failure: 2}), 1, 1, time.Hour)
		judged(j, s)
		checkKept(t, j, 4, 1) // all but latency, of which nothing is known
		return j, s.Key()
	}
	j, key := fresh()
	j.Judge(&engine.Period{Evicted: []engine.OperationKey{key}})
	checkKept(t, j, 0, 0)

	j, _ = fresh()
	judged(j, summaryOf(1, plain(), well(1)))
	checkKept(t, j, 0, 0)
}
