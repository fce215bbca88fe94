package engine

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func coverID(n uint64) (id [8]byte) {
	binary.LittleEndian.PutUint64(id[:], n)
	return id
}

// ended takes a call that has ended.
func (c *covers) ended(span, parent [8]byte, call stretch) time.Duration {
	if parent != [8]byte{} {
		c.leave(parent, call)
	}
	return c.of(span, call)
}

// hasAny reports whether any place is taken.
func (c *covers) hasAny() bool {
	for i := range c.sets {
		for j := range c.sets[i].words {
			if c.sets[i].words[j].Load() != 0 {
				return true
			}
		}
	}
	return false
}

func TestCovers(t *testing.T) {
	const none = 0
	ids := map[string]func(i int) uint64{
		"ids at random":     func(int) uint64 { return rand.Uint64() | 1 },
		"ids that count up": func(i int) uint64 { return uint64(i + 1) },
	}
	for name, next := range ids {
		t.Run(name, func(t *testing.T) {
			c := new(covers)
			parents := make([]uint64, coverSets) // a seventh of the places
			for i := range parents {
				parents[i] = next(i)
				for j := range int64(3) {
					if got := c.ended(coverID(rand.Uint64()), coverID(parents[i]), stretch{10 * j, 10*j + 5}); got != none {
						t.Fatalf("%s of a leaf's time is covered", got)
					}
				}
			}
			for _, p := range parents {
				if got := c.ended(coverID(p), [8]byte{}, stretch{0, 100}); got != 15 {
					t.Fatalf("%d is covered, want 15", got)
				}
				if got := c.ended(coverID(p), [8]byte{}, stretch{0, 100}); got != none {
					t.Fatalf("%d is still covered", got)
				}
			}
			if c.lost.Load() != 0 || c.hasAny() {
				t.Errorf("%d are lost; places are taken: %t", c.lost.Load(), c.hasAny())
			}
		})
	}
}

// Where there are too many calls, some own times are not known, and none is wrong.
func TestCoversFull(t *testing.T) {
	c := new(covers)
	const parents = 3 * coverSets * coverWays
	for p := range uint64(parents) {
		for j := range int64(2) {
			c.ended(coverID(1<<40+p), coverID(p+1), stretch{10 * j, 10*j + 5})
		}
	}
	known := 0
	for p := range uint64(parents) {
		switch got := c.ended(coverID(p+1), [8]byte{}, stretch{0, 100}); got {
		case 10:
			known++
		case -1:
		default:
			// Of two calls with the same mark, the first one clears it.
			if got != 0 {
				t.Fatalf("%d is covered", got)
			}
		}
	}
	if known < coverSets*coverWays/2 || known > coverSets*coverWays {
		t.Errorf("%d are known", known)
	}
	if lost := int(c.lost.Load()); lost < parents/2 {
		t.Errorf("%d of %d are lost", lost, parents)
	}
	if c.hasAny() {
		t.Error("places are still taken")
	}
}

// What was left long ago gives way first.
func TestCoversKeepsTheYoung(t *testing.T) {
	c := new(covers)
	second := int64(2 * time.Second)
	for p := range uint64(20 * coverSets) { // never to end
		c.leave(coverID(p<<20|1), stretch{0, 1})
	}
	for p := range uint64(coverSets) {
		c.leave(coverID(p<<20|2), stretch{100 * second, 100*second + 1})
		c.leave(coverID(p<<20|3), stretch{101 * second, 101*second + 1})
	}
	young := 0
	for p := range uint64(coverSets) {
		if all, _ := c.take(coverID(p<<20 | 2)); !all.b.isEmpty() {
			young++
		}
	}
	if young < coverSets*9/10 {
		t.Errorf("%d of %d are there", young, coverSets)
	}
}

// An unwatched span hands on what its children took, or that it is not known.
func TestCoversPassed(t *testing.T) {
	c := new(covers)
	c.leave(coverID(3), stretch{10, 20})
	if !c.has(coverID(3)) || c.has(coverID(2)) {
		t.Error("it is not known what is there")
	}
	c.passed(coverID(3), coverID(2))
	c.passed(coverID(2), coverID(1))
	if got := c.ended(coverID(1), [8]byte{}, stretch{0, 100}); got != 10 {
		t.Errorf("%d is covered, want 10", got)
	}
	s, key := c.find(coverID(5))
	s.marks.Or(mark(key))
	c.passed(coverID(5), coverID(4))
	if got := c.ended(coverID(4), [8]byte{}, stretch{0, 100}); got != -1 {
		t.Errorf("%d is covered, want unknown", got)
	}
	c.leave(coverID(7), stretch{10, 20})
	c.passed(coverID(7), [8]byte{})
	if c.hasAny() {
		t.Error("places are taken")
	}
}

