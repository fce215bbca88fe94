package engine

import (
	"hash/maphash"
	"sync/atomic"
	"time"
)

// detailBudget says whose [Details] are wanted: those of up to maxCompared calls of each operation
// and period that failed, as many that were slow, and as many good ones of operations that have
// bad ones; fewer where many operations have bad calls. Operations whose names have the same hash share theirs. It is safe for concurrent
// use.
type detailBudget struct {
	seed   maphash.Seed
	places [1 << 10]atomic.Uint32 // the numbers of calls taken, a byte for each class
	total  atomic.Int64           // of all places
	// some is a mask that is below 0 while there were no bad calls of late, so that no good ones are
	// wanted. Else only good calls whose duration has none of its bits are looked at: the lowest
	// bits of a time are as good as random.
	some atomic.Int64
	// sparse is the mask for as many calls as the last period had.
	sparse atomic.Int64
}

// maxDetails bounds the Details of a period, of all operations together. The first call of an
// operation finds room longest, those after the fourth only while a sixteenth is taken.
const maxDetails = 1 << 14

// callClass is what a call is in a comparison.
type callClass uint8

const (
	failedCall callClass = iota
	slowCall
	goodCall
	callClasses
)

func newDetailBudget() *detailBudget {
	b := &detailBudget{seed: maphash.MakeSeed()}
	b.some.Store(-1)
	b.sparse.Store(firstSparse)
	return b
}

// wants reports whether the Details of a span's call, which ended with an outcome, are wanted; it is slow
// if it took longer than the target.
func (b *detailBudget) wants(s *Span, outcome Outcome, target time.Duration) bool {
	class := goodCall
	switch {
	case s.Unwatched:
		return false
	case outcome == OutcomeFailure:
		class = failedCall
	case s.isSlow(outcome, target):
		class = slowCall
	case outcome != OutcomeSuccess || !b.wantsGood(int64(s.Duration)):
		return false
	}
	return b.take(s.Operation, class)
}

// take reports whether the Details of another call are wanted. Good ones are wanted only after
// bad ones.
func (b *detailBudget) take(operation string, class callClass) bool {
	place := &b.places[maphash.String(b.seed, operation)%uint64(len(b.places))]
	for {
		taken := place.Load()
		own := int64(taken >> (8 * class) & 0xff)
		if class == goodCall && taken == 0 || own >= maxCompared || b.total.Load() >= maxDetails>>min(own, 4) {
			return false
		}
		if place.CompareAndSwap(taken, taken+1<<(8*class)) {
			b.total.Add(1)
			if class != goodCall {
				b.some.CompareAndSwap(-1, b.sparse.Load())
			}
			return true
		}
	}
}

// wantsGood reports whether a good call of this duration is worth to be looked at. It is asked for
// every call.
func (b *detailBudget) wantsGood(d int64) bool {
	some := b.some.Load()
	return some >= 0 && d&some == 0
}

// firstSparse is the mask of the first period, of which nobody knows how many calls it will have.
const firstSparse = 15

// goodPerPeriod is about the number of good calls that are looked at in a period, of all operations
// together.
const goodPerPeriod = 1 << 14

// next begins a period, after one with that many calls.
func (b *detailBudget) next(calls uint64) {
	hadBad := false
	b.total.Store(0)
	for i := range b.places {
		hadBad = b.places[i].Swap(0) != 0 || hadBad
	}
	sparse := int64(0)
	for calls/goodPerPeriod > uint64(sparse) {
		sparse = sparse<<1 | 1
	}
	b.sparse.Store(sparse)
	if !hadBad {
		sparse = -1
	}
	b.some.Store(sparse)
}
