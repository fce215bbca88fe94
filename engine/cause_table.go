package engine

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// maxCauses is the number of different causes that are kept for use again.
const maxCauses = 1024

// causeTable keeps causes for use again, for any number of goroutines, so that equal ones
// mostly are the same one. It must not be copied after first use.
type causeTable struct {
	seed  maphash.Seed
	known atomic.Pointer[causeSlots]
}

func newCauseTable() causeTable { return causeTable{seed: maphash.MakeSeed()} }

// causeSlots is a set of causes. It only grows, by at most maxCauses: then a new one takes its
// place. It is a hash table with linear probing (Knuth, The Art of Computer Programming,
// volume 3, section 6.4), at most half full.
type causeSlots struct {
	size  atomic.Int64 // slots that were granted; some of them may not be used
	slots [2 * maxCauses]atomic.Pointer[Cause]
}

// intern returns a cause that equals self, with truncated names that keep nothing else in
// memory. Mostly that is one that was returned before.
func (c *causeTable) intern(self *Cause) *Cause {
	cut := Cause{TruncateName(self.Service), self.SpanKind, operationName(self.Operation), TruncateName(self.Code)}
	hash := maphash.Comparable(c.seed, cut)
	t := c.known.Load()
	if t != nil {
		if found := t.find(hash, &cut); found != nil {
			return found
		}
	}
	own := &Cause{strings.Clone(cut.Service), cut.SpanKind, strings.Clone(cut.Operation), strings.Clone(cut.Code)}
	if t == nil || t.size.Add(1) > maxCauses {
		fresh := new(causeSlots)
		fresh.size.Store(1)
		if !c.known.CompareAndSwap(t, fresh) {
			return own // somebody else was faster; the next call of this kind will be interned
		}
		t = fresh
	}
	return t.put(hash, own)
}

// find returns the cause that equals want, or nil if there is none yet.
func (t *causeSlots) find(hash uint64, want *Cause) *Cause {
	for i := hash; ; i++ {
		c := t.slots[i%uint64(len(t.slots))].Load()
		if c == nil || *c == *want {
			return c
		}
	}
}

// put adds a cause, for which a slot was granted, and returns it; or the one that equals it
// and was there first.
func (t *causeSlots) put(hash uint64, own *Cause) *Cause {
	for i := hash; ; i++ {
		slot := &t.slots[i%uint64(len(t.slots))]
		if slot.CompareAndSwap(nil, own) {
			return own
		}
		if c := slot.Load(); *c == *own {
			return c
		}
	}
}
