package engine

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blurooo/go-monitor/v2/internal/keyed"
)

// Engine counts live reports: [Windows] behind a queue, with one goroutine that
// owns them and a clock that closes their periods. All methods are safe for
// concurrent use. It must not be copied.
type Engine struct {
	queue    queue
	config   Config // with its defaults
	hooks    Hooks
	causes   *causes
	sampling sampling
	details  *detailBudget
	inFlight *inFlight // nil: calls in flight are not tracked
	covers   *covers   // nil: own times are not measured
	traced   traced
	// slow is the shortest latency target there is: a success that took longer may
	// be worth looking up.
	slow atomic.Int64

	flushes chan chan struct{}
	stop    chan struct{} // closed when Shutdown is called
	stopped sync.Once
	done    chan struct{} // closed when run has returned

	mu      sync.Mutex
	pending map[string]Objective // by operation: set, and not yet taken over by run

	counted atomic.Uint64 // written by run alone

	// The fields below belong to the goroutine of run.

	windows  *Windows
	calendar calendar
	slicer   slicer
	now      clock
	endOf    time.Time // stands for "now" in reports without an end
	// full and late are the numbers of reports refused up to the last close, by reason.
	full, late uint64
	began      time.Time
	needed     map[OperationKey]bool // what Hooks.Closed returned
	// saidSampled and saidUncalled say that the user was told of the sampler, and of names that
	// nobody calls.
	saidSampled, saidUncalled bool
}

// Hooks are what an engine calls. A nil hook is not called. Closed and OnError are called on
// the engine's own goroutine: they must be quick and must never wait for anything. Describe is,
// too.
type Hooks struct {
	// Closed gets each period as it closes, to judge it and to send it on its way. It returns
	// the operations that must keep their places until the next period has closed, though
	// nobody calls them: one with a firing alert must.
	Closed func(*Period) (needed map[OperationKey]bool)
	// Sliced gets each slice as it ends, the last one of a period just before Closed gets that.
	// It must not keep the engine's goroutine any longer than Closed.
	Sliced func(*Slice)
	// Describe reads a span that [Engine.Begin] was given. ok is false for a call that is
	// not watched, or has ended.
	Describe func(span any) (call InFlight, ok bool)
	// OnError gets what goes wrong in the engine's own work.
	OnError func(error)
	// Restored is what an earlier engine knew, so that this one goes on from it; nil: nothing.
	Restored *Restored
}

// New starts an engine. It returns the errors of [Config.Validate].
func New(c Config, hooks Hooks) (*Engine, error) { return newEngine(c, hooks, newClock()) }

// newEngine is New with the clock that run reads.
func newEngine(c Config, hooks Hooks, now clock) (*Engine, error) {
	windows, err := NewWindows(c)
	if err != nil {
		return nil, err
	}
	if hooks.Closed == nil {
		hooks.Closed = func(*Period) map[OperationKey]bool { return nil }
	}
	if hooks.OnError == nil {
		hooks.OnError = func(error) {}
	}
	slow, stuck := windows.objectives.leastTarget(), time.Duration(0)
	windows.objectives.each(func(o *Objective) { stuck = max(stuck, o.StuckAfter) })
	e := &Engine{
		config:  windows.config,
		hooks:   hooks,
		causes:  newCauses(slow / 2),
		details: newDetailBudget(),
		flushes: make(chan chan struct{}),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
		windows: windows,
		now:     now,
	}
	e.queue.initSize(c.QueueSize)
	e.slow.Store(int64(slow))
	if e.config.sliceLength() > 0 {
		e.covers = new(covers)
	}
	if e.config.MaxInFlight > 0 && hooks.Describe != nil {
		e.inFlight = newInFlight(e.config.MaxInFlight)
		e.inFlight.expect(stuck)
	}
	if r := hooks.Restored; r != nil {
		windows.Restore(r)
		e.needed = r.Needed
	}
	wall, mono := now()
	e.calendar, e.began = newCalendar(windows.config.Period, mono, wall), wall
	e.slicer = newSlicer(e.config.sliceLength(), hooks.Sliced)
	e.slicer.begin(&e.calendar, mono)
	go e.run()
	return e, nil
}

