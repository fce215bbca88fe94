package engine

import "time"

// timelineSlices cuts the time of a [Timeline] into slices. A slice waits until the traces of its
// calls are in; then the parts of these calls are found.
type timelineSlices struct {
	length, period, settle int64 // in nanoseconds; length 0: there are no slices
	sliced                 func(*Slice)
	// open are the slices that are not over or wait, the oldest first; the newest holds now.
	open []openSlice
	free []openSlice // to be used again
	// periodEnd is the end of the period in which the newest lies.
	periodEnd int64
	number    uint32 // of the oldest open slice

	buckets outcomeBuckets
}

// openSlice is one slice while it fills.
type openSlice struct {
	start, end int64
	calls      []uint64 // the numbers of the spans that ended in it, in the order in which they came
	tally      partTally
}

// begin begins the slices anew at the given time, in the period that begins at periodStart.
func (s *timelineSlices) begin(periodStart, now int64) {
	if s.length == 0 {
		return
	}
	s.periodEnd = periodStart + s.period
	s.add(periodStart)
	s.advance(now)
	for s.open[0].end <= now { // they ended before anybody saw them
		s.drop()
	}
	s.open[0].start = max(s.open[0].start, now)
}

// end ends all slices.
func (s *timelineSlices) end() {
	for len(s.open) > 0 {
		s.drop()
	}
}

// add opens the slice that begins at the given time. Slices end a whole number of their lengths
// after their period began, the last one with it.
func (s *timelineSlices) add(start int64) {
	if start == s.periodEnd {
		s.periodEnd += s.period
	}
	var o openSlice
	if n := len(s.free); n > 0 {
		o = s.free[n-1]
		s.free = s.free[:n-1]
	}
	o.start, o.end = start, start+s.length
	if s.periodEnd-o.end < s.length {
		o.end = s.periodEnd
	}
	s.open = append(s.open, o)
}

// advance opens the slices up to the one that holds now.
func (s *timelineSlices) advance(now int64) {
	if s.length == 0 {
		return
	}
	for s.open[len(s.open)-1].end <= now {
		s.add(s.open[len(s.open)-1].end)
	}
}

// hold puts a call, by the number of its span, into the slice in which it ended. One that is gone
// already is left out.
func (s *timelineSlices) hold(end int64, number uint64) {
	for i := len(s.open) - 1; i >= 0; i-- {
		if o := &s.open[i]; end >= o.start {
			o.calls = append(o.calls, number)
			return
		}
	}
}

// isCrowded reports whether the next span may take the place of one whose part is not found yet.
func (s *timelineSlices) isCrowded(r *recent) bool {
	for i := range s.open {
		if calls := s.open[i].calls; len(calls) > 0 && r.next-calls[0] >= uint64(r.limit) {
			return true
		}
	}
	return false
}

// isSettled reports whether the oldest slice has waited long enough.
func (s *timelineSlices) isSettled(now int64) bool {
	return len(s.open) > 1 && s.open[0].end+s.settle <= now
}

// isWithin reports whether the oldest slice lies within a period that ends at the given time.
func (s *timelineSlices) isWithin(end int64) bool { return len(s.open) > 0 && s.open[0].start < end }

// drop forgets the oldest slice.
func (s *timelineSlices) drop() {
	o := s.open[0]
	o.calls = o.calls[:0]
	o.tally.clear()
	s.free = append(s.free, o)
	s.open = append(s.open[:0], s.open[1:]...)
	s.number++
}

// judgeSome finds the parts of the calls whose spans are about to be forgotten.
func (t *Timeline) judgeSome() {
	few := uint64(t.recent.limit / 8) // more than are due, so that this is not done for each span
	t.children.steps = 4 * t.recent.limit
	for i := range t.slices.open {
		o := &t.slices.open[i]
		n := 0
		for n < len(o.calls) && t.recent.next-o.calls[n] >= uint64(t.recent.limit)-few {
			n++
		}
		t.judge(i, o.calls[:n])
		o.calls = o.calls[:copy(o.calls, o.calls[n:])]
	}
}

// judge finds the parts of calls of the i-th open slice, and counts them in it.
func (t *Timeline) judge(i int, calls []uint64) {
	o, number := &t.slices.open[i], t.slices.number+uint32(i)
	for _, n := range calls {
		s := t.recent.at(n)
		kind, peer := PartSelf, (*operation)(nil)
		own, isKnown := s.duration, isTimed(s.duration) && !s.untimed
		server, covered := t.children.of(&t.recent, s)
		switch isCaller := s.kind == SpanKindClient || s.kind == SpanKindProducer; {
		case server != nil:
			kind, peer, covered = PartEdge, server.op, int64(server.duration)
			isKnown = isKnown && !server.untimed
		case isCaller:
			kind = PartRemote
		}
		if t.children.steps == 0 {
			isKnown = false
		}
		if peer != nil {
			peer = s.op.edge(peer, t.windows.overflow)
		}
		own = max(0, own-time.Duration(covered))
		o.tally.add(s.op, kind, peer, number, s, own, isKnown)
	}
}

// cut ends the oldest slice.
func (t *Timeline) cut() {
	s := &t.slices
	if t.search.peers != nil {
		end := s.open[0].end
		t.settle(func(h *heldSpan) bool { return t.recent.at(h.number).end < end })
	}
	t.children.steps = 4 * t.recent.limit
	t.judge(0, s.open[0].calls)
	o := &s.open[0]
	if o.start >= t.now && len(o.tally.parts) == 0 { // it has not begun
		s.drop()
		return
	}
	n := int(max(0, o.start-t.start) / t.period)
	slice := Slice{Start: time.Unix(0, o.start), End: time.Unix(0, min(o.end, t.now))}
	if s.sliced != nil {
		slice.Parts = make([]PartCounts, 0, len(o.tally.parts))
	}
	var room timeCounts
	for i := range o.tally.parts {
		p := &o.tally.parts[i]
		for at := p.last; at > 0; at = o.tally.times[at-1].before {
			call := &o.tally.times[at-1]
			s.buckets.add(call.outcome, call.bucket, uint64(call.more)+1)
		}
		p.op.hasOwn = p.op.hasOwn || p.isShorter
		if succeeded := s.buckets.succeeded(); p.op.hasOwn && !p.op.hasLeft() {
			t.windows.at(p.op, n).addOwn(succeeded)
		}
		times := s.buckets.all()
		if s.sliced != nil {
			slice.Parts = append(slice.Parts, p.counts(room.of(times)))
		}
	}
	if s.sliced != nil {
		s.sliced(&slice)
	}
	s.drop()
}

// counts returns what the part did.
func (p *partCount) counts(times []TimeCount) PartCounts {
	c := PartCounts{
		Part:  Part{OperationKey: p.op.key, Kind: p.kind},
		Calls: p.calls, Failures: p.failures,
		Times:   times,
		Slowest: p.slowest, Failed: p.failed,
	}
	if p.peer != nil {
		c.Part.Peer = p.peer.key
	}
	return c
}
