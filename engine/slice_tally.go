package engine

import "time"

// sliceTally is what an operation did in the current slice of a live engine. Calls and failures
// need no count of their own: they are what the window has counted since the slice began.
//
// Of an operation that is called often, only every 2nd, 4th, 8th ... call is measured, so that what
// is kept stays small. Of few calls all are.
type sliceTally struct {
	seen    uint32         // calls whose own time is known
	skipped uint32         // a call is measured if these bits of seen are 0
	times   []measuredTime // of the calls that were measured
	few     [8]measuredTime
	// calls and failures are what the window had counted when the slice began.
	calls, failures uint64
	// slowest and failed are calls that can be looked up, nil if there is none; longest is the
	// own time of slowest.
	slowest, failed *Exemplar
	longest         timeBucket
}

// measuredTime is the own time of a call, and whether the call did not succeed.
type measuredTime uint16

const (
	notSucceeded measuredTime = 1 << 15
	// maxMeasured is the number of calls that are measured in a slice.
	maxMeasured = 32
)

// add counts the own time of a call.
func (t *sliceTally) add(outcome Outcome, own timeBucket) {
	if len(t.times) == maxMeasured {
		t.thin()
		if t.seen&t.skipped != 0 {
			return
		}
	}
	if t.times == nil {
		t.times = t.few[:0]
	}
	m := measuredTime(own)
	if outcome != OutcomeSuccess {
		m |= notSucceeded
	}
	t.times = append(t.times, m)
}

// thin leaves out every second call that was measured.
func (t *sliceTally) thin() {
	for i := range maxMeasured / 2 {
		t.times[i] = t.times[2*i+1]
	}
	t.times = t.times[:maxMeasured/2]
	t.skipped = 2*t.skipped + 1
}

// addTraced keeps a call that can be looked up, if it is worth that.
func (t *sliceTally) addTraced(outcome Outcome, call Exemplar, own timeBucket, isKnown bool) {
	if outcome == OutcomeFailure && (t.failed == nil || call.Trace.Sampled && !t.failed.Trace.Sampled) {
		t.failed = kept(call)
	}
	if !isKnown {
		return
	}
	better := t.slowest == nil || own > t.longest
	if t.slowest != nil && t.slowest.Trace.Sampled != call.Trace.Sampled {
		better = call.Trace.Sampled
	}
	if better {
		t.slowest, t.longest = kept(call), own
	}
}

// kept returns a copy of a call.
//
//go:noinline
func kept(call Exemplar) *Exemplar {
	call.Code, call.Duration = bounded(call.Code), lengthOf(call.Duration)
	return &call
}

// end ends the slice. The next one begins.
func (t *sliceTally) end() {
	t.seen, t.skipped, t.times = 0, 0, t.times[:0]
	t.slowest, t.failed, t.longest = nil, nil, 0
}

// restart says that the window counts from 0 on.
func (t *sliceTally) restart() { t.calls, t.failures = 0, 0 }

// slicer cuts the periods of a live engine into slices. It belongs to the engine's goroutine.
type slicer struct {
	length time.Duration // 0: there are no slices
	sliced func(*Slice)  // nil: nobody wants them
	start  time.Time     // of the current slice, by the calendar's time
	due    time.Duration // when it ends, by the monotonic clock
	// counted is the number of calls in the slice that ended last.
	counted uint64

	buckets outcomeBuckets
}

// never is later than any end of a period.
const never = time.Duration(1<<63 - 1)

func newSlicer(length time.Duration, sliced func(*Slice)) slicer {
	return slicer{length: length, sliced: sliced, due: never}
}

// begin begins the first slice of a period.
func (s *slicer) begin(c *calendar, mono time.Duration) {
	if s.length > 0 {
		s.start = c.start
		s.plan(c, mono)
	}
}

// plan sets the end of the current slice. Slices end a whole number of their lengths before the
// period does.
func (s *slicer) plan(c *calendar, mono time.Duration) {
	s.due = c.due - max(0, c.due-mono-1)/s.length*s.length
}

// next ends the current slice, whose time has come, within a period. Where the engine comes late,
// it takes in those after it that are over.
func (s *slicer) next(w *Windows, c *calendar, mono time.Duration) {
	left := (c.due - mono + s.length - 1) / s.length * s.length
	end := c.end.Add(-left)
	s.cut(w, end)
	s.start = end
	s.plan(c, mono)
}

// count counts a call that cannot be looked up.
func (s *slicer) count(op *operation, outcome Outcome, d time.Duration, l less) {
	t := &op.slice
	if t.seen++; t.seen&t.skipped != 0 || s.length == 0 || outcome == OutcomeIgnored {
		return
	}
	if own, ok := l.own(d); ok {
		t.add(outcome, own)
		op.hasOwn = op.hasOwn || l > 0
	}
}

// countTraced counts a call that may be looked up.
func (s *slicer) countTraced(op *operation, outcome Outcome, call Exemplar, untimed bool, l less) {
	if s.length == 0 || outcome == OutcomeIgnored {
		return
	}
	t := &op.slice
	own, isKnown := l.own(call.Duration)
	isKnown = isKnown && !untimed
	if t.seen++; t.seen&t.skipped == 0 && isKnown {
		t.add(outcome, own)
		op.hasOwn = op.hasOwn || l > 0
	}
	if s.sliced != nil && !call.Trace.IsZero() {
		t.addTraced(outcome, call, own, isKnown)
	}
}

// cut ends the current slice at the given time.
func (s *slicer) cut(w *Windows, end time.Time) {
	if s.length == 0 {
		return
	}
	s.counted = 0
	slice := Slice{Start: s.start, End: end}
	var room timeCounts
	for _, op := range w.operations {
		s.add(&slice, op, &room)
	}
	s.add(&slice, w.overflow, &room)
	if s.sliced != nil {
		s.sliced(&slice)
	}
}

// add adds what an operation did to a slice.
func (s *slicer) add(slice *Slice, op *operation, room *timeCounts) {
	t := &op.slice
	all := op.success.count + op.intervals.untimed + op.failure + op.cancelled
	if all == t.calls {
		return
	}
	for _, m := range t.times {
		outcome := OutcomeSuccess
		if m&notSucceeded != 0 {
			outcome = OutcomeFailure
		}
		s.buckets.add(outcome, timeBucket(m&^notSucceeded), 1)
	}
	good, others := s.buckets.take()
	if op.hasOwn {
		op.addOwn(good)
	}
	if s.sliced != nil {
		slice.Parts = append(slice.Parts, PartCounts{
			Part:  Part{OperationKey: op.key, Kind: partKind(op.key.SpanKind)},
			Calls: all - t.calls, Failures: op.failure - t.failures,
			Times:   room.of(good, others),
			Slowest: t.slowest, Failed: t.failed,
		})
	}
	s.counted += all - t.calls
	t.calls, t.failures = all, op.failure
	t.end()
}

// partKind returns the part of a call, of which no server's call is known.
func partKind(k SpanKind) PartKind {
	if k == SpanKindClient || k == SpanKindProducer {
		return PartRemote
	}
	return PartSelf
}
