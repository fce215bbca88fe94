package alert

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/engine"
)

// periodOf returns the i-th period with the given summaries.
func periodOf(i int, summaries ...engine.Summary) *engine.Period {
	return &engine.Period{Monitor: "http", Start: startOf(i), End: startOf(i + 1), Summaries: summaries}
}

func TestReminders(t *testing.T) {
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
		{"every ten periods", []stretch{{35, 'F', every(10 * minute)}}, []string{"2 firing", "12 reminder", "22 reminder", "32 reminder"}},
		{"every period", []stretch{{6, 'F', every(minute)}}, []string{"2 firing", "3 reminder", "4 reminder", "5 reminder"}},
		{"more often than that", []stretch{{5, 'F', every(1)}}, []string{"2 firing", "3 reminder", "4 reminder"}},
		{"every period and a half", []stretch{{8, 'F', every(90 * time.Second)}}, []string{"2 firing", "4 reminder", "6 reminder"}},
		{"nobody calls any more", []stretch{{3, 'F', every(10 * minute)}, {20, ' ', every(0)}}, []string{"2 firing", "12 reminder", "22 reminder"}},
		{"too few calls", []stretch{{3, 'F', every(10 * minute)}, {20, '-', every(10 * minute)}}, []string{"2 firing", "12 reminder", "22 reminder"}},
		{"while it recovers", []stretch{{11, 'F', every(10 * minute)}, {2, 'S', every(10 * minute)}, {1, 'F', every(10 * minute)}, {4, 'S', every(10 * minute)}},
			[]string{"2 firing", "12 reminder", "16 resolved"}},
		{"none when it is resolved", []stretch{{10, 'F', every(10 * minute)}, {40, 'S', every(10 * minute)}}, []string{"2 firing", "12 resolved"}},
		{"from the beginning for the next incident", []stretch{{9, 'F', every(10 * minute)}, {3, 'S', every(10 * minute)}, {15, 'F', every(10 * minute)}},
			[]string{"2 firing", "11 resolved", "14 firing", "24 reminder"}},
		{"switched on while it fires", []stretch{{8, 'F', every(0)}, {20, 'F', every(10 * minute)}}, []string{"2 firing", "12 reminder", "22 reminder"}},
		{"switched on when it is overdue", []stretch{{30, 'F', every(0)}, {11, 'F', every(10 * minute)}}, []string{"2 firing", "30 reminder", "40 reminder"}},
		{"switched off while it fires", []stretch{{14, 'F', every(10 * minute)}, {30, 'F', every(-1)}}, []string{"2 firing", "12 reminder"}},
		{"less often", []stretch{{14, 'F', every(10 * minute)}, {30, 'F', every(20 * minute)}}, []string{"2 firing", "12 reminder", "32 reminder"}},
		{"a change is no change of the objective", []stretch{{2, 'F', every(10 * minute)}, {1, 'F', every(20 * minute)}, {1, 'S', every(0)}, {1, 'S', every(1)}, {1, 'S', every(0)}},
			[]string{"2 firing", "4 reminder", "5 resolved"}},
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
							what = "reminder"
							if a.State != Firing || a.DecidedAt != startOf(i+1) || a.ID != id {
								t.Errorf("a reminder in period %d that is %s, at %s, with the id %s of %s", i, a.State, a.DecidedAt, a.ID, id)
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

func TestNoReminderByAPartialPeriod(t *testing.T) {
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
		t.Errorf("alerts = %v, want a reminder", about(alerts))
	}
}

// A reminder tells of the last bad period, by what was expected then.
func TestReminderTellsOfTheLastBadPeriod(t *testing.T) {
	before := expecting(engine.Objective{AlertAfter: 2, RecoverAfter: 5, RepeatInterval: 5 * time.Minute})
	after := before
	after.LatencyTarget, after.WithinTargetRatio, after.SuccessRatio = 100*time.Millisecond, 0.9, 0.99
	j := NewJudge()
	var fired, reminded []Alert
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
				reminded = append(reminded, a)
			} else {
				fired = append(fired, a)
			}
		}
	}
	if len(fired) != 2 || len(reminded) != 2 {
		t.Fatalf("alerts = %v, reminders = %v, want two each", about(fired), about(reminded))
	}
	for i, want := range []Alert{
		{Objective: Availability, Target: 0.99, Actual: 0.9, LastActual: 0.9, WorstActual: 0.2},
		{Objective: Latency, Target: 0.9, Actual: 0.5, LastActual: 0.5, WorstActual: 0.05, LatencyTarget: 100 * time.Millisecond},
	} {
		got, first := reminded[i], fired[i]
		if len(got.Evidence) != 1 || !got.Evidence[0].Start.Equal(startOf(4)) {
			t.Errorf("%s: evidence = %d periods, want the last bad one", want.Objective, len(got.Evidence))
		}
		if len(got.Causes) != 0 {
			t.Errorf("%s: causes = %v, though none is to blame any more", want.Objective, got.Causes)
		}
		if len(first.Causes) == 0 && want.Objective == Availability {
			t.Error("the first alert has no causes")
		}
		want.State, want.Repeat, want.ID, want.WorstExemplar, want.Periods = Firing, true, first.ID, first.WorstExemplar, 1
		want.Monitor, want.Service, want.Operation, want.SpanKind = first.Monitor, first.Service, first.Operation, first.SpanKind
		want.StartsAt, want.DecidedAt = startOf(0), startOf(7)
		got.Evidence, got.Causes = nil, nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.Objective, diff)
		}
		if got.Lasted() != 7*time.Minute {
			t.Errorf("it lasted %s", got.Lasted())
		}
	}
}

