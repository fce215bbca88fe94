package monitor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/classify"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/internal/contexts"
	"github.com/blurooo/go-monitor/v2/state"
)

// Monitor watches operations and says when their quality is bad. It is a
// [sdktrace.SpanProcessor]: give it to a TracerProvider. Several monitors on one
// provider know nothing of each other.
//
// All methods are safe for concurrent use. It must not be copied. Shutdown, its own or
// the TracerProvider's, ends it.
type Monitor struct {
	engine     *engine.Engine
	off        bool // switched off by OTEL_SDK_DISABLED: the engine takes nothing
	tracks     bool // the engine tracks calls in flight
	measures   bool // the engine measures own times
	classifier classifier
	details    *classify.DetailRules
	classify   func(sdktrace.ReadOnlySpan) (string, engine.Outcome)
	filter     func(sdktrace.ReadOnlySpan) bool
	kinds      kindSet
	services   services
	contexts   contexts.Table // of the calls that have begun and not ended

	board      board
	judge      *alert.Judge            // belongs to the engine's goroutine
	known      []engine.KnownOperation // belongs to the engine's goroutine
	keeper     *state.Keeper
	silencer   alert.Silencer
	dispatcher *delivery.Dispatcher
	errors     *delivery.ErrorHandler
	watchers   delivery.Watchers

	stopGreeting func()       // may be called any number of times
	unregister   func() error // of the monitor's own metrics

	reloading  sync.Mutex
	configured Config // as Reload knows it
	name       string
	ended      atomic.Bool // Shutdown was called
	saidLate   sync.Once
}

// New starts a monitor. It returns the errors of [Config.Validate]. What c leaves zero may come
// from the environment, as GO_MONITOR_PERIOD=5s does, under the keys of [FromYAML] in upper
// case: GO_MONITOR_OBJECTIVE_LATENCY_TARGET=200ms.
//
// With the default notifier or sink, and where stderr is a terminal, it says in one line what it
// watches, and within the first period whether anything came in.
//
// Where the environment says OTEL_SDK_DISABLED=true, the monitor does nothing.
func New(c Config) (*Monitor, error) { return newIn(thisPlace(), c) }

// newIn is New for a program in a place.
func newIn(p place, c Config) (*Monitor, error) {
	if err := c.fillFromEnv(); err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if isDisabled() {
		return &Monitor{engine: engine.Noop(), off: true}, nil
	}
	given := c
	given.Operations = maps.Clone(c.Operations)
	alertsTo, summariesTo := destinations(c.Notifiers, "notifier"), destinations(c.Sinks, "sink")
	usesDefaults := c.Notifiers == nil || c.Sinks == nil
	c = c.withDefaults(p)
	m := &Monitor{
		classifier: newClassifier(c.Codes, c.Outcomes, c.Rules),
		details:    classify.NewDetailRules(c.details()),
		classify:   c.Classify,
		filter:     c.Filter,
		kinds:      newKindSet(c.Kinds),
		board:      board{named: namesOf(c.Operations)},
		judge:      alert.NewJudge(),
		errors:     newErrorHandler(c.Name),
		configured: given,
		name:       c.Name,
	}
	var ledgers state.Ledgers
	m.keeper = m.newKeeper(&c, &ledgers)
	m.dispatcher = delivery.New(delivery.Options{
		Config: c.Delivery, Notifiers: c.Notifiers, Sinks: c.Sinks, Ledgers: ledgers, OnError: m.errors.HandleOnce,
		Save: m.keeper.Save, Before: m.untilSaved, Told: func() { m.keeper.SavePart(state.Deliveries) },
	})
	var err error
	if m.unregister, err = ownMetrics(otel.Meter(alert.ScopeName), c.Name, m.dispatcher); err != nil {
		m.errors.Handle(fmt.Errorf("metrics: %w", err))
		m.unregister = func() error { return nil }
	}
	if err = m.silencer.Plan(c.Maintenance); err != nil {
		return nil, errors.Join(err, m.close(context.Background()))
	}
	m.engine, err = engine.New(c.engine(), engine.Hooks{
		Closed: m.periodClosed, Describe: m.describe, OnError: m.errors.Handle, Restored: m.goOn(),
	})
	if err != nil {
		return nil, errors.Join(err, m.close(context.Background()))
	}
	m.services.engine = m.engine
	m.tracks = m.engine.Config().MaxInFlight > 0
	m.measures = m.engine.MeasuresOwnTimes()
	m.stopGreeting = func() {}
	if usesDefaults && p.isTerminal && !p.isTest {
		m.stopGreeting = greeting{
			to: p.stderr, monitor: c.Name, kinds: c.Kinds, period: m.engine.Config().Period,
			alertsTo: alertsTo, summariesTo: summariesTo,
			received: m.received,
		}.say()
	}
	return m, nil
}

