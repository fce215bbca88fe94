package gomonitorconnector

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/blurooo/go-monitor/connector/internal/undecoded"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/classify"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/state"
)

// analysis counts spans by the time of their end, judges each period when it is over, and
// hands the period and its alerts to the dispatcher. A goroutine of its own closes periods.
// consume is safe for concurrent use. It must not be copied.
type analysis struct {
	reader    *reader
	undecoded *sync.Pool // of readers, for requests that were not decoded
	period    time.Duration
	wake      chan struct{} // holds a token when run has periods to send
	stop      chan struct{} // closed when close is called
	done      chan struct{} // closed when run has returned

	mu       sync.Mutex // guards the fields below
	timeline *engine.Timeline
	span     engine.Span // the one that is being counted
	codes    keptTexts   // those of the requests that the engine may keep
	clock    engine.MonotonicClock
	looked   time.Time                    // when it looked at the clock last
	closed   []*engine.Period             // periods that wait for run
	needed   map[engine.OperationKey]bool // operations that must keep their places
	isEnded  bool

	// The fields below belong to the goroutine of run, and to close once that has ended.

	judge      *alert.Judge
	silencer   *alert.Silencer
	metrics    *metricsOutput // nil: there is no metrics pipeline
	dispatcher *delivery.Dispatcher
	receivers  *receivers
	errors     *delivery.ErrorHandler
	telemetry  *telemetry
	health     *health
	known      []engine.KnownOperation // of the last period
	keeper     *state.Keeper
	grace      time.Duration
	// memory is the home of the state if nothing outlives the process, so that alerts are
	// interrupted when it ends. hangup gets SIGHUP, at which components are shut down to be made
	// anew, and find the memory under the name.
	memory state.Store
	name   string
	hangup chan os.Signal
	ledger alert.Ledger

	watchers delivery.Watchers
}

const (
	// maxWait is the longest time between two looks at the clock, which may be set anew.
	maxWait = time.Second
	// stallTime is the time between two looks from which on the process stood still.
	stallTime = 5 * time.Second
	// closeTimeout is the longest time that close takes to deliver what is left.
	closeTimeout = 20 * time.Second
	// periodsAtOnce is a number of periods that a sink's queue certainly has room for.
	periodsAtOnce = 8
)

// newAnalysis starts an analysis for components that have started.
func newAnalysis(ctx context.Context, host component.Host, s *shared) (*analysis, error) {
	c := s.config.withDefaults(s.settings.ID.String())
	if s.metrics != nil && !c.Metrics.Histogram.Disable {
		c.Histograms = true
	}
	var clock engine.MonotonicClock
	timeline, err := engine.NewTimeline(c.TimelineConfig, clock.Now())
	if err != nil {
		return nil, fmt.Errorf("gomonitor: %w", err)
	}
	silencer := new(alert.Silencer)
	if err := silencer.Plan(c.Maintenance); err != nil {
		return nil, fmt.Errorf("gomonitor: %w", err)
	}
	receivers, err := openReceivers(ctx, &c)
	if err != nil {
		return nil, fmt.Errorf("gomonitor: %w", err)
	}
	logger := s.settings.Logger
	a := &analysis{
		reader:    newReader(&c),
		codes:     make(keptTexts),
		period:    timeline.Config().Period,
		wake:      make(chan struct{}, 1),
		stop:      make(chan struct{}),
		done:      make(chan struct{}),
		timeline:  timeline,
		clock:     clock,
		judge:     alert.NewJudge(),
		silencer:  silencer,
		grace:     timeline.Config().Grace,
		hangup:    make(chan os.Signal, 1),
		receivers: receivers,
		errors:    delivery.NewErrorHandler(func(err error) { logger.Warn("gomonitor error", zap.Error(err)) }),
	}
	if !c.NoDetails {
		a.reader.details = detailReader{rules: classify.NewDetailRules(c.details()), wants: timeline.WantsDetails}
	}
	a.undecoded = newUndecodedReaders(a.reader)
	notifiers, sinks := receivers.notifiers, receivers.sinks
	if s.logs != nil {
		notifiers = append(notifiers, &alertsOutput{s.logs})
		if c.Logs.Summaries {
			sinks = append(sinks, &summariesOutput{s.logs})
		}
	}
	if s.metrics != nil {
		a.metrics = newMetricsOutput(newPeriodMetrics(c.Metrics, a.period, textOf(s.settings.Resource.Attributes(), "service.instance.id")), s.metrics)
		sinks = append(sinks, a.metrics)
	}
	ledgers := a.openState(ctx, &c)
	a.dispatcher = delivery.New(delivery.Options{
		Config: c.Delivery, Notifiers: notifiers, Sinks: sinks, Ledgers: ledgers, OnError: a.errors.HandleOnce,
		Save: a.keeper.Save, Before: a.untilSaved, Told: func() { a.keeper.SavePart(state.Deliveries) },
	})
	a.telemetry, err = newTelemetry(s.settings.TelemetrySettings, s.settings.ID, a.dispatcher)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("gomonitor: %w", err), a.end(ctx))
	}
	a.health = &health{host: host, receivers: a.dispatcher.Receivers}
	a.goOn()
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
	a.advance() // the spans may be the first ones of a new period
	unwatched := a.reader.each(td, &a.span, a.timeline.Add)
	a.span = engine.Span{} // keep nothing of td
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

