package engine

import (
	"bytes"
	"cmp"
	"slices"
)

// blame finds out what calls are blamed on, from the spans of their traces that are
// remembered: whatever order they came in, children go through [Causes] before their parents.
type blame struct {
	causes *Causes
	found  []*Cause // what find returned, for each of the calls that were due
	// callees tells clients apart by whom they called; nil: they are not told apart.
	callees *peerServices

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
	// isAnswered says that a call is known that was made to serve this one, as that of a server
	// by its client.
	isAnswered bool
}

// find sets found to what each of the calls that are due is blamed on; nil: itself. Only
// spans that came since the given time, or with those calls, have a part in it.
func (b *blame) find(r *recent, due []heldSpan, since int64) {
	b.found = append(b.found[:0], make([]*Cause, len(due))...)
	b.gather(r, due, min(due[0].number, r.firstSince(since)))
	for rest := b.family; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].link.Trace == rest[0].link.Trace {
			n++
		}
		b.trace(rest[:n])
		rest = rest[n:]
	}
	clear(b.family) // it points to codes
}

// gather collects what is remembered of the traces of the calls that are due, trace by trace,
// from the given span on.
func (b *blame) gather(r *recent, due []heldSpan, first uint64) {
	if b.traces == nil {
		b.isDue, b.traces, b.places = make(map[uint64]int), make(map[[16]byte]bool), make(map[[8]byte]int32)
	}
	clear(b.isDue)
	clear(b.traces)
	clear(b.filter[:])
	for i := range due {
		b.isDue[due[i].number] = i
		trace := &r.at(due[i].number).link.Trace
		b.traces[*trace] = true
		b.filter.add(traceHash(trace))
	}
	b.family = b.family[:0]
	r.each(first, &b.filter, func(number uint64, s *recentSpan) {
		if b.traces[s.link.Trace] {
			b.family = append(b.family, relative{recentSpan: s, number: number, depth: -1})
		}
	})
	slices.SortFunc(b.family, func(x, y relative) int {
		return cmp.Or(bytes.Compare(x.link.Trace[:], y.link.Trace[:]), cmp.Compare(x.number, y.number))
	})
}

// trace lets the spans of one trace go through the causes, from the leaves to the root.
func (b *blame) trace(family []relative) {
	clear(b.places)
	for i := range family {
		b.places[family[i].link.Span] = int32(i)
	}
	delete(b.places, [8]byte{}) // it is nobody's parent
	for i := range family {
		b.measure(family, int32(i), 0)
	}
	slices.SortFunc(family, func(x, y relative) int {
		return cmp.Or(cmp.Compare(y.depth, x.depth), cmp.Compare(x.end, y.end), bytes.Compare(x.link.Span[:], y.link.Span[:]))
	})
	for i := range family {
		b.places[family[i].link.Span] = int32(i)
	}
	delete(b.places, [8]byte{})
	if b.callees != nil {
		for i := range family {
			if parent, ok := b.places[family[i].link.Parent]; ok && family[i].op != nil && family[parent].op != nil {
				family[parent].isAnswered = true
				b.callees.name(family[parent].recentSpan, family[i].op, b.callerOf(family, &family[parent]))
			}
		}
	}
	for i := range family {
		b.span(family, &family[i])
	}
}

// measure finds out how deep in its trace a span is. A circle of parents begins at the one by
// which it was found, and what is deeper than in any trace of a sane program begins anew.
func (b *blame) measure(family []relative, i int32, steps int) int32 {
	const deepest = 1000
	s := &family[i]
	if s.depth >= 0 {
		return s.depth
	}
	parent, ok := b.places[s.link.Parent]
	if !ok || steps > deepest {
		s.depth = 0
		return 0
	}
	s.depth = 0 // for those in a circle, which come back here
	s.depth = b.measure(family, parent, steps+1) + 1
	return s.depth
}

// span lets one span go through the causes.
func (b *blame) span(family []relative, s *relative) {
	link := s.link
	if parent, ok := b.places[link.Parent]; ok && isAsync(&family[parent], s) {
		link.Parent = [8]byte{}
	}
	if s.op == nil || s.outcome == OutcomeIgnored {
		b.causes.Passed(link)
		return
	}
	failed := s.outcome == OutcomeFailure
	if failed && b.callees != nil && !s.isAnswered {
		if server := b.callees.unanswered(s.recentSpan, b.callerOf(family, s)); server != nil {
			// As if the server had failed and told so.
			b.causes.Ended(Link{Trace: link.Trace, Parent: link.Span}, Cause{Service: server.key.Service, SpanKind: server.key.SpanKind, Operation: server.key.Name, Code: s.code}, OutcomeFailure, 0, s.end)
		}
	}
	key := &s.op.key
	failure, slow := b.causes.Ended(link, Cause{Service: key.Service, SpanKind: key.SpanKind, Operation: key.Name, Code: s.code}, s.outcome, s.duration, s.end)
	i, ok := b.isDue[s.number]
	switch {
	case !ok:
	case failed:
		b.found[i] = failure
	default:
		b.found[i] = slow
	}
}

// callerOf returns the operation in which a call was made, nil if it is not known.
func (b *blame) callerOf(family []relative, s *relative) *operation {
	if caller, ok := b.places[s.link.Parent]; ok {
		return family[caller].op
	}
	return nil
}

// isAsync reports whether a call went on after its parent had ended, so that it is not
// blamed for anything. Clocks of different services can't be compared so closely.
func isAsync(parent, child *relative) bool {
	return parent.op != nil && child.op != nil && parent.op.key.Service == child.op.key.Service && child.end > parent.end
}
