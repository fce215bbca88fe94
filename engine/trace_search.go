package engine

import (
	"bytes"
	"cmp"
	"slices"
)

// traceSearch puts spans, which come in any order, into the order that causes needs: children
// before their parents. It takes them from the spans that are remembered.
type traceSearch struct {
	causes *causes
	found  []*Cause // what find found, for each of the calls that were due
	// peers counts the calls of clients by the service that they reach; nil: they are counted
	// together.
	peers *peerServices

	// What follows is used again by each call of find.

	isDue  map[uint64]int    // the place in due of a span, by its number
	traces map[[16]byte]bool // those of the calls that are due
	filter traceFilter       // most spans are of other traces
	family []relative        // the spans of those traces
	places map[[8]byte]int32 // the place in family of a span, by its id, in one trace
}

// relative is a span of a trace in which something failed or was slow.
type relative struct {
	*recentSpan
	number uint64
	depth  int32 // how many of its ancestors are known; -1: not found out yet
	// isAnswered says that a child of the call is known, as the server's call is a child of its
	// client's.
	isAnswered bool
}

// find sets found to what explains each of the calls that are due; nil: the call itself. Only
// spans that came since the given time, or with those calls, have a part in it.
func (f *traceSearch) find(r *recent, due []heldSpan, since int64) {
	f.found = append(f.found[:0], make([]*Cause, len(due))...)
	f.gather(r, due, min(due[0].number, r.firstSince(since)))
	for rest := f.family; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].link.Trace == rest[0].link.Trace {
			n++
		}
		f.trace(rest[:n])
		rest = rest[n:]
	}
	clear(f.family) // it points to codes
}

// gather collects what is remembered of the traces of the calls that are due, trace by trace,
// from the given span on.
func (f *traceSearch) gather(r *recent, due []heldSpan, first uint64) {
	if f.traces == nil {
		f.isDue, f.traces, f.places = make(map[uint64]int), make(map[[16]byte]bool), make(map[[8]byte]int32)
	}
	clear(f.isDue)
	clear(f.traces)
	clear(f.filter[:])
	for i := range due {
		f.isDue[due[i].number] = i
		trace := &r.at(due[i].number).link.Trace
		f.traces[*trace] = true
		f.filter.add(traceHash(trace))
	}
	f.family = f.family[:0]
	r.each(first, &f.filter, func(number uint64, s *recentSpan) {
		if f.traces[s.link.Trace] {
			f.family = append(f.family, relative{recentSpan: s, number: number, depth: -1})
		}
	})
	slices.SortFunc(f.family, func(x, y relative) int {
		return cmp.Or(bytes.Compare(x.link.Trace[:], y.link.Trace[:]), cmp.Compare(x.number, y.number))
	})
}

// trace lets the spans of one trace go through the causes, from the leaves to the root.
func (f *traceSearch) trace(family []relative) {
	clear(f.places)
	for i := range family {
		f.places[family[i].link.Span] = int32(i)
	}
	delete(f.places, [8]byte{}) // it is nobody's parent
	for i := range family {
		f.measure(family, int32(i), 0)
	}
	slices.SortFunc(family, func(x, y relative) int {
		return cmp.Or(cmp.Compare(y.depth, x.depth), cmp.Compare(x.end, y.end), bytes.Compare(x.link.Span[:], y.link.Span[:]))
	})
	for i := range family {
		f.places[family[i].link.Span] = int32(i)
	}
	delete(f.places, [8]byte{})
	if f.peers != nil {
		for i := range family {
			if parent, ok := f.places[family[i].link.Parent]; ok && family[i].op != nil && family[parent].op != nil {
				family[parent].isAnswered = true
				f.peers.name(family[parent].recentSpan, family[i].op, f.callerOf(family, &family[parent]))
			}
		}
	}
	for i := range family {
		f.span(family, &family[i])
	}
}

// measure finds out how deep in its trace a span is. A circle of parents begins at the span by
// which it was found. At a depth that no sane program reaches the count begins anew.
func (f *traceSearch) measure(family []relative, i int32, steps int) int32 {
	const deepest = 1000
	s := &family[i]
	if s.depth >= 0 {
		return s.depth
	}
	parent, ok := f.places[s.link.Parent]
	if !ok || steps > deepest {
		s.depth = 0
		return 0
	}
	s.depth = 0 // for those in a circle, which come back here
	s.depth = f.measure(family, parent, steps+1) + 1
	return s.depth
}

// span lets one span go through the causes.
func (f *traceSearch) span(family []relative, s *relative) {
	link := s.link
	if parent, ok := f.places[link.Parent]; ok && isAsync(&family[parent], s) {
		link.Parent = [8]byte{}
	}
	if s.op == nil {
		f.causes.passed(&link)
		return
	}
	if s.outcome == OutcomeFailure && f.peers != nil && !s.isAnswered {
		if server := f.peers.unanswered(s.recentSpan, f.callerOf(family, s)); server != nil {
			// As if the server had failed and said so.
			f.causes.explain(&Link{Trace: link.Trace, Parent: link.Span}, server.cause(s.code), OutcomeFailure, 0, s.end)
		}
	}
	cause := f.causes.explain(&link, s.op.cause(s.code), s.outcome, s.duration, s.end)
	if i, ok := f.isDue[s.number]; ok {
		f.found[i] = cause
	}
}

// callerOf returns the operation in which a call was made, nil if it is not known.
func (f *traceSearch) callerOf(family []relative, s *relative) *operation {
	if caller, ok := f.places[s.link.Parent]; ok {
		return family[caller].op
	}
	return nil
}

// isAsync reports whether a call went on after its parent had ended, so that it explains
// nothing. Clocks of different services can't be compared so closely.
func isAsync(parent, child *relative) bool {
	return parent.op != nil && child.op != nil && parent.op.key.Service == child.op.key.Service && child.end > parent.end
}
