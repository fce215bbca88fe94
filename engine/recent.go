package engine

import (
	"encoding/binary"
	"slices"
	"sort"
	"time"
)

// recentSpan is what is remembered of a span.
type recentSpan struct {
	link     Link
	kind     SpanKind
	outcome  Outcome
	isNamed  bool // its operation says which service it reached
	untimed  bool // its duration is no latency
	sampled  bool
	op       *operation // nil: it is not watched
	code     string
	duration time.Duration
	end      int64
	more     uint32 // how many calls it stands for, less one
}

// heldSpan is what else is remembered of a span that is not yet counted.
type heldSpan struct {
	number  uint64
	arrived int64 // when it came, by the timeline's time
	period  int64 // the start of the period in which it is to be counted
	weight  uint64
	sampled bool
	details *Details
}

// recent remembers the spans that came last, in the order in which they came: a ring that
// grows up to its limit.
type recent struct {
	limit int
	spans []recentSpan
	// hashes are those of the spans' traces. They lie together, so that a search for some
	// traces reads little memory.
	hashes []uint16
	place  int    // the next span's place
	next   uint64 // the number of spans that came in all: the next one's number
	// held are those that are not yet counted, in their order.
	held []heldSpan
	due  []heldSpan // what takeDue returned
	// arrivals say when spans came, in their order.
	arrivals []arrival
}

// arrival says when a span, and those after it, came.
type arrival struct {
	number uint64
	time   int64
}

func newRecent(limit int) recent { return recent{limit: limit} }

// maxKeptCode is the length above which a code is truncated and copied, so that it keeps nothing
// else in memory.
const maxKeptCode = 64

// add returns the place for another span, that of the oldest one if there is no room, to be
// filled in at once. It still holds what was there.
func (r *recent) add(trace *[16]byte) *recentSpan {
	if len(r.spans) < r.limit {
		if len(r.spans) == cap(r.spans) { // append alone would take more than the limit in the end
			more := max(64, len(r.spans))
			r.spans = slices.Grow(r.spans, min(more, r.limit-len(r.spans)))
		}
		r.spans = append(r.spans, recentSpan{})
		r.hashes = append(r.hashes, 0)
	}
	s := &r.spans[r.place]
	r.hashes[r.place] = traceHash(trace)
	if r.place++; r.place == r.limit {
		r.place = 0
	}
	r.next++
	return s
}

// at returns a span by its number.
func (r *recent) at(number uint64) *recentSpan { return &r.spans[number%uint64(r.limit)] }

// placeOf returns the place of the span that came so many spans ago, 1 for the one that came last.
func (r *recent) placeOf(age uint64) int {
	place := r.place - int(age)
	if place < 0 {
		place += len(r.spans)
	}
	return place
}

// hashOf returns the hash of a span's trace, by its number.
func (r *recent) hashOf(number uint64) uint16 { return r.hashes[r.placeOf(r.next-number)] }

// traceHash returns a hash of a trace id. Those mostly are random, in one half at least.
func traceHash(trace *[16]byte) uint16 {
	x := binary.LittleEndian.Uint64(trace[:]) ^ binary.LittleEndian.Uint64(trace[8:])
	return uint16((x ^ x>>32) * 0x9E3779B97F4A7C15 >> 48)
}

// traceFilter is a set of hashes of traces.
type traceFilter [1 << 10]uint64

func (f *traceFilter) add(hash uint16)      { f[hash>>6] |= 1 << (hash & 63) }
func (f *traceFilter) has(hash uint16) bool { return f[hash>>6]>>(hash&63)&1 != 0 }

// each calls f for each span from the given number on, in their order, whose trace may be one
// of a set.
func (r *recent) each(from uint64, set *traceFilter, f func(number uint64, s *recentSpan)) {
	first := r.place - int(r.next-from) // negative: before the ring's end
	visit := func(low, high int, number uint64) {
		for i, hash := range r.hashes[low:high] {
			if set.has(hash) {
				f(number+uint64(i), &r.spans[low+i])
			}
		}
	}
	if first < 0 {
		visit(len(r.spans)+first, len(r.spans), from)
	}
	visit(max(first, 0), r.place, r.next-uint64(r.place-max(first, 0)))
}

// hold says that the span that came last is not yet counted.
func (r *recent) hold(h heldSpan) {
	h.number = r.next - 1
	r.held = append(r.held, h)
}

// isCrowded reports whether the next span would take the place of one that is not yet counted.
func (r *recent) isCrowded() bool {
	return len(r.held) > 0 && r.next-r.held[0].number >= uint64(r.limit)
}

// hasHeldBefore reports whether some span that is not yet counted came before the given time.
func (r *recent) hasHeldBefore(time int64) bool {
	return len(r.held) > 0 && r.held[0].arrived <= time
}

// tick says that spans that are added from now on come at the given time, or a little later. It
// remembers one arrival in a sixteenth of a grace at most, so that they are few. It forgets
// those before since.
func (r *recent) tick(time, grace, since int64) {
	if n := len(r.arrivals); n > 0 && time-r.arrivals[n-1].time < grace/16 {
		return
	}
	past := sort.Search(len(r.arrivals), func(i int) bool { return r.arrivals[i].time > since })
	r.arrivals = append(slices.Delete(r.arrivals, 0, max(0, past-1)), arrival{r.next, time})
}

// firstSince returns the number of the first remembered span that came at the given time or
// later, or of one that came a little before.
func (r *recent) firstSince(time int64) uint64 {
	oldest := r.next - uint64(len(r.spans))
	later := sort.Search(len(r.arrivals), func(i int) bool { return r.arrivals[i].time > time })
	if later == 0 {
		return oldest
	}
	return max(oldest, r.arrivals[later-1].number)
}

// takeDue returns the held spans that are due, and holds them no longer. The result is valid
// until the next call.
func (r *recent) takeDue(isDue func(h *heldSpan) bool) []heldSpan {
	r.due = r.due[:0]
	stay := r.held[:0]
	for i := range r.held {
		if h := &r.held[i]; isDue(h) {
			r.due = append(r.due, *h)
		} else {
			stay = append(stay, *h)
		}
	}
	r.held = stay
	return r.due
}
