package alert

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/engine"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The examples of R. G. Newcombe, "Two-sided confidence intervals for the single
// proportion: comparison of seven methods", 1998, table I, method 3, to its four
// digits, and what the intervals' definition gives for others.
func TestWilson(t *testing.T) {
	const newcombe, exact = 0.00005, 1e-12
	tests := []struct {
		good, total uint64
		confidence  float64
		low, high   float64
		within      float64
	}{
		{81, 263, 0.95, 0.2553, 0.3662, newcombe},
		{15, 148, 0.95, 0.0624, 0.1605, newcombe},
		{0, 20, 0.95, 0, 0.1611, newcombe},
		{1, 29, 0.95, 0.0061, 0.1718, newcombe},

		{1, 1, 0.95, 0.2065493143772375, 1, exact},
		{0, 10, 0.95, 0, 0.27753279986288915, exact},
		{5, 10, 0.95, 0.236593090512564, 0.763406909487436, exact},
		{95, 100, 0.99, 0.8608496970983605, 0.9831516839573988, exact},

		{0, 0, 0.95, 0, 1, 0},
		{3, 4, 0, 0.75, 0.75, 0},
		{0, 4, 0, 0, 0, 0},
		{4, 4, 0, 1, 1, 0},
		{0, math.MaxUint64, 0.95, 0, 0, exact},
		{math.MaxUint64, math.MaxUint64, 0.95, 1, 1, exact},
	}
	for _, tt := range tests {
		low, high := wilson(tt.good, tt.total, tt.confidence)
		if !(math.Abs(low-tt.low) <= tt.within && math.Abs(high-tt.high) <= tt.within) {
			t.Errorf("interval of %d/%d at %v = [%v, %v], want [%v, %v]",
				tt.good, tt.total, tt.confidence, low, high, tt.low, tt.high)
		}
	}
}

// The bounds are the two ratios x from which the share is z standard deviations
// away: the roots of (share-x)² = z²·x(1-x)/total.
func TestWilsonSolvesItsEquation(t *testing.T) {
	quantiles := map[float64]float64{0.5: 0.6744897501960817, 0.9: 1.6448536269514722, 0.95: 1.959963984540054, 0.99: 2.5758293035489004}
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Uint64Range(1, 1e6).Draw(t, "total")
		good := rapid.Uint64Range(0, total).Draw(t, "good")
		confidence := rapid.SampledFrom([]float64{0.5, 0.9, 0.95, 0.99}).Draw(t, "confidence")
		z, p, n := quantiles[confidence], float64(good)/float64(total), float64(total)

		a, b, c := 1+z*z/n, 2*p+z*z/n, p*p
		root := math.Sqrt(b*b - 4*a*c)
		low, high := wilson(good, total, confidence)
		if math.Abs(low-(b-root)/(2*a)) > 1e-9 || math.Abs(high-(b+root)/(2*a)) > 1e-9 {
			t.Fatalf("interval of %d/%d = [%v, %v], want [%v, %v]", good, total, low, high, (b-root)/(2*a), (b+root)/(2*a))
		}
	})
}

func TestWilsonLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Uint64Range(1, math.MaxUint64).Draw(t, "total")
		good := rapid.Uint64Range(0, total).Draw(t, "good")
		confidence := rapid.Float64Range(0, 0.999999).Draw(t, "confidence")
		p := float64(good) / float64(total)
		low, high := wilson(good, total, confidence)
		if !(0 <= low && low <= p && p <= high && high <= 1) {
			t.Fatalf("interval of %v = [%v, %v]", p, low, high)
		}
		if (good == 0 && low != 0) || (good == total && high != 1) {
			t.Fatalf("interval of %d/%d = [%v, %v] is not exact at its end", good, total, low, high)
		}
		if mLow, mHigh := wilson(total-good, total, confidence); math.Abs(mLow-(1-high)) > 1e-12 || math.Abs(mHigh-(1-low)) > 1e-12 {
			t.Fatalf("interval of the bad calls = [%v, %v], want [%v, %v]", mLow, mHigh, 1-high, 1-low)
		}

		// The same share of more calls, or at less confidence, is known more narrowly.
		if times := rapid.Uint64Range(1, 1000).Draw(t, "times"); total <= math.MaxUint64/times {
			if moreLow, moreHigh := wilson(good*times, total*times, confidence); moreHigh-moreLow > high-low+1e-12 {
				t.Fatalf("%d times %d/%d: [%v, %v] is wider than [%v, %v]", times, good, total, moreLow, moreHigh, low, high)
			}
		}
		less := confidence * rapid.Float64Range(0, 1).Draw(t, "less confidence")
		if lessLow, lessHigh := wilson(good, total, less); lessLow < low-1e-12 || lessHigh > high+1e-12 {
			t.Fatalf("at %v [%v, %v] is wider than [%v, %v] at %v", less, lessLow, lessHigh, low, high, confidence)
		}
	})
}