// Noop returns an engine that was never started: it refuses every report. Its
// other methods do nothing, as after Shutdown.
func Noop() *Engine {
	e := &Engine{causes: newCauses(0), details: newDetailBudget(), done: make(chan struct{}), stop: make(chan struct{})}
	e.queue.initSize(minQueue)
	e.queue.seal()
	close(e.done)
	return e
}

// Config returns a copy of the configuration with its defaults filled in.
func (e *Engine) Config() Config { return e.config.withDefaults() }

// Report passes one finished call to the engine. It never waits, allocates nothing
// and returns false if the report was dropped, because the queue was full or the
// engine was shut down; either is counted.
func (e *Engine) Report(r Report) bool {
	return e.ReportFields(r.Operation, r.Code, r.Duration, r.SpanKind, r.Outcome, r.Service)
}

// ReportFields is Report for callers to whom every nanosecond counts. The fields come one by
// one, so that all but service, which seldom is set, travel in registers: a report that was just
// written to memory would have to be waited for.
func (e *Engine) ReportFields(operation, code string, d time.Duration, kind SpanKind, outcome Outcome, service string) bool {
	q := &e.queue
	if !isUsual(kind, outcome) {
		return q.pushDetailed(operation, code, d, detail{service: service, kind: kind, outcome: outcome})
	}
	r := q.pick()
	pos := r.tail.Load()
	s := &r.slots[pos&r.mask] // before the claim, which whatever is read after has to wait for
	if !fits(operation, code) || service != "" || pos >= r.limit.Load() || !r.tail.CompareAndSwap(pos, pos+1) {
		return q.pushAnywhere(r, service, operation, code, d, howOf(kind, outcome))
	}
	s.put(operation, code, d, howOf(kind, outcome))
	r.pass(s, pos, q)
	return true
}

// ReportWithin is Report for a call without a span of its own, within one that can be looked up.
func (e *Engine) ReportWithin(r Report, within TraceRef) bool {
	more := detail{trace: within, service: r.Service, kind: r.SpanKind, outcome: r.Outcome}
	if !r.End.IsZero() {
		more.end = r.End.UnixNano()
	}
	return e.queue.pushDetailed(r.Operation, r.Code, r.Duration, more)
}

// ServiceRef stands for the name of a service in [Engine.ReportSuccess]. The zero value stands
// for none that the engine knows.
type ServiceRef uint8

// ServiceRef returns what stands for a service, or the zero value if the engine knows several
// others already.
func (e *Engine) ServiceRef(service string) ServiceRef {
	place := e.queue.place(service)
	if place == 0 && service != "" {
		return 0
	}
	return ServiceRef(place) + 1
}

// ReportSuccess is Report for the call of a span that succeeded. It takes little of the span,
// so that it costs little. covered is what [Engine.Covered] returned for it, or 0. Where the
// engine needs the rest, it returns false and the span is for ReportSpan.
func (e *Engine) ReportSuccess(service ServiceRef, kind SpanKind, operation, code string, d, covered time.Duration) (done bool) {
	if service == 0 || kind >= mostKinds || int64(d) > e.causes.quick.Load() || e.details.wantsGood(int64(d)) || e.causes.isWaiting() || !e.sampling.isDecided() {
		return false
	}
	e.queue.pushPlaced(operation, code, d, howOf(kind, OutcomeSuccess).lessBy(lessOf(d, covered)).at(int(service)-1))
	return true
}

// WantsUnwatched reports whether ReportSpan has any use for unwatched spans at the moment.
func (e *Engine) WantsUnwatched() bool { return e.causes.isWaiting() || !e.sampling.isDecided() }

