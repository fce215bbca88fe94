package gomonitorconnector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/blurooo/go-monitor/connector/internal/undecoded"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"
)

// analysis counts spans by the time of their end, judges each period when it is over, and
// sends what comes of it on its way. One goroutine of its own closes the periods. consume is
// safe for concurrent use; it must not be copied.
type analysis struct {
	reader    *reader
	undecoded *sync.Pool // of readers, for requests that were not decoded
	period    time.Duration
	wake      chan struct{} // holds a token when run has periods to send
	stop      chan struct{} // closed when close is called
	done      chan struct{} // closed when run has returned

	mu       sync.Mutex // for the fields below
	timeline *engine.Timeline
	span     engine.Span // the one that is being counted
	codes    keptCodes
	clock    engine.MonotonicClock
	closed   []*engine.Period             // that wait to be sent
	needed   map[engine.OperationKey]bool // those that must keep their places
	isEnded  bool

	// The fields below belong to the goroutine of run, and to close after that.

	judge     *alert.Judge
	metrics   *metricsOutput // nil: nobody asks for metrics
	outlet    *delivery.Outlet
	receivers *receivers
	troubles  *delivery.ErrorHandler
	telemetry *telemetry
}

const (
	// maxWait is the longest time between two looks at the clock, which may be set.
	maxWait = time.Second
	// closeTimeout is the time in which everything has to be delivered after the end of
	// the analysis, where nobody says how much there is.
	closeTimeout = 20 * time.Second
	// periodsAtOnce is the number of periods that a sink has room for, at least.
	periodsAtOnce = 8
)

// newAnalysis starts an analysis for components that have started.
func newAnalysis(ctx context.Context, s *shared) (*analysis, error) {
	c := s.config.withDefaults(s.settings.ID.String())
	if s.metrics != nil && !c.Metrics.Histogram.Disable {
		c.Histograms = true
	}
	var clock engine.MonotonicClock
	timeline, err := engine.NewTimeline(c.TimelineConfig, clock.Now())
	if err != nil {
		return nil, fmt.Errorf("gomonitor: %w", err)
	}
	receivers, err := openReceivers(ctx, &c)
	if err != nil {
		return nil, fmt.Errorf("gomonitor: %w", err)
	}
	logger := s.settings.Logger
	a := &analysis{
		reader:    newReader(&c),
		codes:     make(keptCodes),
		period:    timeline.Config().Period,
		wake:      make(chan struct{}, 1),
		stop:      make(chan struct{}),
		done:      make(chan struct{}),
		timeline:  timeline,
		clock:     clock,
		judge:     alert.NewJudge(),
		receivers: receivers,
		troubles:  delivery.NewErrorHandler(func(err error) { logger.Warn("gomonitor has trouble", zap.Error(err)) }),
	}
	a.undecoded = newUndecodedReaders(a.reader)
	timeline.Keep(func(key engine.OperationKey) bool { return a.needed[key] })
	notifiers, sinks := receivers.notifiers, receivers.sinks
	if s.logs != nil {
		notifiers = append(notifiers, &alertsOutput{s.logs})
		if c.Logs.Summaries {
			sinks = append(sinks, &summariesOutput{s.logs})
		}
	}
	if s.metrics != nil {
		a.metrics = newMetricsOutput(newPeriodMetrics(c.Metrics, textOf(s.settings.Resource.Attributes(), "service.instance.id")), s.metrics)
		sinks = append(sinks, a.metrics)
	}
	a.outlet = delivery.New(delivery.Config{
		Delivery: c.Delivery, Notifiers: notifiers, Sinks: sinks, OnError: a.troubles.HandleOnce,
	})
	a.telemetry, err = newTelemetry(s.settings.TelemetrySettings, s.settings.ID, a.outlet)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("gomonitor: %w", err), a.end(ctx))
	}
	go a.run()
	return a, nil
}

// consume counts spans.
func (a *analysis) consume(td ptrace.Traces) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.isEnded {
		return errNotRunning
	}
	// What ended just now may be the first of a period.
	a.advance()
	unwatched := a.reader.each(td, &a.span, a.timeline.Add)
	a.span = engine.Span{} // nothing of td is kept
	a.telemetry.received(td.SpanCount(), unwatched)
	return nil
}

