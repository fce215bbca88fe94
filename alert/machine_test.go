package alert

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/engine"
)

// In these tests a letter stands for a period: G for a good one, B for a bad one, I
// for one that says too little. A mark stands for what came of it: F for a firing
// alert, R for a resolved one, a dot for none.

// callsFor returns calls that the default objective judges as the letter says,
// whatever becomes of the other kind.
func callsFor(t testing.TB, k ObjectiveKind, letter rune) calls {
	t.Helper()
	switch {
	case letter == 'I' && k == Latency:
		return calls{failure: 10} // a total outage says nothing about latency
	case letter == 'I':
		return calls{cancelled: 10}
	case letter == 'G':
		return calls{success: 10, within: 10}
	case letter == 'B' && k == Latency:
		return calls{success: 10, within: 7}
	case letter == 'B':
		return calls{success: 7, within: 7, failure: 3}
	}
	t.Fatalf("no such letter: %c", letter)
	return calls{}
}

// bench drives the machine of one objective and keeps what came of it.
type bench struct {
	kind    ObjectiveKind
	machine machine
	periods int
	marks   strings.Builder
	alerts  []Alert
}

// run puts the machine through the periods that the letters stand for.
func (b *bench) run(t testing.TB, o engine.Objective, letters string) {
	t.Helper()
	for _, letter := range letters {
		s := summaryOf(b.periods, o, callsFor(t, b.kind, letter))
		b.periods++
		a, raised := b.machine.advance(b.kind, b.machine.judge(b.kind, &s), &s, s.Objective.AlertAfter)
		if !raised {
			b.marks.WriteByte('.')
			continue
		}
		b.marks.WriteByte("?FR"[a.State])
		b.alerts = append(b.alerts, a)
	}
}

// evidence returns the numbers of the periods that are the evidence of each alert.
func (b *bench) evidence() [][]int {
	var all [][]int
	for _, a := range b.alerts {
		var one []int
		for _, s := range a.Evidence {
			one = append(one, int(s.Start.Sub(began)/time.Minute))
		}
		all = append(all, one)
	}
	return all
}

func TestMachineFiresAfterLongEnough(t *testing.T) {
	tests := []struct {
		name     string
		n        int
		alertFor time.Duration
		letters  string
		want     string
	}{
		{"off", 2, 0, "BB", ".F"},
		{"switched off", 2, -1, "BB", ".F"},
		{"less than N periods", 3, 2 * time.Minute, "BBB", "..F"},
		{"exactly", 2, 4 * time.Minute, "BBBB", "...F"},
		{"a little more", 2, 4*time.Minute + 1, "BBBBB", "....F"},
		{"a good period between begins anew", 1, 3 * time.Minute, "BBGBBBB", ".....F."},
		{"periods that say too little count as time, not as periods", 3, 5 * time.Minute, "BBIIB", "....F"},
		{"nor do they fire", 2, 3 * time.Minute, "BBIIIB", ".....F"},
		{"it is no matter for what is firing", 1, 2 * time.Minute, "BBGGGBB", ".F..R.F"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := bench{kind: Availability}
			b.run(t, expecting(engine.Objective{AlertAfter: tt.n, AlertFor: tt.alertFor}), tt.letters)
			if got := b.marks.String(); got != tt.want {
				t.Errorf("periods %s\nmarks   %s\nwant    %s", tt.letters, got, tt.want)
			}
			if len(b.alerts) > 0 {
				if a := b.alerts[0]; a.DecidedAt.Sub(a.StartsAt) < tt.alertFor {
					t.Errorf("fired after %s", a.DecidedAt.Sub(a.StartsAt))
				}
			}
		})
	}
}

