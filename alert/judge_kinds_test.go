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
	p, _ := judged(NewJudge(), summaryOf(0, plain(), well(10)))
	if diff := cmp.Diff([]ObjectiveKind{Availability, Latency}, ObjectiveKindsOf(p.Summaries[0].Objective)); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	data, err := json.Marshal(p.Summaries[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"traffic", "stuck", "burn", "typical", "confidence", `"slo"`, "repeat", "in_flight", "causes",
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

// calledBefore makes the judge see one call of each operation 45 minutes before a period, so that
// all windows of the burn rate have enough evidence in it.
func calledBefore(j *Judge, i int, o engine.Objective, keys ...engine.OperationKey) {
	s := summaryOf(i-45, o, well(1))
	s.Partial = true
	if keys == nil {
		keys = append(keys, s.Key())
	}
	p := periodOf(i - 45)
	p.Partial = true
	for _, key := range keys {
		p.Summaries = append(p.Summaries, named(s.Clone(), key))
	}
	j.Judge(p)
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
			checkKept(t, j, 1, 0)
			judged(j, kindSummary(k, 65, o, false, 0))
			checkKept(t, j, 0, 0) // an hour later it can't flap any more
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
			calledBefore(j, 0, on)
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
					if a.State == Resolved && (a.EndReason != EndSwitchedOff || !strings.HasPrefix(Line(&a), "ENDED ")) {
						t.Errorf("it ended by %s: %s", a.EndReason, Line(&a))
					}
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
			checkKept(t, j, 1, 0)
			judged(j, kindSummary(k, 65, off, false, 0))
			checkKept(t, j, 0, 0) // an hour later it can't flap any more
		})
	}
}

// One that was never missed is forgotten at once, and a streak with it.
func TestSwitchedOffWhilePending(t *testing.T) {
	on := expecting(engine.Objective{MinTraffic: 10, AlertAfter: 3})
	j := NewJudge()
	judged(j, summaryOf(0, on, well(1)))
	checkKept(t, j, 1, 0)
	p, alerts := judged(j, summaryOf(1, plain(), well(1)))
	if v := p.Summaries[0].Verdicts.Traffic; v != engine.VerdictNone || len(alerts) != 0 {
		t.Errorf("verdict = %s, alerts = %v", v, about(alerts))
	}
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
