package alert

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/engine"
)

// heard are the alerts that notifiers get of a period's, and recorded those that recorders get.
func heard(s *Silencer, alerts []Alert, now time.Time) (heard, recorded []Alert) {
	released := s.Pass(alerts, now)
	for _, a := range append(slices.Clone(alerts), released...) {
		if !a.IsSilenced() {
			heard = append(heard, a)
		}
		if !a.IsReleased() {
			recorded = append(recorded, a)
		}
	}
	return heard, recorded
}

// told says in short what alerts say.
func told(period int, alerts []Alert) (texts []string) {
	for _, a := range alerts {
		what := a.State.String()
		switch {
		case a.Repeat:
			what = "repeat"
		case a.IsReleased():
			what = "released"
		case a.IsSilenced():
			what = "held " + what
		}
		texts = append(texts, fmt.Sprintf("%d %s", period, what))
	}
	return texts
}

func TestSilencer(t *testing.T) {
	silence := func(from, to int) Maintenance {
		return Maintenance{Start: startOf(from), End: startOf(to), Reason: "upkeep"}
	}
	o := expecting(engine.Objective{AlertAfter: 1, RecoverAfter: 1, RepeatInterval: 4 * time.Minute})
	tests := []struct {
		name        string
		maintenance []Maintenance
		letters     string
		heard       []string
		recorded    []string
	}{
		{"none", nil, "FS", []string{"1 firing", "2 resolved"}, []string{"1 firing", "2 resolved"}},
		{"before", []Maintenance{silence(3, 9)}, "FS", []string{"1 firing", "2 resolved"}, []string{"1 firing", "2 resolved"}},
		{"fires and ends in it", []Maintenance{silence(2, 9)}, "SFSSSSSSSS", nil, []string{"2 held firing", "3 held resolved"}},
		{"fires in it and goes on", []Maintenance{silence(2, 5)}, "SFFFFFFS", []string{"5 released", "6 repeat", "8 resolved"},
			[]string{"2 held firing", "6 repeat", "8 resolved"}},
		{"ends in the period in which it is over", []Maintenance{silence(2, 5)}, "SFFFSS", nil, []string{"2 held firing", "5 held resolved"}},
		{"fired before and ends in it", []Maintenance{silence(2, 9)}, "FFFSSSSSSS", []string{"1 firing", "4 resolved"}, []string{"1 firing", "4 resolved"}},
		{"fired before and goes on: no repeats", []Maintenance{silence(2, 12)}, "FFFFFFFFFFFFF", []string{"1 firing", "13 repeat"}, []string{"1 firing", "5 repeat", "9 repeat", "13 repeat"}},
		{"fires in the last period of it", []Maintenance{silence(2, 5)}, "SSSFFS", []string{"5 released", "6 resolved"}, []string{"4 held firing", "6 resolved"}},
		{"two in a row are one", []Maintenance{silence(2, 5), silence(5, 8)}, "SFFFFFFFS", []string{"8 released", "9 resolved"}, nil},
		{"two that overlap", []Maintenance{silence(2, 5), silence(3, 8)}, "SFFFFFFFS", []string{"8 released", "9 resolved"}, nil},
		{"another operation", []Maintenance{{Start: startOf(0), End: startOf(9), Operations: []string{"POST *"}}}, "FS", []string{"1 firing", "2 resolved"}, nil},
		{"a repeat when it is over", []Maintenance{silence(1, 5)}, "FFFFFFS", []string{"5 released", "7 resolved"}, []string{"1 held firing", "5 repeat", "7 resolved"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s Silencer
			if err := s.Plan(tt.maintenance); err != nil {
				t.Fatal(err)
			}
			j := NewJudge()
			var toNotifiers, toRecorders []string
			for i, letter := range tt.letters {
				alerts := j.Judge(periodOf(i, summaryOf(i, o, trickle[letter])))
				h, r := heard(&s, alerts, startOf(i+1))
				toNotifiers, toRecorders = append(toNotifiers, told(i+1, h)...), append(toRecorders, told(i+1, r)...)
			}
			if diff := cmp.Diff(tt.heard, toNotifiers); diff != "" {
				t.Errorf("notifiers hear (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.recorded, toRecorders[:min(len(tt.recorded), len(toRecorders))]); tt.recorded != nil && diff != "" {
				t.Errorf("recorders get (-want +got):\n%s", diff)
			}
			if len(s.held) != 0 {
				t.Errorf("%d alerts are held", len(s.held))
			}
		})
	}
}

func TestSilence(t *testing.T) {
	var s Silencer
	must := func(match string, until int, reason string) {
		t.Helper()
		at := time.Time{}
		if until > 0 {
			at = startOf(until)
		}
		if err := s.Silence(Silence{Match: match, Until: at, Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
	must("GET /users/*", 10, "deploy")
	o := expecting(engine.Objective{AlertAfter: 1, RecoverAfter: 1})
	j := NewJudge()
	pass := func(i int, letter rune) (hears []Alert) {
		hears, _ = heard(&s, j.Judge(periodOf(i, summaryOf(i, o, trickle[letter]))), startOf(i+1))
		return hears
	}
	if got := pass(0, 'F'); len(got) != 0 {
		t.Errorf("heard %v", about(got))
	}
	if diff := cmp.Diff([]Silence{{"GET /users/*", startOf(10), "deploy"}}, s.Silences(startOf(1))); diff != "" {
		t.Errorf("silences (-want +got):\n%s", diff)
	}
	must("GET /users/*", 4, "a shorter one") // in place of the other
	if got := s.Silences(startOf(1)); len(got) != 1 || got[0].Reason != "a shorter one" {
		t.Errorf("silences = %v", got)
	}
	must("*", 3, "another one")
	if got := pass(1, 'F'); len(got) != 0 {
		t.Errorf("heard %v", about(got))
	}
	must("GET /users/*", 0, "") // it ends; the other goes on
	if got := pass(2, 'F'); len(got) != 1 || !got[0].IsReleased() || !got[0].DecidedAt.Equal(startOf(3)) {
		t.Fatalf("heard %+v", got)
	} else if text := Text(&got[0]); !strings.Contains(text, "\n  silenced until 03:00:00: a shorter one\n") {
		t.Errorf("text:\n%s", text)
	} else if data, err := json.Marshal(&got[0]); err != nil || !strings.Contains(string(data), `"silenced":{"held":false,"until":"2026-03-01T03:00:00+01:00","reason":"a shorter one"}`) {
		t.Errorf("%s, %v", data, err)
	}
	if got := s.Silences(startOf(3)); len(got) != 0 || len(s.silences) != 0 {
		t.Errorf("silences that are over: %v", got)
	}

	if err := s.Silence(Silence{Until: startOf(9)}); err == nil || !strings.Contains(err.Error(), "match") {
		t.Errorf("no match: %v", err)
	}
	for i := range maxSilences {
		must(fmt.Sprint(i), 9, "")
	}
	if err := s.Silence(Silence{Match: "one more", Until: startOf(9)}); err == nil {
		t.Error("there is no end of silences")
	}
	must("7", 8, "in place of another")
}

// What is sent at the end tells of the last bad period that was said by then, and of the silence that
// ended last.
func TestReleasedAlertIsUpToDate(t *testing.T) {
	for _, reasons := range [][2]string{{"short", "long"}, {"long", "short"}} {
		var s Silencer
		var plan []Maintenance
		for _, reason := range reasons {
			plan = append(plan, Maintenance{Start: startOf(0), End: startOf(len(reason)), Reason: reason})
		}
		plan[slices.Index(reasons[:], "long")].End = startOf(8)
		if err := s.Plan(plan); err != nil {
			t.Fatal(err)
		}
		j := NewJudge()
		o := expecting(engine.Objective{AlertAfter: 1, RepeatInterval: 2 * time.Minute})
		var got []Alert
		for i, letter := range "FF444444" {
			hears, keeps := heard(&s, j.Judge(periodOf(i, summaryOf(i, o, trickle[letter]))), startOf(i+1))
			got = append(got, hears...)
			for _, a := range keeps {
				if a.Silenced.Reason != "long" {
					t.Errorf("%v: period %d is silenced for %s", reasons, i, a.Silenced.Reason)
				}
			}
		}
		if len(got) != 1 || !got[0].IsReleased() || got[0].Repeat || got[0].Actual != 0.5 || got[0].WorstActual != 0 || got[0].Silenced.Reason != "long" {
			t.Errorf("%v: heard %+v", reasons, got)
		}
	}
}

// What outlives the process goes on as if it had not ended: a property over random times, silences,
// failures and restarts.
func TestSilencerOutlivesTheProcess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := expecting(engine.Objective{AlertAfter: 1, RecoverAfter: 1, RepeatInterval: 3 * time.Minute})
		maintenance := []Maintenance{{Start: startOf(5), End: startOf(rapid.IntRange(6, 20).Draw(t, "end"))}}
		one, other := new(Silencer), new(Silencer)
		for _, s := range []*Silencer{one, other} {
			if err := s.Plan(maintenance); err != nil {
				t.Fatal(err)
			}
		}
		judges := [2]*Judge{NewJudge(), NewJudge()}
		firing := make(map[string]bool) // as notifiers know it
		for i := range 40 {
			if rapid.IntRange(0, 5).Draw(t, "silence") == 0 {
				silence := Silence{Match: rapid.SampledFrom([]string{"*", "GET *", "POST *"}).Draw(t, "match"), Until: startOf(i + rapid.IntRange(0, 9).Draw(t, "for"))}
				for _, s := range []*Silencer{one, other} {
					if err := s.Silence(silence); err != nil {
						t.Fatal(err)
					}
				}
			}
			letter := rapid.SampledFrom([]rune("FFS-")).Draw(t, "calls")
			var got [2][]Alert
			for n, s := range []*Silencer{one, other} {
				hears, _ := heard(s, judges[n].Judge(periodOf(i, summaryOf(i, o, trickle[letter]))), startOf(i+1))
				got[n] = hears
			}
			if diff := cmp.Diff(got[0], got[1]); diff != "" {
				t.Fatalf("period %d (-without a restart +with some):\n%s", i, diff)
			}
			for _, a := range got[0] {
				switch {
				case a.Repeat && !firing[a.ID], !a.Repeat && (a.State == Firing) == firing[a.ID]:
					t.Fatalf("period %d: %s %s, repeat: %t, while it fires: %t", i, a.State, a.ID, a.Repeat, firing[a.ID])
				}
				firing[a.ID] = a.State == Firing
			}
			if rapid.Bool().Draw(t, "restart") {
				data, err := json.Marshal(other.Snapshot())
				if err != nil {
					t.Fatal(err)
				}
				var state SilencerState
				if err := json.Unmarshal(data, &state); err != nil {
					t.Fatal(err)
				}
				other = new(Silencer)
				if err := errorsOf(other.Plan(maintenance), other.Restore(state)); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
