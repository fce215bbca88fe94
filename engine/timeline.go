package engine

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Span is one finished call with its place in its trace, as [Timeline] takes it. It is
// not kept, and neither are its strings.
type Span struct {
	// Service, Operation, Kind, Code, Outcome and Duration are those of a [Report].
	Service, Operation, Code string
	SpanKind                 SpanKind
	Outcome                  Outcome
	Duration                 time.Duration
	// End is when the call ended, in Unix nanoseconds.
	End int64
	// Link is the span's place in its trace; zero: the call has none, so that it says
	// nothing about others and can't be looked up.
	Link Link
	// Sampled says that the span is kept where it can be looked up.
	Sampled bool
	// Unwatched says that the call is not counted: what its children did is handed on to its parent.
	Unwatched bool
	// Weight is the number of calls that the span stands for, where others like it were left
	// out by a sampler; 0 means 1, and more than 2^32 count as 2^32.
	Weight uint64
}

// TimelineConfig says how a [Timeline] counts. It is plain data; a zero field means its default.
type TimelineConfig struct {
	Config `mapstructure:",squash"`
	// Grace is how long after its end a period stays open for spans that come late, up to
	// 1h. Default 10s.
	Grace time.Duration `mapstructure:"grace"`
	// RecentSpans is the number of spans that are remembered, for as long as Grace, to find
	// out what failed and slow calls are blamed on, 1 to 16,777,216. One takes about 90
	// bytes. Where more spans come in that time, the search sees fewer of them. Default 131,072.
	RecentSpans int `mapstructure:"recent_spans"`
	// PeerServices tells the calls of clients apart by the service that they reach, where that one's
	// server span comes in the same time: the operation GET becomes "GET > stock", say, with an
	// objective of its own. It is for clients that call many services under one name, and
	// takes more time. Of what is left under the one name no traffic is expected. A failed call
	// without a server's span is named and blamed as those like it, if they have always
	// reached the same service: that one does not answer. Default: off.
	PeerServices bool `mapstructure:"peer_services"`
}

const (
	maxGrace           = time.Hour
	maxRecentSpans     = 1 << 24
	defaultGrace       = 10 * time.Second
	defaultRecentSpans = 1 << 17
	maxWeight          = 1 << 32
	// maxOpen bounds the periods that are open at once, for a short period and a long grace.
	maxOpen = 1000
)

// Validate returns one error for everything in c that can't be, joined; each names the key
// and quotes the value.
func (c TimelineConfig) Validate() error {
	errs := []error{c.Config.Validate()}
	if c.Grace < 0 || c.Grace > maxGrace {
		errs = append(errs, fmt.Errorf("grace: must be above 0s and at most %s, got %s", hours(maxGrace), c.Grace))
	}
	if period, grace := c.timing(); period >= minPeriod && grace/period >= maxOpen {
		errs = append(errs, fmt.Errorf("grace: must be less than %d periods of %s, got %s", maxOpen, period, grace))
	}
	if c.RecentSpans < 0 || c.RecentSpans > maxRecentSpans {
		errs = append(errs, fmt.Errorf("recent_spans: must be between 1 and %d, got %d", maxRecentSpans, c.RecentSpans))
	}
	return errors.Join(errs...)
}

// timing returns the period and the grace, or their defaults.
func (c *TimelineConfig) timing() (period, grace time.Duration) {
	period, grace = c.Period, c.Grace
	inherit(&period, time.Minute)
	inherit(&grace, defaultGrace)
	return period, grace
}

// Timeline counts spans in the periods in which their calls ended, for those who get
// them from elsewhere: some time later, and in no particular order. A period stays open for
// a while after its end; what comes later still is counted in the oldest open period, and
// what ended in the future, by its own clock, in the newest. So every span is counted once.
//
// It also finds out what failed and slow calls are blamed on, as [Causes] does, across all
// services: such a call is counted as late as its period allows, at most after the grace, so
// that spans which belong to it can come in before or after it.
//
// It is pure: time is an argument, so recorded spans go through it as live ones do. It is
// not safe for concurrent use.
type Timeline struct {
	windows *Windows
	period  int64 // all times are in nanoseconds
	grace   int64
	// keep says that an idle operation must keep its place; nil: none must.
	keep func(OperationKey) bool

	now   int64
	began int64
	// start and end are those of the oldest open period.
	start, end int64
	// open holds what the open periods count apart from their windows, the oldest first. The
	// newest is the one that now lies in.
	open []periodTally

	recent recent
	blame  blame
}

