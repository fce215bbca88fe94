package alert

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/blurooo/go-monitor/v2/engine"
)

// poisson draws how many calls come in a period, by inversion: cumulated[k] is the probability of
// at most k of them.
type poisson struct{ cumulated []float64 }

func newPoisson(mean float64) poisson {
	var p poisson
	most := int(mean + 12*math.Sqrt(mean) + 20)
	for k, sum := 0, 0.0; k <= most && mean > 0; k++ {
		logFactorial, _ := math.Lgamma(float64(k + 1))
		sum += math.Exp(float64(k)*math.Log(mean) - mean - logFactorial)
		p.cumulated = append(p.cumulated, sum)
	}
	return p
}

func (p poisson) draw(random *rand.Rand) uint64 {
	u := random.Float64()
	return uint64(max(0, min(sort.SearchFloat64s(p.cumulated, u), len(p.cumulated)-1)))
}

// traffic is an operation whose calls come independently of each other, of which a share is bad.
type traffic struct {
	good, bad poisson
	random    *rand.Rand
}

// newTraffic returns the traffic of that many calls a period in the mean.
func newTraffic(calls, bad float64) *traffic {
	return &traffic{
		good: newPoisson(calls * (1 - bad)), bad: newPoisson(calls * bad),
		random: rand.New(rand.NewPCG(math.Float64bits(calls), math.Float64bits(bad))),
	}
}

// judgedPeriod is what an objective is judged by in one period.
type judgedPeriod struct{ good, bad uint64 }

func (t *traffic) periods(n int) []judgedPeriod {
	all := make([]judgedPeriod, n)
	for i := range all {
		all[i] = judgedPeriod{t.good.draw(t.random), t.bad.draw(t.random)}
	}
	return all
}

// fires puts a period through a machine and reports whether an alert fires now.
func (p judgedPeriod) fires(m *machine, k ObjectiveKind, o engine.Objective) bool {
	s := engine.Summary{Success: p.good, Failure: p.bad, Objective: o}
	if k == Latency {
		s.Success, s.WithinTarget, s.Failure = p.good+p.bad, p.good, 0
	}
	was := m.isFiring()
	m.advance(k, m.judge(k, &s), &s, s.Objective.AlertAfter)
	return !was && m.isFiring() // whether or not it flaps
}

// firings counts the alerts that fire in the given periods.
func firings(k ObjectiveKind, o engine.Objective, periods []judgedPeriod) int {
	var m machine
	n := 0
	for _, p := range periods {
		if p.fires(&m, k, o) {
			n++
		}
	}
	return n
}

// delays returns how many periods of a fault went by until the alert fired, for each run from
// the shortest to the longest. Each run begins with the healthy periods. One more than there are
// faulty periods means never.
func delays(k ObjectiveKind, o engine.Objective, healthy []judgedPeriod, runs [][]judgedPeriod) []int {
	all := make([]int, len(runs))
	for i, faulty := range runs {
		var m machine
		for _, p := range healthy {
			p.fires(&m, k, o)
		}
		n := 0
		for n < len(faulty) && !faulty[n].fires(&m, k, o) {
			n++
		}
		all[i] = n + 1
	}
	sort.Ints(all)
	return all
}

const (
	defaultsTable  = "testdata/defaults.md"
	periodsAMonth  = 30 * 24 * 60 // of a minute
	simulateMonths = 2
	simulateRuns   = 100
	simulateLimit  = 240
)

// candidate is a default objective that could be chosen.
type candidate struct {
	name      string
	objective engine.Objective
}

func candidates() []candidate {
	with := func(minCalls int, confidence float64) engine.Objective {
		return engine.Objective{MinCalls: minCalls, Confidence: confidence}.Inherit(engine.DefaultObjective())
	}
	return []candidate{
		{"1 call, ratio alone", with(1, -1)},
		{"5 calls, ratio alone", with(5, -1)},
		{"1 call, 0.95", with(1, 0.95)},
		{"**5 calls, 0.95**", engine.DefaultObjective()},
		{"10 calls, 0.95", with(10, 0.95)},
		{"5 calls, 0.99", with(5, 0.99)},
	}
}

const theDefault = 3 // its index among the candidates

