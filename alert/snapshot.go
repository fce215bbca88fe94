package alert

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/internal/exact"
)

// SnapshotVersion is the version of the form of a [Snapshot].
const SnapshotVersion = 1

// Snapshot is all that a judge remembers, as plain data with a JSON form. A judge that is given it
// goes on as the one that it was taken from.
type Snapshot struct {
	// Periods is the number of periods that were judged.
	Periods int `json:"periods"`
	// Machines are the objectives that have a streak, few calls or an alert to remember.
	Machines []machineSnapshot `json:"machines"`
	// Pasts are the operations whose traffic or error budget is watched.
	Pasts []pastSnapshot `json:"pasts"`
}

// operationSnapshot names an operation.
type operationSnapshot struct {
	Service  exact.Text      `json:"service"`
	SpanKind engine.SpanKind `json:"span_kind"`
	Name     exact.Text      `json:"operation"`
}

func operationSnapshotOf(key engine.OperationKey) operationSnapshot {
	return operationSnapshot{exact.Text(key.Service), key.SpanKind, exact.Text(key.Name)}
}

func (o *operationSnapshot) key() engine.OperationKey {
	return engine.OperationKey{Service: string(o.Service), SpanKind: o.SpanKind, Name: string(o.Name)}
}

// machineSnapshot is a machine. What it holds between judge and advance alone is left out.
type machineSnapshot struct {
	Operation      operationSnapshot `json:"operation"`
	ObjectiveKind  ObjectiveKind     `json:"objective_kind"`
	Phase          Phase             `json:"phase"`
	Objective      engine.Objective  `json:"objective"`
	Pool           runSnapshot       `json:"pool,omitzero"`
	Streak         runSnapshot       `json:"streak,omitzero"`
	Trouble        troubleSnapshot   `json:"trouble,omitzero"`
	Fired          []time.Time       `json:"fired,omitempty"`
	Alert          *alertSnapshot    `json:"alert,omitempty"`
	Worst          float64           `json:"worst"`
	LastBad        runSnapshot       `json:"last_bad,omitzero"`
	BadUntil       time.Time         `json:"bad_until,omitzero"`
	Notified       time.Time         `json:"notified,omitzero"`
	RepeatInterval time.Duration     `json:"repeat_interval_ns,omitzero"`
	Flapping       Flapping          `json:"flapping,omitzero"`
	Met            *Alert            `json:"met,omitempty"`
	CalledUntil    time.Time         `json:"called_until,omitzero"`
	CallsSince     uint64            `json:"calls_since,omitzero"`
	Idle           int               `json:"idle,omitzero"`
	EndAfterIdle   int               `json:"end_after_idle,omitzero"`
}

// troubleSnapshot is a trouble.
type troubleSnapshot struct {
	Lead int         `json:"lead"`
	Bad  runSnapshot `json:"bad,omitzero"`
	Good int         `json:"good,omitzero"`
}

// IsZero reports whether there is no trouble.
func (s troubleSnapshot) IsZero() bool { return s.Lead == 0 && s.Good == 0 && s.Bad.IsZero() }

// alertSnapshot is what the alerts of an incident have in common.
type alertSnapshot struct {
	ID            string          `json:"id"`
	Monitor       exact.Text      `json:"monitor"`
	StartsAt      time.Time       `json:"starts_at"`
	WorstExemplar engine.Exemplar `json:"worst_exemplar,omitzero"`
	Target        float64         `json:"target"`
	Actual        float64         `json:"actual"`
	LatencyTarget time.Duration   `json:"latency_target_ns,omitzero"`
	CausedBy      string          `json:"caused_by,omitempty"`
}

// runSnapshot is a run.
type runSnapshot struct {
	Units   int              `json:"units"`
	Since   time.Time        `json:"since"`
	Total   readingSnapshot  `json:"total"`
	Count   int              `json:"count"`
	Periods []engine.Summary `json:"periods"`
}

// IsZero reports whether the run has no period.
func (s runSnapshot) IsZero() bool { return s.Units == 0 && s.Count == 0 && len(s.Periods) == 0 }

// readingSnapshot is a reading.
type readingSnapshot struct {
	Part    uint64  `json:"part"`
	Whole   uint64  `json:"whole"`
	Extreme float64 `json:"extreme,omitzero"`
	Target  float64 `json:"target"`
}