// received returns the number of reports that were made up to now.
func (m *Monitor) received() uint64 {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = m.engine.Flush(ctx) // without it a few are not counted yet
	return m.engine.Stats().Received()
}

// periodClosed judges a period and sends it on its way. It returns the operations that must
// keep their places. It runs on the engine's goroutine and waits for nobody.
func (m *Monitor) periodClosed(p *engine.Period) (needed map[engine.OperationKey]bool) {
	alerts := m.judge.Judge(p)
	if p.Final {
		alerts = append(alerts, m.lastWord(p)...)
	}
	released := m.silencer.Pass(alerts, p.End)
	phases := m.judge.Phases()
	m.board.update(p, alerts, phases)
	m.known = p.Known
	m.dispatcher.Send(p, append(alerts, released...))
	m.watchers.Send(alert.Judgement{Period: p, At: p.End, Alerts: alerts, Firing: m.board.latest.Load().alerts, Phases: phases})
	m.errors.NewPeriod()
	return m.judge.Needed()
}

// Report reports a call that has no span. It never waits and allocates nothing. It
// returns false if the report was dropped, because the queue was full or the
// monitor was shut down; such reports are counted in [Stats].
func (m *Monitor) Report(r Report) bool {
	return m.engine.ReportFields(r.Operation, r.Code, r.Duration, r.SpanKind, r.Outcome, r.Service)
}

// ReportContext is Report for a call within a traced one: if it fails or is slow, the
// span of ctx is what can be looked up.
func (m *Monitor) ReportContext(ctx context.Context, r Report) bool {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		return m.engine.ReportWithin(r, traceRef(sc))
	}
	return m.engine.Report(r)
}

// SetObjective sets what is expected of the operations of the given name, whatever
// their service and kind. A field left zero inherits [Config.Objective]'s.
//
// It takes effect with the next period; the current one is judged by what it
// began with. Where it changes what an alert is decided by, the bad or good periods
// that were counted so far no longer count, since they were judged by another
// objective. A firing alert keeps firing until the new objective was met in
// RecoverAfter periods running.
//
// It returns the errors of [engine.Objective.Validate], and one for a StuckAfter where
// calls in flight are not tracked ([Config.MaxInFlight]).
func (m *Monitor) SetObjective(operation string, o engine.Objective) error {
	if m.off {
		return o.Validate()
	}
	m.reloading.Lock()
	defer m.reloading.Unlock()
	if err := m.engine.SetObjective(operation, o); err != nil {
		return err
	}
	operations := maps.Clone(m.configured.Operations)
	if operations == nil {
		operations = make(map[string]engine.Objective)
	}
	operations[operation] = o
	m.configured.Operations = operations
	return nil
}

// SetObjectives sets what is expected of single operations, all at once: operations is what
// [Config.Operations] would be. Those that it does not name are back at what all inherit. All that
// changes counts from the same period on. What does not change keeps its streaks, its alerts and their
// ids, and nobody is told anything about it. See [Monitor.SetObjective] for the rest. After an error
// nothing has changed.
func (m *Monitor) SetObjectives(operations map[string]engine.Objective) error {
	if m.off {
		return engine.Config{Operations: operations}.Validate()
	}
	m.reloading.Lock()
	defer m.reloading.Unlock()
	return m.setObjectives(operations)
}

// setObjectives is SetObjectives with m.reloading held.
func (m *Monitor) setObjectives(operations map[string]engine.Objective) error {
	changed := make(map[string]engine.Objective)
	for name := range m.configured.Operations {
		if _, ok := operations[name]; !ok {
			changed[name] = engine.Objective{}
		}
	}
	for name, o := range operations {
		if old, ok := m.configured.Operations[name]; !ok || old != o {
			changed[name] = o
		}
	}
	if err := m.engine.SetObjectives(changed); err != nil {
		return err
	}
	m.configured.Operations = maps.Clone(operations)
	return nil
}

