// Package contexts remembers the context that a span was started with until the span ends. The
// SDK gives it to a processor at the start only, and at the end it is what says for sure who gave
// the call up.
package contexts

import (
	"context"
	"encoding/binary"
	"sync/atomic"
)

const (
	ways = 4
	sets = 512
	// setShift moves the bits of a hash that are the index of its set to the right end.
	setShift = 64 - 9
)

// Table holds up to 2048 contexts, by the ids of their spans. It takes 48 KiB. Its methods are
// safe for concurrent use; they never wait and allocate nothing. The zero value is ready to use.
// It must not be copied.
//
// It is a cache, not a record. It is set-associative, as processors' caches are (Hennessy and
// Patterson, Computer Architecture, appendix B): a hash of the id says in which set a context
// stands. Where the set is full, the new one takes the place of another: so the context of a span
// that never ends does not stay for ever.
type Table struct{ sets [sets]set }

// set is some places that are searched together. The word of a place says whose it is: free, busy
// or a key. Only whoever has made the word busy may touch the context.
type set struct {
	words    [ways]atomic.Uint64
	contexts [ways]context.Context
}

const (
	free uint64 = iota
	busy
	keyBit // is set in every key, so that none is free or busy
)

// find returns the set of a span, and the word of its place.
//
// Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, section 6.4) spreads ids
// that are not random, too. The key loses the two highest bits of the hash, which the set's index
// has.
func (t *Table) find(span [8]byte) (*set, uint64) {
	hash := binary.LittleEndian.Uint64(span[:]) * 0x9E3779B97F4A7C15
	return &t.sets[hash>>setShift], hash<<2 | keyBit
}

// Put remembers the context of a span. A context that can't end is not worth a place.
func (t *Table) Put(ctx context.Context, span [8]byte) {
	s, key := t.find(span)
	for i := range s.words {
		if s.words[i].Load() == free && s.put(ctx, i, free, key) {
			return
		}
	}
	i := int(key >> 8 % ways)
	if old := s.words[i].Load(); old != busy {
		s.put(ctx, i, old, key)
	}
}

// put takes a place whose word is old. It returns false if another one was faster.
func (s *set) put(ctx context.Context, i int, old, key uint64) bool {
	if !s.words[i].CompareAndSwap(old, busy) {
		return false
	}
	s.contexts[i] = ctx
	s.words[i].Store(key)
	return true
}

// Has reports whether the context of a span is remembered.
func (t *Table) Has(span [8]byte) bool {
	s, key := t.find(span)
	for i := range s.words {
		if s.words[i].Load() == key {
			return true
		}
	}
	return false
}

// Take returns the context of a span, and forgets it; nil if it is not there.
func (t *Table) Take(span [8]byte) context.Context {
	s, key := t.find(span)
	for i := range s.words {
		if s.words[i].Load() == key && s.words[i].CompareAndSwap(key, busy) {
			ctx := s.contexts[i]
			s.contexts[i] = nil
			s.words[i].Store(free)
			return ctx
		}
	}
	return nil
}