func TestMachine(t *testing.T) {
	tests := []struct {
		name     string
		n, m     int
		letters  string
		want     string
		evidence [][]int
	}{
		{"never called", 3, 3, "", "", nil},
		{"always good", 3, 3, "GGGGGG", "......", nil},
		{"never enough", 3, 3, "IIIIII", "......", nil},
		{"one bad one too few", 3, 3, "BB", "..", nil},
		{"n bad ones fire once", 3, 3, "BBBBBB", "..F...", [][]int{{0, 1, 2}}},
		{"m good ones resolve once", 3, 3, "BBBGGGGGG", "..F..R...", [][]int{{0, 1, 2}, {3, 4, 5}}},
		{"m good ones alone resolve nothing", 3, 3, "BBGGG", ".....", nil},

		{"n of 1", 1, 3, "BBGGGB", "F...RF", [][]int{{0}, {2, 3, 4}, {5}}},
		{"m of 1", 3, 1, "BBBGBBBG", "..FR..FR", [][]int{{0, 1, 2}, {3}, {4, 5, 6}, {7}}},
		{"both of 1", 1, 1, "BGBGGBBG", "FRFR.F.R", [][]int{{0}, {1}, {2}, {3}, {5}, {7}}},
		{"n of 2, m of 5", 2, 5, "BBGGGGG", ".F....R", [][]int{{0, 1}, {2, 3, 4, 5, 6}}},
		{"n of 5, m of 2", 5, 2, "BBBBBGG", "....F.R", [][]int{{0, 1, 2, 3, 4}, {5, 6}}},

		{"a good one breaks the bad streak", 3, 3, "BBGBBGBBB", "........F", [][]int{{6, 7, 8}}},
		{"a bad one breaks the recovery", 3, 3, "BBBGGBGGBGGG", "..F........R", [][]int{{0, 1, 2}, {9, 10, 11}}},
		{"too few calls break no bad streak", 3, 3, "BIBIIB", ".....F", [][]int{{0, 2, 5}}},
		{"too few calls advance no bad streak", 3, 3, "BBIIIIG", ".......", nil},
		{"too few calls break no recovery", 3, 3, "BBBGIGIIG", "..F.....R", [][]int{{0, 1, 2}, {3, 5, 8}}},
		{"too few calls advance no recovery", 3, 3, "BBBGGIIII", "..F......", [][]int{{0, 1, 2}}},
		{"too few calls end no alert", 1, 1, "BIIIIIIII", "F........", [][]int{{0}}},

		{"again after it was resolved", 2, 2, "BBGGBBGG", ".F.R.F.R", [][]int{{0, 1}, {2, 3}, {4, 5}, {6, 7}}},
		{"the periods of one alert don't count for the next", 2, 2, "BBGGB", ".F.R.", [][]int{{0, 1}, {2, 3}}},
	}
	for _, tt := range tests {
		for _, k := range shareKinds {
			t.Run(tt.name+"/"+k.String(), func(t *testing.T) {
				b := bench{kind: k}
				b.run(t, expecting(engine.Objective{AlertAfter: tt.n, RecoverAfter: tt.m}), tt.letters)
				if got := b.marks.String(); got != tt.want {
					t.Errorf("periods %s\nmarks   %s\nwant    %s", tt.letters, got, tt.want)
				}
				if diff := cmp.Diff(tt.evidence, b.evidence()); diff != "" {
					t.Errorf("evidence (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestMachineObjectiveChanges(t *testing.T) {
	type segment struct {
		objective engine.Objective
		letters   string
	}
	with := func(n, m int) engine.Objective { return engine.Objective{AlertAfter: n, RecoverAfter: m} }
	tests := []struct {
		name     string
		kind     ObjectiveKind
		segments []segment
		want     string
	}{
		{"pending, n lowered: the streak begins anew", Availability,
			[]segment{{with(5, 3), "BBBB"}, {with(2, 3), "BB"}}, ".....F"},
		{"pending, n raised", Availability,
			[]segment{{with(3, 3), "BB"}, {with(4, 3), "BBBB"}}, ".....F"},
		{"pending, to n of 1: the next bad one fires", Availability,
			[]segment{{with(3, 3), "BB"}, {with(1, 3), "B"}}, "..F"},
		{"pending, a change fires nothing by itself", Availability,
			[]segment{{with(3, 3), "BB"}, {with(1, 3), "IIIG"}}, "......"},
		{"pending, a change that comes with a period of too few calls", Availability,
			[]segment{{with(3, 3), "BB"}, {with(2, 3), "IB"}, {with(2, 3), "B"}}, "....F"},
		{"firing stays firing, m lowered", Availability,
			[]segment{{with(2, 5), "BB"}, {with(2, 1), "IBBG"}}, ".F...R"},
		{"firing stays firing, m raised", Availability,
			[]segment{{with(2, 1), "BB"}, {with(2, 3), "GGG"}}, ".F..R"},
		{"firing does not fire again by another n", Availability,
			[]segment{{with(2, 3), "BB"}, {with(1, 3), "BBB"}}, ".F..."},
		{"recovering, m lowered: the streak begins anew", Availability,
			[]segment{{with(2, 5), "BBGGGG"}, {with(2, 2), "GG"}}, ".F.....R"},
		{"recovering, m raised", Availability,
			[]segment{{with(2, 3), "BBGG"}, {with(2, 4), "GGGG"}}, ".F.....R"},
		{"recovering, to m of 1: the next good one resolves", Availability,
			[]segment{{with(2, 3), "BBGG"}, {with(2, 1), "G"}}, ".F..R"},
		{"there and back again begins anew twice", Availability,
			[]segment{{with(3, 3), "BB"}, {with(4, 3), "I"}, {with(3, 3), "BBB"}}, ".....F"},
		{"set to what it was: nothing begins anew", Availability,
			[]segment{{with(3, 3), "BB"}, {with(3, 3), "B"}}, "..F"},

		{"another success ratio begins anew", Availability,
			[]segment{{engine.Objective{}, "BB"}, {engine.Objective{SuccessRatio: 0.9}, "BBB"}}, "....F"},
		{"another minimum of calls begins anew", Availability,
			[]segment{{engine.Objective{}, "BB"}, {engine.Objective{MinCalls: 2}, "BBB"}}, "....F"},
		{"a latency target is of no concern to availability", Availability,
			[]segment{{engine.Objective{}, "B"}, {engine.Objective{LatencyTarget: time.Second}, "B"}, {engine.Objective{WithinTargetRatio: 0.75}, "B"}}, "..F"},
		{"another latency target begins anew", Latency,
			[]segment{{engine.Objective{}, "BB"}, {engine.Objective{LatencyTarget: time.Second}, "BBB"}}, "....F"},
		{"another share within the target begins anew", Latency,
			[]segment{{engine.Objective{}, "BB"}, {engine.Objective{WithinTargetRatio: 0.75}, "BBB"}}, "....F"},
		{"another minimum of calls begins anew for latency", Latency,
			[]segment{{engine.Objective{}, "BB"}, {engine.Objective{MinCalls: 2}, "BBB"}}, "....F"},
		{"another confidence begins anew", Availability,
			[]segment{{engine.Objective{}, "BB"}, {engine.Objective{Confidence: 0.1}, "BBB"}}, "....F"},
		{"another least time begins anew", Availability,
			[]segment{{engine.Objective{}, "BB"}, {engine.Objective{AlertFor: 1}, "BBB"}}, "....F"},
		{"another confidence begins anew for latency", Latency,
			[]segment{{engine.Objective{}, "BB"}, {engine.Objective{Confidence: 0.1}, "BBB"}}, "....F"},
		{"other new kinds are of no concern", Availability,
			[]segment{{engine.Objective{MinTraffic: 1}, "B"}, {engine.Objective{StuckAfter: 1}, "B"}, {engine.Objective{SLO: 0.9, RepeatInterval: 1}, "B"}}, "..F"},
		{"a success ratio is of no concern to latency", Latency,
			[]segment{{engine.Objective{}, "BB"}, {engine.Objective{SuccessRatio: 0.9}, "B"}}, "..F"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := bench{kind: tt.kind}
			var letters []string
			for _, s := range tt.segments {
				b.run(t, expecting(s.objective), s.letters)
				letters = append(letters, s.letters)
			}
			if got := b.marks.String(); got != tt.want {
				t.Errorf("periods %s\nmarks   %s\nwant    %s", strings.Join(letters, ""), got, tt.want)
			}
		})
	}
}

// go-monitor (2018) took a true for a good period. N and M were 3.
func TestMachineAsInGoMonitor2018(t *testing.T) {
	tests := []struct {
		letters, want string
	}{
		{"BBGB", "...."},
		{"BBBGGG", "..F..R"},
		{"BGBB", "...."},
		{"BBBGGBGGG", "..F.....R"},
	}
	for _, tt := range tests {
		t.Run(tt.letters, func(t *testing.T) {
			b := bench{kind: Availability}
			b.run(t, plain(), tt.letters)
			if got := b.marks.String(); got != tt.want {
				t.Errorf("marks %s, want %s", got, tt.want)
			}
		})
	}
}

func TestMachineDoesNotGrowWhileFiring(t *testing.T) {
	const periods = 10_000
	tests := []struct {
		name, letters string
		streak        int // the longest that may be kept
	}{
		{"bad", "B", 0},
		{"too few calls", "I", 0},
		{"never quite well", "GGB", 2},
		{"never quite well, and too few calls", "GIGIIB", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := expecting(engine.Objective{AlertAfter: 3, RecoverAfter: 3})
			b := bench{kind: Availability}
			b.run(t, o, "BBB")
			for b.periods < periods {
				b.run(t, o, tt.letters)
				if n := len(b.machine.streak.periods); n > tt.streak {
					t.Fatalf("%d periods are kept after %d, want at most %d", n, b.periods, tt.streak)
				}
			}
			if len(b.alerts) != 1 || len(b.alerts[0].Evidence) != 3 {
				t.Errorf("got %d alerts, want 1 with 3 periods", len(b.alerts))
			}
			if !b.machine.isFiring() {
				t.Error("it stopped firing")
			}
		})
	}
}

func TestMachineAlert(t *testing.T) {
	failed := func(id byte) []engine.Exemplar {
		return []engine.Exemplar{{Trace: engine.TraceRef{TraceID: [16]byte{id}}, Code: "503"}}
	}
	o := expecting(engine.Objective{SuccessRatio: 0.9, LatencyTarget: 200 * time.Millisecond, AlertAfter: 2, RecoverAfter: 2})
	eased := expecting(engine.Objective{SuccessRatio: 0.5, WithinTargetRatio: 0.5, LatencyTarget: time.Second, AlertAfter: 2, RecoverAfter: 2})
	periods := []engine.Summary{
		summaryOf(0, o, calls{success: 10, within: 10}),
		summaryOf(1, o, calls{success: 30, within: 3, failure: 10, cancelled: 5}),
		summaryOf(2, o, calls{cancelled: 7}),
		summaryOf(3, o, calls{success: 50, within: 5, failure: 10}),
		summaryOf(4, o, calls{success: 30, within: 3, failure: 30}),
		summaryOf(5, eased, calls{success: 6, within: 6, failure: 4}),
		summaryOf(6, eased, calls{success: 10, within: 6}),
	}
	periods[1].FailureExemplars, periods[1].SlowExemplars = failed(1), failed(2)
	periods[5].FailureExemplars, periods[5].SlowExemplars = failed(3), failed(4)

	// Whatever changes afterwards is of no consequence to the alerts.
	want := func(s Alert, evidence ...int) Alert {
		s.Monitor, s.Service, s.Operation, s.SpanKind = "http", "shop", "GET /users/{id}", engine.SpanKindServer
		s.StartsAt = startOf(1)
		for _, i := range evidence {
			s.Evidence = append(s.Evidence, periods[i].Clone())
		}
		return s
	}
	tests := []struct {
		kind ObjectiveKind
		want []Alert
	}{
		{Availability, []Alert{
			want(Alert{Objective: Availability, State: Firing, Periods: 2, DecidedAt: startOf(4), Target: 0.9, Actual: 0.8, WorstActual: 0.75, LastActual: 50.0 / 60, WorstExemplar: failed(1)[0]}, 1, 3),
			want(Alert{Objective: Availability, State: Resolved, EndReason: EndRecovered, Periods: 2, EndsAt: startOf(5), DecidedAt: startOf(7), Target: 0.5, Actual: 0.8, WorstActual: 0.5, LastActual: 0.5, WorstExemplar: failed(1)[0]}, 5, 6),
		}},
		{Latency, []Alert{
			want(Alert{Objective: Latency, State: Firing, Periods: 2, DecidedAt: startOf(4), Target: 0.8, Actual: 0.1, WorstActual: 0.1, LastActual: 0.1, LatencyTarget: 200 * time.Millisecond, WorstExemplar: failed(2)[0]}, 1, 3),
			want(Alert{Objective: Latency, State: Resolved, EndReason: EndRecovered, Periods: 2, EndsAt: startOf(5), DecidedAt: startOf(7), Target: 0.5, Actual: 0.75, WorstActual: 0.1, LastActual: 0.1, LatencyTarget: time.Second, WorstExemplar: failed(2)[0]}, 5, 6),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.kind.String(), func(t *testing.T) {
			var m machine
			var got []Alert
			for i := range periods {
				s := periods[i].Clone()
				a, raised := m.advance(tt.kind, m.judge(tt.kind, &s), &s, s.Objective.AlertAfter)
				if raised {
					got = append(got, a)
				}
				if len(s.Failures) > 0 {
					s.Failures[0].Count = 0
				}
				if len(s.FailureExemplars) > 0 {
					s.FailureExemplars[0].Code, s.SlowExemplars[0].Code = "changed", "changed"
				}
			}
			for i, id := 0, got[0].ID; i < len(got); i++ {
				if got[i].ID == "" || got[i].ID != id {
					t.Errorf("id of alert %d = %q, want one id for the whole incident", i, got[i].ID)
				}
				got[i].ID = ""
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("alerts (-want +got):\n%s", diff)
			}
		})
	}
}

// letterOf returns the letter that stands for a verdict.
func letterOf(v engine.Verdict) byte { return "?GBI"[v] }

// step is one period of one kind of objective in a recorded history.
type step struct {
	letter    byte // P: not judged, for the period was a partial one
	need      [2]int
	objective engine.Objective // what matters to the kind
	members   []int            // the periods that were judged together with this one, and itself
}

// pool is what the reference knows of periods that hold too few calls.
type pool struct {
	objective   engine.Objective
	good, total uint64
	members     []int
}

// letter returns the letter of a period, and which ones were judged together.
func (p *pool) letter(i int, k ObjectiveKind, s *engine.Summary) (letter byte, members []int) {
	if s.Partial {
		return 'P', nil
	}
	if o := relevant(k, s.Objective); o != p.objective {
		*p = pool{objective: o}
	}
	good, total, target := s.Success, s.Success+s.Failure, s.Objective.SuccessRatio
	if k == Latency {
		good, total, target = s.WithinTarget, s.Success, s.Objective.WithinTargetRatio
	}
	p.good, p.total = p.good+good, p.total+total
	if total > 0 {
		p.members = append(p.members, i)
	}
	if p.total < uint64(s.Objective.MinCalls) {
		return 'I', nil
	}
	letter, members = 'G', p.members
	if total == 0 {
		members = append(members, i)
	}
	if float64(p.good)/float64(p.total) < target {
		letter = 'B'
	}
	*p = pool{objective: p.objective}
	return letter, members[max(0, len(members)-maxPooled):]
}

// reference says what comes of the last period of a history, and of which periods.
// It goes through the whole history for each of them, so it needs no state but
// whether the alert was firing, and by the lead of the bad periods, and which period was the last
// one that had a part in the last alert.
func reference(history []step, firing, byLead bool, used int) (evidence []int, lead bool) {
	want, need := byte('B'), history[len(history)-1].need[0]
	if firing {
		want, need = 'G', history[len(history)-1].need[1]
	}
	last := len(history) - 1
	if history[last].letter != want || byLead && !isCaughtUp(history, used) {
		return nil, false
	}
	for i := last; i > used; i-- {
		letter := history[i].letter
		if letter == 'P' {
			continue
		}
		if history[i].objective != history[last].objective {
			break
		}
		if letter == want {
			evidence = append(evidence, i)
		} else if letter != 'I' {
			break
		}
	}
	if len(evidence) < need {
		evidence, lead = nil, true
		if !firing {
			evidence = ahead(history, used)
		}
	}
	slices.Reverse(evidence)
	return evidence, lead
}

// ahead returns the bad periods, latest first, of those last ones among which the bad ones are
// ahead of the good ones by the most, if that is enough.
func ahead(history []step, used int) (evidence []int) {
	last, most, lead := len(history)-1, 0, 0
	var bad []int
	for i := last; i > used; i-- {
		letter := history[i].letter
		if letter != 'P' && history[i].objective != history[last].objective {
			break
		}
		switch letter {
		case 'B':
			lead++
			bad = append(bad, i)
		case 'G':
			lead--
		}
		if lead > most {
			most, evidence = lead, slices.Clone(bad)
		}
	}
	if most < 2*history[last].need[0]-1 {
		return nil
	}
	return evidence
}

// isCaughtUp reports whether the good periods have caught up since the bad ones were ahead.
func isCaughtUp(history []step, used int) bool {
	most := 2*history[used].need[0] - 1
	lead := most
	for i := used + 1; i < len(history); i++ {
		if history[i].letter == 'P' {
			continue
		}
		if history[i].objective != history[used].objective {
			return true
		}
		switch {
		case history[i].letter == 'B' && lead > 0:
			lead = min(lead+1, most)
		case history[i].letter == 'G':
			lead = max(lead-1, 0)
		}
	}
	return lead == 0
}

// FuzzMachine puts the judge beside a plain reference. Each byte is a period: its
// lowest three bits say how the calls went, the rest how the objective changes.
func FuzzMachine(f *testing.F) {
	f.Add(uint8(3), uint8(3), []byte("\x05\x05\x05\x00\x00\x00"))
	f.Add(uint8(1), uint8(1), []byte("\x01\x00\x03\x00\x05\x00\x04\x06"))
	f.Add(uint8(2), uint8(4), []byte("\x04\x05\x06\x04\x2c\x08\x08\x10\x10\x18\x18\x00\x00"))
	f.Add(uint8(3), uint8(3), []byte("\x01\x01\x07\x01\x0d\x01\x01\x15\x01\x01\x1d\x01\x01\x00\x08\x00\x48\x00"))
	f.Fuzz(func(t *testing.T, n, m uint8, input []byte) {
		outcomes := []calls{ // with a minimum of 10 calls and targets near 0.5
			{success: 10, within: 10},              // G G
			{success: 10, within: 0},               // G B
			{success: 5, within: 5, failure: 5},    // G I
			{success: 10, within: 10, failure: 11}, // B G
			{success: 10, within: 0, failure: 11},  // B B
			{failure: 10},                          // B I
			{success: 5, within: 0, cancelled: 9},  // I I
			{success: 10, within: 0, failure: 90},  // of a partial period
		}
		o := engine.Objective{
			SuccessRatio: 0.5, LatencyTarget: time.Second, WithinTargetRatio: 0.5,
			AlertAfter: int(n)%20 + 1, RecoverAfter: int(m)%20 + 1, MinCalls: 10,
		}
		judge := NewJudge()
		history := make(map[ObjectiveKind][]step)
		pools := map[ObjectiveKind]*pool{Availability: {}, Latency: {}}
		firing := make(map[ObjectiveKind]string) // the id of what fires
		byLead := make(map[ObjectiveKind]bool)   // what fires, not by N in a row
		used := map[ObjectiveKind]int{Availability: -1, Latency: -1}
		seen := make(map[string]bool)
		const enough = 256 // periods: the reference takes their number squared
		for i, b := range input[:min(len(input), enough)] {
			switch b >> 3 & 3 {
			case 1:
				o.AlertAfter, o.RecoverAfter = int(b>>5&3)+1, int(b>>6)+1
			case 2:
				o.SuccessRatio = 0.99 - o.SuccessRatio // 0.49 and 0.5 in turn
			case 3:
				o.LatencyTarget = 3*time.Second - o.LatencyTarget // 1s and 2s in turn
			}
			s := summaryOf(i, o, outcomes[b&7])
			s.Start, s.End = began.Add(time.Duration(i)*time.Hour), began.Add(time.Duration(i+1)*time.Hour) // so that nothing flaps
			s.Partial = b&7 == 7
			p := engine.Period{End: s.End, Summaries: []engine.Summary{s}}
			alerts := judge.Judge(&p)
			slices.SortFunc(alerts, func(a, b Alert) int { return int(a.Objective) - int(b.Objective) })
			for _, k := range shareKinds {
				letter, members := pools[k].letter(i, k, &s)
				if v := *verdictOf(&p.Summaries[0].Verdicts, k); letter != 'P' && letterOf(v) != letter || letter == 'P' && v != engine.VerdictNone {
					t.Fatalf("period %d: verdict on %s = %s, want %c", i, k, v, letter)
				}
				matters := o
				if k == Latency {
					matters.SuccessRatio = 0
				} else {
					matters.LatencyTarget, matters.WithinTargetRatio = 0, 0
				}
				history[k] = append(history[k], step{letter, [2]int{o.AlertAfter, o.RecoverAfter}, matters, members})
				var want []int
				evidence, lead := reference(history[k], firing[k] != "", byLead[k], used[k])
				for _, last := range evidence {
					want = append(want, history[k][last].members...)
				}
				var got []int
				if len(alerts) > 0 && alerts[0].Objective == k {
					a := alerts[0]
					alerts = alerts[1:]
					for _, e := range a.Evidence {
						got = append(got, int(e.Start.Sub(began)/time.Hour))
					}
					switch {
					case firing[k] == "" && (a.State != Firing || seen[a.ID]):
						t.Fatalf("period %d: %s alert %s, want a firing one with a new id", i, a.State, a.ID)
					case firing[k] != "" && (a.State != Resolved || a.ID != firing[k]):
						t.Fatalf("period %d: %s alert %s, want a resolved one with the id %s", i, a.State, a.ID, firing[k])
					}
					if bad := a.Actual < a.Target; bad != (a.State == Firing) {
						t.Fatalf("period %d: %s with %v, target %v", i, a.State, a.Actual, a.Target)
					}
					used[k], byLead[k] = i, lead && a.State == Firing
					if firing[k] = ""; a.State == Firing {
						firing[k], seen[a.ID] = a.ID, true
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("period %d of %s %s: alert about periods %v, want %v", i, k, historyText(history[k]), got, want)
				}
				machine := judge.machines[machineKey{p.Summaries[0].Key(), k}]
				if machine == nil && firing[k] != "" {
					t.Fatalf("period %d: the judge forgot what fires", i)
				}
				if machine != nil {
					checkBounds(t, machine)
				}
			}
			if len(alerts) != 0 {
				t.Fatalf("period %d: more alerts than kinds of objectives, or in another order: %v", i, alerts)
			}
		}
	})
}

// checkBounds fails the test if a machine holds on to more than it may.
func checkBounds(t *testing.T, m *machine) {
	t.Helper()
	n := m.streak.units
	var fits bool
	switch m.phase {
	case PhasePending:
		fits = n < m.objective.AlertAfter && 0 < m.trouble.lead && m.trouble.lead < leadToFire(m.objective.AlertAfter)
	case PhaseFiring:
		fits = n == 0
	case PhaseRecovering:
		fits = 0 < n && (n < m.objective.RecoverAfter || m.trouble.lead > 0)
	}
	if m.phase == PhaseNormal {
		fits = n == 0 && (m.pool.units == 1 || len(m.fired) > 0)
	}
	fits = fits && len(m.pool.periods) <= maxPooled && len(m.streak.periods) <= maxEvidence
	fits = fits && len(m.trouble.bad.periods) <= maxEvidence && len(m.fired) < flapsToDamp
	if !fits { // a machine in the normal phase has nothing to remember but a pool
		t.Fatalf("a machine in phase %d with N = %d, M = %d holds %d periods", m.phase, m.objective.AlertAfter, m.objective.RecoverAfter, n)
	}
}

// historyText writes a history as letters, with N and M wherever these change.
func historyText(history []step) string {
	var b strings.Builder
	for i, s := range history {
		if i == 0 || history[i-1].objective != s.objective {
			fmt.Fprintf(&b, " %d/%d:", s.need[0], s.need[1])
		}
		b.WriteByte(s.letter)
	}
	return b.String()
}

func TestID(t *testing.T) {
	base := summaryOf(0, plain(), calls{failure: 1})
	vary := func(change func(s *engine.Summary)) string {
		s := base.Clone()
		change(&s)
		return newID(Availability, &s, s.Start)
	}
	ids := map[string]string{
		"the incident itself":     newID(Availability, &base, base.Start),
		"of another objective":    newID(Latency, &base, base.Start),
		"of another monitor":      vary(func(s *engine.Summary) { s.Monitor = "db" }),
		"of another service":      vary(func(s *engine.Summary) { s.Service = "till" }),
		"of another operation":    vary(func(s *engine.Summary) { s.Operation = "GET /" }),
		"of another span kind":    vary(func(s *engine.Summary) { s.SpanKind = engine.SpanKindClient }),
		"that began later":        vary(func(s *engine.Summary) { s.Start = s.Start.Add(time.Nanosecond) }),
		"one cut of names":        vary(func(s *engine.Summary) { s.Service, s.Operation = "ab", "c" }),
		"another cut of names":    vary(func(s *engine.Summary) { s.Service, s.Operation = "a", "bc" }),
		"one cut, not UTF-8":      vary(func(s *engine.Summary) { s.Service, s.Operation = "a\xffb", "c" }),
		"another cut, not UTF-8":  vary(func(s *engine.Summary) { s.Service, s.Operation = "a", "b\xffc" }),
		"one cut, with digits":    vary(func(s *engine.Summary) { s.Service, s.Operation = "11:a", "b" }),
		"another, with digits":    vary(func(s *engine.Summary) { s.Service, s.Operation = "1", "1:ab" }),
		"without service or name": vary(func(s *engine.Summary) { s.Service, s.Operation = "", "" }),
	}
	seen := make(map[string]string)
	for name, id := range ids {
		if other, ok := seen[id]; ok {
			t.Errorf("an incident %s has the id of one %s: %s", name, other, id)
		}
		seen[id] = name
	}
	same := vary(func(s *engine.Summary) {
		s.Start = s.Start.UTC()
		s.Failure, s.Objective = 99, engine.Objective{}
		s.End = s.End.Add(time.Hour)
	})
	if want := newID(Availability, &base, base.Start); same != want {
		t.Errorf("id as another process sees the incident = %s, want %s", same, want)
	}
}

func TestIDsOfIncidents(t *testing.T) {
	o := expecting(engine.Objective{AlertAfter: 1, RecoverAfter: 1})
	j := NewJudge()
	var ids []string
	for i := range 20 {
		c := calls{failure: 1}
		if i%2 == 1 {
			c = calls{success: 1, within: 1}
		}
		_, alerts := judged(j, summaryOf(30*i, o, c)) // so seldom, that it does not flap
		if len(alerts) != 1 {
			t.Fatalf("period %d raised %d alerts, want 1", i, len(alerts))
		}
		ids = append(ids, alerts[0].ID)
	}
	seen := make(map[string]bool)
	for i := 0; i < len(ids); i += 2 {
		if ids[i] != ids[i+1] {
			t.Errorf("incident %d began as %s and ended as %s", i/2, ids[i], ids[i+1])
		}
		if seen[ids[i]] {
			t.Errorf("incident %d has an id that was used before", i/2)
		}
		seen[ids[i]] = true
	}
}
