package alert

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/engine"
)

// In these tests a letter stands for a period: f for one failed call, s for a fast success,
// l for a slow one, F and S for ten, a dash for a period without a call.
var trickle = map[rune]calls{
	'f': {failure: 1}, 's': well(1), 'l': {success: 1}, '-': {cancelled: 3},
	'F': {failure: 10}, 'S': well(10), '4': {success: 4, within: 4, failure: 4},
}

// pour puts the judge through the periods that the letters stand for, and tells of each
// alert in which period it came, since when, and the periods that led to it: those that it
// holds, and of how many.
func pour(t testing.TB, j *Judge, first int, o engine.Objective, letters string) []string {
	t.Helper()
	var got []string
	for i, letter := range []rune(letters) {
		c, ok := trickle[letter]
		if !ok {
			t.Fatalf("no such letter: %c", letter)
		}
		_, alerts := judged(j, summaryOf(first+i, o, c))
		for _, a := range alerts {
			var periods []string
			for _, s := range a.Evidence {
				periods = append(periods, fmt.Sprint(int(s.Start.Sub(began)/time.Minute)))
			}
			since := a.StartsAt
			if a.State == Resolved {
				since = a.EndsAt
			}
			one := fmt.Sprintf("%d: %s %s since %d by %s", first+i, a.Objective, a.State, int(since.Sub(began)/time.Minute), strings.Join(periods, " "))
			if a.Periods != len(periods) {
				one += fmt.Sprintf(" of %d", a.Periods)
			}
			got = append(got, one)
		}
	}
	return got
}

