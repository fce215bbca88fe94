package alert

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/engine"
)

// In these tests a letter stands for a minute: g for ten good calls, b for ten failed ones, x for
// a single failed one, a dot for none.
var burnMinutes = map[rune]calls{
	'g': well(10), 'b': {failure: 10}, 'x': {failure: 1}, '.': {},
}

// burnVerdicts returns the verdict on the burn rate of each minute, as letters: G, B and I.
func burnVerdicts(o engine.Objective, minutes string) string {
	j := NewJudge()
	var verdicts strings.Builder
	for i, letter := range minutes {
		p, _ := judged(j, summaryOf(i, o, burnMinutes[letter]))
		verdicts.WriteByte(letterOf(p.Summaries[0].Verdicts.BurnRate))
	}
	return verdicts.String()
}

func TestBurnRateNeedsEvidence(t *testing.T) {
	many := strings.Repeat
	tests := []struct {
		name          string
		minCalls      int
		minutes, want string
	}{
		{"one failed call in a day", 1, "x" + many(".", 1439), many("I", 30) + many("G", 1410)},
		{"one failed call among few", 1, many("g"+many(".", 29), 4) + "x" + many(".", 60), many("G", 120) + many("I", 30) + many("G", 31)},
		{"a call an hour, all of which fail", 1, many("x"+many(".", 59), 3), many("I", 30) + many("G", 30) + many(many("B", 30)+many("G", 30), 2)},
		{"an outage that is all there is", 1, "bbbbbbb", "IIIIIBB"},
		{"an outage of an operation that was called before", 1, "gggggbbb", "GGGGGBBB"},
		{"too few calls in the short window", 10, many("g", 60) + many(".", 35) + "xxxxxxxxxxxx", many("G", 95) + "GGGIIIIIIBBB"},
		{"enough calls in the short window", 5, many("g", 30) + many(".", 35) + "xxxxxx", many("G", 65) + "GIIIBB"},
		{"too few calls altogether", 100, many("x", 60), many("I", 60)},
		{"a minimum that the long windows reach alone", 60, many("x", 90), many("I", 90)},
		{"silence is no burning", 1, "bbbbbb" + many(".", 40), "IIIIIBBBBB" + many("I", 25) + many("G", 11)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := expecting(engine.Objective{SLO: 0.999, MinCalls: tt.minCalls})
			if got := burnVerdicts(o, tt.minutes); got != tt.want {
				t.Errorf("minutes  %s\nverdicts %s\nwant     %s", tt.minutes, got, tt.want)
			}
		})
	}
}

// A period is bad exactly if a rule holds by the calls of its windows, both of which hold enough of
// them, the longer one two that failed and some from more time than the shorter one is long. It is insufficient if a rule holds without that.
func TestBurnVerdictIsPlain(t *testing.T) {
	const slo = 0.99
	rapid.Check(t, func(t *rapid.T) {
		o := expecting(engine.Objective{SLO: slo, MinCalls: rapid.SampledFrom([]int{1, 2, 10, 45, 400}).Draw(t, "minimum")})
		var minutes strings.Builder
		for range rapid.IntRange(1, 8).Draw(t, "episodes") {
			letters := rapid.SampledFrom([]string{".", "g", "b", "x", "x....", "b.", "gb", "ggggggggx"}).Draw(t, "minutes")
			minutes.WriteString(strings.Repeat(letters, rapid.IntRange(1, 60).Draw(t, "times")))
		}
		history := minutes.String()
		got := burnVerdicts(o, history)
		for i := range history {
			rule := func(long, short time.Duration, limit float64) (holds, isEvident bool) {
				in := func(window time.Duration) (bad, total float64, first, last int) {
					first, last = i+1, i
					for k := max(0, i+1-int(window/time.Minute)); k <= i; k++ {
						c := burnMinutes[rune(history[k])]
						if c.failure+c.success > 0 {
							first, last = min(first, k), k
						}
						bad, total = bad+float64(c.failure), total+float64(c.failure+c.success)
					}
					return bad, total, first, last
				}
				badLong, allLong, first, last := in(long)
				badShort, allShort, _, _ := in(short)
				least := float64(o.MinCalls)
				holds = badLong > 0 && badShort > 0 && badLong/allLong/(1-slo) > limit && badShort/allShort/(1-slo) > limit
				return holds, allLong >= least && allShort >= least && badLong >= 2 && last+1-first > int(short/time.Minute)
			}
			fast, fastEvident := rule(time.Hour, 5*time.Minute, 14.4)
			slow, slowEvident := rule(6*time.Hour, 30*time.Minute, 6)
			want := byte('G')
			switch {
			case fast && fastEvident, slow && slowEvident:
				want = 'B'
			case fast, slow:
				want = 'I'
			}
			if got[i] != want {
				t.Fatalf("minute %d of %s: %c, want %c", i, history, got[i], want)
			}
		}
	})
}
