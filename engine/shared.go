package engine

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Shared says what the bad calls of an operation have in common and the good ones of the same
// time have not: a value of an attribute, or several that always came together.
type Shared struct {
	// Attributes are what the calls share. More than one always came together.
	Attributes []Attribute `json:"attributes"`
	// Above says that the value is a bound: the attribute of the calls that share it is a larger
	// number.
	Above bool `json:"above,omitzero"`
	// BadRatio is the share of the bad calls that have it, GoodRatio that of the good ones.
	BadRatio  float64 `json:"bad_ratio"`
	GoodRatio float64 `json:"good_ratio"`
	// Bad and Good are the numbers of calls that were compared.
	Bad  uint64 `json:"bad"`
	Good uint64 `json:"good"`
}

const (
	// maxCompared bounds the bad calls of an operation and period that are compared with good
	// ones, and the good ones.
	maxCompared = 64
	// sharedFalseRatio is the probability to find something shared where there is nothing, for
	// one comparison of an operation's calls.
	sharedFalseRatio = 0.005
	// minSharedGap is the least difference between the shares of bad and of good calls that is
	// worth a word.
	minSharedGap = 0.3
	// maxShared bounds what is told.
	maxShared = 3
)

// comparedCall is one call of a comparison.
type comparedCall struct {
	trace   [16]byte
	code    string
	details *Details
}

// findShared finds what the bad calls have in common. It compares each value of each attribute by Fisher's
// exact test, one-sided (R. A. Fisher, Statistical Methods for Research Workers, 1934,
// section 21.02), and for numbers also whether they lie above a bound. The limit of significance is
// divided by the number of the values that can reach it at all (R. E. Tarone, A modified
// Bonferroni method for discrete data, Biometrics 46, 1990). Of calls of one trace only the
// first is compared: they are not independent.
func findShared(bad, good []comparedCall) []Shared {
	bad, good = firstOfTraces(bad), firstOfTraces(good)
	if len(bad) < 3 || len(good) < 3 {
		return nil
	}
	t := newShareTest(bad, good)
	t.values()
	t.bounds()
	return t.results()
}

// firstOfTraces returns the first call of each trace, at most maxCompared.
func firstOfTraces(calls []comparedCall) []comparedCall {
	seen := make(map[[16]byte]bool, len(calls))
	first := make([]comparedCall, 0, min(len(calls), maxCompared))
	for i := range calls {
		c := &calls[i]
		if c.details == nil || c.trace != [16]byte{} && seen[c.trace] || len(first) == maxCompared {
			continue
		}
		seen[c.trace] = true
		first = append(first, *c)
	}
	return first
}

// shareTest holds who has what. Calls are numbered, the bad ones and the good ones by themselves, so that
// a set of them is one word.
type shareTest struct {
	bad, good  []comparedCall
	candidates []candidate
}

// candidate is a property that some calls have.
type candidate struct {
	attribute Attribute
	above     bool
	bad, good uint64 // sets of calls
}

func newShareTest(bad, good []comparedCall) *shareTest { return &shareTest{bad: bad, good: good} }

// values adds the values of all attributes.
func (t *shareTest) values() {
	index := make(map[Attribute]int)
	at := func(a Attribute) *candidate {
		i, ok := index[a]
		if !ok {
			i = len(t.candidates)
			index[a] = i
			t.candidates = append(t.candidates, candidate{attribute: a})
		}
		return &t.candidates[i]
	}
	for i := range t.bad {
		for _, a := range t.bad[i].details.Attributes {
			at(a).bad |= 1 << i
		}
	}
	for i := range t.good {
		for _, a := range t.good[i].details.Attributes {
			at(a).good |= 1 << i
		}
	}
}

// bounds adds the bounds that part the bad calls from the good ones best, one for each attribute
// whose values are numbers. Every bound that was tried counts as a test.
func (t *shareTest) bounds() {
	type reading struct {
		value float64
		isBad bool
		call  int
	}
	readings := make(map[string][]reading)
	read := func(calls []comparedCall, isBad bool) {
		for i := range calls {
			for _, a := range calls[i].details.Attributes {
				if v, err := strconv.ParseFloat(a.Value, 64); err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
					readings[a.Key] = append(readings[a.Key], reading{v, isBad, i})
				}
			}
		}
	}
	read(t.bad, true)
	read(t.good, false)
	for key, rs := range readings {
		slices.SortFunc(rs, func(a, b reading) int { return cmp.Compare(b.value, a.value) })
		c := candidate{above: true}
		for i := range rs {
			if rs[i].isBad {
				c.bad |= 1 << rs[i].call
			} else {
				c.good |= 1 << rs[i].call
			}
			if i+1 < len(rs) && rs[i+1].value < rs[i].value && i > 0 { // a bound between two values; with one value above it, it is that value
				c.attribute = Attribute{Key: key, Value: strconv.FormatFloat(rs[i+1].value, 'g', -1, 64)}
				t.candidates = append(t.candidates, c)
			}
		}
	}
}

