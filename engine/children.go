package engine

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// children finds the children of a span among the spans that are remembered: a hash table by the
// spans' parents, of some traces. It is made anew each time that the parts of some calls are to be
// found: most spans are of other traces, and what is read again and again is then small.
type children struct {
	first    []int32 // the place in siblings of the span that came last, by the hash of its parent, plus 1
	siblings []sibling
	seed     uint64 // so that those who choose ids can't choose ones that share a place

	found []stretch // what of works with
	steps int       // how many spans of may still visit: spans with the same id could make that take for ever
}

// sibling is a span among those whose parents have the same place.
type sibling struct {
	span   *recentSpan
	before int32  // the place of the one that came before it, plus 1
	tag    uint32 // of the hash of its parent, by which most others are told apart
}

// stretch is a stretch of time in Unix nanoseconds.
type stretch struct{ start, end int64 }

const (
	minChildren = 1 << 8
	minSteps    = 1 << 12
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

// at returns the place in siblings of the last span whose parent may have the given hash, plus 1.
func (c *children) at(hash uint64) *int32 { return &c.first[hash&uint64(len(c.first)-1)] }

// gather puts in what is remembered of some traces.
func (c *children) gather(r *recent, traces *traceFilter) {
	c.siblings = c.siblings[:0]
	r.each(r.next-uint64(len(r.spans)), traces, func(_ uint64, s *recentSpan) {
		if s.link.hasParent() {
			c.siblings = append(c.siblings, sibling{span: s})
		}
	})
	if n := max(minChildren, 2*ceilPow2(len(c.siblings)+1)); n > len(c.first) || n < len(c.first)/16 {
		c.first = make([]int32, n)
	}
	clear(c.first)
	for i := range c.siblings {
		s := &c.siblings[i]
		hash := c.hash(s.span.link.parent())
		at := c.at(hash)
		s.before, s.tag, *at = *at, uint32(hash>>32), int32(i+1)
	}
	c.steps = 4*len(r.spans) + minSteps
}

// of finds the children of a call; those of spans that are not watched count as their parent's.
// It returns the server's call that answered a client's, the first one that came, if there is
// one; and how much of the call's time its children took. What handles a message takes no time of
// its sender.
func (c *children) of(call *recentSpan) (server *recentSpan, covered int64) {
	c.found = c.found[:0]
	server = c.collect(call, call.link.span(), 0)
	if len(c.found) == 0 {
		return server, 0
	}
	return server, union(c.found, stretch{call.end - int64(call.duration), call.end})
}

// collect adds the children of a span to those of a call.
func (c *children) collect(call *recentSpan, id spanID, depth int) (server *recentSpan) {
	hash := c.hash(id)
	for at := *c.at(hash); at > 0 && c.steps > 0; at = c.siblings[at-1].before {
		c.steps--
		s := &c.siblings[at-1]
		if s.tag == uint32(hash>>32) && s.span != call && s.span.link.parent() == id {
			if found := c.child(call, s.span, depth); found != nil {
				server = found
			}
		}
	}
	return server
}

// child adds a child of a call, or the children of one that is not watched.
func (c *children) child(call, s *recentSpan, depth int) (server *recentSpan) {
	if s.op == nil {
		id := s.link.span()
		if depth == deepestUnwatched || id == call.link.span() {
			return nil
		}
		return c.collect(call, id, depth+1)
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
