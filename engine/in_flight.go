package engine

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"sync/atomic"
	"time"
)

// InFlight is a call that has begun and not ended.
type InFlight struct {
	Service, Operation string
	SpanKind           SpanKind
	Started            time.Time
	Trace              TraceRef // zero: it can't be looked up
}

// inFlight holds the spans that have begun and not ended, so that a call that hangs can
// be seen. It is bounded, and whoever starts or ends a span neither waits nor allocates.
//
// It is a set-associative table, as processors' caches are: the hash of a span's id says in
// which set the span stands, and all ways of a set are searched. A span whose set is full
// goes into the set's neighbour; if that is full too, it is not taken in, and counted.
//
// Each entry has one word that says whose it is and in which state: free, changing,
// held or examined. Only whoever has moved the word to changing or examined may touch the
// span beside it. So start takes an entry with one compare-and-swap and end gives it back
// with another. Where sweep examines the entry meanwhile, end only changes the word, and
// sweep gives the entry back.
//
// start, end and expect are safe for concurrent use. sweep belongs to one goroutine. It must
// not be copied.
type inFlight struct {
	sets  []inFlightSet
	shift int            // a hash shifted right by it is the index of a set
	notes []inFlightNote // one for each entry; they belong to sweep
	// age is the age in nanoseconds from which calls are given up.
	age atomic.Int64
	_   [64]byte
	// untracked counts the spans that were not taken in. It lies apart from what start
	// and end read.
	untracked atomic.Uint64
	_         [56]byte
}

// inFlightSet is a number of entries that are searched together: their words fill a
// cache line.
type inFlightSet struct {
	words [inFlightWays]atomic.Uint64
	spans [inFlightWays]any
}

// inFlightNote is what sweep remembers of an entry.
type inFlightNote struct {
	word uint64    // the entry's word when it was seen last; zero: it was free
	call *InFlight // the description that stands in for the span
}

const (
	inFlightWays = 8
	// minInFlightSets leaves the two highest bits of a hash the same in neighbouring sets.
	minInFlightSets = 8
)

// The states of an entry: the lowest bits of its word. A free entry's word is zero.
const (
	entryChanging uint64 = iota + 1 // start writes the span, or it has ended and will be cleared
	entryHeld                       // the span is in flight
	entryExamined                   // the same, and sweep is looking at it; entryHeld with one bit more
	entryStates   = entryExamined
)

// newInFlight returns a table of at least so many entries: the next power of two, at least
// 64. When it is more than half full, it refuses a span now and then.
func newInFlight(size int) *inFlight {
	sets := max(minInFlightSets, 1<<bits.Len(uint(max(size, 1)-1))/inFlightWays)
	return &inFlight{
		sets:  make([]inFlightSet, sets),
		shift: 64 - bits.TrailingZeros(uint(sets)),
		notes: make([]inFlightNote, sets*inFlightWays),
	}
}

// place returns the index of a span's set and what tells it from the others there: its
// entry's word without the state.
//
// Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, section 6.4) also
// spreads ids that are not random. The word lacks the two highest bits of the hash, in whose
// room the state stands, but the set's index holds these. So no two ids share set and word.
func (f *inFlight) place(id [8]byte) (set int, key uint64) {
	hash := binary.LittleEndian.Uint64(id[:]) * 0x9E3779B97F4A7C15
	return int(hash >> f.shift), hash << 2
}

// start takes in a span that has begun. The span is asked for nothing, since that would delay
// the caller; sweep asks.
func (f *inFlight) start(id [8]byte, span any) {
	set, key := f.place(id)
	if !f.sets[set].add(key, span) && !f.sets[set^1].add(key, span) {
		f.untracked.Add(1)
	}
}

// end lets go of a span that has ended, if it was taken in.
func (f *inFlight) end(id [8]byte) {
	set, key := f.place(id)
	if !f.sets[set].remove(key) {
		f.sets[set^1].remove(key)
	}
}

