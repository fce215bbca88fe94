package engine

import (
	"encoding/binary"
	"sync/atomic"
	"time"
)

// covers holds how much of the time of calls that have not ended their ended children took, by the
// ids of the calls' spans. Children end before their parents. So each child leaves its time at its
// parent's place, and finds at its own place what its children have left there.
//
// It is a cache, not a record, in the manner of the contexts' table: a hash of the id says in which
// set a call stands. Where the set is full, the one whose children came first gives way; a mark
// stays, so that its own time is not known rather than wrong. A child that ends after its parent
// takes nothing from its parent's own time; what it leaves is in the way until it gives way.
//
// All methods are safe for concurrent use. They never wait for anybody and allocate nothing. It
// must not be copied; use new.
type covers struct {
	// mask chooses whole traces: those whose ids have no bit in common with it. It grows where
	// marks show that there is no room for all. since is when it became smaller, in Unix nanoseconds: of
	// a call that had begun before, some children may be missing.
	mask  atomic.Uint64
	since atomic.Int64
	// choosesSome says that not all calls are chosen.
	choosesSome atomic.Bool
	_           [40]byte
	// lost counts the calls whose own times are not known.
	lost atomic.Uint64
	_    [56]byte
	sets [coverSets]coverSet
}

// coverSet is some places that are searched together. The word of a place says whose it is. Only
// whoever has made a word busy may touch the place.
type coverSet struct {
	words [coverWays]atomic.Uint64
	// marks has a bit for each call that gave way, by its key.
	marks  atomic.Uint64
	covers [coverWays]cover
	_      [56]byte
}

const (
	coverWays = 7
	coverSets = 1 << 10
	// coverShift moves the bits of a hash that are the index of its set to the right end.
	coverShift = 64 - 10
	// coverTries is how often somebody who finds a place busy looks again. It is busy for some dozen
	// nanoseconds, unless the system took the processor away: then it may be any time.
	coverTries = 100
	// lostOften is of how many calls one may be lost before fewer traces are chosen, leastChosen the
	// largest mask.
	lostOften   = 50
	leastChosen = 1<<10 - 1
)

// A word has these parts, the lowest bits first: whether the place is taken, whether it is busy,
// when a child left something there last, and the key of the call. A free place is 0.
const (
	coverTaken uint64 = 1 << iota
	coverBusy
	coverStampShift = 2
	coverStampBits  = 16
	coverStamp      = (1<<coverStampBits - 1) << coverStampShift
	coverKeyShift   = coverStampShift + coverStampBits
	coverKey        = ^uint64(1<<coverKeyShift - 1)
)

// find returns the set of a call, and its key. What the key lacks of the hash, the set's index has,
// but for a few bits: that two calls are taken for one is as good as impossible.
//
// Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, section 6.4) spreads ids
// that are not random, too.
func (c *covers) find(span [8]byte) (*coverSet, uint64) {
	hash := binary.LittleEndian.Uint64(span[:]) * 0x9E3779B97F4A7C15
	return &c.sets[hash>>coverShift], hash<<coverKeyShift | coverTaken
}

// mark returns the bit of a key.
func mark(key uint64) uint64 { return 1 << (key >> coverKeyShift & 63) }

// stampOf returns when something was left, to about a second.
func stampOf(end int64) uint64 { return uint64(end) >> 30 << coverStampShift & coverStamp }

// isOf reports whether a word is that of the given key, busy or not.
func isOf(word, key uint64) bool { return word&(coverKey|coverTaken) == key }

// chooses reports whether the own time of a call is measured that began at the given time, in a
// trace of which id is the lower half of the id.
func (c *covers) chooses(id uint64, start int64) bool {
	mask := c.mask.Load()
	if id&mask != 0 {
		return false
	}
	return start >= c.since.Load() || id&(2*mask+1) == 0
}

// adapt adapts mask to how many of so many calls, those of a slice that ended now, were lost.
func (c *covers) adapt(calls uint64, now int64) {
	switch lost, mask := c.lost.Swap(0), c.mask.Load(); {
	case lost > calls/lostOften && mask < leastChosen:
		c.mask.Store(2*mask + 1)
		c.choosesSome.Store(true)
	case lost == 0 && mask > 0:
		c.since.Store(now)
		c.mask.Store(mask / 2)
	}
}