func TestJudgeRatio(t *testing.T) {
	const (
		good         = engine.VerdictGood
		bad          = engine.VerdictBad
		insufficient = engine.VerdictInsufficient
	)
	tests := []struct {
		good, total uint64
		target      float64
		confidence  float64
		want        engine.Verdict
	}{
		{0, 0, 0.95, 0, insufficient},
		{0, 0, 0.95, 0.95, insufficient},

		{95, 100, 0.95, 0, good},
		{94, 100, 0.95, 0, bad},
		{0, 1, 0.95, 0, bad},
		{math.MaxUint64, math.MaxUint64, 1, 0, good},

		{95, 100, 0.95, 0.95, good},
		{94, 100, 0.95, 0.95, insufficient},
		{91, 100, 0.95, 0.95, insufficient}, // 0.9519 at most
		{90, 100, 0.95, 0.95, bad},          // 0.9448 at most
		{9400, 10000, 0.95, 0.95, bad},
		{0, 1, 0.95, 0.95, bad},
		{4, 5, 0.95, 0.95, insufficient},
		{3, 5, 0.95, 0.95, bad},

		// Any bad call misses a target of 1, but does not prove it missed.
		{4, 5, 1, 0.95, bad},
		{math.MaxUint64, math.MaxUint64, 1, 0.95, good},
	}
	for _, tt := range tests {
		if got := judgeRatio(tt.good, tt.total, tt.target, tt.confidence); got != tt.want {
			_, high := wilson(tt.good, tt.total, tt.confidence)
			t.Errorf("%d/%d against %v at confidence %v, so %v at most: %s, want %s",
				tt.good, tt.total, tt.target, tt.confidence, high, got, tt.want)
		}
	}
}

// Without confidence the ratio alone decides; with it nothing but a bad verdict changes.
func TestJudgeRatioLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Uint64Range(0, 2000).Draw(t, "total")
		good := rapid.Uint64Range(0, total).Draw(t, "good")
		target := rapid.SampledFrom([]float64{0.5, 0.8, 0.95, 0.999, 1}).Draw(t, "target")
		plain := judgeRatio(good, total, target, 0)
		want := engine.VerdictBad
		switch {
		case total == 0:
			want = engine.VerdictInsufficient
		case float64(good)/float64(total) >= target:
			want = engine.VerdictGood
		}
		if plain != want {
			t.Fatalf("without confidence: %s, want %s", plain, want)
		}
		sure := judgeRatio(good, total, target, rapid.Float64Range(0, 0.999).Draw(t, "confidence"))
		if sure != plain && (plain != engine.VerdictBad || sure != engine.VerdictInsufficient) {
			t.Fatalf("with confidence %s, without %s", sure, plain)
		}
	})
}

// binomial draws the number of good calls of one period by inversion: cumulated[k]
// is the probability of at most k of them.
type binomial struct {
	cumulated []float64
	random    *rand.Rand
}