// pastSnapshot is a past.
type pastSnapshot struct {
	Operation operationSnapshot `json:"operation"`
	Calls     []uint64          `json:"calls,omitempty"` // the oldest first
	Burn      *burnSnapshot     `json:"burn,omitempty"`
	Early     *earlySnapshot    `json:"early,omitempty"`
}

// burnSnapshot is burnCounts: the buckets with calls, each as its age in buckets, bad calls and all calls.
type burnSnapshot struct {
	Width   time.Duration `json:"width_ns"`
	Start   time.Time     `json:"start"`
	Buckets [][3]float64  `json:"buckets"`
}

// earlySnapshot is earlyCounts.
type earlySnapshot struct {
	End   time.Time `json:"end"`
	Good  uint64    `json:"good"`
	Total uint64    `json:"total"`
}

// Snapshot returns what the judge remembers. It shares the evidence, which never changes, with the
// judge.
func (j *Judge) Snapshot() *Snapshot {
	s := &Snapshot{Periods: j.periods, Machines: []machineSnapshot{}, Pasts: []pastSnapshot{}}
	for key, m := range j.machines {
		s.Machines = append(s.Machines, m.snapshot(key))
	}
	slices.SortFunc(s.Machines, func(a, b machineSnapshot) int {
		if c := a.Operation.key().Compare(b.Operation.key()); c != 0 {
			return c
		}
		return int(a.ObjectiveKind) - int(b.ObjectiveKind)
	})
	for key, p := range j.pasts {
		s.Pasts = append(s.Pasts, p.snapshot(key))
	}
	slices.SortFunc(s.Pasts, func(a, b pastSnapshot) int { return a.Operation.key().Compare(b.Operation.key()) })
	return s
}

func (m *machine) snapshot(key machineKey) machineSnapshot {
	s := machineSnapshot{
		Operation: operationSnapshotOf(key.operation), ObjectiveKind: key.objective, Phase: m.phase, Objective: m.objective,
		Pool: m.pool.snapshot(), Streak: m.streak.snapshot(), Worst: m.worst, LastBad: m.lastBad.snapshot(),
		Trouble: troubleSnapshot{m.trouble.lead, m.trouble.bad.snapshot(), m.trouble.good},
		Fired:   slices.Clone(m.fired), BadUntil: m.badUntil, Notified: m.notified, RepeatInterval: m.repeatInterval,
		Flapping: m.flapping, Met: m.met,
		CalledUntil: m.calledUntil, CallsSince: m.callsSince, Idle: m.idle, EndAfterIdle: m.endAfterIdle,
	}
	if a := m.alert; a != nil {
		s.Alert = &alertSnapshot{a.ID, exact.Text(a.Monitor), a.StartsAt, a.WorstExemplar, a.Target, a.Actual, a.LatencyTarget, a.CausedBy}
	}
	return s
}

func (r *run) snapshot() runSnapshot {
	return runSnapshot{
		Units: r.units, Since: r.since, Count: r.count,
		Total:   readingSnapshot{r.total.part, r.total.whole, r.total.extreme, r.total.target},
		Periods: slices.Clone(r.periods), // the judge goes on with its own
	}
}

func (p *past) snapshot(key engine.OperationKey) pastSnapshot {
	s := pastSnapshot{Operation: operationSnapshotOf(key), Calls: slices.Concat(p.calls[p.at:], p.calls[:p.at])}
	if p.burn != nil {
		s.Burn = p.burn.snapshot()
	}
	if p.early != (earlyCounts{}) {
		s.Early = &earlySnapshot{p.early.end, p.early.good, p.early.total}
	}
	return s
}

func (b *burnCounts) snapshot() *burnSnapshot {
	s := &burnSnapshot{Width: b.width, Start: b.start, Buckets: [][3]float64{}}
	n := len(b.buckets)
	for age := range n {
		if c := b.buckets[(b.newest-age+n)%n]; c.total > 0 {
			s.Buckets = append(s.Buckets, [3]float64{float64(age), float64(c.bad), float64(c.total)})
		}
	}
	return s
}

// Shorten returns a copy that has only the newest summary of each streak: alerts then show less
// evidence, and are decided as before.
func (s *Snapshot) Shorten() any {
	c := *s
	c.Machines = slices.Clone(s.Machines)
	for i := range c.Machines {
		m := &c.Machines[i]
		for _, r := range []*runSnapshot{&m.Pool, &m.Streak, &m.LastBad, &m.Trouble.Bad} {
			r.Periods = r.Periods[max(0, len(r.Periods)-1):]
		}
	}
	return &c
}