// periodTally is what one open period counts apart from its windows.
type periodTally struct{ late, early, overflowed uint64 }

// NewTimeline returns a timeline that begins now: the period in which that lies is a partial
// one, unless it begins just then. It returns the errors of [TimelineConfig.Validate].
func NewTimeline(c TimelineConfig, now time.Time) (*Timeline, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	windows, err := NewWindows(c.Config)
	if err != nil {
		return nil, err
	}
	windows.anew = math.MaxInt // names come out of messages, so all are made anew
	period, grace := c.timing()
	inherit(&c.RecentSpans, defaultRecentSpans)
	t := &Timeline{
		windows: windows,
		period:  int64(period),
		grace:   int64(grace),
		recent:  newRecent(c.RecentSpans),
		blame:   blame{causes: NewCauses()},
	}
	if c.PeerServices {
		t.blame.callees = &peerServices{windows: windows}
	}
	t.begin(now)
	return t, nil
}

// Config returns a copy of the configuration with its defaults filled in.
func (t *Timeline) Config() TimelineConfig {
	return TimelineConfig{Config: t.windows.Config(), Grace: time.Duration(t.grace), RecentSpans: t.recent.limit, PeerServices: t.blame.callees != nil}
}

// Keep sets what says that an idle operation must keep its place, as one with a firing
// alert must.
func (t *Timeline) Keep(keep func(OperationKey) bool) { t.keep = keep }

// Repeatable makes what the timeline finds depend on nothing but what it is given, for
// recorded spans. Without it those who choose trace ids can't choose ones that get into each
// other's way in the search for causes. It is for a timeline that was given nothing yet.
func (t *Timeline) Repeatable() { t.blame.causes.spans = 0 }

// begin opens the first period.
func (t *Timeline) begin(now time.Time) {
	t.now, t.began = now.UnixNano(), now.UnixNano()
	t.start = now.Truncate(time.Duration(t.period)).UnixNano()
	t.end = t.start + t.period
	t.open = append(t.open[:0], periodTally{})
}

// OpenPeriods returns the number of periods that are open.
func (t *Timeline) OpenPeriods() int { return len(t.open) }

// Operations returns the number of operations that are counted one by one.
func (t *Timeline) Operations() int { return len(t.windows.operations) }

// Add counts a span in the period in which it ended.
func (t *Timeline) Add(s *Span) {
	hasTrace := s.Link.Trace != [16]byte{}
	if s.Unwatched {
		if hasTrace {
			t.remember(s, nil, 0)
		}
		return
	}
	n := t.place(s.End)
	op := t.windows.lookup(s.Service, s.Operation, s.SpanKind)
	if t.windows.overflowed > 0 {
		t.open[n].overflowed += t.windows.overflowed
		t.windows.overflowed = 0
	}
	outcome, duration, weight := s.Outcome, max(s.Duration, 0), min(max(s.Weight, 1), maxWeight)
	if outcome == OutcomeUnset {
		outcome = OutcomeOf(t.windows.config.Codes, s.Code)
	}
	if hasTrace {
		t.remember(s, op, outcome)
	}
	w := t.windows.at(op, n)
	isBad := outcome == OutcomeFailure || outcome == OutcomeSuccess && duration > w.target
	switch {
	case hasTrace && (isBad || t.blame.callees != nil && s.SpanKind == SpanKindClient):
		t.recent.hold(heldSpan{arrived: t.now, period: t.start + int64(n)*t.period, weight: weight, sampled: s.Sampled})
	case weight == 1:
		w.add(outcome, s.Code, duration, t.windows.config.MaxCodes)
	default:
		w.addMany(outcome, s.Code, duration, weight, t.windows.config.MaxCodes)
	}
}

