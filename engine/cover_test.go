package engine

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// covered returns what a cover makes of children, and the exact union.
func covered(call stretch, children []stretch) (got, want time.Duration) {
	var c cover
	for _, s := range children {
		c.add(s)
	}
	return c.within(call), naiveUnion(children, call.start, call.end)
}

func TestCover(t *testing.T) {
	call := stretch{0, 1000}
	for name, tt := range map[string]struct {
		children []stretch
		want     time.Duration
	}{
		"none":                            {nil, 0},
		"one":                             {[]stretch{{10, 30}}, 20},
		"of no length":                    {[]stretch{{10, 10}, {20, 15}}, 0},
		"one after the other":             {[]stretch{{10, 20}, {30, 40}, {50, 60}, {70, 80}, {90, 100}}, 50},
		"without a gap":                   {[]stretch{{10, 20}, {20, 40}, {40, 60}}, 50},
		"at once":                         {[]stretch{{10, 20}, {10, 30}, {10, 40}}, 30},
		"a chain":                         {[]stretch{{10, 20}, {15, 30}, {25, 40}, {35, 50}}, 40},
		"groups":                          {[]stretch{{10, 20}, {12, 30}, {40, 50}, {45, 60}, {70, 75}, {70, 80}, {90, 95}, {90, 100}}, 60},
		"all within a long one":           {[]stretch{{10, 20}, {30, 40}, {50, 60}, {70, 80}, {5, 90}}, 85},
		"the last two within a long one":  {[]stretch{{10, 20}, {30, 40}, {50, 60}, {70, 80}, {45, 90}}, 65},
		"amid what was folded":            {[]stretch{{10, 20}, {30, 40}, {50, 60}, {70, 80}, {25, 90}}, 75},
		"it is cut to the call":           {[]stretch{{-50, 20}, {990, 1100}}, 30},
		"before and after the call":       {[]stretch{{-50, -20}, {1000, 1100}}, 0},
		"folded ones are cut":             {[]stretch{{-100, 100}, {200, 210}, {300, 310}}, 120},
		"in the wrong order":              {[]stretch{{50, 60}, {10, 20}, {30, 40}}, 30},
		"in the wrong order, overlapping": {[]stretch{{50, 60}, {10, 20}, {15, 55}}, 50},
	} {
		t.Run(name, func(t *testing.T) {
			if got, want := covered(call, tt.children); got != tt.want || want != tt.want {
				t.Errorf("%s is covered, and exactly %s, want %s", got, want, tt.want)
			}
		})
	}
}

// Where groups of children that run at once come one after the other, the union is exact.
func TestCoverOfGroups(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		var children []stretch
		now := int64(0)
		for range rapid.IntRange(0, 30).Draw(t, "groups") {
			now += r.Int64N(100)
			first, last := len(children), now
			for range 1 + r.IntN(4) {
				start := now + r.Int64N(50)
				if start > last { // it overlaps the others
					start = last
				}
				end := max(start, last) + r.Int64N(50)
				children = append(children, stretch{start, end})
				last = end
			}
			slices.SortFunc(children[first:], func(a, b stretch) int { return cmp.Compare(a.end, b.end) })
			now = last + 1
		}
		if got, want := covered(stretch{0, now}, children); got != want {
			t.Fatalf("%d is covered, want %d: %v", got, want, children)
		}
	})
}

// Whatever comes, the error is at most what no child had covered between the first and the last of
// them, and at most the call's time is covered.
func TestCoverOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		call := stretch{100, 900}
		var children []stretch
		for range rapid.IntRange(0, 40).Draw(t, "children") {
			start := r.Int64N(1000)
			children = append(children, stretch{start, start + r.Int64N(200)})
		}
		slices.SortFunc(children, func(a, b stretch) int { return cmp.Compare(a.end, b.end) })
		got, want := covered(call, children)
		checkCovered(t, got, call, children)
		gaps, low := time.Duration(0), int64(1<<62)
		for i, s := range children {
			low = min(low, s.start)
			gaps = max(gaps, time.Duration(s.end-low)-naiveUnion(children[:i+1], low, s.end))
		}
		if off := max(got-want, want-got); off > gaps+time.Duration(len(children)) { // each is rounded
			t.Fatalf("%d is covered, exactly %d, with gaps of %d: %v", got, want, gaps, children)
		}
	})
}

// checkCovered checks what holds in whatever order children come.
func checkCovered(t *rapid.T, got time.Duration, call stretch, children []stretch) {
	sum := time.Duration(0)
	for _, s := range children {
		sum += time.Duration(max(0, s.end-s.start))
	}
	if got < 0 || got > min(sum, time.Duration(call.end-call.start)) {
		t.Fatalf("%d of %v is covered by %v", got, call, children)
	}
}

// Children may be those of spans in between, and come in any order: never is more covered than
// there was.
func TestCoverInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		var all, part cover
		var children []stretch
		for range rapid.IntRange(0, 40).Draw(t, "children") {
			start := r.Int64N(1000)
			s := stretch{start, start + r.Int64N(200) - 20}
			children = append(children, s)
			switch r.IntN(6) {
			case 0:
				all.addAll(&part)
				part = cover{}
				all.add(s)
			case 1, 2:
				part.add(s)
			default:
				all.add(s)
			}
		}
		all.addAll(&part)
		checkCovered(t, all.within(stretch{100, 900}), stretch{100, 900}, children)
	})
}

// What the children of an unwatched span took is what they took of its parent's.
func TestCoverAddAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all, part cover
		var children []stretch
		now := int64(0)
		for range rapid.IntRange(0, 5).Draw(t, "unwatched spans") {
			part = cover{}
			for range rapid.IntRange(0, 5).Draw(t, "children") {
				now += rapid.Int64Range(1, 50).Draw(t, "gap")
				end := now + rapid.Int64Range(1, 50).Draw(t, "length")
				children = append(children, stretch{now, end})
				part.add(stretch{now, end})
				now = end
			}
			all.addAll(&part)
		}
		got, want := all.within(stretch{0, now}), naiveUnion(children, 0, now)
		if got != want {
			t.Fatalf("%d is covered, want %d: %v", got, want, children)
		}
	})
}