// Of periods that were judged together a reminder shows all that a verdict stands on.
func TestReminderOfAPool(t *testing.T) {
	o := expecting(engine.Objective{MinCalls: 3, AlertAfter: 1, RepeatInterval: 6 * time.Minute})
	j := NewJudge()
	var last Alert
	for i, letter := range "fff" + "ffs" + "fss" {
		for _, a := range j.Judge(periodOf(i, summaryOf(i, o, trickle[letter]))) {
			last = a
		}
	}
	if !last.Repeat || len(last.Evidence) != 3 || last.Evidence[0].Start != startOf(6) {
		t.Fatalf("%s, reminder: %v, of %d periods", last.State, last.Repeat, len(last.Evidence))
	}
	if last.Actual != 1.0/3+1.0/3 || last.WorstActual != 0 {
		t.Errorf("actual = %v, worst = %v, want 2/3 and 0", last.Actual, last.WorstActual)
	}
}

// Reminders come last, in order, but for roots, and find causes that fired after them.
func TestRemindersAreLinked(t *testing.T) {
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
		{"c availability firing", "a availability firing still <- z availability", "b availability firing still"},
		{"z availability resolved"},
		{"a availability firing still", "b availability firing still", "c availability firing still"},
		{"a availability resolved <- z availability"}, // what was found stays
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alerts by period (-want +got):\n%s", diff)
	}
}

// Whatever happens to several operations: what the judge says of them fits together.
func TestJudgeIsConsistent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ops := []string{"a", "b", "c", engine.OverflowName}
		objectives := rapid.Custom(func(t *rapid.T) engine.Objective {
			return expecting(engine.Objective{
				AlertAfter:      rapid.IntRange(1, 3).Draw(t, "N"),
				RecoverAfter:    rapid.IntRange(1, 3).Draw(t, "M"),
				MinCalls:        rapid.SampledFrom([]int{1, 3}).Draw(t, "minimum"),
				Confidence:      rapid.SampledFrom([]float64{0, 0.5, -1}).Draw(t, "confidence"),
				MinTraffic:      rapid.SampledFrom([]int{0, 2}).Draw(t, "traffic"),
				MinTrafficRatio: rapid.SampledFrom([]float64{0, 0.7}).Draw(t, "drop"),
				StuckAfter:      rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(t, "stuck after"),
				SLO:             rapid.SampledFrom([]float64{0, 0.99}).Draw(t, "budget"),
				RepeatInterval:  rapid.SampledFrom([]time.Duration{0, 2 * time.Minute}).Draw(t, "remind"),
			})
		})
		expected := make(map[string]engine.Objective)
		for _, name := range ops {
			expected[name] = objectives.Draw(t, name)
		}
		j := NewJudge()
		firing := make(map[machineKey]Alert)
		seen := make(map[string]bool)
		for i := range rapid.IntRange(1, 60).Draw(t, "periods") {
			p := periodOf(i)
			p.Partial = rapid.IntRange(0, 19).Draw(t, "partial") == 0
			for _, name := range ops {
				if rapid.IntRange(0, 29).Draw(t, "change") == 0 {
					expected[name] = objectives.Draw(t, name)
				}
				n := uint64(rapid.SampledFrom([]int{0, 0, 1, 1, 2, 20, 30}).Draw(t, "successes"))
				s := named(summaryOf(i, expected[name], calls{
					success: n, within: n * uint64(rapid.IntRange(0, 1).Draw(t, "fast")),
					failure: uint64(rapid.SampledFrom([]int{0, 0, 1, 9}).Draw(t, "failures")),
				}), op(name))
				if rapid.Bool().Draw(t, "stuck") {
					s = inFlight(s, 2, 1, 2*time.Minute)
				}
				s.Partial = p.Partial
				s.FailureCauses = []engine.CauseCount{cause(rapid.SampledFrom(ops).Draw(t, "cause"), "", s.Failure)}
				p.Summaries = append(p.Summaries, s)
			}
			isReminding := false
			alerts := j.Judge(p)
			for _, a := range alerts {
				key := machineKey{a.Key(), a.Objective}
				was, isFiring := firing[key]
				isReminding = isReminding || a.Repeat
				switch {
				case a.Repeat != isReminding:
					t.Fatalf("period %d: an alert after a reminder", i)
				case a.Repeat && (!isFiring || a.ID != was.ID || a.State != Firing || a.StartsAt != was.StartsAt):
					t.Fatalf("period %d: a reminder of %s, which fires: %v", i, a.Summary(), isFiring)
				case a.Repeat:
				case a.State == Firing && (isFiring || seen[a.ID]):
					t.Fatalf("period %d: %s fires again", i, a.Summary())
				case a.State == Resolved && (!isFiring || a.ID != was.ID || a.StartsAt != was.StartsAt || a.WorstExemplar != was.WorstExemplar):
					t.Fatalf("period %d: %s is resolved, fired: %v", i, a.Summary(), isFiring)
				}
				o := expected[a.Operation]
				need := map[State]int{Firing: o.AlertAfter, Resolved: o.RecoverAfter}[a.State]
				if !a.Repeat && len(a.Evidence) < need || p.Partial || len(a.Evidence) == 0 {
					t.Fatalf("period %d: %s by %d periods", i, a.Summary(), len(a.Evidence))
				}
				onTheBadSide := a.Actual < a.Target
				if a.Objective == Stuck || a.Objective == BurnRate {
					onTheBadSide = a.Actual > a.Target
				}
				if a.State == Firing && !onTheBadSide || a.State == Resolved && a.Target > 0 && a.Objective != Stuck && onTheBadSide {
					t.Fatalf("period %d: %s %s: %v, target %v", i, a.State, a.Objective, a.Actual, a.Target)
				}
				if bad := a.Objective.worse(a.WorstActual, a.LastActual); bad != a.WorstActual {
					t.Fatalf("period %d: the last value %v is worse than the worst %v", i, a.LastActual, a.WorstActual)
				}
				if a.CausedBy == a.ID {
					t.Fatalf("period %d: %s is caused by itself", i, a.Summary())
				}
				if a.State == Firing {
					seen[a.ID] = true
					firing[key] = a
				} else {
					delete(firing, key)
				}
			}
			for _, a := range alerts {
				if a.State == Firing && a.CausedBy != "" && !seen[a.CausedBy] {
					t.Fatalf("period %d: %s is caused by an alert that was never raised", i, a.Summary())
				}
			}
			checkStandings(t, j, firing, ops)
			if rapid.IntRange(0, 19).Draw(t, "leaves") == 0 {
				key := op(rapid.SampledFrom(ops).Draw(t, "who"))
				gone := periodOf(i)
				gone.Partial, gone.Evicted = true, []engine.OperationKey{key}
				j.Judge(gone)
				for _, k := range kinds {
					delete(firing, machineKey{key, k})
				}
				if j.pasts[key] != nil {
					t.Fatal("the past of an operation that left is kept")
				}
				checkStandings(t, j, firing, ops)
			}
		}
	})
}