// ReportSpan is Report for the call of a span, after those of its children. It finds out what
// caused the call to fail or to be slow, and what others it explains. An unwatched span is not
// counted, so it is never dropped.
func (e *Engine) ReportSpan(s *Span) bool {
	if !e.sampling.isDecided() {
		e.sampling.observe(&s.Link, s.Sampled)
	}
	if s.Unwatched {
		if e.causes.isWaiting() {
			e.causes.passed(&s.Link)
		}
		return true
	}
	outcome := s.Outcome.decided(e.config.Codes, s.Code)
	self := Cause{Service: cmp.Or(s.Service, e.config.Service), SpanKind: s.SpanKind, Operation: s.Operation, Code: s.Code}
	cause := e.causes.explain(&s.Link, &self, outcome, lengthOf(s.Duration), s.End)
	isTraced := e.covers != nil && e.traced.wants(&s.Link)
	if isTraced || s.Details != nil || outcome == OutcomeFailure || s.isSlow(outcome, time.Duration(e.slow.Load())) || !isUsual(s.SpanKind, outcome) {
		return e.queue.pushDetailed(s.Operation, s.Code, s.Duration, detail{
			trace:   TraceRef{TraceID: s.Link.Trace, SpanID: s.Link.Span, Sampled: s.Sampled},
			service: s.Service, kind: s.SpanKind, outcome: outcome, untimed: s.Untimed, end: s.End, cause: cause, details: s.Details,
			less: lessOf(s.Duration, s.Covered),
		})
	}
	d := s.Duration
	if s.Untimed {
		d = Untimed
	}
	return e.queue.pushAnywhere(e.queue.pick(), s.Service, s.Operation, s.Code, d, howOf(s.SpanKind, outcome).lessBy(lessOf(d, s.Covered)))
}

// WantsDetails reports whether the Details of a span's call are wanted. It is to be asked once,
// before ReportSpan, since it counts them.
func (e *Engine) WantsDetails(s *Span) bool {
	return e.details.wants(s, s.Outcome.decided(e.config.Codes, s.Code), time.Duration(e.slow.Load()))
}

// MeasuresOwnTimes reports whether [Engine.Covered] has any use.
func (e *Engine) MeasuresOwnTimes() bool { return e.covers != nil }

// Covered takes the call of a span that has ended, after those of its children, with its start in
// Unix nanoseconds. It returns how much of the call's time its children took; negative: that is not
// known. What it returns belongs to the call's report. Children count that ended in this process
// before it did. Of several that ran at once the time counts once. What handles a message
// ([SpanKindConsumer]) takes none of its sender's time.
//
// It also returns whether the engine wants the span by ReportSpan, though it may have succeeded: the
// slowest call of a slice is to be looked up. That is so of all traces where there are few, else of
// some.
func (e *Engine) Covered(l *Link, kind SpanKind, start int64, d time.Duration) (covered time.Duration, isTraced bool) {
	c := e.covers
	if c == nil {
		return 0, false
	}
	isTraced = e.traced.wants(l)
	if c.choosesSome.Load() && !c.chooses(binary.LittleEndian.Uint64(l.Trace[8:]), start) {
		return -1, isTraced
	}
	call := stretch{start, start + int64(lengthOf(d))}
	if l.hasParent() && !l.RemoteParent && kind != SpanKindConsumer {
		c.leave(l.Parent, call)
	}
	return c.of(l.Span, call), isTraced
}

// HasCovered reports whether [Engine.PassCovered] has anything to do for a span.
func (e *Engine) HasCovered(span [8]byte) bool { return e.covers != nil && e.covers.has(span) }

// PassCovered takes an unwatched span that has ended: what its children took counts as its
// parent's.
func (e *Engine) PassCovered(l *Link) {
	if e.covers == nil {
		return
	}
	parent := l.Parent
	if l.RemoteParent {
		parent = [8]byte{}
	}
	e.covers.passed(l.Span, parent)
}