func newBinomial(n int, p float64, random *rand.Rand) *binomial {
	b := &binomial{cumulated: make([]float64, n+1), random: random}
	logFactorial := func(k int) float64 { v, _ := math.Lgamma(float64(k + 1)); return v }
	sum := 0.0
	for k := range b.cumulated {
		sum += math.Exp(logFactorial(n) - logFactorial(k) - logFactorial(n-k) +
			float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
		b.cumulated[k] = sum
	}
	return b
}

func (b *binomial) draw() uint64 {
	u := b.random.Float64()
	return uint64(min(sort.SearchFloat64s(b.cumulated, u), len(b.cumulated)-1))
}

// trial is one operation whose calls succeed with one probability.
type trial struct {
	calls      int // a period
	ratio      float64
	confidence float64
	objective  engine.Objective
}

// source returns the trial's calls: the same ones for every confidence.
func (tr trial) source() *binomial {
	return newBinomial(tr.calls, tr.ratio, rand.New(rand.NewPCG(uint64(tr.calls), math.Float64bits(tr.ratio))))
}

// judge puts a period through a machine and reports whether it fires now.
func (tr trial) judge(m *machine, good uint64) bool {
	s := engine.Summary{Success: good, Failure: uint64(tr.calls) - good, Objective: tr.objective}
	s.Objective.Confidence = tr.confidence
	was := m.isFiring()
	m.advance(Availability, m.judge(Availability, &s), &s, s.Objective.AlertAfter)
	return !was && m.isFiring() // whether or not it flaps
}

// alerts counts the alerts that fire in the given number of periods.
func (tr trial) alerts(periods int) int {
	var m machine
	n, calls := 0, tr.source()
	for range periods {
		if tr.judge(&m, calls.draw()) {
			n++
		}
	}
	return n
}

// detection starts healthy again and again, and returns how many periods went by
// until the alert fired, on average over the runs in which it did, and the share
// of the runs in which it did not within limit periods. The periods are 0 if it
// never did.
func (tr trial) detection(runs, limit int) (periods, missed float64) {
	calls := tr.source()
	fired, sum := 0, 0
	for range runs {
		// All of a run's calls are drawn, so that every confidence sees the same ones.
		var m machine
		done := false
		for i := range limit {
			if good := calls.draw(); !done && tr.judge(&m, good) {
				done = true
				fired++
				sum += i + 1
			}
		}
	}
	if fired == 0 {
		return 0, 1
	}
	return float64(sum) / float64(fired), 1 - float64(fired)/float64(runs)
}

const confidenceTable = "testdata/confidence.md"

// What confidence buys and costs, by simulation. The golden file is the table for
// the documentation; go test ./alert -run ConfidenceTable -update rewrites it.
func TestConfidenceTable(t *testing.T) {
	const (
		periods = 10_000
		limit   = 100
		runs    = 2000
	)
	objective := plain()
	rates := []int{5, 20, 100, 1000}
	var b strings.Builder
	fmt.Fprintf(&b, "Target %v, N = %d, M = %d. Each period has the given number of calls, of which each succeeds with\n"+
		"the true ratio.\n\n", objective.SuccessRatio, objective.AlertAfter, objective.RecoverAfter)

	fmt.Fprintf(&b, "False alerts in %d periods, the target being met:\n\n", periods)
	b.WriteString("| calls a period | true ratio | confidence 0 | confidence 0.95 |\n|--:|--:|--:|--:|\n")
	for _, calls := range rates {
		for _, ratio := range []float64{0.99, 0.97, 0.95} {
			plain := trial{calls, ratio, 0, objective}.alerts(periods)
			sure := trial{calls, ratio, 0.95, objective}.alerts(periods)
			fmt.Fprintf(&b, "| %d | %.2f | %d | %d |\n", calls, ratio, plain, sure)
			if sure > plain {
				t.Errorf("%d calls, ratio %v: %d false alerts with confidence, %d without", calls, ratio, sure, plain)
			}
		}
	}

	fmt.Fprintf(&b, "\nPeriods until the alert, the target being missed, and the share of the runs that missed it. Each of the %d runs\n"+
		"starts healthy and lasts up to %d periods; those that missed it have no part in the mean.\n\n", runs, limit)
	b.WriteString("| calls a period | true ratio | confidence 0 | missed | confidence 0.95 | missed |\n|--:|--:|--:|--:|--:|--:|\n")
	for _, calls := range rates {
		for _, ratio := range []float64{0.93, 0.90, 0.80} {
			plain, plainMissed := trial{calls, ratio, 0, objective}.detection(runs, limit)
			sure, sureMissed := trial{calls, ratio, 0.95, objective}.detection(runs, limit)
			fmt.Fprintf(&b, "| %d | %.2f | %s | %s |\n", calls, ratio, cells(plain, plainMissed), cells(sure, sureMissed))
			if sureMissed < plainMissed {
				t.Errorf("%d calls, ratio %v: confidence misses less (%v) than none (%v)", calls, ratio, sureMissed, plainMissed)
			}
			if sureMissed == 0 && sure < plain {
				t.Errorf("%d calls, ratio %v: confidence is faster (%v) than none (%v)", calls, ratio, sure, plain)
			}
			if calls == 1000 && ratio <= 0.9 && sure > 1.1*float64(objective.AlertAfter) {
				t.Errorf("%d calls, ratio %v: %v periods with confidence, want hardly more than N", calls, ratio, sure)
			}
		}
	}

	compareGolden(t, confidenceTable, b.String())
}

// cells renders what detection returned.
func cells(periods, missed float64) string {
	if periods == 0 {
		return fmt.Sprintf("never | %.1f %%", 100*missed)
	}
	return fmt.Sprintf("%.1f | %.1f %%", periods, 100*missed)
}

// The simulation shows it of some calls, this of all: confidence never makes the
// first alert come sooner.
func TestConfidenceIsNeverFaster(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		objective := plain()
		objective.AlertAfter = rapid.IntRange(1, 4).Draw(t, "N")
		calls := rapid.IntRange(1, 50).Draw(t, "calls")
		plain := trial{calls: calls, objective: objective}
		sure := trial{calls: calls, objective: objective, confidence: rapid.Float64Range(0, 0.99).Draw(t, "confidence")}
		var plainMachine, sureMachine machine
		for range 50 {
			good := rapid.Uint64Range(0, uint64(calls)).Draw(t, "good")
			sureFires := sure.judge(&sureMachine, good)
			if plain.judge(&plainMachine, good) {
				return
			}
			if sureFires {
				t.Fatal("fired with confidence, and not without")
			}
		}
	})
}
