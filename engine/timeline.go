package engine

import (
	"math"
	"time"
)

// Timeline counts spans in the periods in which their calls ended. It is for spans from
// elsewhere, which come some time later and in no particular order. A period stays open for
// a while after its end. What comes later still is counted as late in the oldest open period,
// which is not judged by it ([Summary.Late]). What ended in the future, by its own clock, is
// counted in the newest. So every span is counted once.
//
// It also finds the causes of failed and slow calls, across all services. Such a call is
// counted as late as its period allows, at most after the grace, so that spans which belong to
// it can come in before or after it.
//
// It is pure: time is an argument, so recorded spans go through it as live ones do. It is
// not safe for concurrent use.
type Timeline struct {
	windows *Windows
	period  int64 // all times are in nanoseconds
	grace   int64
	// longest is the longest pause of recorded spans that is not left out.
	longest int64

	now   int64
	began int64
	// start and end are those of the oldest open period.
	start, end int64
	// open holds what the open periods count apart from their windows, the oldest first. now
	// lies in the newest.
	open []periodTally

	recent   recent
	search   traceSearch
	slices   timelineSlices
	children children
	details  *detailBudget
	slow     time.Duration // the shortest latency target there is
}

// periodTally is what one open period counts apart from its windows.
type periodTally struct{ early, overflowed uint64 }

// NewTimeline returns a timeline that begins now. The first period is a partial one, unless
// it begins just then. It returns the errors of [TimelineConfig.Validate].
func NewTimeline(c TimelineConfig, now time.Time) (*Timeline, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	windows, err := NewWindows(c.Config)
	if err != nil {
		return nil, err
	}
	windows.names.skip = math.MaxInt // names come out of messages, so all are built anew
	period, grace := c.timing()
	inherit(&c.RecentSpans, defaultRecentSpans)
	t := &Timeline{
		windows: windows,
		period:  int64(period),
		grace:   int64(grace),
		recent:  newRecent(c.RecentSpans),
		search:  traceSearch{causes: newCauses(everyCall)},
		details: newDetailBudget(),
		slow:    windows.objectives.leastTarget(),
	}
	if c.Recorded {
		t.longest = int64(maxSilence)
	}
	if c.PeerServices {
		t.search.peers = &peerServices{windows: windows}
	}
	t.slices.length = int64(windows.config.sliceLength())
	t.slices.period, t.slices.settle = t.period, int64(c.settle())
	if t.slices.length > 0 {
		t.children = newChildren()
	}
	t.begin(now)
	return t, nil
}

// Config returns a copy of the configuration with its defaults filled in.
func (t *Timeline) Config() TimelineConfig {
	return TimelineConfig{
		Config: t.windows.Config(), Grace: time.Duration(t.grace), Settle: time.Duration(t.slices.settle),
		RecentSpans: t.recent.limit, PeerServices: t.search.peers != nil,
		Recorded: t.longest > 0,
	}
}

// Repeatable makes the timeline find the same causes each time that it is given the same
// spans. That is for recorded spans: senders of live ones could then choose trace ids that
// crowd each other out of the search. It must be called before the first span.
func (t *Timeline) Repeatable() { t.search.causes.spans = 0 }

// begin opens the first period.
func (t *Timeline) begin(now time.Time) {
	t.now, t.began = now.UnixNano(), now.UnixNano()
	t.start = now.Truncate(time.Duration(t.period)).UnixNano()
	t.end = t.start + t.period
	t.open = append(t.open[:0], periodTally{})
	t.slices.begin(t.start, t.now)
}

// Sliced makes Advance and Close call f for each slice that has settled, before they call closed
// for the period in which it lies. It must be called before the first span.
func (t *Timeline) Sliced(f func(*Slice)) { t.slices.sliced = f }

// OpenPeriods returns the number of periods that are open.
func (t *Timeline) OpenPeriods() int { return len(t.open) }

// Operations returns the number of operations that are counted one by one.
func (t *Timeline) Operations() int { return len(t.windows.operations) }

