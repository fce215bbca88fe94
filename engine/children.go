package engine

import (
	"hash/maphash"
	"slices"
)

// children finds the children of a span among the spans that are remembered. It is a hash table
// by the spans' parents. What is no longer remembered needs not be taken out: the spans of one
// place in the table lead from the newest to the oldest, and the search ends at the first that is
// gone.
type children struct {
	// last is the number of the span that came last, by the hash of its parent; a number is cut to
	// 32 bits. before is the number of the one that came before it, by the place of a span among
	// those that are remembered.
	last, before []uint32
	seed         uint64 // so that those who choose ids can't choose ones that share a place

	found []stretch // what covered works with
	steps int       // how many spans covered may still visit
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

func (c *children) hash(id spanID) int {
	return int(mix(mix(id.high^c.seed, id.low), id.span^c.seed) & uint64(len(c.last)-1))
}

// add adds the span that was added to r last.
func (c *children) add(r *recent, s *recentSpan) {
	place := r.place - 1
	if place < 0 {
		place = r.limit - 1
	}
	if len(c.before) < len(r.spans) {
		c.before = append(c.before, 0)
		if len(r.spans) > len(c.last) {
			c.grow(r)
		}
	}
	c.put(s, uint32(r.next-1), place)
}

// put puts a span in, by its number and its place among those that are remembered.
func (c *children) put(s *recentSpan, number uint32, place int) {
	if !s.link.hasParent() {
		return
	}
	at := c.hash(s.link.parent())
	c.before[place] = c.last[at]
	c.last[at] = number
}

// grow makes room for more spans than there are places.
func (c *children) grow(r *recent) {
	c.last = make([]uint32, max(minChildren, 2*len(c.last)))
	oldest := uint32(r.next) - uint32(len(r.spans))
	for i := range c.last {
		c.last[i] = oldest - 1 // nobody
	}
	// All spans since the first one are remembered, each at the place of its number: only after
	// the table has grown for the last time the first place is used again.
	for i := range len(r.spans) - 1 {
		c.put(&r.spans[i], oldest+uint32(i), i)
	}
}

// each calls f for each child of a span that is remembered, the one that came last first.
func (c *children) each(r *recent, id spanID, f func(*recentSpan)) {
	if len(c.last) == 0 {
		return
	}
	age := uint32(0)
	for number := c.last[c.hash(id)]; c.steps > 0; c.steps-- {
		next := uint32(r.next) - number
		if next <= age || next > uint32(len(r.spans)) {
			return
		}
		age = next
		place := r.place - int(age)
		if place < 0 {
			place += len(r.spans)
		}
		if s := &r.spans[place]; s.link.hasParent() && s.link.parent() == id {
			f(s)
		}
		number = c.before[place]
	}
}

// of finds the children of a call; those of spans that are not watched count as their parent's.
// It returns the server's call that answered a client's, the first one that came, if there is
// one; and how much of the call's time its children took. What handles a message takes no time of
// its sender.
func (c *children) of(r *recent, call *recentSpan) (server *recentSpan, covered int64) {
	c.found = c.found[:0]
	if call.link.Span != [8]byte{} {
		c.collect(r, call, call.link.span(), 0, &server)
	}
	if len(c.found) == 0 {
		return server, 0
	}
	return server, union(c.found, stretch{call.end - int64(call.duration), call.end})
}

func (c *children) collect(r *recent, call *recentSpan, id spanID, depth int, server **recentSpan) {
	c.each(r, id, func(s *recentSpan) {
		switch {
		case s == call:
		case s.op == nil:
			if depth < deepestUnwatched && s.link.Span != call.link.Span {
				c.collect(r, call, s.link.span(), depth+1, server)
			}
		case s.kind == SpanKindConsumer:
		default:
			if s.kind == SpanKindServer && call.kind == SpanKindClient {
				*server = s
			}
			c.found = append(c.found, stretch{s.end - int64(s.duration), s.end})
		}
	})
}

// union returns how much of the given time some intervals cover together. It sorts them.
func union(of []stretch, within stretch) (covered int64) {
	if len(of) > 1 {
		slices.SortFunc(of, func(a, b stretch) int {
			if a.start < b.start {
				return -1
			}
			if a.start > b.start {
				return 1
			}
			return 0
		})
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