// advance closes the periods that are over, queues them for run, and returns the time. a.mu is
// held.
func (a *analysis) advance() (now time.Time) {
	now = a.clock.Now()
	leftOut := a.timeline.Advance(now, a.isNeeded, a.keep)
	if !a.looked.IsZero() && now.Sub(a.looked) > stallTime {
		a.stalled(a.looked, now, leftOut)
	}
	a.looked = now
	if len(a.closed) > 0 {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
	return now
}

// stalled says that the process stood still.
func (a *analysis) stalled(from, to time.Time, leftOut bool) {
	what := "the periods of that time are whole, but for what was lost or comes late"
	if leftOut {
		what = "no period holds that time"
	}
	a.telemetry.stalls.Add(1)
	a.errors.Handle(fmt.Errorf("the process stood still, or the clock leapt, for %s, from %s to %s: %s",
		alert.Rounded(to.Sub(from)), alert.Moment(from), alert.Moment(to), what))
}

// isNeeded reports whether an idle operation must keep its place. a.mu is held.
func (a *analysis) isNeeded(key engine.OperationKey) bool { return a.needed[key] }

// keep queues a closed period for run. a.mu is held.
func (a *analysis) keep(p *engine.Period) { a.closed = append(a.closed, p) }

// run closes periods and sends them until a.stop is closed.
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
			a.send(p, false)
		}
		timer.Reset(wait)
	}
}

// take returns the closed periods, and the time until the next one begins or closes.
func (a *analysis) take() (closed []*engine.Period, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.advance()
	closed, a.closed = a.closed, nil
	a.telemetry.counted(a.timeline.OpenPeriods(), a.timeline.Operations())
	begins := now.Truncate(a.period).Add(a.period).Sub(now)
	return closed, max(0, min(begins, a.timeline.NextClose().Sub(now), maxWait))
}

// send judges a closed period, the last one or another, and hands it to the dispatcher, without waiting.
func (a *analysis) send(p *engine.Period, isLast bool) {
	alerts := a.judge.Judge(p)
	if isLast {
		alerts = append(alerts, a.lastWord(p)...)
	}
	if a.metrics != nil {
		a.metrics.add(p, alerts)
	}
	released := a.silencer.Pass(alerts, p.End)
	a.known = p.Known
	a.dispatcher.Send(p, append(alerts, released...))
	phases := a.judge.Phases()
	a.telemetry.closed(p, alerts, a.judge.Firing())
	a.ledger.Enter(alerts)
	a.watchers.Send(alert.Judgement{Period: p, At: p.End, Alerts: alerts, Firing: a.ledger.Firing(), Phases: phases})
	a.errors.NewPeriod()
	a.health.update()
	needed := a.judge.Needed()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.needed = needed
}

// close closes all open periods, delivers everything and ends every goroutine. If ctx or
// closeTimeout ends first, it drops what is left and says how much that is.
func (a *analysis) close(ctx context.Context) error {
	close(a.stop)
	<-a.done
	a.mu.Lock()
	a.isEnded = true
	a.timeline.Advance(a.clock.Now(), a.isNeeded, a.keep)
	a.timeline.Close(a.isNeeded, a.keep)
	left := a.closed
	a.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	if a.metrics != nil {
		a.metrics.metrics.totals.Hurry()
	}
	for i, p := range left {
		if i%periodsAtOnce == periodsAtOnce-1 {
			_ = a.dispatcher.Flush(ctx) // Close reports what was not delivered
		}
		a.send(p, i == len(left)-1)
	}
	return a.end(ctx)
}

// end delivers what is queued and closes the receivers. The delivery has three quarters of the
// time, so that a store still has time to write what it got.
func (a *analysis) end(ctx context.Context) error {
	a.watchers.Close()
	delivering := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		delivering, cancel = context.WithTimeout(ctx, time.Until(deadline)*3/4)
		defer cancel()
	}
	signal.Stop(a.hangup)
	errs := []error{a.dispatcher.Close(delivering), a.closeState(ctx), a.receivers.close(ctx), a.errors.Close(ctx)}
	if a.telemetry != nil {
		errs = append(errs, a.telemetry.close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("gomonitor: shutdown: %w", err)
	}
	return nil
}