// Add counts a span in the period in which it ended, or as late.
func (t *Timeline) Add(s *Span) {
	hasTrace := s.Link.Trace != [16]byte{}
	if s.Unwatched {
		if hasTrace {
			t.remember(s, nil, 0, 1)
		}
		return
	}
	n, isLate := t.place(s.End)
	op := t.lookup(n, s.Service, s.Operation, s.SpanKind)
	outcome := s.Outcome.decided(t.windows.config.Codes, s.Code)
	duration, weight := s.Duration, min(max(s.Weight, 1), maxWeight)
	if s.Untimed {
		duration = Untimed
	}
	if hasTrace || t.slices.length > 0 {
		t.remember(s, op, outcome, weight)
	}
	if isLate {
		op.intervals.late += weight // the oldest open period's window is the operation's own
		return
	}
	if t.slices.length > 0 && outcome != OutcomeIgnored {
		t.hold(s.End, op, outcome, weight)
	}
	w := t.windows.at(op, n)
	isBad := outcome == OutcomeFailure || outcome != OutcomeIgnored && duration > w.target && isTimed(duration)
	switch {
	case hasTrace && (isBad || t.search.peers != nil && s.SpanKind == SpanKindClient):
		t.recent.hold(heldSpan{arrived: t.now, period: t.start + int64(n)*t.period, weight: weight, sampled: s.Sampled, details: s.Details})
	case s.Details != nil && !isBad:
		w.addTraced(outcome, Exemplar{Trace: TraceRef{TraceID: s.Link.Trace, SpanID: s.Link.Span, Sampled: s.Sampled}, Code: s.Code, Duration: s.Duration, Details: s.Details}, s.Untimed, nil, weight, t.windows.config.MaxCodes)
	case weight == 1:
		w.add(outcome, s.Code, duration, t.windows.config.MaxCodes)
	default:
		w.addMany(outcome, s.Code, duration, weight, t.windows.config.MaxCodes)
	}
}

// WantsDetails reports whether the Details of a span's call are wanted. It is to be asked once,
// before Add, since it counts them. It is safe for concurrent use.
func (t *Timeline) WantsDetails(s *Span) bool {
	return t.details.wants(s, s.Outcome.decided(t.windows.config.Codes, s.Code), t.slow)
}

// lookup returns the operation of a call in the n-th open period, and counts it where there is
// no room for another operation.
func (t *Timeline) lookup(n int, service, name string, kind SpanKind) *operation {
	op, hasRoom := t.windows.lookup(service, name, kind)
	if !hasRoom {
		t.open[n].overflowed++
	}
	return op
}

// place returns the open period for a call that ended at the given time, counted from the
// oldest one, and whether it is late.
func (t *Timeline) place(end int64) (n int, isLate bool) {
	switch newest := len(t.open) - 1; {
	case end < t.start:
		return 0, true
	case end < t.end:
		return 0, false
	case end >= t.end+int64(newest)*t.period:
		t.open[newest].early++
		return newest, false
	default:
		return int((end - t.start) / t.period), false
	}
}

// remember keeps a span for the search for causes. op is nil if it is not watched. The place is
// filled in field by field: to build a whole one and copy it takes twice as long.
func (t *Timeline) remember(s *Span, op *operation, outcome Outcome, weight uint64) {
	if t.slices.isCrowded(&t.recent) {
		t.judgeSome()
	}
	if t.recent.isCrowded() {
		few := uint64(t.recent.limit / 8) // stay, so that this is not done for each span
		t.settle(func(h *heldSpan) bool { return t.recent.next-h.number > few })
	}
	r := t.recent.add(&s.Link.Trace)
	r.link.Trace, r.link.Span, r.link.Parent = s.Link.Trace, s.Link.Span, s.Link.Parent
	r.link.RemoteParent = false // wherever the parent lives, it is expected here
	r.op, r.code = op, s.Code
	r.duration, r.end = lengthOf(s.Duration), s.End
	r.untimed = s.Untimed || !isTimed(s.Duration)
	r.outcome, r.isNamed, r.sampled = outcome, false, s.Sampled
	r.kind, r.more = s.SpanKind, uint32(weight-1)
	if len(s.Code) > maxKeptCode {
		r.code = bounded(s.Code)
	}
}