// checkStandings fails the test unless the judge says that those alerts fire, and
// remembers nothing that it need not.
func checkStandings(t *rapid.T, j *Judge, firing map[machineKey]Alert, ops []string) {
	standing := make(map[machineKey]Phase)
	for _, s := range j.Phases() {
		standing[machineKey{s.Operation, s.Objective}] = s.Phase
		if _, isFiring := firing[machineKey{s.Operation, s.Objective}]; s.Phase == PhaseNormal || isFiring != (s.Phase >= PhaseFiring) {
			t.Fatalf("%s of %s is %s, fires: %v", s.Objective, s.Operation.Name, s.Phase, isFiring)
		}
	}
	for _, name := range ops {
		isFiring := false
		for _, k := range kinds {
			key := machineKey{op(name), k}
			if _, ok := firing[key]; ok {
				isFiring = true
				if standing[key] < PhaseFiring {
					t.Fatalf("%s of %s is %s though its alert fires", k, name, standing[key])
				}
			}
			m := j.machines[key]
			if m == nil {
				continue
			}
			if m.isBlank() || (m.phase != PhaseNormal) != (standing[key] != PhaseNormal) || (m.alert != nil) != m.isFiring() {
				t.Fatalf("a machine of %s of %s is kept that is %s", k, name, m.phase)
			}
			if len(m.pool.periods) > maxPooled || m.pool.units > 1 || !k.isShare() && m.pool.units > 0 {
				t.Fatalf("a pool of %d periods for %s of %s", len(m.pool.periods), k, name)
			}
			if !k.isShare() && name == engine.OverflowName {
				t.Fatalf("%s of %s is judged", k, name)
			}
		}
		if got := j.IsFiring(op(name)); got != isFiring {
			t.Fatalf("%s fires: %v, want %v", name, got, isFiring)
		}
	}
}

// The machines are kept in a map, the reminders come in the order of summaries.
func TestRemindersAreInOrder(t *testing.T) {
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
		t.Fatalf("%d alerts, %d reminders, want 12 each", len(want), len(got))
	}
	for i := range want {
		if got[i].ID != want[i].ID {
			t.Errorf("reminder %d is of %v %s, want %v %s", i, got[i].Key(), got[i].Objective, want[i].Key(), want[i].Objective)
		}
	}
}