// results returns what is significant, the largest difference first.
func (t *shareTest) results() []Shared {
	nBad, nGood := len(t.bad), len(t.good)
	tests := newFisher(nBad, nGood)
	limit := tests.limit(t.candidates)
	var found []candidate
	for i := range t.candidates {
		c := &t.candidates[i]
		if t.gap(c) >= minSharedGap && tests.p(count(c.bad), count(c.good)) <= limit {
			found = append(found, *c)
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(t.gap(&b), t.gap(&a)), compareBool(a.above, b.above),
			cmp.Compare(a.attribute.Key, b.attribute.Key), cmp.Compare(a.attribute.Value, b.attribute.Value))
	})
	var shared []Shared
	var sets [][2]uint64
	hasKey := make(map[string]bool)
	for _, c := range found {
		set := [2]uint64{c.bad, c.good}
		if i := slices.Index(sets, set); i >= 0 {
			if s := &shared[i]; !s.Above && !c.above && len(s.Attributes) < maxShared {
				s.Attributes = append(s.Attributes, c.attribute)
			}
			continue
		}
		if len(shared) == maxShared {
			break
		}
		if hasKey[c.attribute.Key] && c.above { // its best bound, or its value, has been told
			continue
		}
		hasKey[c.attribute.Key] = true
		sets = append(sets, set)
		shared = append(shared, Shared{
			Attributes: []Attribute{c.attribute}, Above: c.above,
			BadRatio: float64(count(c.bad)) / float64(nBad), GoodRatio: float64(count(c.good)) / float64(nGood),
			Bad: uint64(nBad), Good: uint64(nGood),
		})
	}
	return shared
}

// gap returns by how much more of the bad calls have it than of the good ones.
func (t *shareTest) gap(c *candidate) float64 {
	return float64(count(c.bad))/float64(len(t.bad)) - float64(count(c.good))/float64(len(t.good))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// count returns the size of a set of calls.
func count(set uint64) int { return bits.OnesCount64(set) }

// fisher is Fisher's exact test for given numbers of bad and good calls.
type fisher struct {
	bad, good int
	logs      []float64 // of factorials
}

func newFisher(bad, good int) *fisher {
	f := &fisher{bad: bad, good: good, logs: make([]float64, bad+good+1)}
	for i := 2; i < len(f.logs); i++ {
		f.logs[i] = f.logs[i-1] + math.Log(float64(i))
	}
	return f
}

// p returns the probability that so many of the calls that have a property, or more, are bad
// ones, if having it has nothing to do with being bad.
func (f *fisher) p(bad, good int) float64 {
	have, sum := bad+good, 0.0
	for k := bad; k <= min(have, f.bad); k++ {
		if have-k <= f.good {
			sum += math.Exp(f.choose(f.bad, k) + f.choose(f.good, have-k) - f.choose(f.bad+f.good, have))
		}
	}
	return min(1, sum)
}

func (f *fisher) choose(n, k int) float64 { return f.logs[n] - f.logs[k] - f.logs[n-k] }

// limit returns the limit of significance for the tests together, as Tarone's method has it.
func (f *fisher) limit(tested []candidate) float64 {
	least := make([]float64, 0, len(tested)) // the smallest p that each can reach
	reach := make([]float64, f.bad+f.good+1) // by the number of calls that have it
	for i := range tested {
		have := count(tested[i].bad) + count(tested[i].good)
		if reach[have] == 0 {
			most := min(have, f.bad)
			reach[have] = f.p(most, have-most)
		}
		least = append(least, reach[have])
	}
	slices.Sort(least)
	for k := 1; ; k++ {
		limit := sharedFalseRatio / float64(k)
		able, _ := slices.BinarySearchFunc(least, limit, func(p, l float64) int {
			if p <= l {
				return -1
			}
			return 1
		})
		if able <= k {
			return limit
		}
	}
}

// String says it in a person's words: "92 % of them have tenant.id=acme (7 % of the others)".
func (s *Shared) String() string {
	var b strings.Builder
	if s.BadRatio == 1 {
		b.WriteString("all")
	} else {
		b.WriteString(strconv.Itoa(int(math.Round(100 * s.BadRatio))))
		b.WriteString(" %")
	}
	b.WriteString(" have ")
	for i, a := range s.Attributes {
		if i > 0 {
			b.WriteString(", ")
		}
		sign := "="
		if s.Above {
			sign = " > "
		}
		b.WriteString(a.Key + sign + a.Value)
	}
	b.WriteString(" (" + strconv.Itoa(int(math.Round(100*s.GoodRatio))) + " % of the others)")
	return b.String()
}
