package alert

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/engine"
)

// What is bad more often than good fires, though N bad periods are never in a row.
func TestTrouble(t *testing.T) {
	tests := []struct {
		name     string
		n, m     int
		letters  string
		want     string
		evidence [][]int
	}{
		{"two of three", 3, 3, "BBGBBGBBGBB", "..........F", [][]int{{0, 1, 3, 4, 6, 7, 9, 10}}},
		{"three of five", 3, 3, "BGBGBBGBGBBGBGBBGBGBBGB", "....................F", [][]int{{4, 5, 7, 9, 10, 12, 14, 15, 17, 19, 20}}},
		{"one of two, for ever", 3, 3, strings.Repeat("BG", 100), "", nil},
		{"a good time ends it", 3, 3, "BBGBBGBBG" + "GGG" + "BBGBB", "", nil},
		{"periods that say too little change nothing", 3, 3, "BBIGBIBGIBBGBB", ".............F", [][]int{{0, 1, 4, 6, 9, 10, 12, 13}}},
		{"plain N and M: FFFTTTFFFT", 3, 3, "BBBGGGBBBG", "..F..R..F.", [][]int{{0, 1, 2}, {3, 4, 5}, {6, 7, 8}}},
		{"plain N: FFTF", 3, 3, "BBGB", "", nil},
		{"N in a row goes first", 3, 3, "BBGBBGBBB", "........F", [][]int{{6, 7, 8}}},
		{"with N of 2", 2, 2, "BGBGBB", ".....F", [][]int{{4, 5}}},
		{"with N of 4", 4, 4, "BBBGBBBGBBB", "..........F", [][]int{{0, 1, 2, 4, 5, 6, 8, 9, 10}}},

		{"M good ones do not end it before they have caught up", 3, 1, "BBGBBGBBGBB" + "GBBGBBG", "..........F", [][]int{{0, 1, 3, 4, 6, 7, 9, 10}}},
		{"as many good ones as bad ones were ahead do", 3, 1, "BBGBBGBBGBB" + "GGGGG", "..........F....R", [][]int{{0, 1, 3, 4, 6, 7, 9, 10}, {11, 12, 13, 14, 15}}},
		{"however long it lasted", 3, 1, "BBGBBGBBGBB" + "BBBBBBBB" + "GGGGG", "..........F............R", [][]int{{0, 1, 3, 4, 6, 7, 9, 10}, {19, 20, 21, 22, 23}}},
		{"M in a row it still takes", 3, 3, "BBGBBGBBGBB" + "GGGGBGG" + "G", "..........F.......R", [][]int{{0, 1, 3, 4, 6, 7, 9, 10}, {16, 17, 18}}},
		{"what N in a row raised ends after M", 3, 1, "BBBBBBBBB" + "G", "..F......R", [][]int{{0, 1, 2}, {9}}},
		{"what was before it ended does not count again", 3, 3, "BBGBBGBBGBB" + "GGGGG" + "BBG", "..........F....R", [][]int{{0, 1, 3, 4, 6, 7, 9, 10}, {11, 12, 13, 14, 15}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := bench{kind: Availability}
			b.run(t, expecting(engine.Objective{AlertAfter: tt.n, RecoverAfter: tt.m}), tt.letters)
			if got := b.marks.String(); strings.TrimRight(got, ".") != strings.TrimRight(tt.want, ".") {
				t.Errorf("periods %s\nmarks   %s\nwant    %s", tt.letters, got, tt.want)
			}
			if diff := cmp.Diff(tt.evidence, b.evidence()); diff != "" {
				t.Errorf("evidence (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTroubleAlert(t *testing.T) {
	b := bench{kind: Availability}
	b.run(t, plain(), "BBGBBGBBGBB")
	a := b.alerts[0]
	if a.Periods != 8 || a.GoodPeriods != 3 || a.Actual != 0.7 || !a.StartsAt.Equal(startOf(0)) || !a.DecidedAt.Equal(startOf(11)) {
		t.Errorf("alert = %+v", a)
	}
	if text := Text(&a); !strings.Contains(text, "bad since 2026-03-01 02:57:00 +01:00, in 8 of 11 periods:") {
		t.Errorf("text:\n%s", text)
	}
}

// An objective that changes ends the trouble; an AlertFor has a rule of its own.
func TestTroubleOfAnotherObjective(t *testing.T) {
	b := bench{kind: Availability}
	b.run(t, plain(), "BBGBBGBB")
	b.run(t, expecting(engine.Objective{SuccessRatio: 0.96}), "GBBGBB")
	if got := b.marks.String(); strings.Contains(got, "F") {
		t.Errorf("marks %s", got)
	}
	b = bench{kind: Availability}
	b.run(t, expecting(engine.Objective{AlertFor: time.Second, MinCalls: 100}), strings.Repeat("BBG", 5))
	if b.machine.trouble.lead != 0 {
		t.Errorf("lead = %d with an AlertFor", b.machine.trouble.lead)
	}
}

// Whatever the verdicts: something fires as long as the bad ones have been ahead by so many, in any
// stretch since the last alert ended, and nothing that had fewer than N of them.
func TestTroubleLaws(test *testing.T) {
	rapid.Check(test, func(t *rapid.T) {
		n, m := rapid.IntRange(1, 6).Draw(t, "N"), rapid.IntRange(1, 6).Draw(t, "M")
		o := expecting(engine.Objective{AlertAfter: n, RecoverAfter: m})
		letters := rapid.StringOfN(rapid.SampledFrom([]rune("BBBGGI")), 0, 200, -1).Draw(t, "periods")
		b := bench{kind: Availability}
		balance, lowest, bad, firing := 0, 0, 0, false
		for i, letter := range letters {
			b.run(test, o, string(letter))
			switch letter {
			case 'B':
				balance++
				bad++
			case 'G':
				balance--
			}
			lowest = min(lowest, balance)
			switch mark := b.marks.String()[i]; {
			case mark == 'F' && (firing || bad < n), mark == 'R' && !firing:
				t.Fatalf("%s\n%s: firing: %t, %d bad", letters[:i+1], b.marks.String(), firing, bad)
			case mark != '.':
				firing = mark == 'F'
				balance, lowest, bad = 0, 0, 0
			}
			if !firing && balance-lowest >= 2*n-1 {
				t.Fatalf("%s\n%s: bad periods are ahead by %d and nothing fires", letters[:i+1], b.marks.String(), balance-lowest)
			}
		}
	})
}

// Any rhythm that is bad more often than good fires sooner or later, and one that is not never
// does if its bad periods in a row are fewer than N.
func TestTroubleRhythms(test *testing.T) {
	rapid.Check(test, func(t *rapid.T) {
		const n = 3
		rhythm := rapid.StringOfN(rapid.SampledFrom([]rune("BG")), 1, 12, -1).Draw(t, "rhythm")
		b := bench{kind: Availability}
		b.run(test, expecting(engine.Objective{AlertAfter: n}), strings.Repeat(rhythm, 100))
		bad := strings.Count(rhythm, "B")
		isMore, hasRun := 2*bad > len(rhythm), strings.Contains(rhythm+rhythm+rhythm, "BBB")
		fires := strings.Contains(b.marks.String(), "F")
		isBurst := false // more at once than the good ones take back
		for lead, i := 0, 0; i < 2*len(rhythm); i++ {
			if lead++; rhythm[i%len(rhythm)] == 'G' {
				lead = max(0, lead-2)
			}
			isBurst = isBurst || lead >= 2*n-1
		}
		if fires != (isMore || hasRun || isBurst) {
			t.Fatalf("%s fires: %t", rhythm, fires)
		}
	})
}