// leave adds the time of a child to that of its parent.
func (c *covers) leave(parent [8]byte, child stretch) {
	if s, i := c.hold(parent, child.end); s != nil {
		s.covers[i].add(child)
		s.release(i, child.end)
	}
}

// leaveAll adds what the children of a span took to that of its parent.
func (c *covers) leaveAll(parent [8]byte, of *cover) {
	if s, i := c.hold(parent, of.b.end); s != nil {
		s.covers[i].addAll(of)
		s.release(i, of.b.end)
	}
}

// hold returns the place of a call, busy; nil if it can't be had.
func (c *covers) hold(span [8]byte, end int64) (*coverSet, int) {
	s, key := c.find(span)
	for range coverTries {
		if i := s.tryHold(key, stampOf(end)); i >= 0 {
			return s, i
		}
	}
	s.marks.Or(mark(key))
	return nil, 0
}

// tryHold makes the place of a call busy, a free one or that of another call if it has none yet,
// and returns its index. It is negative if somebody else was faster.
func (s *coverSet) tryHold(key, now uint64) int {
	free, oldest, most := -1, -1, uint64(0)
	for i := range s.words {
		word := s.words[i].Load()
		switch {
		case word == 0:
			free = i
		case isOf(word, key):
			if word&coverBusy == 0 && s.words[i].CompareAndSwap(word, word|coverBusy) {
				return i
			}
			return -1
		case word&coverBusy == 0:
			if age := (now - word&coverStamp) & coverStamp; oldest < 0 || age > most {
				oldest, most = i, age
			}
		}
	}
	word := uint64(0)
	switch {
	case free >= 0:
	case oldest >= 0:
		if free, word = oldest, s.words[oldest].Load(); word&coverBusy != 0 {
			return -1
		}
	default:
		return -1
	}
	if !s.words[free].CompareAndSwap(word, key|coverBusy) {
		return -1
	}
	if word != 0 {
		s.marks.Or(mark(word))
	}
	s.covers[free] = cover{}
	return free
}

// release gives a place back to others.
func (s *coverSet) release(i int, end int64) {
	s.words[i].Store(s.words[i].Load()&^(coverBusy|coverStamp) | stampOf(end))
}

// has reports whether the children of a call may have left something.
func (c *covers) has(span [8]byte) bool {
	s, key := c.find(span)
	for i := range s.words {
		if isOf(s.words[i].Load(), key) {
			return true
		}
	}
	return s.marks.Load()&mark(key) != 0
}

// take returns what the children of a call have left, and frees its place. ok is false if something
// was lost.
func (c *covers) take(span [8]byte) (all cover, ok bool) {
	s, key := c.find(span)
	for i := range s.words {
		for tries := 0; ; tries++ {
			word := s.words[i].Load()
			if !isOf(word, key) {
				break
			}
			if tries == coverTries {
				return all, c.lose()
			}
			if word&coverBusy == 0 && s.words[i].CompareAndSwap(word, word|coverBusy) {
				all.addAll(&s.covers[i])
				s.words[i].Store(0)
				break // two children that came at once may have left something at two places
			}
		}
	}
	if bit := mark(key); s.marks.Load()&bit != 0 {
		s.marks.And(^bit)
		return all, c.lose()
	}
	return all, true
}

func (c *covers) lose() bool {
	c.lost.Add(1)
	return false
}

// of takes a call that has ended, and returns how much of its time its children took; negative:
// that is not known.
func (c *covers) of(span [8]byte, call stretch) time.Duration {
	if !c.has(span) {
		return 0
	}
	all, ok := c.take(span)
	if !ok {
		return -1
	}
	return all.within(call)
}

// passed takes a span that has ended and is not watched: what its children took counts as its
// parent's.
func (c *covers) passed(span, parent [8]byte) {
	if all, ok := c.take(span); ok && parent != [8]byte{} && !all.b.isEmpty() {
		c.leaveAll(parent, &all)
	} else if !ok && parent != [8]byte{} {
		s, key := c.find(parent)
		s.marks.Or(mark(key))
	}
}
