package alert

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/engine"
)

// flap puts the judge through periods of a minute: F for ten failed calls, S for ten good ones, a
// space for none at all. It tells what was said, and after which period.
func flap(j *Judge, first int, o engine.Objective, letters string) (said []string, alerts []Alert) {
	for i, letter := range letters {
		p := periodOf(first + i)
		if letter != ' ' {
			p.Summaries = append(p.Summaries, summaryOf(first+i, o, trickle[letter]))
		}
		for _, a := range j.Judge(p) {
			one := fmt.Sprintf("%d %s", first+i+1, a.State)
			if a.Repeat {
				one = fmt.Sprintf("%d repeat", first+i+1)
			}
			if a.Flapping.Count > 0 {
				one += fmt.Sprintf(" x%d since %d", a.Flapping.Count, int(a.Flapping.Since.Sub(began)/time.Minute))
			}
			said, alerts = append(said, one), append(alerts, a)
		}
	}
	return said, alerts
}

func TestFlapping(t *testing.T) {
	const threeAndThree = "FFFSSS"
	plainPart := []string{"3 firing", "6 resolved", "9 firing", "12 resolved", "15 firing", "18 resolved"}
	tests := []struct {
		name    string
		o       engine.Objective
		letters string
		want    []string
	}{
		{"three times is not flapping", engine.Objective{}, strings.Repeat(threeAndThree, 3) + strings.Repeat("S", 100), plainPart},
		{"from the fourth on it is one incident", engine.Objective{}, strings.Repeat(threeAndThree, 5) + strings.Repeat("S", 40),
			append(plainPart[:6:6], "21 firing x4 since 3", "57 resolved x5 since 3")},
		{"it is said as often as repeats are", engine.Objective{RepeatInterval: 20 * time.Minute}, strings.Repeat(threeAndThree, 10),
			append(plainPart[:6:6], "21 firing x4 since 3", "41 repeat x7 since 3")},
		{"or every hour without them", engine.Objective{}, strings.Repeat(threeAndThree, 30),
			append(plainPart[:6:6], "21 firing x4 since 3", "81 repeat x14 since 3", "141 repeat x24 since 3")},
		{"repeats switched off", engine.Objective{RepeatInterval: -1}, strings.Repeat(threeAndThree, 15),
			append(plainPart[:6:6], "21 firing x4 since 3", "81 repeat x14 since 3")},
		{"a bad period puts off the end", engine.Objective{}, strings.Repeat(threeAndThree, 4) + strings.Repeat("S", 20) + "F" + strings.Repeat("S", 40),
			append(plainPart[:6:6], "21 firing x4 since 3", "75 resolved x4 since 3")},
		{"it does not end while it is bad", engine.Objective{}, strings.Repeat(threeAndThree, 3) + strings.Repeat("F", 59),
			append(plainPart[:6:6], "21 firing x4 since 3")},
		{"nor by periods that say too little", engine.Objective{}, strings.Repeat(threeAndThree, 3) + "FFFSS" + strings.Repeat("-", 40) + "S",
			append(plainPart[:6:6], "21 firing x4 since 3", "64 resolved x4 since 3")},
		{"after it what came within the hour counts", engine.Objective{}, strings.Repeat(threeAndThree, 3) + "FFF" + strings.Repeat("S", 32) + "FFF",
			append(plainPart[:6:6], "21 firing x4 since 3", "51 resolved x4 since 3", "56 firing x4 since 9")},
		{"and after an hour it begins anew", engine.Objective{}, strings.Repeat(threeAndThree, 3) + "FFF" + strings.Repeat("S", 60) + "FFF",
			append(plainPart[:6:6], "21 firing x4 since 3", "51 resolved x4 since 3", "84 firing")},
		{"a slow rhythm is not flapping", engine.Objective{}, strings.Repeat("FFF"+strings.Repeat("S", 17), 3) + "FFF",
			[]string{"3 firing", "6 resolved", "23 firing", "26 resolved", "43 firing", "46 resolved", "63 firing"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, alerts := flap(NewJudge(), 0, expecting(tt.o), tt.letters)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("said after period (-want +got):\n%s", diff)
			}
			for _, a := range alerts[min(6, len(alerts)):] {
				if a.ID != alerts[6].ID && a.Flapping.Since.Equal(alerts[6].Flapping.Since) {
					t.Errorf("id of the incident = %s and %s", alerts[6].ID, a.ID)
				}
			}
		})
	}
}