// Begin notes that the call of a span has begun, if calls in flight are tracked
// ([Config.MaxInFlight]). Its id must be the span's, and stay so. [Hooks.Describe] is asked about
// the span when a period ends, at most twice. Then, or after End, the engine lets go of it.
func (e *Engine) Begin(id [8]byte, span any) {
	if e.inFlight != nil {
		e.inFlight.start(id, span)
	}
}

// End notes that the call of a span is no longer in flight.
func (e *Engine) End(id [8]byte) {
	if e.inFlight != nil {
		e.inFlight.end(id)
	}
}

// SetObjective sets what is expected of the operations of the given name, whatever
// their service and span kind, from the next period on: the current one is judged
// by what it began with. Fields left zero inherit [Config.Objective]'s. It returns
// the errors of [Objective.Validate], and one for a StuckAfter where calls in flight are not
// tracked.
func (e *Engine) SetObjective(operation string, o Objective) error {
	if err := e.expect(&o); err != nil {
		return err
	}
	e.setPending(map[string]Objective{operation: o})
	return nil
}

// SetObjectives is SetObjective for several operations at once: all of them count from the same period
// on, or none if one of them can't be.
func (e *Engine) SetObjectives(operations map[string]Objective) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(operations)) {
		o := operations[name]
		errs = append(errs, keyed.Below(entry("operations", name), e.expect(&o)))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	e.setPending(operations)
	return nil
}

// expect checks an objective, and prepares for calls that it makes slow or stuck.
func (e *Engine) expect(o *Objective) error {
	if err := o.Validate(); err != nil {
		return err
	}
	if o.StuckAfter > 0 {
		if e.inFlight == nil {
			return fmt.Errorf("stuck_after: calls in flight are not tracked unless Config.MaxInFlight or a StuckAfter there says so, got %s", o.StuckAfter)
		}
		e.inFlight.expect(o.StuckAfter)
	}
	if o.LatencyTarget > 0 {
		lower(&e.slow, int64(o.LatencyTarget))
		lower(&e.causes.quick, int64(o.LatencyTarget/2))
	}
	return nil
}

// setPending leaves objectives for run.
func (e *Engine) setPending(operations map[string]Objective) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pending == nil {
		e.pending = make(map[string]Objective)
	}
	maps.Copy(e.pending, operations)
}

// lower makes v no larger than limit.
func lower(v *atomic.Int64, limit int64) {
	for {
		old := v.Load()
		if old <= limit || v.CompareAndSwap(old, limit) {
			return
		}
	}
}

// Stats returns what became of all reports up to now.
func (e *Engine) Stats() Stats {
	full, late := e.queue.refused()
	return Stats{Counted: e.counted.Load(), DroppedQueueFull: full, DroppedShutdown: late}
}

