package engine

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Engine counts live reports: [Windows] behind a queue, with one goroutine that
// owns them and a clock that closes their periods. All methods are safe for
// concurrent use. It must not be copied.
type Engine struct {
	queue *queue
	hooks Hooks
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
	now      clock
	endOf    time.Time // stands for "now" in reports without an end
	// full and late are the numbers of reports refused up to the last close, by reason.
	full, late uint64
}

// clock tells the time by two clocks: the wall's, and a monotonic one whose zero
// means nothing. Nobody can set the second one.
type clock func() (wall time.Time, mono time.Duration)

// newClock returns the clock of the process.
func newClock() clock {
	began := time.Now()
	return func() (time.Time, time.Duration) {
		now := time.Now()
		return now.Round(0), now.Sub(began)
	}
}

// Hooks are what an engine calls, all on its own goroutine: they must be quick and
// must never wait for anything. A nil hook is not called.
type Hooks struct {
	// Closed gets each period as it closes. It may complete the verdicts of its
	// summaries; after that the period does not change any more.
	Closed func(*Period)
	// InFlight calls add for each call that has begun and not ended, at the end of a
	// period, and returns the numbers for [Period.Untracked] and [Period.Abandoned].
	InFlight func(now time.Time, add func(InFlight)) (untracked, abandoned uint64)
	// Keep says that an idle operation must keep its place, as one with a firing alert must.
	Keep func(OperationKey) bool
	// Trouble gets what is wrong with the engine's own work.
	OnError func(error)
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
		hooks.Closed = func(*Period) {}
	}
	if hooks.OnError == nil {
		hooks.OnError = func(error) {}
	}
	e := &Engine{
		queue:   newQueue(c.QueueSize),
		hooks:   hooks,
		flushes: make(chan chan struct{}),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
		windows: windows,
		now:     now,
	}
	wall, mono := now()
	e.calendar = newCalendar(windows.config.Period, mono, wall)
	slow := time.Duration(math.MaxInt64)
	windows.objectives.each(func(o *Objective) { slow = min(slow, o.LatencyTarget) })
	e.slow.Store(int64(slow))
	go e.run()
	return e, nil
}

// Noop returns an engine that was never started: it refuses every report. Its
// other methods do nothing, as after Shutdown.
func Noop() *Engine {
	e := &Engine{queue: newQueue(minQueue), done: make(chan struct{}), stop: make(chan struct{})}
	e.queue.seal()
	close(e.done)
	return e
}

// Report passes one finished call to the engine. It never waits, allocates nothing
// and returns false if the report was dropped, because the queue was full or the
// engine was shut down; either is counted.
func (e *Engine) Report(r Report) bool {
	return e.queue.Push(r.Service, r.Operation, r.Code, r.Duration, HowOf(r.SpanKind, r.Outcome))
}

// Intake returns the way into the engine for callers to whom every nanosecond counts.
func (e *Engine) Intake() *Intake { return e.queue }

// ReportTraced is Report for a call whose span is known, so that it can become an
// exemplar. cause is what it is blamed on if it failed or was slow; nil: itself.
func (e *Engine) ReportTraced(r Report, ref TraceRef, cause *Cause) bool {
	more := detail{trace: ref, service: r.Service, kind: r.SpanKind, outcome: r.Outcome, cause: cause}
	if !r.End.IsZero() {
		more.end = r.End.UnixNano()
	}
	return e.queue.pushDetailed(r.Operation, r.Code, r.Duration, more)
}

// WantsTrace reports whether a call that ended so and took so long may become an
// exemplar, so that its trace is worth being reported, too.
func (e *Engine) WantsTrace(outcome Outcome, d time.Duration) bool {
	return outcome == OutcomeFailure || outcome == OutcomeUnset ||
		outcome == OutcomeSuccess && int64(d) > e.slow.Load()
}

// MayBeSlow reports whether a call that took so long can be more than half of one that
// is slow, so that [Causes] should know of it.
func (e *Engine) MayBeSlow(d time.Duration) bool { return int64(d) > e.slow.Load()/2 }

// SetObjective sets what is expected of the operations of the given name, whatever
// their service and kind, from the next period on: the current one is judged
// by what it began with. Fields left zero inherit [Config.Objective]'s. It returns
// the errors of [Objective.Validate].
func (e *Engine) SetObjective(operation string, o Objective) error {
	if err := o.Validate(); err != nil {
		return err
	}
	if o.LatencyTarget != 0 {
		for {
			slow := e.slow.Load()
			if slow <= int64(o.LatencyTarget) || e.slow.CompareAndSwap(slow, int64(o.LatencyTarget)) {
				break
			}
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pending == nil {
		e.pending = make(map[string]Objective)
	}
	e.pending[operation] = o
	return nil
}

// Stats says what became of all reports since the engine began.
type Stats struct {
	// Counted is the number of reports that periods, the current one included, count.
	Counted uint64
	// DroppedQueueFull and DroppedShutdown are the numbers of reports that were
	// dropped because the queue was full, and because the engine was shut down.
	DroppedQueueFull, DroppedShutdown uint64
}

// Received returns the number of reports that were made: each was either
// counted or dropped. While the queue holds reports, they are in neither.
func (s Stats) Received() uint64 { return s.Counted + s.Dropped() }

// Dropped returns the number of reports that were dropped.
func (s Stats) Dropped() uint64 { return s.DroppedQueueFull + s.DroppedShutdown }

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
		operations[i] = e.windows.lookup(service, name, kind)
	}
	for i := range slots {
		s, d := &slots[i], &details[i]
		_, code := s.names(d)
		if !s.how.isDetailed() {
			e.windows.count(operations[i], s.how.outcome(), code, s.duration)
			continue
		}
		end := e.endOf
		if d.end != 0 {
			end = time.Unix(0, d.end)
		}
		e.windows.countTraced(operations[i], d.outcome, Exemplar{Trace: d.trace, Code: code, Duration: s.duration, End: end}, d.cause)
	}
}

// untilDue returns the time until the end of the current period.
func (e *Engine) untilDue() time.Duration {
	_, mono := e.now()
	return e.calendar.due - mono
}

// closeDue closes the current period if its time has come, and returns the time until
// the end of the one that is current then.
func (e *Engine) closeDue() time.Duration {
	wall, mono := e.now()
	if early := e.calendar.due - mono; early > 0 {
		return early
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
	return e.untilDue()
}

// finish closes the windows as the given period.
func (e *Engine) finish(p Period) {
	full, late := e.queue.refused()
	droppedFull, droppedLate := full-e.full, late-e.late
	e.full, e.late = full, late
	p.Dropped = droppedFull + droppedLate
	p.Received = p.Dropped
	e.takeObjectives()
	if e.hooks.InFlight != nil {
		now, _ := e.now()
		p.Untracked, p.Abandoned = e.hooks.InFlight(now, e.windows.AddInFlight)
	}
	p = e.windows.Close(p, e.hooks.Keep)
	e.reportDropped(&p, droppedFull, "the queue was full")
	e.reportDropped(&p, droppedLate, "they came after the shutdown began")
	e.hooks.Closed(&p)
}

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
