package alert

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/engine"
)

// periodOf returns the i-th period with the given summaries.
func periodOf(i int, summaries ...engine.Summary) *engine.Period {
	return &engine.Period{Monitor: "http", Start: startOf(i), End: startOf(i + 1), Summaries: summaries}
}

func TestRepeats(t *testing.T) {
	every := func(d time.Duration) engine.Objective {
		return expecting(engine.Objective{AlertAfter: 3, RecoverAfter: 3, RepeatInterval: d})
	}
	const minute = time.Minute
	type stretch struct {
		periods   int
		letter    rune // as in the tests of pools; a space stands for no summary at all
		objective engine.Objective
	}
	tests := []struct {
		name      string
		stretches []stretch
		want      []string
	}{
		{"off", []stretch{{50, 'F', every(0)}}, []string{"2 firing"}},
		{"switched off", []stretch{{50, 'F', every(-1)}}, []string{"2 firing"}},
		{"every ten periods", []stretch{{35, 'F', every(10 * minute)}}, []string{"2 firing", "12 repeat", "22 repeat", "32 repeat"}},
		{"every period", []stretch{{6, 'F', every(minute)}}, []string{"2 firing", "3 repeat", "4 repeat", "5 repeat"}},
		{"more often than that", []stretch{{5, 'F', every(1)}}, []string{"2 firing", "3 repeat", "4 repeat"}},
		{"every period and a half", []stretch{{8, 'F', every(90 * time.Second)}}, []string{"2 firing", "4 repeat", "6 repeat"}},
		{"nobody calls any more", []stretch{{3, 'F', every(10 * minute)}, {20, ' ', every(0)}}, []string{"2 firing", "12 repeat", "22 repeat"}},
		{"too few calls", []stretch{{3, 'F', every(10 * minute)}, {20, '-', every(10 * minute)}}, []string{"2 firing", "12 repeat", "22 repeat"}},
		{"while it recovers", []stretch{{11, 'F', every(10 * minute)}, {2, 'S', every(10 * minute)}, {1, 'F', every(10 * minute)}, {4, 'S', every(10 * minute)}},
			[]string{"2 firing", "12 repeat", "16 resolved"}},
		{"none when it is resolved", []stretch{{10, 'F', every(10 * minute)}, {40, 'S', every(10 * minute)}}, []string{"2 firing", "12 resolved"}},
		{"from the beginning for the next incident", []stretch{{9, 'F', every(10 * minute)}, {3, 'S', every(10 * minute)}, {15, 'F', every(10 * minute)}},
			[]string{"2 firing", "11 resolved", "14 firing", "24 repeat"}},
		{"switched on while it fires", []stretch{{8, 'F', every(0)}, {20, 'F', every(10 * minute)}}, []string{"2 firing", "12 repeat", "22 repeat"}},
		{"switched on when it is overdue", []stretch{{30, 'F', every(0)}, {11, 'F', every(10 * minute)}}, []string{"2 firing", "30 repeat", "40 repeat"}},
		{"switched off while it fires", []stretch{{14, 'F', every(10 * minute)}, {30, 'F', every(-1)}}, []string{"2 firing", "12 repeat"}},
		{"less often", []stretch{{14, 'F', every(10 * minute)}, {30, 'F', every(20 * minute)}}, []string{"2 firing", "12 repeat", "32 repeat"}},
		{"a change is no change of the objective", []stretch{{2, 'F', every(10 * minute)}, {1, 'F', every(20 * minute)}, {1, 'S', every(0)}, {1, 'S', every(1)}, {1, 'S', every(0)}},
			[]string{"2 firing", "4 repeat", "5 resolved"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := NewJudge()
			var got []string
			i := 0
			id := ""
			for _, st := range tt.stretches {
				for range st.periods {
					p := periodOf(i)
					if st.letter != ' ' {
						p.Summaries = append(p.Summaries, summaryOf(i, st.objective, trickle[st.letter]))
					}
					for _, a := range j.Judge(p) {
						what := a.State.String()
						if a.Repeat {
							what = "repeat"
							if a.State != Firing || a.DecidedAt != startOf(i+1) || a.ID != id {
								t.Errorf("a repeat in period %d that is %s, at %s, with the id %s of %s", i, a.State, a.DecidedAt, a.ID, id)
							}
						}
						id = a.ID
						got = append(got, fmt.Sprintf("%d %s", i, what))
					}
					i++
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("alerts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoRepeatAfterAPartialPeriod(t *testing.T) {
	o := expecting(engine.Objective{AlertAfter: 1, RepeatInterval: time.Minute})
	j := NewJudge()
	j.Judge(periodOf(0, summaryOf(0, o, trickle['F'])))
	p := periodOf(1)
	p.Partial = true
	if alerts := j.Judge(p); len(alerts) != 0 {
		t.Errorf("alerts = %v", about(alerts))
	}
	p = periodOf(2)
	p.Evicted = []engine.OperationKey{op("another one")}
	if alerts := j.Judge(p); len(alerts) != 1 || !alerts[0].Repeat {
		t.Errorf("alerts = %v, want a repeat", about(alerts))
	}
}

// A repeat tells of the last bad period, by what was expected then.
func TestRepeatTellsOfTheLastBadPeriod(t *testing.T) {
	before := expecting(engine.Objective{AlertAfter: 2, RecoverAfter: 5, RepeatInterval: 5 * time.Minute})
	after := before
	after.LatencyTarget, after.WithinTargetRatio, after.SuccessRatio = 100*time.Millisecond, 0.9, 0.99
	j := NewJudge()
	var fired, repeated []Alert
	for i, c := range []calls{
		{success: 50, within: 20, failure: 50},
		{success: 60, within: 6, failure: 40},
		{success: 20, within: 1, failure: 80}, // the worst one
		{success: 80, within: 60, failure: 20},
		{success: 90, within: 45, failure: 10}, // the last one
		well(100),
		{cancelled: 1},
	} {
		o := before
		if i >= 3 {
			o = after
		}
		s := fullSummary(i, o, c)
		s.FailureCauses = []engine.CauseCount{cause("z", fmt.Sprint(i), c.failure)}
		if i == 4 {
			s.FailureCauses = nil // it fails by itself now
		}
		for _, a := range j.Judge(periodOf(i, s)) {
			if a.Repeat {
				repeated = append(repeated, a)
			} else {
				fired = append(fired, a)
			}
		}
	}
	if len(fired) != 2 || len(repeated) != 2 {
		t.Fatalf("alerts = %v, repeats = %v, want two each", about(fired), about(repeated))
	}
	byObjective := func(a, b Alert) int { return int(a.Objective) - int(b.Objective) }
	slices.SortFunc(repeated, byObjective)
	slices.SortFunc(fired, byObjective)
	for i, want := range []Alert{
		{Objective: Availability, Target: 0.99, Actual: 0.9, LastActual: 0.9, WorstActual: 0.2},
		{Objective: Latency, Target: 0.9, Actual: 0.5, LastActual: 0.5, WorstActual: 0.05, LatencyTarget: 100 * time.Millisecond},
	} {
		got, first := repeated[i], fired[i]
		if len(got.Evidence) != 1 || !got.Evidence[0].Start.Equal(startOf(4)) {
			t.Errorf("%s: evidence = %d periods, want the last bad one", want.Objective, len(got.Evidence))
		}
		if len(got.Causes) != 0 {
			t.Errorf("%s: causes = %v, though they caused nothing since", want.Objective, got.Causes)
		}
		if len(first.Causes) == 0 && want.Objective == Availability {
			t.Error("the first alert has no causes")
		}
		want.State, want.Repeat, want.ID, want.WorstExemplar, want.Periods = Firing, true, first.ID, first.WorstExemplar, 1
		want.Monitor, want.Service, want.Operation, want.SpanKind = first.Monitor, first.Service, first.Operation, first.SpanKind
		want.StartsAt, want.DecidedAt = startOf(0), startOf(7)
		want.LastSentAt, want.CallsSince = first.DecidedAt, 401
		got.Evidence, got.Causes = nil, nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.Objective, diff)
		}
		if got.Lasted() != 7*time.Minute {
			t.Errorf("it lasted %s", got.Lasted())
		}
	}
}

// Of periods that were judged together a repeat shows all that a verdict stands on.
func TestRepeatOfAPool(t *testing.T) {
	o := expecting(engine.Objective{MinCalls: 3, AlertAfter: 1, RepeatInterval: 6 * time.Minute})
	j := NewJudge()
	var last Alert
	for i, letter := range "fff" + "ffs" + "fss" {
		for _, a := range j.Judge(periodOf(i, summaryOf(i, o, trickle[letter]))) {
			last = a
		}
	}
	if !last.Repeat || len(last.Evidence) != 3 || last.Evidence[0].Start != startOf(6) {
		t.Fatalf("%s, repeat: %v, of %d periods", last.State, last.Repeat, len(last.Evidence))
	}
	if last.Actual != 1.0/3+1.0/3 || last.WorstActual != 0 {
		t.Errorf("actual = %v, worst = %v, want 2/3 and 0", last.Actual, last.WorstActual)
	}
}

// Repeats come last, in order, but for roots, and find causes that fired after them.
func TestRepeatsAreLinked(t *testing.T) {
	o := expecting(engine.Objective{AlertAfter: 1, RecoverAfter: 1, RepeatInterval: 2 * time.Minute})
	late := expecting(engine.Objective{AlertAfter: 2, RecoverAfter: 1, RepeatInterval: 2 * time.Minute})
	j, names := NewJudge(), make(map[string]string)
	var got [][]string
	for _, p := range []*engine.Period{
		periodOf(0, failing(0, "a", o, cause("z", "", 9)), failing(0, "b", o), failing(0, "z", late)),
		periodOf(1, failing(1, "z", late)),
		periodOf(2, failing(2, "a", o, cause("z", "", 9)), failing(2, "c", o)),
		periodOf(3, named(summaryOf(3, late, well(9)), op("z"))),
		periodOf(4),
		periodOf(5, named(summaryOf(5, o, well(9)), op("a"))),
	} {
		got = append(got, links(names, j.Judge(p)))
	}
	want := [][]string{
		{"a availability firing", "b availability firing"},
		{"z availability firing"},
		{"c availability firing", "b availability firing still", "a availability firing still <- z availability"},
		{"z availability resolved"},
		{"a availability firing still", "b availability firing still", "c availability firing still"},
		{"a availability resolved <- z availability"}, // what was found stays
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alerts by period (-want +got):\n%s", diff)
	}
}

// The machines are kept in a map, the repeats come in the order of summaries.
func TestRepeatsAreInOrder(t *testing.T) {
	o := expecting(engine.Objective{AlertAfter: 1, RepeatInterval: time.Minute})
	j := NewJudge()
	p := periodOf(0)
	for _, key := range []engine.OperationKey{
		{Service: "a", Name: "y"}, {Service: "a", Name: "z", SpanKind: engine.SpanKindServer}, {Service: "a", Name: "z", SpanKind: engine.SpanKindClient},
		{Service: "b", Name: "a"}, {Service: "b", Name: "b"}, {Service: "c", Name: ""},
	} {
		p.Summaries = append(p.Summaries, named(summaryOf(0, o, calls{success: 10, failure: 10}), key))
	}
	want := j.Judge(p)
	got := j.Judge(periodOf(1))
	if len(want) != 12 || len(got) != 12 {
		t.Fatalf("%d alerts, %d repeats, want 12 each", len(want), len(got))
	}
	for i := range want {
		if got[i].ID != want[i].ID {
			t.Errorf("repeat %d is of %v %s, want %v %s", i, got[i].Key(), got[i].Objective, want[i].Key(), want[i].Objective)
		}
	}
}
