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
	last            int32        // the place in times of the call that was counted last, plus 1
	good, others    bucketCounts // what is no longer in times: of successes, and of others
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

// opParts are the parts of one operation's calls.
type opParts struct {
	parts []opPart
	usual int // the index of the one that was found last
	// held is the number of calls in a slice whose parts are to be found.
	slice, held uint32
}

// opPart is a part, and where it was counted last.
type opPart struct {
	peer  *operation
	kind  PartKind
	slice uint32 // the number of the slice in which it was counted last
	place int32  // its place in the parts of that; negative: none
}

const (
	// maxParts bounds the parts of an operation: a client may call many operations of many
	// servers.
	maxParts = 256
	// mostTimes is the number of times that are not yet counted by their buckets.
	mostTimes = 1 << 14
	// oldPart is the number of slices after which a part without a call is forgotten.
	oldPart = 1000
)

// find returns a part.
func (o *opParts) find(kind PartKind, peer *operation, slice uint32) *opPart {
	for i := range o.parts {
		if p := &o.parts[i]; p.peer == peer && p.kind == kind {
			o.usual = i
			return p
		}
	}
	if len(o.parts) == cap(o.parts) {
		kept := o.parts[:0]
		for _, p := range o.parts {
			if slice-p.slice < oldPart {
				kept = append(kept, p)
			}
		}
		clear(o.parts[len(kept):])
		o.parts = kept
	}
	o.parts = append(o.parts, opPart{peer: peer, kind: kind, slice: slice, place: -1})
	o.usual = len(o.parts) - 1
	return &o.parts[o.usual]
}

// edge returns the server's operation by which a client's calls are told apart: the given one,
// or the overflow if there are too many.
func (o *opParts) edge(server, overflow *operation) *operation {
	if len(o.parts) < maxParts {
		return server
	}
	for i := range o.parts {
		if o.parts[i].peer == server {
			return server
		}
	}
	return overflow
}

// at returns what counts a part.
func (t *partTally) at(op *operation, p *opPart, slice uint32) *partCount {
	if p.slice != slice || p.place < 0 {
		p.slice, p.place = slice, t.place(partKey{op, p.peer, p.kind})
	}
	return &t.parts[p.place]
}

// count counts calls whose part is not looked for. It takes it for that of the call before them.
func (t *partTally) count(op *operation, slice uint32, outcome Outcome, weight uint64) {
	o := op.parts
	if len(o.parts) == 0 {
		o.find(partKind(op.key.SpanKind), nil, slice)
	}
	p := t.at(op, &o.parts[o.usual], slice)
	p.calls += weight
	if outcome == OutcomeFailure {
		p.failures += weight
	}
}

// add counts a call. own is the time of its part, if that is known.
func (t *partTally) add(p *partCount, s *recentSpan, own time.Duration, isKnown bool) {
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
		n := len(t.parts)
		place = int32(n)
		t.places[key] = place
		if n == cap(t.parts) {
			t.parts = append(t.parts, partCount{})
		}
		t.parts = t.parts[:n+1]
		t.parts[n].partKey = key
	}
	return place
}

// fold counts times by their buckets, which takes less room.
func (t *partTally) fold(buckets *outcomeBuckets) {
	for i := range t.parts {
		p := &t.parts[i]
		if p.last == 0 {
			continue
		}
		for at := p.last; at > 0; at = t.times[at-1].before {
			call := &t.times[at-1]
			buckets.add(call.outcome, call.bucket, uint64(call.more)+1)
		}
		good, others := buckets.take()
		p.good.add(good)
		p.others.add(others)
		p.last = 0
	}
	t.times = t.times[:0]
}

// clear empties t, to be used again.
func (t *partTally) clear() {
	for i := range t.parts { // their lists are used again
		t.parts[i] = partCount{good: t.parts[i].good[:0], others: t.parts[i].others[:0]}
	}
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
