package recording

import (
	"bytes"
	"cmp"

	"github.com/blurooo/go-monitor/v2/engine"
)

// order sorts spans that come nearly in the order of their ends. It holds each back until no
// earlier one can come. It is a binary heap.
type order struct {
	waiting []waitingSpan
	last    *engine.Span // the one that was released last
	late    uint64
}

// waitingSpan is a span and its end, which is there so that few spans have to be looked at.
type waitingSpan struct {
	end  int64
	span *engine.Span
}

// isBefore reports whether a goes before b.
func (a waitingSpan) isBefore(b waitingSpan) bool {
	return a.end < b.end || a.end == b.end && compareSpans(a.span, b.span) < 0
}

// compareSpans orders spans by their ends, and by their ids if those are equal.
func compareSpans(a, b *engine.Span) int {
	switch { // as nearly always
	case a.End < b.End:
		return -1
	case a.End > b.End:
		return 1
	}
	return cmp.Or(
		bytes.Compare(a.Link.Trace[:], b.Link.Trace[:]),
		bytes.Compare(a.Link.Span[:], b.Link.Span[:]),
		// Ids should be unique. If they are not, the order is still the same each time.
		cmp.Compare(a.Service, b.Service),
		cmp.Compare(a.SpanKind, b.SpanKind),
		cmp.Compare(a.Operation, b.Operation),
		cmp.Compare(a.Duration, b.Duration),
		cmp.Compare(a.Code, b.Code),
		cmp.Compare(a.Outcome, b.Outcome),
		bytes.Compare(a.Link.Parent[:], b.Link.Parent[:]),
	)
}

// add takes a span.
func (o *order) add(s *engine.Span) {
	if o.last != nil && compareSpans(s, o.last) < 0 {
		o.late++
	}
	added := waitingSpan{s.End, s}
	o.waiting = append(o.waiting, added)
	h := o.waiting
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !added.isBefore(h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = added
}

// release calls each for the spans that ended before the given time, in order, as long as more
// than keep are left.
func (o *order) release(before int64, keep int, each func(*engine.Span)) {
	for len(o.waiting) > keep && o.waiting[0].end < before {
		o.next(each)
	}
}

// releaseAll calls each for all spans that are left.
func (o *order) releaseAll(each func(*engine.Span)) {
	for len(o.waiting) > 0 {
		o.next(each)
	}
}

// next calls each for the first span.
func (o *order) next(each func(*engine.Span)) {
	s := o.take()
	if o.last == nil || compareSpans(s, o.last) > 0 {
		o.last = s
	}
	each(s)
}

// take removes the first span.
func (o *order) take() *engine.Span {
	h := o.waiting
	first, n := h[0].span, len(h)-1
	moved := h[n]
	h[n] = waitingSpan{}
	h = h[:n]
	o.waiting = h
	if n == 0 {
		return first
	}
	i := 0
	for {
		least := 2*i + 1
		if least >= n {
			break
		}
		if right := least + 1; right < n && h[right].isBefore(h[least]) {
			least = right
		}
		if !h[least].isBefore(moved) {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = moved
	return first
}