func TestFlappingTexts(t *testing.T) {
	j := NewJudge()
	_, alerts := flap(j, 0, expecting(engine.Objective{RepeatInterval: 30 * time.Minute}), strings.Repeat("FFFSSS", 10)+strings.Repeat("S", 40))
	want := []string{
		"GET /users/{id}: 0 % succeed (target 95 %), flapping, 4 times since 03:00:00",
		"GET /users/{id}: 0 % succeed (target 95 %), flapping, 9 times since 03:00:00",
		"GET /users/{id}: 0 % succeed (target 95 %), flapping, 10 times since 03:00:00",
		"GET /users/{id}: 100 % succeed (target 95 %), flapped 10 times since 03:00:00",
	}
	var got []string
	for i := range alerts[6:] {
		got = append(got, alerts[6+i].Summary())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("summaries (-want +got):\n%s", diff)
	}
	for i, want := range map[int]string{
		6: "bad since 2026-03-01 03:15:00 +01:00, 3 periods running:",
		7: "bad at times since 2026-03-01 03:15:00 +01:00 (33m, at worst 0 %), 300 calls since 03:18:00, the last bad period:",
		9: "bad at times from 2026-03-01 03:15:00 +01:00 to 03:54:00 (39m, at worst 0 %, at last 0 %), good since:",
	} {
		if text := Text(&alerts[i]); !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	data, err := json.Marshal(&alerts[6])
	if want := `"flapping":{"count":4,"since":"2026-03-01T03:00:00+01:00"}`; err != nil || !strings.Contains(string(data), want) {
		t.Errorf("%s, %v, want %s", data, err, want)
	}
	for _, a := range alerts[:6] {
		if data, err := json.Marshal(&a); err != nil || strings.Contains(string(data), "flapping") {
			t.Errorf("%s, %v: it does not flap", data, err)
		}
	}
}

// The worst value is that of the whole incident, the last one that of the last bad period.
func TestFlappingRemembersTheWorst(t *testing.T) {
	_, alerts := flap(NewJudge(), 0, plain(), strings.Repeat("FFFSSS", 4)+strings.Repeat("444SSS", 2)+strings.Repeat("S", 40))
	last := alerts[len(alerts)-1]
	if last.State != Resolved || last.Flapping.Count != 6 || last.WorstActual != 0 || last.LastActual != 0.5 {
		t.Errorf("%s of %d firings, at worst %v, at last %v", last.State, last.Flapping.Count, last.WorstActual, last.LastActual)
	}
}

// While it flaps the alert fires, and its operation keeps its place; its phase says how it stands.
func TestFlappingIsFiring(t *testing.T) {
	j := NewJudge()
	flap(j, 0, plain(), strings.Repeat("FFFSSS", 4))
	key := func(s engine.Summary) engine.OperationKey { return s.Key() }(summaryOf(0, plain(), calls{}))
	if !j.IsFiring(key) || !j.Needs(key) || len(j.Phases()) != 0 {
		t.Errorf("fires: %t, needed: %t, phases: %v", j.IsFiring(key), j.Needs(key), j.Phases())
	}
	flap(j, 24, plain(), strings.Repeat(" ", 30))
	if j.IsFiring(key) || j.Needs(key) {
		t.Error("it fires after it was calm")
	}
}

// Another objective changes what is bad, and leaves the incident as it is. One that asks for
// nothing any more ends it.
func TestFlappingOfAnotherObjective(t *testing.T) {
	j := NewJudge()
	flap(j, 0, plain(), strings.Repeat("FFFSSS", 4))
	got, _ := flap(j, 24, expecting(engine.Objective{SuccessRatio: 0.9, AlertAfter: 2, RecoverAfter: 1}), "FFSFF"+strings.Repeat("S", 30))
	if diff := cmp.Diff([]string{"59 resolved x6 since 3"}, got); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}

	busy := expecting(engine.Objective{MinTraffic: 5, SuccessRatio: 0.01})
	off := expecting(engine.Objective{MinTraffic: -1, SuccessRatio: 0.01})
	j = NewJudge()
	flap(j, 0, busy, strings.Repeat("sssSSS", 4))
	got, alerts := flap(j, 24, off, "SS")
	for _, a := range alerts {
		if a.EndReason != EndSwitchedOff {
			t.Errorf("it ended by %s", a.EndReason)
		}
	}
	if diff := cmp.Diff([]string{"25 resolved x4 since 3"}, got); diff != "" {
		t.Errorf("said after it was switched off (-want +got):\n%s", diff)
	}
}

// Whatever the verdicts: firing and resolved strictly alternate, with one id an incident, at most
// five incidents begin in an hour, and each ends when all is well.
func TestFlappingLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := expecting(engine.Objective{
			AlertAfter: rapid.IntRange(1, 3).Draw(t, "N"), RecoverAfter: rapid.IntRange(1, 3).Draw(t, "M"),
			RepeatInterval: rapid.SampledFrom([]time.Duration{0, 2 * time.Hour}).Draw(t, "repeat"),
		})
		var letters strings.Builder
		for letters.Len() < 24*60 {
			letter := rapid.SampledFrom([]string{"F", "S", "S", "-", " "}).Draw(t, "what")
			letters.WriteString(strings.Repeat(letter, rapid.IntRange(1, 40).Draw(t, "periods")))
		}
		j := NewJudge()
		_, alerts := flap(j, 0, o, letters.String()+strings.Repeat("S", 60))
		id, seen := "", make(map[string]bool)
		var begins []time.Time
		repeats := 0
		for _, a := range alerts {
			switch {
			case a.Repeat:
				if repeats++; a.ID != id {
					t.Fatalf("%s: a repeat of %q, while %q fires", a.DecidedAt, a.ID, id)
				}
				continue
			case a.State == Firing && (id != "" || seen[a.ID]), a.State == Resolved && a.ID != id:
				t.Fatalf("%s: %s %s, while %q fires", a.DecidedAt, a.State, a.ID, id)
			case a.State == Resolved && a.EndsAt.Before(a.StartsAt):
				t.Fatalf("it ended at %s, before %s", a.EndsAt, a.StartsAt)
			}
			if id = ""; a.State == Firing {
				id, seen[a.ID] = a.ID, true
				begins = append(begins, a.DecidedAt)
			}
		}
		if id != "" {
			t.Fatalf("%s fires after an hour in which all was well", id)
		}
		for i := 5; i < len(begins); i++ {
			if begins[i].Sub(begins[i-5]) < time.Hour {
				t.Fatalf("six incidents from %s to %s", begins[i-5], begins[i])
			}
		}
		if repeats > 25 {
			t.Fatalf("%d repeats in a day", repeats)
		}
		if len(j.machines) != 0 {
			t.Fatalf("%d machines are kept", len(j.machines))
		}
	})
}

// A day of three bad and three good periods.
func TestADayOfFlapping(t *testing.T) {
	said, _ := flap(NewJudge(), 0, plain(), strings.Repeat("FFFSSS", 240))
	if len(said) > 31 {
		t.Errorf("%d notifications a day: %v", len(said), said)
	}
}
