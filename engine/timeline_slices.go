package engine

import (
	"math"
	"time"
)

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
	// mask chooses the traces of which all calls are taken apart: those whose hashes have no bit in
	// common with it. held is the number of calls of this slice that are to be taken apart.
	mask   uint16
	held   int
	traces traceFilter

	buckets outcomeBuckets
}

// openSlice is one slice while it fills.
type openSlice struct {
	start, end int64
	// calls are the numbers of the spans whose parts are to be found, in the order in which they
	// came; those of the first ones, judged, are found already. Calls of other spans are counted.
	calls  []uint64
	judged int
	tally  partTally
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
	s.adapt()
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

const (
	// mostHeld is the number of calls of a slice that are taken apart, about: more cost too much time.
	mostHeld = 1 << 14
	// fewHeld is the number of calls of each operation that are taken apart in any case.
	fewHeld = 32
	// leastTraces is the largest mask.
	leastTraces = 1<<14 - 1
)

// at returns the index of the open slice in which a call ended; negative: that is gone already.
func (s *timelineSlices) at(end int64) int {
	i := len(s.open) - 1
	for i >= 0 && end < s.open[i].start {
		i--
	}
	return i
}

// adapt begins another slice, with more traces if there were few.
func (s *timelineSlices) adapt() {
	for n := max(s.held, 1); n < mostHeld/4 && s.mask > 0; n *= 2 {
		s.mask /= 2
	}
	s.held = 0
}

// hold counts the call of the span that came last in the slice in which it ended. If it is to be
// taken apart, that is done when its trace is there. A call of a slice that is gone is left out.
func (t *Timeline) hold(end int64, op *operation, outcome Outcome, weight uint64) {
	s := &t.slices
	i := s.at(end)
	if i < 0 {
		return
	}
	if op.parts == nil {
		op.parts = new(opParts)
	}
	o, p, number := &s.open[i], op.parts, s.number+uint32(i)
	if p.slice != number {
		p.slice, p.held = number, 0
	}
	latest := t.recent.next - 1
	if p.held >= fewHeld && t.recent.hashOf(latest)&s.mask != 0 && (t.search.peers == nil || op.key.SpanKind != SpanKindClient) {
		o.tally.count(op, number, outcome, weight)
		return
	}
	p.held++
	o.calls = append(o.calls, latest)
	if s.held++; s.held == mostHeld {
		s.held = mostHeld / 2
		if s.mask < leastTraces {
			s.mask = 2*s.mask + 1
		}
	}
}

// isCrowded reports whether the next span may take the place of one whose part is not found yet.
func (s *timelineSlices) isCrowded(r *recent) bool {
	for i := range s.open {
		if o := &s.open[i]; o.judged < len(o.calls) && r.next-o.calls[o.judged] >= uint64(r.limit) {
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
	o.calls, o.judged = o.calls[:0], 0
	o.tally.clear()
	s.free = append(s.free, o)
	s.open = append(s.open[:0], s.open[1:]...)
	s.number++
}

// judgeSome finds the parts of the calls whose spans are about to be forgotten.
func (t *Timeline) judgeSome() {
	s := &t.slices
	old := t.recent.next - uint64(t.recent.limit)/2 // more than are due, so that this is seldom done
	if t.search.peers != nil {
		// Clients are named by the services that they reach.
		t.settle(func(h *heldSpan) bool { return h.number <= old })
	}
	for i := range s.open {
		s.open[i].choose(&s.traces, &t.recent, old)
	}
	t.children.gather(&t.recent, &s.traces)
	clear(s.traces[:])
	for i := range s.open {
		t.judge(i, old)
		if o := &s.open[i]; o.judged > len(o.calls)/2 {
			o.calls, o.judged = o.calls[:copy(o.calls, o.calls[o.judged:])], 0
		}
	}
}

// choose chooses the traces of the calls that wait, of spans up to a number.
func (o *openSlice) choose(traces *traceFilter, r *recent, last uint64) {
	for _, n := range o.calls[o.judged:] {
		if n > last {
			break
		}
		traces.add(r.hashOf(n))
	}
}

// judge finds the parts of the calls of the i-th open slice, of spans up to a number, and counts them
// there. Their traces have been gathered.
func (t *Timeline) judge(i int, last uint64) {
	o, number := &t.slices.open[i], t.slices.number+uint32(i)
	for ; o.judged < len(o.calls) && o.calls[o.judged] <= last; o.judged++ {
		if len(o.tally.times) == mostTimes {
			o.tally.fold(&t.slices.buckets)
		}
		s := &t.recent.spans[t.recent.placeOf(t.recent.next-o.calls[o.judged])]
		kind, peer, own, isKnown := t.part(s)
		if s.op.parts == nil { // it was named anew
			s.op.parts = new(opParts)
		}
		if peer != nil {
			peer = s.op.parts.edge(peer, t.windows.overflow)
		}
		p := o.tally.at(s.op, s.op.parts.find(kind, peer, number), number)
		o.tally.add(p, s, own, isKnown)
	}
}

// part finds the part of a call, with the server's operation if it is an edge, and its time, if that
// is known.
func (t *Timeline) part(s *recentSpan) (kind PartKind, peer *operation, own time.Duration, isKnown bool) {
	kind, own, isKnown = partKind(s.kind), s.duration, isTimed(s.duration) && !s.untimed
	if s.link.Span == [8]byte{} {
		return kind, nil, own, isKnown
	}
	server, covered := t.children.of(s)
	if server != nil {
		kind, peer, covered = PartEdge, server.op, int64(server.duration)
		isKnown = isKnown && !server.untimed
	}
	isKnown = isKnown && t.children.steps > 0 // else it may have more children
	return kind, peer, max(0, own-time.Duration(covered)), isKnown
}

// cut ends the oldest slice.
func (t *Timeline) cut() {
	s := &t.slices
	if t.search.peers != nil {
		end := s.open[0].end // clients are named by the services that they reach
		t.settle(func(h *heldSpan) bool { return t.recent.at(h.number).end < end })
	}
	o := &s.open[0]
	if o.judged < len(o.calls) {
		o.choose(&s.traces, &t.recent, math.MaxUint64)
		t.children.gather(&t.recent, &s.traces)
		clear(s.traces[:])
		t.judge(0, math.MaxUint64)
	}
	o.tally.fold(&s.buckets)
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
		p.op.hasOwn = p.op.hasOwn || p.isShorter
		if p.op.hasOwn && !p.op.hasLeft() {
			t.windows.at(p.op, n).addOwn(p.good)
		}
		if s.sliced != nil {
			slice.Parts = append(slice.Parts, p.counts(room.of(p.good, p.others)))
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