// What the default objective spares in false alerts and costs in time to alert, by simulation,
// beside others that it could be. The golden file is the table for the documentation;
// go test ./alert -run DefaultsTable -update rewrites it.
func TestDefaultsTable(t *testing.T) {
	var b strings.Builder
	all := candidates()
	rates := []float64{0.2, 1, 5, 20, 100, 1000}
	for _, k := range []struct {
		kind            ObjectiveKind
		word, healthy   string
		shares          []float64
		faulty          string
		faults          []float64
		mostFalseAlerts float64
	}{
		{Availability, "fail", "Availability: at least 95 % must succeed.", []float64{0.001, 0.01, 0.02, 0.04}, "fails", []float64{0.1, 0.2, 0.5, 1}, 5},
		{Latency, "are slow", "Latency: at least 80 % must be within the target.", []float64{0.01, 0.05, 0.1, 0.15}, "is slow", []float64{0.3, 0.5, 1}, 1},
	} {
		fmt.Fprintf(&b, "%s False alerts of one healthy operation in a month of periods of a minute:\n\n", k.healthy)
		header(&b, k.word, all)
		for _, share := range k.shares {
			for _, calls := range rates {
				fmt.Fprintf(&b, "| %v | %v %% |", calls, 100*share)
				periods := newTraffic(calls, share).periods(simulateMonths * periodsAMonth)
				for i, c := range all {
					n := float64(firings(k.kind, c.objective, periods)) / simulateMonths
					fmt.Fprintf(&b, " %v |", n)
					if i == theDefault && n > k.mostFalseAlerts {
						t.Errorf("%s, %v calls a period of which %v %s: %v false alerts a month", k.kind, calls, share, k.word, n)
					}
				}
				b.WriteString("\n")
			}
		}
		fmt.Fprintf(&b, "\nPeriods until the alert of an operation that %s: in half of the runs, and in 95 %% of them. A dash: more than %d.\n\n", k.faulty, simulateLimit)
		header(&b, k.word, all)
		for _, share := range k.faults {
			for _, calls := range rates {
				fmt.Fprintf(&b, "| %v | %v %% |", calls, 100*share)
				healthy, faulty := newTraffic(calls, 0.001).periods(10), newTraffic(calls, share)
				runs := make([][]judgedPeriod, simulateRuns)
				for i := range runs {
					runs[i] = faulty.periods(simulateLimit)
				}
				for _, c := range all {
					d := delays(k.kind, c.objective, healthy, runs)
					fmt.Fprintf(&b, " %s, %s |", waited(d[len(d)/2]), waited(d[len(d)*95/100]))
				}
				b.WriteString("\n")
			}
		}
		b.WriteString("\n")
	}
	compareGolden(t, defaultsTable, strings.TrimRight(b.String(), "\n")+"\n")
}

// header writes the head of a table with a column for each candidate.
func header(b *strings.Builder, word string, all []candidate) {
	fmt.Fprintf(b, "| calls a period | %s |", word)
	for _, c := range all {
		fmt.Fprintf(b, " %s |", c.name)
	}
	fmt.Fprintf(b, "\n%s\n", strings.Repeat("|--:", len(all)+2)+"|")
}

func waited(periods int) string {
	if periods > simulateLimit {
		return "–"
	}
	return fmt.Sprint(periods)
}

// compareGolden holds a text against a golden file, or rewrites it.
func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what the code does (-update rewrites it):\n%s", name, got)
	}
}

// One failed call never pages, nor does one in each period, unless it is a large share of a few.
func TestDefaultsForgiveOneCall(t *testing.T) {
	repeated := func(n int, p ...judgedPeriod) []judgedPeriod {
		var all []judgedPeriod
		for range n {
			all = append(all, p...)
		}
		return all
	}
	quiet := repeated(100, judgedPeriod{})
	busy := repeated(100, judgedPeriod{good: 10})
	tests := []struct {
		name    string
		periods []judgedPeriod
		fires   bool
	}{
		{"one failed call and nothing else", append([]judgedPeriod{{bad: 1}}, quiet...), false},
		{"four failed calls and nothing else", append(repeated(4, judgedPeriod{bad: 1}), quiet...), false},
		{"one of ten calls in one period", append([]judgedPeriod{{9, 1}}, busy...), false},
		{"one of five calls in each period", repeated(1000, judgedPeriod{4, 1}), false},
		{"one of ten calls in each period", repeated(1000, judgedPeriod{9, 1}), false},
		{"one of eleven calls in each period", repeated(1000, judgedPeriod{10, 1}), false},
		{"one period in which all fail", append([]judgedPeriod{{bad: 100}}, busy...), false},

		{"one of two calls in each period", repeated(9, judgedPeriod{1, 1}), true},
		{"all of one call in each period", repeated(15, judgedPeriod{bad: 1}), true},
		{"all of one call in every fifth period", repeated(15, judgedPeriod{bad: 1}, judgedPeriod{}, judgedPeriod{}, judgedPeriod{}, judgedPeriod{}), true},
		{"all calls in three periods", repeated(3, judgedPeriod{bad: 5}), true},
		{"two of ten calls in three periods", repeated(3, judgedPeriod{8, 2}), true},
	}
	for _, tt := range tests {
		for _, k := range []ObjectiveKind{Availability, Latency} {
			o := engine.DefaultObjective()
			o.WithinTargetRatio = o.SuccessRatio // the same for both
			if n := firings(k, o, tt.periods); (n > 0) != tt.fires {
				t.Errorf("%s, %s: %d alerts", k, tt.name, n)
			}
		}
	}
}