// Advance tells what time it is, and calls closed for each period that ended a grace ago,
// the oldest first. keep says which idle operations must keep their places, as in
// [Windows.Close]. A time before an earlier one changes nothing.
//
// Where more than a period and a grace have passed since the last call, the time between is
// left out: the clock has leapt, or nobody was there to see what happened. The open periods
// are closed, and the next one begins now. Then Advance returns true. [TimelineConfig.Recorded]
// has another rule.
func (t *Timeline) Advance(now time.Time, keep func(OperationKey) bool, closed func(*Period)) (leftOut bool) {
	ns := now.UnixNano()
	if ns <= t.now {
		return false
	}
	if longest := max(t.longest, t.period+t.grace); ns-t.now > longest && ns-t.end > longest {
		t.Close(keep, closed)
		t.begin(now)
		return true
	}
	t.now = ns
	t.slices.advance(ns)
	for t.end+t.grace <= ns {
		t.close(keep, closed)
	}
	for t.slices.isSettled(ns) {
		t.cut()
	}
	for t.end+int64(len(t.open)-1)*t.period <= ns {
		t.open = append(t.open, periodTally{})
	}
	if t.recent.hasHeldBefore(ns - t.grace) {
		// Those that came a little later are looked at with them, so that this is not done for
		// each batch of spans.
		t.settle(func(h *heldSpan) bool { return h.arrived <= ns-t.grace*7/8 })
	}
	t.recent.tick(ns, t.grace, t.since())
	return false
}

// NextClose returns the time at which Advance will close the next period.
func (t *Timeline) NextClose() time.Time { return time.Unix(0, t.end+t.grace) }

// Close closes all open periods as Advance does. The one that is not over is a partial one.
// Nothing may be added after that.
func (t *Timeline) Close(keep func(OperationKey) bool, closed func(*Period)) {
	for range len(t.open) {
		t.close(keep, closed)
	}
	t.slices.end()
}

// close closes the oldest open period.
func (t *Timeline) close(keep func(OperationKey) bool, closed func(*Period)) {
	t.settle(func(h *heldSpan) bool { return h.period == t.start })
	for t.slices.isWithin(t.end) {
		t.cut()
	}
	counted := t.open[0]
	p := Period{
		Start:      time.Unix(0, max(t.start, t.began)),
		End:        time.Unix(0, min(t.end, t.now)),
		Partial:    t.start < t.began || t.end > t.now,
		Early:      counted.early,
		Overflowed: counted.overflowed,
	}
	p = t.windows.close(p, keep)
	t.details.next(p.Received)
	t.search.causes.expire(t.end)
	t.start, t.end = t.end, t.end+t.period
	if copy(t.open, t.open[1:]); len(t.open) > 1 {
		t.open = t.open[:len(t.open)-1]
	} else {
		t.open[0] = periodTally{}
	}
	closed(&p)
}

// since returns the time from which on spans have a part in the search for causes.
func (t *Timeline) since() int64 { return t.now - 2*t.grace }

// settle finds the causes of the held calls that are due, as isDue says, and counts them.
func (t *Timeline) settle(isDue func(h *heldSpan) bool) {
	due := t.recent.takeDue(isDue)
	if len(due) == 0 {
		return
	}
	t.search.find(&t.recent, due, t.since())
	for i := range due {
		held, s := &due[i], t.recent.at(due[i].number)
		op, n := s.op, int(max(0, (held.period-t.start)/t.period))
		if op.hasLeft() {
			op = t.lookup(n, op.key.Service, op.key.Name, op.key.SpanKind)
		}
		call := Exemplar{
			Trace:    TraceRef{TraceID: s.link.Trace, SpanID: s.link.Span, Sampled: held.sampled},
			Code:     s.code,
			Duration: s.duration,
			End:      time.Unix(0, s.end),
			Details:  held.details,
		}
		t.windows.at(op, n).addTraced(s.outcome, call, s.untimed, t.search.found[i], held.weight, t.windows.config.MaxCodes)
	}
}
