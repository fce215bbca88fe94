package alert

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/engine"
)

// judged puts the summaries through the judge as one period and returns it with
// the alerts that it raised.
func judged(j *Judge, summaries ...engine.Summary) (engine.Period, []Alert) {
	p := engine.Period{Start: summaries[0].Start, End: summaries[0].End, Summaries: summaries}
	return p, j.Judge(&p)
}

// about says in short what alerts are about.
func about(alerts []Alert) []string {
	var all []string
	for _, a := range alerts {
		all = append(all, fmt.Sprintf("%s %s %s", a.Operation, a.Objective, a.State))
	}
	return all
}

func TestJudgeOutage(t *testing.T) {
	var (
		healthy = calls{success: 100, within: 100}
		slow    = calls{success: 100, within: 10}
		outage  = calls{failure: 100}
	)
	type stretch struct {
		periods int
		calls   calls
	}
	tests := []struct {
		name      string
		stretches []stretch
		want      []string
	}{
		{"an outage raises one alert, about availability",
			[]stretch{{5, healthy}, {50, outage}, {5, healthy}},
			[]string{"5 + 3: availability firing", "55 + 3: availability resolved"}},
		{"an outage neither ends nor repeats an alert about latency",
			[]stretch{{5, slow}, {50, outage}, {5, healthy}},
			[]string{"0 + 3: latency firing", "5 + 3: availability firing", "55 + 3: availability resolved", "55 + 3: latency resolved"}},
		{"an outage breaks no streak of slow periods",
			[]stretch{{2, slow}, {1, outage}, {1, slow}},
			[]string{"3 + 1: latency firing"}},
		{"half of the calls fail, the others are fast",
			[]stretch{{10, calls{success: 50, within: 50, failure: 50}}},
			[]string{"0 + 3: availability firing"}},
		{"half of the calls fail, the others are slow",
			[]stretch{{10, calls{success: 50, within: 5, failure: 50}}},
			[]string{"0 + 3: availability firing", "0 + 3: latency firing"}},
		{"callers give up",
			[]stretch{{10, calls{cancelled: 100}}},
			nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := NewJudge()
			var got []string
			i := 0
			for _, s := range tt.stretches {
				for n := range s.periods {
					_, alerts := judged(j, summaryOf(i+n, plain(), s.calls))
					for _, a := range alerts {
						got = append(got, fmt.Sprintf("%d + %d: %s %s", i, n+1, a.Objective, a.State))
					}
				}
				i += s.periods
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("alerts by stretch and period (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJudgePartialPeriods(t *testing.T) {
	o := expecting(engine.Objective{AlertAfter: 2, RecoverAfter: 2})
	good, bad := calls{success: 10, within: 10}, calls{failure: 10}
	tests := []struct {
		name  string
		calls []calls
		// partial is the number of the partial period.
		partial int
		want    []string
	}{
		{"a bad one advances no streak", []calls{bad, bad}, 1, nil},
		{"a bad one begins no streak", []calls{bad, bad}, 0, nil},
		{"a good one breaks no streak", []calls{bad, good, bad}, 1, []string{"GET /users/{id} availability firing"}},
		{"a bad one breaks no recovery", []calls{bad, bad, good, bad, good}, 3,
			[]string{"GET /users/{id} availability firing", "GET /users/{id} availability resolved"}},
		{"a good one advances no recovery", []calls{bad, bad, good, good}, 3, []string{"GET /users/{id} availability firing"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := NewJudge()
			var got []string
			for i, c := range tt.calls {
				s := summaryOf(i, o, c)
				s.Partial = i == tt.partial
				p, alerts := judged(j, s)
				got = append(got, about(alerts)...)
				if v := p.Summaries[0].Verdicts; (v == engine.Verdicts{}) != s.Partial {
					t.Errorf("verdicts of period %d = %+v, partial: %v", i, v, s.Partial)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("alerts (-want +got):\n%s", diff)
			}
		})
	}
}

// named returns the summary of another operation.
func named(s engine.Summary, key engine.OperationKey) engine.Summary {
	s.Service, s.SpanKind, s.Operation = key.Service, key.SpanKind, key.Name
	return s
}

func TestJudgeTellsOperationsApart(t *testing.T) {
	base := engine.OperationKey{Service: "shop", SpanKind: engine.SpanKindServer, Name: "a"}
	others := []engine.OperationKey{
		{Service: "shop", SpanKind: engine.SpanKindServer, Name: "b"},
		{Service: "shop", SpanKind: engine.SpanKindClient, Name: "a"},
		{Service: "till", SpanKind: engine.SpanKindServer, Name: "a"},
	}
	o := expecting(engine.Objective{AlertAfter: 2})
	j := NewJudge()
	for i, key := range append(others, base) {
		if _, alerts := judged(j, named(summaryOf(i, o, calls{failure: 1}), key)); len(alerts) > 0 {
			t.Fatalf("alerts after one bad period of each operation: %v", about(alerts))
		}
	}
	_, alerts := judged(j, named(summaryOf(4, o, calls{failure: 1}), base))
	if len(alerts) != 1 || alerts[0].Key() != base {
		t.Fatalf("alerts after two bad periods of one operation: %v", about(alerts))
	}
	if !j.IsFiring(base) {
		t.Error("the operation that fires is not said to")
	}
	for _, key := range others {
		if j.IsFiring(key) {
			t.Errorf("%+v is said to fire", key)
		}
	}
}

func TestJudgeOrder(t *testing.T) {
	o := expecting(engine.Objective{AlertAfter: 1})
	both := calls{success: 10, within: 0, failure: 10}
	j := NewJudge()
	p, alerts := judged(j,
		named(summaryOf(0, o, both), engine.OperationKey{Name: "z"}),
		named(summaryOf(0, o, both), engine.OperationKey{Name: "a"}),
	)
	want := []string{"a availability firing", "z availability firing", "a latency firing", "z latency firing"} // the worst first
	if diff := cmp.Diff(want, about(alerts)); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
	for i, a := range alerts {
		if got, want := a.Evidence[0].Verdicts, p.Summaries[1-i%2].Verdicts; got != want {
			t.Errorf("evidence of alert %d has the verdicts %+v, the period has %+v", i, got, want)
		}
	}
}

func TestJudgeForgets(t *testing.T) {
	o := expecting(engine.Objective{AlertAfter: 2, RecoverAfter: 2})
	good, bad := calls{success: 10, within: 10}, calls{success: 10, failure: 10}
	tests := []struct {
		name  string
		calls []calls
		want  int // machines
	}{
		{"good", []calls{good, good}, 0},
		{"too few calls", []calls{{cancelled: 1}}, 0},
		{"pending", []calls{{failure: 1}}, 1},
		{"pending, both objectives", []calls{bad}, 2},
		{"good again", []calls{bad, good}, 0},
		{"firing", []calls{bad, bad, bad}, 2},
		{"recovering", []calls{bad, bad, good}, 2},
		{"just resolved: it may flap", []calls{bad, bad, good, good}, 2},
		{"resolved an hour ago", append([]calls{bad, bad}, slices.Repeat([]calls{good}, 60)...), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := NewJudge()
			var key engine.OperationKey
			for i, c := range tt.calls {
				s := summaryOf(i, o, c)
				key = s.Key()
				judged(j, s)
			}
			if got := len(j.machines); got != tt.want {
				t.Errorf("%d machines are kept, want %d", got, tt.want)
			}
			j.Judge(&engine.Period{Evicted: []engine.OperationKey{{Name: "another one"}}})
			if got := len(j.machines); got != tt.want {
				t.Errorf("%d machines are kept after another operation left, want %d", got, tt.want)
			}
			j.Judge(&engine.Period{Evicted: []engine.OperationKey{key}})
			if got := len(j.machines); got != 0 {
				t.Errorf("%d machines are kept after the operation left, want none", got)
			}
			if j.IsFiring(key) {
				t.Error("an operation that left is said to fire")
			}
		})
	}
}

func TestJudgeForgetsStreakOfWhatLeft(t *testing.T) {
	o := expecting(engine.Objective{AlertAfter: 2})
	s := summaryOf(0, o, calls{failure: 1})
	j := NewJudge()
	judged(j, s)
	j.Judge(&engine.Period{Evicted: []engine.OperationKey{s.Key()}})
	if _, alerts := judged(j, summaryOf(99, o, calls{failure: 1})); len(alerts) != 0 {
		t.Errorf("alerts = %v: a bad period from before the operation left counts", about(alerts))
	}
}

func TestJudgeIsFiring(t *testing.T) {
	o := expecting(engine.Objective{AlertAfter: 2, RecoverAfter: 2})
	for _, k := range shareKinds {
		t.Run(k.String(), func(t *testing.T) {
			j := NewJudge()
			for i, tt := range []struct {
				letter rune
				want   bool
			}{{'B', false}, {'B', true}, {'I', true}, {'G', true}, {'B', true}, {'G', true}, {'G', false}} {
				s := summaryOf(i, o, callsFor(t, k, tt.letter))
				if k == Latency && tt.letter == 'I' {
					s = summaryOf(i, o, calls{cancelled: 1})
				}
				judged(j, s)
				if got := j.IsFiring(s.Key()); got != tt.want {
					t.Errorf("after period %d (%c): firing %v, want %v", i, tt.letter, got, tt.want)
				}
			}
		})
	}
}

// Operations that are judged side by side, come and go, must not notice each
// other: each gets the alerts that it gets from a judge of its own.
func TestJudgeOperationsAreIndependent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SampledFrom([]engine.SpanKind{engine.SpanKindServer, engine.SpanKindClient})
		keys := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) engine.OperationKey {
			return engine.OperationKey{
				Service:  rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "service"),
				SpanKind: kinds.Draw(t, "kind"),
				Name:     rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"),
			}
		}), 1, 6, rapid.ID).Draw(t, "operations")
		together := NewJudge()
		alone := make(map[engine.OperationKey]*Judge)
		for _, key := range keys {
			alone[key] = NewJudge()
		}
		for i := range rapid.IntRange(1, 40).Draw(t, "periods") {
			var p engine.Period
			var want []Alert
			for _, key := range keys {
				switch rapid.IntRange(0, 9).Draw(t, "what happens") {
				case 0, 1: // nobody calls
				case 2:
					p.Evicted = append(p.Evicted, key)
					want = append(want, alone[key].Judge(&engine.Period{Evicted: []engine.OperationKey{key}})...)
				default:
					n := uint64(rapid.IntRange(0, 2).Draw(t, "successes"))
					o := expecting(engine.Objective{AlertAfter: rapid.IntRange(1, 2).Draw(t, "N"), RecoverAfter: 2})
					s := named(summaryOf(i, o, calls{
						success: n,
						within:  uint64(rapid.IntRange(0, int(n)).Draw(t, "within")),
						failure: uint64(rapid.IntRange(0, 1).Draw(t, "failures")),
					}), key)
					p.Summaries = append(p.Summaries, s)
					_, alerts := judged(alone[key], s.Clone())
					want = append(want, alerts...)
				}
			}
			Sort(want)
			if diff := cmp.Diff(want, together.Judge(&p)); diff != "" {
				t.Fatalf("alerts of period %d (-each alone +all together):\n%s", i, diff)
			}
			for _, key := range keys {
				if got, want := together.IsFiring(key), alone[key].IsFiring(key); got != want {
					t.Fatalf("period %d: %+v fires: %v, alone: %v", i, key, got, want)
				}
			}
		}
	})
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
				RepeatInterval:  rapid.SampledFrom([]time.Duration{0, 2 * time.Minute}).Draw(t, "repeat"),
			})
		})
		expected := make(map[string]engine.Objective)
		for _, name := range ops {
			expected[name] = objectives.Draw(t, name)
		}
		j := NewJudge()
		idle := rapid.IntRange(0, 3).Draw(t, "idle periods")
		firing := make(map[machineKey]Alert)
		seen := make(map[string]bool)
		for i := range rapid.IntRange(1, 60).Draw(t, "periods") {
			p := periodOf(i)
			p.Partial = rapid.IntRange(0, 19).Draw(t, "partial") == 0
			p.IdlePeriods = idle
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
			alerts := j.Judge(p)
			inOrder := slices.Clone(alerts)
			Sort(inOrder)
			if diff := cmp.Diff(ids(inOrder), ids(alerts)); diff != "" {
				t.Fatalf("period %d: the alerts are not in order (-sorted +got):\n%s", i, diff)
			}
			for _, a := range alerts {
				key := machineKey{a.Key(), a.Objective}
				was, isFiring := firing[key]
				switch {
				case a.Repeat && (!isFiring || a.ID != was.ID || a.State != Firing || a.StartsAt != was.StartsAt):
					t.Fatalf("period %d: a repeat of %s, which fires: %v", i, a.Summary(), isFiring)
				case a.Repeat:
				case a.State == Firing && (isFiring || seen[a.ID]):
					t.Fatalf("period %d: %s fires again", i, a.Summary())
				case (a.State == Resolved) != (a.EndReason != 0), a.EndReason == EndIdle && (idle == 0 || a.Objective == Traffic || a.Objective == Stuck):
					t.Fatalf("period %d: %s is %s: %s", i, a.Summary(), a.State, a.EndReason)
				case a.State == Resolved && (!isFiring || a.ID != was.ID || a.StartsAt != was.StartsAt || a.WorstExemplar != was.WorstExemplar):
					t.Fatalf("period %d: %s is resolved, fired: %v", i, a.Summary(), isFiring)
				}
				o := expected[a.Operation]
				need := map[State]int{Firing: o.AlertAfter, Resolved: o.RecoverAfter}[a.State]
				if !a.Repeat && a.Flapping.Count == 0 && a.EndReason != EndIdle && len(a.Evidence) < need || p.Partial || len(a.Evidence) == 0 {
					t.Fatalf("period %d: %s by %d periods", i, a.Summary(), len(a.Evidence))
				}
				onTheBadSide := a.Actual < a.Target
				if a.Objective == Stuck || a.Objective == BurnRate {
					onTheBadSide = a.Actual > a.Target
				}
				if a.State == Firing && !onTheBadSide || a.State == Resolved && a.Target > 0 && a.Objective != Stuck && onTheBadSide != (a.EndReason == EndIdle) {
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
			checkPhases(t, j, firing, ops)
			if rapid.IntRange(0, 19).Draw(t, "leaves") == 0 {
				key := op(rapid.SampledFrom(ops).Draw(t, "who"))
				gone := periodOf(i)
				gone.Partial, gone.Evicted = true, []engine.OperationKey{key}
				for _, a := range j.Judge(gone) {
					if was := firing[machineKey{key, a.Objective}]; a.Key() != key || a.ID != was.ID || a.State != Resolved || a.EndReason != EndIdle {
						t.Fatalf("%s, %s, of the operation that left", a.Summary(), a.State)
					}
					delete(firing, machineKey{key, a.Objective})
				}
				for _, k := range kinds {
					if _, ok := firing[machineKey{key, k}]; ok {
						t.Fatalf("%s of %s never ends", k, key.Name)
					}
				}
				if j.pasts[key] != nil {
					t.Fatal("the past of an operation that left is kept")
				}
				checkPhases(t, j, firing, ops)
			}
		}
	})
}