// place returns the open period for a call that ended at the given time, counted from the
// oldest one.
func (t *Timeline) place(end int64) int {
	switch newest := len(t.open) - 1; {
	case end < t.start:
		t.open[0].late++
		return 0
	case end < t.end:
		return 0
	case end >= t.end+int64(newest)*t.period:
		t.open[newest].early++
		return newest
	default:
		return int((end - t.start) / t.period)
	}
}

// remember keeps a span for the search for causes. op is nil if it is not watched. The place is
// filled in field by field: to make the whole and copy it takes twice as long.
func (t *Timeline) remember(s *Span, op *operation, outcome Outcome) {
	if t.recent.isCrowded() {
		few := uint64(t.recent.limit / 8) // stay, so that this is not done for each span
		t.settle(func(h *heldSpan) bool { return t.recent.next-h.number > few })
	}
	r := t.recent.add(&s.Link.Trace)
	r.link.Trace, r.link.Span, r.link.Parent = s.Link.Trace, s.Link.Span, s.Link.Parent
	r.link.RemoteParent = false // wherever the parent lives, it is expected here
	r.op, r.code = op, s.Code
	r.duration, r.end = max(s.Duration, 0), s.End
	r.outcome, r.isNamed = outcome, false
	if len(s.Code) > maxKeptCode {
		r.code = bounded(s.Code)
	}
}

// Advance tells what time it is, and calls closed for each period that ended a grace ago,
// the oldest first. A time before an earlier one changes nothing.
//
// Where more than a period and a grace have passed since the last call, the time between is
// left out: the clock has leapt, or nobody was there to see what happened. The open periods
// are closed, and the next one begins now.
func (t *Timeline) Advance(now time.Time, closed func(*Period)) {
	ns := now.UnixNano()
	if ns <= t.now {
		return
	}
	if ns-t.now > t.period+t.grace && ns-t.end > t.period+t.grace {
		t.Close(closed)
		t.begin(now)
		return
	}
	t.now = ns
	for t.end+t.grace <= ns {
		t.close(closed)
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
}

// NextClose returns the time at which Advance will close the next period.
func (t *Timeline) NextClose() time.Time { return time.Unix(0, t.end+t.grace) }

// Close closes all open periods and calls closed for each. The one that is not over is a
// partial one. Nothing may be added after that.
func (t *Timeline) Close(closed func(*Period)) {
	for range len(t.open) {
		t.close(closed)
	}
}

// close closes the oldest open period.
func (t *Timeline) close(closed func(*Period)) {
	t.settle(func(h *heldSpan) bool { return h.period == t.start })
	counted := t.open[0]
	p := Period{
		Start:   time.Unix(0, max(t.start, t.began)),
		End:     time.Unix(0, min(t.end, t.now)),
		Partial: t.start < t.began || t.end > t.now,
		Late:    counted.late,
		Early:   counted.early,
	}
	t.windows.overflowed = counted.overflowed
	p = t.windows.Close(p, t.keep)
	t.blame.causes.Expire(t.end)
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

// settle finds out what those calls are blamed on that were held for it, and counts them.
// isDue says which.
func (t *Timeline) settle(isDue func(h *heldSpan) bool) {
	due := t.recent.takeDue(isDue)
	if len(due) == 0 {
		return
	}
	t.blame.find(&t.recent, due, t.since())
	for i := range due {
		held, s := &due[i], t.recent.at(due[i].number)
		op, n := s.op, int(max(0, (held.period-t.start)/t.period))
		if op.group != nil && op.group.byName[op.key.Name] != op { // it has left since
			op = t.windows.lookup(op.key.Service, op.key.Name, op.key.SpanKind)
			t.open[n].overflowed += t.windows.overflowed
			t.windows.overflowed = 0
		}
		call := Exemplar{
			Trace:    TraceRef{TraceID: s.link.Trace, SpanID: s.link.Span, Sampled: held.sampled},
			Code:     s.code,
			Duration: s.duration,
			End:      time.Unix(0, s.end),
		}
		t.windows.at(op, n).addTraced(s.outcome, call, t.blame.found[i], held.weight, t.windows.config.MaxCodes)
	}
}