// Where too many are lost, fewer traces are measured; later more again, but no call that had begun
// before.
func TestCoversChooses(t *testing.T) {
	c := new(covers)
	if !c.chooses(0xFFFF, 0) {
		t.Error("not all traces are chosen")
	}
	c.lost.Store(3)
	c.adapt(100, 1000)
	if c.chooses(1, 2000) || !c.chooses(2, 0) {
		t.Error("not every second trace is chosen")
	}
	c.lost.Store(2)
	c.adapt(100, 2000) // few enough to stay
	if c.chooses(1, 2000) || !c.chooses(2, 0) {
		t.Error("it has changed")
	}
	c.adapt(100, 3000)
	if !c.chooses(1, 3000) || c.chooses(1, 2999) || !c.chooses(2, 0) {
		t.Error("it is not all traces from then on")
	}
	for range 100 {
		c.lost.Store(100)
		c.adapt(100, 0)
	}
	if c.mask.Load() != leastChosen {
		t.Errorf("the mask is %x", c.mask.Load())
	}
}

func TestCoversFromManyGoroutines(t *testing.T) {
	c := new(covers)
	var wg sync.WaitGroup
	const children = 8
	for range 2000 {
		parent := coverID(rand.Uint64() | 1)
		for i := range int64(children) {
			wg.Go(func() { c.ended(coverID(rand.Uint64()), parent, stretch{i * 10, i*10 + 10}) })
		}
		wg.Wait()
		// They come in any order, so a little may be amiss.
		if got := c.ended(parent, [8]byte{}, stretch{0, 1000}); (got < 10*children-20 || got > 10*children) && got != -1 {
			t.Fatalf("%d is covered, want %d", got, 10*children)
		}
	}
	if lost := c.lost.Load(); lost > 100 {
		t.Errorf("%d are lost", lost)
	}
	for g := range uint64(8) { // all want the same places
		wg.Go(func() {
			for i := range uint64(20_000) {
				id := i%16 + 1
				if i%3 == 0 {
					c.ended(coverID(id), coverID(id%16+1), stretch{int64(i), int64(i + g)})
				} else {
					c.passed(coverID(id), coverID(id%16+1))
				}
			}
		})
	}
	wg.Wait()
}

func TestCoversAllocatesNothing(t *testing.T) {
	c := new(covers)
	n := uint64(0)
	if allocs := testing.AllocsPerRun(1000, func() {
		n += 2
		c.ended(coverID(n+1), coverID(n), stretch{1, 2})
		c.ended(coverID(n), coverID(n+2), stretch{0, 3})
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// In one process, where every call ends after its children, the engine's own times are those of a
// naive search, but for the width of the buckets.
func TestEngineOwnTimesProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := nestedSpans(t)
		want := naiveParts(spans)
		got := partTimes{}
		play(t, spans, func(s *Slice) { got.add(s) })
		// A duration and a part of it are in buckets of their own, and what lies between is said in
		// whole buckets. So nothing is lost.
		if diff := diffParts(want, got); diff != "" {
			t.Fatalf("parts (-want +got):\n%s\n%+v", diff, spans)
		}
	})
}

// nestedSpans returns the spans of traces in which calls make others, one after the other, in
// the order of their ends.
func nestedSpans(t *rapid.T) (spans []Span) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	ids := uint64(0)
	var call func(parent uint64, trace byte, start int64, depth int) (end int64)
	call = func(parent uint64, trace byte, start int64, depth int) int64 {
		ids++
		id, now := ids, start
		for range r.IntN(4 - depth) {
			now += int64(r.ExpFloat64() * float64(10*ms))
			now = call(id, trace, now, depth+1)
		}
		now += int64(r.ExpFloat64() * float64(10*ms))
		s := Span{
			Service: "shop", Operation: fmt.Sprint("op", r.IntN(4)), SpanKind: []SpanKind{SpanKindServer, SpanKindInternal, SpanKindClient}[r.IntN(3)],
			Outcome: OutcomeSuccess, Duration: time.Duration(now - start), End: now,
		}
		if parent == 0 {
			s.SpanKind = SpanKindServer
		} else if s.Unwatched = r.IntN(3) == 0; s.SpanKind == SpanKindServer {
			s.SpanKind = SpanKindConsumer
		}
		s.Link = Link{Trace: [16]byte{8: trace}, Span: coverID(id)}
		if parent != 0 {
			s.Link.Parent = coverID(parent)
		}
		spans = append(spans, s)
		return now
	}
	for trace := range rapid.IntRange(1, 10).Draw(t, "traces") {
		call(0, byte(trace+1), at(r.Float64()), 0)
	}
	slices.SortStableFunc(spans, func(a, b Span) int { return int(a.End - b.End) })
	return spans
}