// consumeUndecoded counts the spans of a request, all or none, and returns how many there are.
// All that takes time and needs nothing else is done before it waits for others to be done.
func (a *analysis) consumeUndecoded(request undecoded.Request) (spans int, err error) {
	r := a.undecoded.Get().(*undecodedReader)
	defer a.undecoded.Put(r)
	if err := r.read(request); err != nil {
		return 0, err
	}
	if err := a.addUndecoded(r, request.Bytes); err != nil {
		return 0, err
	}
	a.telemetry.received(r.count, r.unwatched)
	return r.count, nil
}

// addUndecoded counts the spans that r has read.
func (a *analysis) addUndecoded(r *undecodedReader, request []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.isEnded {
		return errNotRunning
	}
	a.advance()
	for i := range r.spans {
		s := &r.spans[i]
		s.Code = a.codes.own(s.Code, request)
		a.timeline.Add(s)
	}
	return nil
}

// advance closes the periods that are over, leaves them to run, and returns the time. a.mu
// is held.
func (a *analysis) advance() (now time.Time) {
	now = a.clock.Now()
	a.timeline.Advance(now, a.keep)
	if len(a.closed) > 0 {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
	return now
}

// keep takes a period that was closed. a.mu is held.
func (a *analysis) keep(p *engine.Period) { a.closed = append(a.closed, p) }

// run closes periods and sends them until the analysis ends.
func (a *analysis) run() {
	defer close(a.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-a.wake:
		case <-a.stop:
			return
		}
		closed, wait := a.take()
		for _, p := range closed {
			a.send(p)
		}
		timer.Reset(wait)
	}
}

// take returns the periods that are over, with the time until the next one begins or
// closes.
func (a *analysis) take() (closed []*engine.Period, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.advance()
	closed, a.closed = a.closed, nil
	a.telemetry.counted(a.timeline.OpenPeriods(), a.timeline.Operations())
	begins := now.Truncate(a.period).Add(a.period).Sub(now)
	return closed, max(0, min(begins, a.timeline.NextClose().Sub(now), maxWait))
}

// send judges a closed period and sends it on its way. It waits for nobody.
func (a *analysis) send(p *engine.Period) {
	alerts := a.judge.Judge(p)
	if a.metrics != nil {
		a.metrics.add(p, alerts)
	}
	a.outlet.Send(p, alerts)
	a.telemetry.closed(p, alerts, firingIn(a.judge.Phases()))
	a.troubles.NewPeriod()
	needed := a.judge.Needed()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.needed = needed
}

// firingIn returns the number of standings in which an alert fires.
func firingIn(standings []alert.ObjectivePhase) (n int) {
	for _, s := range standings {
		if s.Phase == alert.PhaseFiring || s.Phase == alert.PhaseRecovering {
			n++
		}
	}
	return n
}

// close closes all open periods, delivers everything and ends every goroutine. If ctx ends
// first, or too much time has passed, it gives up what is left and says how much that is.
func (a *analysis) close(ctx context.Context) error {
	close(a.stop)
	<-a.done
	a.mu.Lock()
	a.isEnded = true
	a.timeline.Advance(a.clock.Now(), a.keep)
	a.timeline.Close(a.keep)
	left := a.closed
	a.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	for i, p := range left {
		if i%periodsAtOnce == periodsAtOnce-1 {
			_ = a.outlet.Flush(ctx) // Close says what was not delivered
		}
		a.send(p)
	}
	return a.end(ctx)
}

// end delivers what there is, and closes where it went to. What hangs there has three
// quarters of the time, so that a store can write down what it has got.
func (a *analysis) end(ctx context.Context) error {
	delivering := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		delivering, cancel = context.WithTimeout(ctx, time.Until(deadline)*3/4)
		defer cancel()
	}
	errs := []error{a.outlet.Close(delivering), a.receivers.close(ctx), a.troubles.Close(ctx)}
	if a.telemetry != nil {
		errs = append(errs, a.telemetry.close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("gomonitor: shutdown: %w", err)
	}
	return nil
}