// Gap says what lies between a snapshot and the judge that goes on from it.
type Gap struct {
	// From is the end of the last period of the snapshot. To is when the next one began.
	From, To time.Time
	// IsLong says that streaks begin anew, and that alerts end: nobody knows what happened.
	IsLong bool
	// IsOtherPeriod says that periods are longer or shorter now. Streaks begin anew, and what is
	// usual is learned anew. Alerts go on.
	IsOtherPeriod bool
}

// Restore takes over what another judge remembered. It must come before the first period, which
// brings the alerts that end by a long gap. After an error the judge has seen nothing.
func (j *Judge) Restore(s *Snapshot, g Gap) error {
	machines, pasts := make(map[machineKey]*machine, len(s.Machines)), make(map[engine.OperationKey]*past, len(s.Pasts))
	for i := range s.Machines {
		saved := &s.Machines[i]
		key := machineKey{saved.Operation.key(), saved.ObjectiveKind}
		m, err := saved.restore(key)
		if err != nil {
			return fmt.Errorf("machines[%d]: %w", i, err)
		}
		machines[key] = m
	}
	for i := range s.Pasts {
		p, err := s.Pasts[i].restore()
		if err != nil {
			return fmt.Errorf("pasts[%d]: %w", i, err)
		}
		pasts[s.Pasts[i].Operation.key()] = p
	}
	if s.Periods < 0 {
		return fmt.Errorf("periods: must not be negative, got %d", s.Periods)
	}
	j.machines, j.pasts, j.periods = machines, pasts, s.Periods
	for key, m := range j.machines {
		if g.IsLong && m.isOpen() {
			j.ended = append(j.ended, m.end(key.objective, EndUnwatched, g.From, g.To))
		}
		if g.IsLong || g.IsOtherPeriod {
			m.pool, m.trouble = run{}, trouble{}
			m.breakStreak()
		}
		if m.isBlank() {
			delete(j.machines, key)
		}
	}
	if g.IsOtherPeriod {
		clear(j.pasts)
	}
	return nil
}

// current returns the alert that fires, with what led to the last bad verdict.
func (m *machine) current(k ObjectiveKind, now time.Time) Alert {
	last := m.lastBad.clone()
	a := last.alert(k)
	a.State, a.DecidedAt = Firing, now
	a.ID, a.StartsAt, a.WorstExemplar, a.CausedBy = m.alert.ID, m.alert.StartsAt, m.alert.WorstExemplar, m.alert.CausedBy
	a.Causes = causes(k, a.Evidence)
	a.WorstActual, a.LastActual = m.worst, a.Actual
	a.Flapping = m.flapping
	return a
}

// FiringAlerts returns the alerts that fire, each decided when its last firing alert was, in the order
// of [Sort].
func (j *Judge) FiringAlerts() []Alert {
	alerts := []Alert{}
	for key, m := range j.machines {
		if m.isOpen() {
			alerts = append(alerts, m.current(key.objective, m.notified))
		}
	}
	Sort(alerts)
	return alerts
}

// Operations returns the operations of which the judge remembers anything, in order.
func (j *Judge) Operations() []engine.OperationKey {
	known := make(map[engine.OperationKey]bool, len(j.machines))
	for key := range j.machines {
		known[key.operation] = true
	}
	for key := range j.pasts {
		known[key] = true
	}
	return slices.SortedFunc(maps.Keys(known), engine.OperationKey.Compare)
}