// play ends spans one after the other in an engine of its own.
func play(t *rapid.T, spans []Span, sliced func(*Slice)) {
	e, err := New(Config{Service: "shop"}, Hooks{Sliced: sliced})
	if err != nil {
		t.Fatal(err)
	}
	for i := range spans {
		s := spans[i]
		if s.Unwatched {
			if e.HasCovered(s.Link.Span) {
				e.PassCovered(&s.Link)
			}
			continue
		}
		s.Covered, _ = e.Covered(&s.Link, s.SpanKind, s.End-int64(s.Duration), s.Duration)
		if !e.ReportSpan(&s) {
			t.Fatal("it was refused")
		}
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A parent that is remote, and one that has sent a message, have no part in it.
func TestEngineCoveredOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := start(t, Config{})
		for _, tt := range []struct {
			kind     SpanKind
			isRemote bool
			want     time.Duration
		}{
			{SpanKindClient, false, ms},
			{SpanKindConsumer, false, 0},
			{SpanKindServer, true, 0},
		} {
			e.Covered(&Link{Span: coverID(2), Parent: coverID(1), RemoteParent: tt.isRemote}, tt.kind, 0, ms)
			if got, _ := e.Covered(&Link{Span: coverID(1)}, SpanKindServer, 0, time.Second); got != tt.want {
				t.Errorf("%v, remote %t: %s is covered, want %s", tt.kind, tt.isRemote, got, tt.want)
			}
		}
		off, _ := start(t, Config{Slice: -1})
		off.Covered(&Link{Span: coverID(2), Parent: coverID(1)}, SpanKindClient, 0, ms)
		covered, isTraced := off.Covered(&Link{Span: coverID(1)}, SpanKindServer, 0, time.Second)
		if off.MeasuresOwnTimes() || off.HasCovered(coverID(1)) || covered != 0 || isTraced {
			t.Error("own times are measured though they are switched off")
		}
		off.PassCovered(&Link{Span: coverID(1)})
	})
}

func BenchmarkCovers(b *testing.B) {
	for name, inTrace := range map[string]uint64{"leaves": 0, "one child": 1, "five children": 5} {
		b.Run(name, func(b *testing.B) {
			c := new(covers)
			b.ReportAllocs()
			id := uint64(1)
			for range b.N {
				id = id*6364136223846793005 + 1442695040888963407
				for i := range inTrace {
					c.ended(coverID(id+i+1), coverID(id), stretch{int64(i * 10), int64(i*10 + 5)})
				}
				c.ended(coverID(id), [8]byte{}, stretch{0, 100})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(inTrace+1), "ns/span")
		})
	}
}

// Whatever times spans say, no more than a call's time is covered, and nothing panics.
func TestEngineCoveredOfAnyTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, err := New(Config{}, Hooks{})
		if err != nil {
			t.Fatal(err)
		}
		service := e.ServiceRef("shop")
		anyTime := rapid.OneOf(rapid.Int64(), rapid.Int64Range(0, 1000), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 0, -1}))
		for range rapid.IntRange(1, 30).Draw(t, "spans") {
			l := Link{Span: coverID(rapid.Uint64Range(1, 5).Draw(t, "span")), Parent: coverID(rapid.Uint64Range(0, 5).Draw(t, "parent"))}
			d := time.Duration(anyTime.Draw(t, "duration"))
			covered, _ := e.Covered(&l, SpanKindServer, anyTime.Draw(t, "start"), d)
			if covered > max(d, 0) {
				t.Fatalf("%d of %d is covered", covered, d)
			}
			for _, c := range []time.Duration{covered, time.Duration(anyTime.Draw(t, "covered"))} {
				e.ReportSuccess(service, SpanKindServer, "GET", "200", d, c)
				e.ReportSpan(&Span{Service: "shop", Operation: "GET", SpanKind: SpanKindServer, Code: "200", Outcome: OutcomeSuccess, Duration: d, Covered: c, Link: l})
			}
			if rapid.Bool().Draw(t, "pass") {
				e.PassCovered(&l)
			}
		}
		if err := e.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
