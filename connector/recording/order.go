package recording

import (
	"bytes"
	"cmp"

	"github.com/blurooo/go-monitor/v2/engine"
)

// order sorts spans that come nearly in the order of their ends. It holds each back until no
// earlier one can come. It is a binary heap.
type order struct {
	waiting []*engine.Span
	last    *engine.Span // the one that was released last
	late    uint64
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
	o.waiting = append(o.waiting, s)
	h := o.waiting
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if compareSpans(h[parent], h[i]) <= 0 {
			break
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
}

// release calls each for the spans that ended before the given time, in order, as long as more
// than keep are left.
func (o *order) release(before int64, keep int, each func(*engine.Span)) {
	for len(o.waiting) > keep && o.waiting[0].End < before {
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
	first, n := h[0], len(h)-1
	h[0], h[n] = h[n], nil
	h = h[:n]
	o.waiting = h
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < n; child++ {
			if compareSpans(h[child], h[least]) < 0 {
				least = child
			}
		}
		if least == i {
			return first
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