// checkPhases fails the test unless the judge says that those alerts fire, and
// remembers nothing that it need not.
func checkPhases(t *rapid.T, j *Judge, firing map[machineKey]Alert, ops []string) {
	phases := make(map[machineKey]Phase)
	for _, s := range j.Phases() {
		phases[machineKey{s.Operation, s.Objective}] = s.Phase
		a, isFiring := firing[machineKey{s.Operation, s.Objective}]
		if s.Phase == PhaseNormal || isFiring != (s.Phase >= PhaseFiring) && a.Flapping.Count == 0 {
			t.Fatalf("%s of %s is %s, fires: %v", s.Objective, s.Operation.Name, s.Phase, isFiring)
		}
	}
	for _, name := range ops {
		isFiring := false
		for _, k := range kinds {
			key := machineKey{op(name), k}
			if a, ok := firing[key]; ok {
				isFiring = true
				if phases[key] < PhaseFiring && a.Flapping.Count == 0 {
					t.Fatalf("%s of %s is %s though its alert fires", k, name, phases[key])
				}
			}
			m := j.machines[key]
			if m == nil {
				continue
			}
			if m.isBlank() || (m.phase != PhaseNormal) != (phases[key] != PhaseNormal) || (m.alert != nil) != m.isFiring() && !m.isFlapping() {
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
