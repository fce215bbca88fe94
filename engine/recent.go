package engine

import (
	"slices"
	"sort"
	"time"
)

// recentSpan is what is remembered of a span.
type recentSpan struct {
	link     Link
	op       *operation // nil: it is not watched
	code     string
	duration time.Duration
	end      int64
	arrived  int64 // when it came, by the timeline's time
	period   int64 // the start of the period in which it is to be counted, if it is held
	weight   uint64
	outcome  Outcome
	sampled  bool
	isHeld   bool // not yet counted
	isNamed  bool // its operation says which service it reached
}

// recent remembers the spans that came last, in the order in which they came: a ring that
// grows up to its limit.
type recent struct {
	limit int
	spans []recentSpan
	next  uint64 // the number of spans that came in all: the next one's number
	// held are the numbers of those that are not yet counted, in their order.
	held []uint64
	due  []uint64 // what takeDue returned
}

func newRecent(limit int) recent { return recent{limit: limit} }

// maxKeptCode is the length from which a code is copied, so that it holds on to nothing else.
const maxKeptCode = 64

// add remembers a span, in the place of the oldest one if there is no room.
func (r *recent) add(s *recentSpan) {
	if len(s.code) > maxKeptCode {
		s.code = bounded(s.code)
	}
	if len(r.spans) < r.limit {
		r.spans = append(r.spans, *s)
	} else {
		r.spans[r.next%uint64(r.limit)] = *s
	}
	if s.isHeld {
		r.held = append(r.held, r.next)
	}
	r.next++
}

// at returns a span by its number.
func (r *recent) at(number uint64) *recentSpan { return &r.spans[number%uint64(r.limit)] }

// isCrowded reports whether the next span would take the place of one that is not yet counted.
func (r *recent) isCrowded() bool {
	return len(r.held) > 0 && r.next-r.held[0] >= uint64(r.limit)
}

// hasHeldBefore reports whether some span that is not yet counted came before the given time.
func (r *recent) hasHeldBefore(time int64) bool {
	return len(r.held) > 0 && r.at(r.held[0]).arrived <= time
}

// firstSince returns the number of the first span that is remembered and came at the given
// time or later.
func (r *recent) firstSince(time int64) uint64 {
	oldest := r.next - uint64(len(r.spans))
	return oldest + uint64(sort.Search(len(r.spans), func(i int) bool { return r.at(oldest+uint64(i)).arrived >= time }))
}

// takeDue returns the numbers of the spans that are due, which are no longer held. It is valid
// until the next call.
func (r *recent) takeDue(isDue func(s *recentSpan, age int) bool) []uint64 {
	r.due = r.due[:0]
	r.held = slices.DeleteFunc(r.held, func(number uint64) bool {
		if !isDue(r.at(number), int(r.next-number)) {
			return false
		}
		r.due = append(r.due, number)
		return true
	})
	return r.due
}