// Flush waits until everything that was reported before is counted. It closes no period.
// It returns ctx's error if that ends first, and nil after Shutdown.
func (e *Engine) Flush(ctx context.Context) error {
	select {
	case <-e.done:
		return nil
	default:
	}
	flushed := make(chan struct{})
	select {
	case e.flushes <- flushed:
	case <-e.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-flushed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Shutdown refuses all later reports, counts all earlier ones, closes the current
// period and ends the engine's goroutine. It returns ctx's error if that ends
// first; the work goes on all the same. It may be called any number of times.
func (e *Engine) Shutdown(ctx context.Context) error {
	e.stopped.Do(func() { close(e.stop) })
	select {
	case <-e.done:
		return nil
	default:
	}
	select {
	case <-e.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run owns the windows: it counts what comes out of the queue and closes periods.
//
// It sleeps until a period ends, a ring of the queue has filled by a quarter, or
// somebody asks for something. So an idle engine wakes up once a period, and a
// busy one counts in batches.
func (e *Engine) run() {
	defer close(e.done)
	timer := time.NewTimer(e.untilDue())
	defer timer.Stop()
	for {
		select {
		case <-e.queue.wake:
			e.count()
		case <-timer.C:
			timer.Reset(e.closeDue())
		case flushed := <-e.flushes:
			e.countAll()
			close(flushed)
		case <-e.stop:
			e.queue.seal()
			e.closeDue() // a period whose time has come is whole
			e.countAll()
			_, mono := e.now()
			e.finish(e.calendar.cut(mono))
			return
		}
	}
}

// count counts what waits. It leaves after a queueful, so that a period can end while
// reports keep coming.
func (e *Engine) count() {
	e.endOf, _ = e.now()
	if n := e.queue.drain(e.add); n > 0 {
		e.counted.Add(uint64(n))
	}
	if e.queue.isBehind() {
		// So much has come meanwhile, or a producer that is slow to write its slot is in
		// the way, that the next token may come too late.
		runtime.Gosched()
		e.queue.wakeConsumer()
	}
}

// countAll counts everything that was reported before the call.
func (e *Engine) countAll() {
	e.endOf, _ = e.now()
	e.counted.Add(uint64(e.queue.drainAll(e.add)))
}

// add counts a batch of reports.
func (e *Engine) add(slots []slot, details []detail) {
	// The operations are looked up first, all of the batch, so that the processor
	// can fetch their windows from memory side by side.
	var operations [batch]*operation
	for i := range slots {
		service, kind := e.queue.whose(&slots[i], &details[i])
		name, _ := slots[i].names(&details[i])
		op, hasRoom := e.windows.lookup(service, name, kind)
		if !hasRoom {
			e.windows.overflowed++
		}
		operations[i] = op
		if slots[i].how.isDetailed() {
			e.traced.count()
		}
	}
	for i := range slots {
		s, d := &slots[i], &details[i]
		_, code := s.names(d)
		if !s.how.isDetailed() {
			outcome := s.how.outcome().decided(e.config.Codes, code)
			e.windows.count(operations[i], outcome, code, s.duration)
			e.slicer.count(operations[i], outcome, s.duration, s.how.less())
			continue
		}
		end := e.endOf
		if d.end != 0 {
			end = time.Unix(0, d.end)
		}
		outcome := d.outcome.decided(e.config.Codes, code)
		call := Exemplar{Trace: d.trace, Code: code, Duration: s.duration, End: end, Details: d.details}
		e.windows.countTraced(operations[i], outcome, call, d.untimed, d.cause)
		e.slicer.countTraced(operations[i], outcome, call, d.untimed, d.less)
	}
}

// untilDue returns the time until the end of the current slice or period.
func (e *Engine) untilDue() time.Duration {
	_, mono := e.now()
	return min(e.calendar.due, e.slicer.due) - mono
}

// closeDue closes the current slice and period if their time has come, and returns the time until
// the end of those that are current then.
func (e *Engine) closeDue() time.Duration {
	wall, mono := e.now()
	if e.calendar.due > mono {
		if e.slicer.due <= mono {
			e.countAll()
			e.slicer.next(e.windows, &e.calendar, mono)
			e.covers.adapt(e.slicer.counted, wall.UnixNano())
			e.traced.adapt()
		}
		return e.untilDue()
	}
	e.countAll()
	p, stepped := e.calendar.next(mono, wall)
	switch {
	case stepped > 0:
		e.hooks.OnError(fmt.Errorf("wall clock is %s ahead: no periods for the time between", stepped.Round(time.Millisecond)))
	case stepped < 0:
		e.hooks.OnError(fmt.Errorf("wall clock was set back: periods stay %s ahead of it", (-stepped).Round(time.Millisecond)))
	}
	if p.Missed > 0 {
		e.hooks.OnError(fmt.Errorf("process stood still: %d period ends passed unseen, their time is part of the period that began at %s", p.Missed, p.Start.Format(time.RFC3339)))
	}
	e.finish(p)
	e.slicer.begin(&e.calendar, mono)
	return e.untilDue()
}

// finish closes the windows as the given period, which is complete before anybody gets it but
// for what its judge and its delivery add.
func (e *Engine) finish(p Period) {
	full, late := e.queue.refused()
	droppedFull, droppedLate := full-e.full, late-e.late
	e.full, e.late = full, late
	p.Dropped = droppedFull + droppedLate
	p.Received = p.Dropped
	p.SampledRatio = e.sampling.ratio()
	e.takeObjectives()
	e.slicer.cut(e.windows, p.End)
	e.sweep(&p)
	p = e.windows.Close(p, func(key OperationKey) bool { return e.needed[key] })
	e.causes.expire(p.End.UnixNano())
	e.details.next(p.Received)
	e.reportDropped(&p, droppedFull, "the queue was full")
	e.reportDropped(&p, droppedLate, "they came after the shutdown began")
	e.reportSampled(&p)
	e.reportUncalled(&p)
	e.needed = e.hooks.Closed(&p)
}

// sweep counts the calls in flight at the end of a period.
func (e *Engine) sweep(p *Period) {
	if e.inFlight == nil {
		return
	}
	now, _ := e.now()
	p.Untracked, p.Abandoned = e.inFlight.sweep(now, e.hooks.Describe, func(c InFlight) { e.windows.countInFlight(c, now) })
	if p.Untracked > 0 {
		e.hooks.OnError(fmt.Errorf("%d calls began for which there was no room to track them while they are in flight: raise Config.MaxInFlight", p.Untracked))
	}
	if p.Abandoned > 0 {
		e.hooks.OnError(fmt.Errorf("%d calls were in flight for more than %s and are no longer tracked: most likely their spans are never ended", p.Abandoned, keyed.Short(e.inFlight.maxAge())))
	}
}

// reportSampled says once that a sampler keeps calls from the engine.
func (e *Engine) reportSampled(p *Period) {
	if p.SampledRatio == 0 || e.saidSampled {
		return
	}
	e.saidSampled = true
	e.hooks.OnError(fmt.Errorf("judging by their trace ids, a sampler lets only about %.2g %% of the traces reach the monitor, so the calls of all others are never judged: "+
		"to judge them too without exporting more, make the TracerProvider with sdktrace.WithSampler(sdktrace.AlwaysRecord(sampler))", 100*p.SampledRatio))
}

// uncalledAfter is the time without a call after which a name in the configuration is most likely
// misspelled.
const uncalledAfter = time.Hour

// reportUncalled says once which operations of the configuration were never called.
func (e *Engine) reportUncalled(p *Period) {
	if e.saidUncalled || p.End.Sub(e.began) < uncalledAfter {
		return
	}
	e.saidUncalled = true
	if keys := e.windows.Uncalled(); len(keys) > 0 {
		more := ""
		if n := len(keys) - maxUncalled; n > 0 {
			keys, more = keys[:maxUncalled], fmt.Sprintf(" and %d more", n)
		}
		e.hooks.OnError(fmt.Errorf("%s%s: no such operation was called in the first hour; names must be those that summaries show", strings.Join(keys, ", "), more))
	}
}

// maxUncalled is the number of keys that reportUncalled shows.
const maxUncalled = 10

// reportDropped says that n of a period's reports were dropped, and why.
func (e *Engine) reportDropped(p *Period, n uint64, why string) {
	if n > 0 {
		e.hooks.OnError(fmt.Errorf("%d of %d reports dropped between %s and %s: %s",
			n, p.Received, p.Start.Format(time.TimeOnly), p.End.Format(time.TimeOnly), why))
	}
}

// takeObjectives hands the objectives that were set to the windows.
func (e *Engine) takeObjectives() {
	e.mu.Lock()
	pending := e.pending
	e.pending = nil
	e.mu.Unlock()
	for operation, o := range pending {
		if err := e.windows.SetObjective(operation, o); err != nil {
			e.hooks.OnError(err)
		}
	}
}
