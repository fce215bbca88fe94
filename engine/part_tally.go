package engine

import "time"

// partTally counts the calls of a slice by their parts.
type partTally struct {
	parts  []partCount
	times  []partTime
	places map[partKey]int32 // in parts
}

// partKey says which part it is.
type partKey struct {
	op, peer *operation
	kind     PartKind
}

// partCount is what one part did.
type partCount struct {
	partKey
	isShorter       bool // some call took less time by itself than in all
	calls, failures uint64
	last            int32 // the place in times of the call that was counted last, plus 1
	// slowest and failed are calls that can be looked up; longest is the own time of slowest.
	slowest, failed *Exemplar
	longest         time.Duration
}

// partTime is the time of a call's part.
type partTime struct {
	before  int32 // the place of the part's call before it, plus 1
	more    uint32
	bucket  timeBucket
	outcome Outcome
}

// opPart is a part of an operation's calls, and where it was counted last.
type opPart struct {
	peer  *operation
	kind  PartKind
	slice uint32 // the number of the slice in which it was counted last
	place int32  // its place in the parts of that
}

const (
	// maxParts bounds the parts of an operation: a client may call many operations of many
	// servers.
	maxParts = 256
	// oldPart is the number of slices after which a part without a call is forgotten.
	oldPart = 1000
)

// part returns a part of an operation's calls.
func (op *operation) part(kind PartKind, peer *operation, slice uint32) *opPart {
	for i := range op.parts {
		if p := &op.parts[i]; p.peer == peer && p.kind == kind {
			return p
		}
	}
	if len(op.parts) == cap(op.parts) {
		kept := op.parts[:0]
		for _, p := range op.parts {
			if slice-p.slice < oldPart {
				kept = append(kept, p)
			}
		}
		clear(op.parts[len(kept):])
		op.parts = kept
	}
	op.parts = append(op.parts, opPart{peer: peer, kind: kind, slice: slice, place: -1})
	return &op.parts[len(op.parts)-1]
}

// edge returns the server's operation by which a client's calls are told apart: the given one,
// or the overflow if there are too many.
func (op *operation) edge(server, overflow *operation) *operation {
	if len(op.parts) < maxParts {
		return server
	}
	for i := range op.parts {
		if op.parts[i].peer == server {
			return server
		}
	}
	return overflow
}

// add counts a call. own is the time of its part, if that is known.
func (t *partTally) add(op *operation, kind PartKind, peer *operation, slice uint32, s *recentSpan, own time.Duration, isKnown bool) {
	at := op.part(kind, peer, slice)
	if at.slice != slice || at.place < 0 {
		at.slice, at.place = slice, t.place(partKey{op, peer, kind})
	}
	p := &t.parts[at.place]
	weight := uint64(s.more) + 1
	p.calls += weight
	if s.outcome == OutcomeFailure {
		p.failures += weight
		if p.failed == nil || s.sampled && !p.failed.Trace.Sampled {
			p.failed = s.exemplar()
		}
	}
	if !isKnown {
		return
	}
	p.isShorter = p.isShorter || own < s.duration
	t.times = append(t.times, partTime{before: p.last, more: s.more, bucket: timeBucketOf(own), outcome: s.outcome})
	p.last = int32(len(t.times))
	better := p.slowest == nil || own > p.longest
	if p.slowest != nil && p.slowest.Trace.Sampled != s.sampled {
		better = s.sampled
	}
	if better {
		if e := s.exemplar(); e != nil {
			p.slowest, p.longest = e, own
		}
	}
}

// place returns the place of a part.
func (t *partTally) place(key partKey) int32 {
	place, ok := t.places[key]
	if !ok {
		if t.places == nil {
			t.places = make(map[partKey]int32)
		}
		place = int32(len(t.parts))
		t.places[key] = place
		t.parts = append(t.parts, partCount{partKey: key})
	}
	return place
}

// clear empties t, to be used again.
func (t *partTally) clear() {
	clear(t.parts) // they point to calls
	clear(t.places)
	t.parts, t.times = t.parts[:0], t.times[:0]
}

// exemplar returns the call of a span, nil if it can't be looked up.
func (s *recentSpan) exemplar() *Exemplar {
	if s.link.Trace == [16]byte{} {
		return nil
	}
	return &Exemplar{
		Trace:    TraceRef{TraceID: s.link.Trace, SpanID: s.link.Span, Sampled: s.sampled},
		Code:     bounded(s.code),
		Duration: s.duration,
		End:      time.Unix(0, s.end),
	}
}