func (s *machineSnapshot) restore(key machineKey) (*machine, error) {
	m := &machine{
		phase: s.Phase, objective: s.Objective, worst: s.Worst,
		fired: slices.Clone(s.Fired), badUntil: s.BadUntil, notified: s.Notified, repeatInterval: s.RepeatInterval,
		flapping: s.Flapping, met: s.Met,
		calledUntil: s.CalledUntil, callsSince: s.CallsSince, idle: s.Idle, endAfterIdle: s.EndAfterIdle,
	}
	m.trouble.lead, m.trouble.good = s.Trouble.Lead, s.Trouble.Good
	for _, r := range []struct {
		name string
		from *runSnapshot
		to   *run
	}{{"pool", &s.Pool, &m.pool}, {"streak", &s.Streak, &m.streak}, {"last_bad", &s.LastBad, &m.lastBad}, {"trouble", &s.Trouble.Bad, &m.trouble.bad}} {
		if err := r.from.restore(key.operation, r.to); err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	if s.Alert != nil {
		a := s.Alert
		m.alert = &Alert{
			ID: a.ID, Monitor: string(a.Monitor), Service: key.operation.Service, Operation: key.operation.Name,
			SpanKind: key.operation.SpanKind, Objective: key.objective, StartsAt: a.StartsAt, WorstExemplar: a.WorstExemplar,
			Target: a.Target, Actual: a.Actual, LatencyTarget: a.LatencyTarget, CausedBy: a.CausedBy,
		}
	}
	if m.met != nil {
		m.met.Service, m.met.Operation, m.met.SpanKind = key.operation.Service, key.operation.Name, key.operation.SpanKind
		nameExactly(m.met.Evidence, key.operation)
	}
	switch {
	case key.objective == 0:
		return nil, errors.New("objective_kind: none")
	case m.isFiring() && !m.isOpen():
		return nil, fmt.Errorf("phase %s: without an alert", m.phase)
	case m.isOpen() && len(m.lastBad.periods) == 0:
		return nil, errors.New("alert: without a bad period")
	case m.phase == PhaseRecovering && m.streak.units == 0:
		return nil, fmt.Errorf("phase %s: without a streak", m.phase)
	case m.trouble.lead < 0 || m.idle < 0 || len(m.fired) >= flapsToDamp:
		return nil, fmt.Errorf("trouble %d, idle %d, fired %d times: can't be", m.trouble.lead, m.idle, len(m.fired))
	}
	return m, nil
}

// restore makes r a run of an operation.
func (s *runSnapshot) restore(key engine.OperationKey, r *run) error {
	if s.IsZero() {
		return nil
	}
	if s.Units < 0 || s.Count < 0 || s.Units+s.Count > 0 && len(s.Periods) == 0 || len(s.Periods) > maxEvidence {
		return fmt.Errorf("%d verdicts on %d periods, %d of them kept", s.Units, s.Count, len(s.Periods))
	}
	*r = run{
		units: s.Units, since: s.Since, count: s.Count, periods: slices.Clone(s.Periods),
		total: reading{s.Total.Part, s.Total.Whole, s.Total.Extreme, s.Total.Target},
	}
	nameExactly(r.periods, key)
	return nil
}

// nameExactly gives evidence the exact names of its operation, which JSON may have changed.
func nameExactly(evidence []engine.Summary, key engine.OperationKey) {
	for i := range evidence {
		s := &evidence[i]
		s.Service, s.SpanKind, s.Operation = key.Service, key.SpanKind, key.Name
	}
}

func (s *pastSnapshot) restore() (*past, error) {
	if len(s.Calls) > typicalPeriods {
		return nil, fmt.Errorf("calls: of %d periods, and at most %d are kept", len(s.Calls), typicalPeriods)
	}
	p := &past{calls: slices.Clone(s.Calls)}
	if s.Burn != nil {
		b, err := s.Burn.restore()
		if err != nil {
			return nil, fmt.Errorf("burn: %w", err)
		}
		p.burn = b
	}
	if s.Early != nil {
		p.early = earlyCounts{s.Early.End, s.Early.Good, s.Early.Total}
	}
	return p, nil
}

func (s *burnSnapshot) restore() (*burnCounts, error) {
	if s.Width < time.Minute || s.Width > maxBurnWidth {
		return nil, fmt.Errorf("width_ns: must be between %s and %s, got %s", time.Minute, maxBurnWidth, s.Width)
	}
	b := newBurnCounts(s.Width)
	b.start = s.Start
	n := len(b.buckets)
	for _, saved := range s.Buckets {
		age, bad, total := saved[0], saved[1], saved[2]
		if age < 0 || int(age) >= n || !(bad >= 0 && bad <= total && total <= maxBurnCalls) {
			return nil, fmt.Errorf("buckets: can't be %v", saved)
		}
		b.buckets[(n-int(age))%n] = burnBucket{uint32(bad), uint32(total)}
	}
	return b, nil
}

// maxBurnWidth is the longest bucket: one of six hours, of which there is one.
const maxBurnWidth = 6 * time.Hour