// Silence keeps alerts from being sent until a time, those about the operations of the given name.
// A * in it stands for any text, and it may stand behind a span kind: "client: GET /users/*". The
// alerts are judged, and kept by an [alert.Recorder], as ever. What still fires at the end is sent
// then. What fired before and ends meanwhile is sent.
//
// It takes effect at the end of the period, in place of a silence of the same match; the zero time
// ends that one. It returns an error for an empty match, or if there are too many silences.
func (m *Monitor) Silence(match string, until time.Time, reason string) error {
	return m.silencer.Silence(alert.Silence{Match: match, Until: until, Reason: reason})
}

// Silences returns the silences that were set by Silence and are not over.
func (m *Monitor) Silences() []alert.Silence { return m.silencer.Silences(time.Now()) }

// ForceFlush waits until everything that was reported before is counted and
// every closed period is delivered, to sinks and notifiers. It closes no period.
// It returns ctx's error if that ends first.
//
// Called from within a sink, a notifier or an error handler, it waits for the
// counting alone, since the delivery would have to wait for the caller. A goroutine
// that one of these starts, and waits for, should pass ctx on: its flush ends with that.
func (m *Monitor) ForceFlush(ctx context.Context) error {
	if m.off {
		return nil
	}
	if err := m.engine.Flush(ctx); err != nil {
		return fmt.Errorf("monitor: flush: %w", err)
	}
	if delivery.IsHandler() {
		return nil
	}
	if err := errors.Join(m.dispatcher.Flush(ctx), m.errors.Flush(ctx)); err != nil {
		return fmt.Errorf("monitor: flush: %w", err)
	}
	return nil
}

// Shutdown counts everything that was reported before, closes the current period
// as a partial one, delivers what is left and ends every goroutine of the
// monitor. Reports that come later are dropped, and counted as such. If ctx ends
// first, what is not yet delivered is given up; the error says how much. It may be
// called any number of times.
//
// While a receiver is down, Shutdown takes all the time that ctx allows, and without a
// deadline until every notification was tried as often as [Config.Delivery] says. A
// TracerProvider shuts its processors down one after the other, and once ctx has ended
// returns no error but that one: the monitor should be the last of them, behind those that
// export spans.
//
// Called from within a sink, a notifier or an error handler, it returns once
// everything is counted; the delivery goes on after the caller has returned.
func (m *Monitor) Shutdown(ctx context.Context) error {
	if m.off {
		return nil
	}
	m.stopGreeting()
	m.ended.Store(true)
	err := m.engine.Shutdown(ctx)
	if delivery.IsHandler() {
		go m.close(context.WithoutCancel(ctx)) //nolint:errcheck // it can't fail without a deadline
	} else {
		err = errors.Join(err, m.close(ctx))
	}
	if err != nil {
		return fmt.Errorf("monitor: shutdown: %w", err)
	}
	return nil
}

// sayLate says once that spans are dropped, since another TracerProvider still has the monitor. The
// error handler is the user's code, and nothing else of the monitor runs any more.
func (m *Monitor) sayLate() {
	m.saidLate.Do(func() {
		go otel.Handle(fmt.Errorf("monitor %q: spans still end after its Shutdown, and are dropped: "+
			"a TracerProvider that is shut down shuts its processors down, so give each provider a monitor of its own", m.name))
	})
}

// close ends the delivery: first of what the engine sends, then of what outlives it, then of what
// went wrong with that.
func (m *Monitor) close(ctx context.Context) error {
	m.watchers.Close()
	return errors.Join(m.dispatcher.Close(ctx), m.keeper.Close(ctx), m.errors.Close(ctx), m.unregister())
}

// Stats says what became of everything that a monitor took in and gave out.
type Stats struct {
	engine.Stats
	// UndeliveredPeriods is the number of periods that a sink did not take: it was too
	// slow, returned an error or panicked, or Shutdown had too little time. A period that
	// two sinks missed counts twice.
	UndeliveredPeriods uint64
	// UndeliveredNotifications is the same for notifiers.
	UndeliveredNotifications uint64
}

// Stats returns what became of everything up to now.
func (m *Monitor) Stats() Stats {
	if m.off {
		return Stats{}
	}
	periods, notifications := m.dispatcher.Undelivered()
	return Stats{Stats: m.engine.Stats(), UndeliveredPeriods: periods, UndeliveredNotifications: notifications}
}