func TestPools(t *testing.T) {
	five := func(n, m int) engine.Objective {
		return engine.Objective{MinCalls: 5, AlertAfter: n, RecoverAfter: m}
	}
	type segment struct {
		objective engine.Objective
		letters   string
	}
	tests := []struct {
		name     string
		segments []segment
		want     []string
	}{
		{"one failed call of one", []segment{{five(1, 1), "f"}}, nil},
		{"four of four", []segment{{five(1, 1), "ffff"}}, nil},
		{"five of five", []segment{{five(1, 1), "fffff"}}, []string{"4: availability firing since 0 by 0 1 2 3 4"}},
		{"three times five, not one call before", []segment{{five(3, 3), "fffffffffffffff"}},
			[]string{"14: availability firing since 0 by 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14"}},
		{"once only", []segment{{five(1, 1), "ffffffffffffffff"}}, []string{"4: availability firing since 0 by 0 1 2 3 4"}},
		{"silence between does not matter", []segment{{five(1, 1), "--f-f---ff----f--"}},
			[]string{"14: availability firing since 2 by 2 4 8 9 14"}},
		{"a busy period is judged with what came before it", []segment{{five(1, 1), "ffF"}},
			[]string{"2: availability firing since 0 by 0 1 2"}},
		{"so failures before it spoil a good one", []segment{{five(1, 1), "fS"}},
			[]string{"1: availability firing since 0 by 0 1"}},
		{"a good one ends the pool", []segment{{five(1, 1), "sSfSffff"}}, []string{"3: availability firing since 2 by 2 3"}},
		{"at most the five newest periods of a pool", []segment{{engine.Objective{MinCalls: 8, AlertAfter: 2}, "ffffffffffffffff"}},
			[]string{"15: availability firing since 0 by 3 4 5 6 7 11 12 13 14 15 of 16"}},
		{"other objective, other pool", []segment{{five(1, 1), "ffff"}, {engine.Objective{MinCalls: 5, AlertAfter: 1, SuccessRatio: 0.9}, "fffff"}},
			[]string{"8: availability firing since 4 by 4 5 6 7 8"}},
		{"a smaller minimum drops the pool, too", []segment{{five(1, 1), "ffff"}, {engine.Objective{MinCalls: 2, AlertAfter: 1}, "s-s"}}, nil},
		{"a latency target is of no concern", []segment{{five(1, 1), "ffff"}, {engine.Objective{MinCalls: 5, AlertAfter: 1, RecoverAfter: 1, LatencyTarget: time.Second}, "f"}},
			[]string{"4: availability firing since 0 by 0 1 2 3 4"}},
		{"a trickle resolves", []segment{{five(1, 2), "FsssssssssssS"}}, []string{
			"0: availability firing since 0 by 0",
			"10: availability resolved since 1 by 1 2 3 4 5 6 7 8 9 10"}},
		{"but not while calls in it fail", []segment{{five(1, 2), "Fsssssssfsssssssss"}}, []string{
			"0: availability firing since 0 by 0"}},
		{"what was pooled before it fires is no sign of the next incident", []segment{{five(1, 1), "FS" + "ffff"}}, []string{
			"0: availability firing since 0 by 0",
			"1: availability resolved since 1 by 1"}},
		{"slow calls", []segment{{engine.Objective{MinCalls: 5, AlertAfter: 1, SuccessRatio: 0.01}, "l-lll" + "ffff" + "l"}},
			[]string{"9: latency firing since 0 by 0 2 3 4 9"}},
		{"an outage has no part in the pool of latency and does not end its alert", []segment{{five(1, 1), "lllFFFFFll" + "FFFFFFFFFF" + "sssss"}}, []string{
			"3: availability firing since 0 by 0 1 2 3", // the successes before it were too few
			"9: latency firing since 0 by 0 1 2 8 9",
			"24: availability resolved since 20 by 20 21 22 23 24",
			"24: latency resolved since 20 by 20 21 22 23 24"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := NewJudge()
			var got []string
			first := 0
			for _, s := range tt.segments {
				got = append(got, pour(t, j, first, expecting(s.objective), s.letters)...)
				first += len(s.letters)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("alerts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPoolVerdicts(t *testing.T) {
	o := expecting(engine.Objective{MinCalls: 5, AlertAfter: 9, RecoverAfter: 9})
	j := NewJudge()
	var got strings.Builder
	for i, letter := range "ffff-f" + "ssssf" + "F" + "ss4" + "-" + "S" {
		p, _ := judged(j, summaryOf(i, o, trickle[letter]))
		got.WriteByte(letterOf(p.Summaries[0].Verdicts.Availability))
	}
	// The pool says insufficient until it holds enough, and its verdict then.
	if want := "IIIIIB" + "IIIIB" + "B" + "IIB" + "I" + "G"; got.String() != want {
		t.Errorf("verdicts %s, want %s", got.String(), want)
	}
}

// What a pool holds on to does not grow with what is poured into it, nor does the
// evidence that one alert got share anything with another one's.
func TestPoolIsBounded(t *testing.T) {
	o := expecting(engine.Objective{MinCalls: 1_000_000, AlertAfter: 1})
	j := NewJudge()
	for i := range 5000 {
		pour(t, j, i, o, "f")
		checkKept(t, j, 1, 0)
		for _, m := range j.machines {
			if n := len(m.pool.periods); n > maxPooled || cap(m.pool.periods) > 10*maxPooled {
				t.Fatalf("%d periods, room for %d, are kept after %d", n, cap(m.pool.periods), i)
			}
			if m.pool.total.whole != uint64(i+1) || m.pool.units != 1 || !m.pool.since.Equal(began) {
				t.Fatalf("after %d periods the pool is of %d calls since %s, in %d units", i+1, m.pool.total.whole, m.pool.since, m.pool.units)
			}
		}
	}

	many := expecting(engine.Objective{MinCalls: 7, AlertAfter: 100, RepeatInterval: time.Minute})
	j = NewJudge()
	var alerts []Alert
	for i := range 7 * 100 {
		_, raised := judged(j, summaryOf(i, many, trickle['f']))
		alerts = append(alerts, raised...)
	}
	if len(alerts) != 1 || len(alerts[0].Evidence) != maxEvidence {
		t.Fatalf("alerts = %v, want one with %d periods", about(alerts), maxEvidence)
	}
	if got, want := alerts[0].Evidence[0].Start, startOf(80*7+2); !got.Equal(want) {
		t.Errorf("the evidence begins at %s, want %s: that of the newest units", got, want)
	}
	if text := Text(&alerts[0]); alerts[0].Periods != 700 || !strings.Contains(text, "700 periods running") || !strings.Contains(text, "(696 more)") {
		t.Errorf("%d periods led to the alert, want 700; its text:\n%s", alerts[0].Periods, text)
	}
	if !alerts[0].StartsAt.Equal(began) || alerts[0].DecidedAt != startOf(700) {
		t.Errorf("from %s to %s, want all of it", alerts[0].StartsAt, alerts[0].DecidedAt)
	}
}

// Whoever got an alert may do with it what he wants.
func TestAlertsShareNothing(t *testing.T) {
	run := func(spoilt bool) []Alert {
		o := expecting(engine.Objective{MinCalls: 2, AlertAfter: 2, RecoverAfter: 2, RepeatInterval: time.Minute})
		j := NewJudge()
		var all []Alert
		for i := range 30 {
			c := calls{failure: 1}
			if i >= 20 {
				c = well(1)
			}
			s := fullSummary(i, o, c)
			s.FailureCauses = []engine.CauseCount{{Cause: engine.Cause{Operation: "INSERT"}, Count: 1, Share: 1}}
			p := engine.Period{End: s.End, Summaries: []engine.Summary{s}}
			alerts := j.Judge(&p)
			for i := range alerts {
				all = append(all, alerts[i].Clone())
				if spoilt {
					spoil(&alerts[i])
				}
			}
			if spoilt {
				spoil(&Alert{Evidence: p.Summaries})
			}
		}
		return all
	}
	want := run(false)
	if len(want) < 5 {
		t.Fatalf("alerts = %v, want some repeats", about(want))
	}
	if diff := cmp.Diff(want, run(true)); diff != "" {
		t.Errorf("changing what was handed out changed later alerts (-before +after):\n%s", diff)
	}
}

// A good period between bad ones breaks no streak that is bad beyond chance, and is none of its
// bad periods; but it is one of the alert's.
func TestGoodPeriodsBetween(t *testing.T) {
	o := expecting(engine.Objective{AlertAfter: 3, AlertFor: 3 * time.Minute})
	want := []string{"3: availability firing since 0 by 0 1 2 3"}
	if diff := cmp.Diff(want, pour(t, NewJudge(), 0, o, "FsFF")); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
}
