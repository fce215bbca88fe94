package engine

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// children finds the children of a span among the spans that are remembered. It is a hash table
// by the spans' parents. What is no longer remembered needs not be taken out: the spans of one
// place in the table lead from the newest to the oldest, by [recentSpan.sibling], and the search
// ends at the first that is gone.
type children struct {
	last []childRef // the span that came last, by the hash of its parent
	// siblings has [recentSpan.sibling] of all spans once more: those of spans that are not looked for
	// lie together there, so that little memory is read.
	siblings []childRef
	known    uint64 // the number of spans that are in the table, or have no parent
	seed     uint64 // so that those who choose ids can't choose ones that share a place

	found []stretch // what of works with
	steps int       // how many spans of may still visit
}

// childRef refers to a span that is remembered: the lowest bits of its number, and above them some
// of the hash of its parent, by which most others are told apart. All spans that are remembered
// have different numbers. One that is no longer remembered looks far too old, or like another
// one, in which case the ids tell.
type childRef uint32

const (
	refBits   = 25 // one more than those of maxRecentSpans
	refNumber = 1<<refBits - 1
)

func refTo(number, hash uint64) childRef {
	return childRef(hash>>(64-32+refBits)<<refBits | number&refNumber)
}

// age returns how many spans came since the span, itself included.
func (c childRef) age(next uint64) int { return int((next - uint64(c)) & refNumber) }

// isTagged reports whether the span's parent may have the given hash.
func (c childRef) isTagged(hash uint64) bool {
	return uint32(c)>>refBits == uint32(hash>>(64-32+refBits))
}

// stretch is a stretch of time in Unix nanoseconds.
type stretch struct{ start, end int64 }

const (
	minChildren = 1 << 10
	// deepestUnwatched is how many spans that are not watched may lie between a call and its child.
	// Parents may go round in a circle.
	deepestUnwatched = 50
)

func newChildren() children {
	return children{seed: maphash.Comparable(maphash.MakeSeed(), 0)}
}

func (c *children) hash(id spanID) uint64 {
	return mix(mix(id.high^c.seed, id.low), id.span^c.seed)
}

// at returns the entry of the spans whose parent has the given hash.
func (c *children) at(hash uint64) *childRef { return &c.last[hash&uint64(len(c.last)-1)] }

// update puts the spans in that came since the last time. That is done for many at once, so that
// the processor can fetch their places from memory side by side.
func (c *children) update(r *recent) {
	if len(r.spans) > len(c.last)/2 {
		c.last = make([]childRef, max(minChildren, 2*ceilPow2(len(r.spans))))
		c.siblings = make([]childRef, len(c.last)/2)
		c.known = 0
	}
	c.known = max(c.known, r.next-uint64(len(r.spans)))
	place := r.placeOf(r.next - c.known)
	for ; c.known < r.next; c.known++ {
		s := &r.spans[place]
		if s.link.hasParent() {
			hash := c.hash(s.link.parent())
			at := c.at(hash)
			s.sibling, c.siblings[place], *at = *at, *at, refTo(c.known, hash)
		}
		if place++; place == len(r.spans) {
			place = 0
		}
	}
}

// of finds the children of a call, of which first is what at returns for it; those of spans that
// are not watched count as their parent's. It returns the server's call that answered a client's, the
// first one that came, if there is one; and how much of the call's time its children took. What
// handles a message takes no time of its sender.
func (c *children) of(r *recent, call *recentSpan, hash uint64, first childRef) (server *recentSpan, covered int64) {
	if !c.isThere(r, first) {
		return nil, 0
	}
	c.found = c.found[:0]
	server = c.collect(r, call, call.link.span(), hash, first, 0)
	if len(c.found) == 0 {
		return server, 0
	}
	return server, union(c.found, stretch{call.end - int64(call.duration), call.end})
}

// isThere reports whether what is referred to may still be remembered.
func (c *children) isThere(r *recent, ref childRef) bool {
	age := ref.age(r.next)
	return age > 0 && age <= len(r.spans)
}

// collect adds the children of a span to those of a call.
func (c *children) collect(r *recent, call *recentSpan, id spanID, hash uint64, ref childRef, depth int) (server *recentSpan) {
	for age := 0; c.steps > 0; c.steps-- {
		next := ref.age(r.next)
		if next <= age || next > len(r.spans) {
			break // it is gone
		}
		age = next
		place := r.placeOf(uint64(age))
		if !ref.isTagged(hash) {
			ref = c.siblings[place]
			continue
		}
		s := &r.spans[place]
		if s.link.hasParent() && s.link.parent() == id && s != call {
			if found := c.child(r, call, s, depth); found != nil {
				server = found
			}
		}
		ref = s.sibling
	}
	return server
}

// child adds a child of a call, or the children of one that is not watched.
func (c *children) child(r *recent, call, s *recentSpan, depth int) (server *recentSpan) {
	if s.op == nil {
		id := s.link.span()
		if depth == deepestUnwatched || id == call.link.span() {
			return nil
		}
		hash := c.hash(id)
		return c.collect(r, call, id, hash, *c.at(hash), depth+1)
	}
	if s.kind == SpanKindConsumer {
		return nil
	}
	c.found = append(c.found, stretch{s.end - int64(s.duration), s.end})
	if s.kind == SpanKindServer && call.kind == SpanKindClient {
		return s
	}
	return nil
}

// union returns how much of the given time some stretches cover together. It sorts them.
func union(of []stretch, within stretch) (covered int64) {
	if len(of) > 1 {
		slices.SortFunc(of, func(a, b stretch) int { return cmp.Compare(a.start, b.start) })
	}
	reached := within.start
	for _, i := range of {
		start, end := max(i.start, reached), min(i.end, within.end)
		if end > start {
			covered += end - start
			reached = end
		}
	}
	return covered
}