// add takes a free entry of the set. It returns false if there is none.
func (set *inFlightSet) add(key uint64, span any) bool {
	for i := range set.words {
		word := &set.words[i]
		if word.Load() == 0 && word.CompareAndSwap(0, key|entryChanging) {
			set.spans[i] = span
			word.Store(key | entryHeld)
			return true
		}
	}
	return false
}

// remove gives an entry of the set back. It returns false if there is none of that key.
func (set *inFlightSet) remove(key uint64) bool {
	for i := range set.words {
		word := &set.words[i]
		// A lost race is tried again: sweep has begun or finished looking at the entry, which
		// it does once in a sweep.
		for w := word.Load(); w == key|entryHeld || w == key|entryExamined; w = word.Load() {
			if word.CompareAndSwap(w, key|entryChanging) {
				if w == key|entryHeld {
					set.free(i)
				} // else sweep will free it
				return true
			}
		}
	}
	return false
}

// free gives an entry back, and reports whether the span in it was still in flight. The
// entry has to be the caller's.
func (set *inFlightSet) free(i int) bool {
	set.spans[i] = nil
	return set.words[i].Swap(0)&entryStates == entryExamined
}

// sweep calls each for every call in flight that is watched, and gives up those that are older
// than maxAge: some programs never end some of their spans. It returns how many spans could
// not be taken in since the last sweep, and how many calls were given up.
//
// It asks describe about a span in the first two sweeps that see it, since many are given
// their final name a little after they began. Then the description stands in for
// the span, which is no longer held: it outlives its user by two sweeps at most. A
// span that is not watched is forgotten at once, and so is one that has ended though end was
// not called: some processors pass on all starts and not all ends.
//
// Calls that begin or end meanwhile may be seen or not. As long as ids don't repeat, no call
// is described by another one's span.
func (f *inFlight) sweep(now time.Time, describe func(span any) (InFlight, bool), each func(InFlight)) (untracked, abandoned uint64) {
	maxAge := f.maxAge()
	for i := range f.notes {
		set, way, note := &f.sets[i/inFlightWays], i%inFlightWays, &f.notes[i]
		word := &set.words[way]
		w := word.Load()
		if w != note.word {
			*note = inFlightNote{} // of another call
		}
		if w&entryStates != entryHeld || !word.CompareAndSwap(w, w|entryExamined) {
			continue
		}
		call, watched := set.examine(way, note, w, describe)
		switch {
		case !watched:
			set.free(way)
		case now.Sub(call.Started) > maxAge:
			if set.free(way) {
				abandoned++
			}
		case word.CompareAndSwap(w|entryExamined, w):
			each(call)
		default: // it has just ended
			set.free(way)
		}
	}
	return f.untracked.Swap(0), abandoned
}

// examine describes the call of an entry that sweep has taken, and drops the span when it
// is seen for the second time.
func (set *inFlightSet) examine(way int, note *inFlightNote, word uint64, describe func(span any) (InFlight, bool)) (call InFlight, watched bool) {
	if note.call != nil {
		return *note.call, true
	}
	call, watched = describe(set.spans[way])
	if !watched {
		return InFlight{}, false
	}
	call.Operation = TruncateName(call.Operation)
	if note.word == 0 {
		note.word = word
	} else {
		kept := call
		kept.Operation = strings.Clone(call.Operation) // it may be a small part of something large
		note.call = &kept
		set.spans[way] = nil
	}
	return call, true
}

// minInFlightAge is the age from which calls in flight are given up if no objective asks for
// longer: most likely their spans are never ended.
const minInFlightAge = time.Hour

// maxAge returns the age from which calls are given up.
func (f *inFlight) maxAge() time.Duration { return time.Duration(f.age.Load()) }

// expect makes sure that calls are tracked for longer than it takes for them to count as
// stuck.
func (f *inFlight) expect(stuckAfter time.Duration) {
	age := int64(max(minInFlightAge, 2*stuckAfter))
	for {
		old := f.age.Load()
		if old >= age || f.age.CompareAndSwap(old, age) {
			return
		}
	}
}
