package alert

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// machine decides when one objective of one operation fires and is resolved. It is
// pure: time comes with the summaries.
type machine struct {
	phase Phase
	// objective is what the streak was judged by.
	objective engine.Objective
	// pool holds periods with too few calls, which are judged together with the next ones.
	pool run
	// total is the reading that the last verdict was made from: that of the last period and
	// of the pool before it. isUndecided says that even together they hold too few calls.
	total       reading
	isUndecided bool
	// streak holds the last bad verdicts of pending, as long as they are in a row, or the good
	// ones of recovering.
	streak run
	// trouble holds all verdicts of pending. While an alert fires that it raised, it says by how
	// many the bad ones are still ahead.
	trouble trouble
	fired   []time.Time // when alerts fired within the last hour, the last three

	// The incident.

	alert          *Alert    // what its alerts have in common; nil while there is none
	worst          float64   // the worst value of the bad verdicts
	lastBad        run       // the last bad verdict
	badUntil       time.Time // the end of the last bad period
	notified       time.Time // when its last firing alert was decided
	repeatInterval time.Duration
	flapping       Flapping  // how often it fired; zero while it does not flap
	met            *Alert    // the last resolved alert that was held back while it flapped
	calledUntil    time.Time // the end of the last period with calls
	callsSince     uint64    // calls since notified
	idle           int       // whole periods since calledUntil
	endAfterIdle   int
}

// isBlank reports whether there is nothing to remember.
func (m *machine) isBlank() bool {
	return m.phase == PhaseNormal && m.pool.units == 0 && !m.isOpen() && len(m.fired) == 0
}

// judge returns the verdict on a period.
func (m *machine) judge(k ObjectiveKind, s *engine.Summary) engine.Verdict {
	if o := relevant(k, s.Objective); o != m.objective {
		// Periods judged by another objective say nothing about this one, so streaks begin
		// anew. An alert keeps firing until this objective is met.
		m.objective = o
		m.pool, m.trouble = run{}, trouble{}
		m.breakStreak()
	}
	m.repeatInterval, m.endAfterIdle = s.Objective.RepeatInterval, s.Objective.EndAfterIdle
	m.total = read(k, s)
	if m.pool.units > 0 {
		m.total = m.pool.total.plus(k, m.total)
	}
	m.isUndecided = k.isShare() && m.total.tooFew(&s.Objective)
	return m.total.verdict(k, s)
}

// advance takes the verdict of judge on the period of s, and returns the alert that it raises,
// if any. By now s has the verdicts on all objectives. It fires after that many bad verdicts as
// are enough.
func (m *machine) advance(k ObjectiveKind, v engine.Verdict, s *engine.Summary, enough int) (Alert, bool) {
	if m.isUndecided {
		if own := read(k, s); own.whole > 0 {
			m.pool = m.unit(s, own)
			m.pool.total = m.total
		}
		return Alert{}, false
	}
	if v == engine.VerdictNone && m.isFiring() {
		v = engine.VerdictGood // the objective was switched off: the alert must end
	}
	if v == engine.VerdictBad {
		value := m.total.value(k)
		if m.phase == PhaseNormal && !m.isOpen() {
			m.worst = value
		}
		m.worst = k.worse(m.worst, value)
		m.badUntil = s.End
	}
	var unit run
	if v == engine.VerdictBad || v == engine.VerdictGood && m.isFiring() {
		unit = m.unit(s, m.total)
	}
	if v == engine.VerdictBad {
		m.lastBad = unit
		m.lastBad.periods = unit.periods[:len(unit.periods)-1] // this period comes by keepBad
		m.lastBad = m.lastBad.clone()
	}
	m.tip(k, v, s)
	var raised Alert
	var isRaised bool
	switch {
	case v == engine.VerdictGood && m.phase == PhasePending && m.isSurelyBad(k, s):
		// A few calls succeed now and then by chance, though nothing is better.
		between := m.unit(s, m.total)
		between.units = 0
		m.streak = m.streak.plus(k, between)
	case v == engine.VerdictBad && m.isFiring(), v == engine.VerdictGood && !m.isFiring():
		m.breakStreak()
	case v == engine.VerdictBad:
		m.phase = PhasePending
		m.streak = m.streak.plus(k, unit)
		switch {
		case m.streak.units >= enough && s.End.Sub(m.streak.since) >= s.Objective.AlertFor:
			m.trouble = trouble{}
			raised, isRaised = m.fire(k, m.streak, 0)
		case m.trouble.lead >= leadToFire(s.Objective.AlertAfter):
			raised, isRaised = m.fire(k, m.trouble.bad.plus(k, m.streak), m.trouble.good)
			m.trouble.bad, m.trouble.good = run{}, 0
		}
	case v == engine.VerdictGood:
		m.phase = PhaseRecovering
		m.streak = m.streak.plus(k, unit)
		if m.streak.units >= s.Objective.RecoverAfter && m.trouble.lead == 0 {
			raised, isRaised = m.resolve(k)
		}
	}
	m.pool = run{}
	return raised, isRaised
}

// tip adds a verdict to the trouble. While an alert fires that the trouble did not raise, there is
// none. With an AlertFor there is none either, since isSurelyBad has its part.
func (m *machine) tip(k ObjectiveKind, v engine.Verdict, s *engine.Summary) {
	if s.Objective.AlertFor > 0 {
		return
	}
	switch {
	case v == engine.VerdictGood && m.isFiring():
		m.trouble.lead = max(m.trouble.lead-1, 0)
	case v == engine.VerdictGood:
		m.trouble = m.trouble.minus(k, m.streak, m.pool.count+1)
	case v == engine.VerdictBad && !m.isFiring():
		m.trouble.lead++
	case v == engine.VerdictBad && m.trouble.lead > 0:
		m.trouble.lead = min(m.trouble.lead+1, leadToFire(s.Objective.AlertAfter))
	}
}

// keepBad keeps the period of a bad verdict, for repeats. Several machines share it.
func (m *machine) keepBad(s *engine.Summary) {
	m.lastBad.periods = newest(m.lastBad.periods, []engine.Summary{*s}, maxPooled)
}

// isSurelyBad reports whether the periods of pending, the good ones between them and that of
// s, miss the objective by more than chance. It is for short periods with few calls, and so
// only for objectives with an AlertFor.
func (m *machine) isSurelyBad(k ObjectiveKind, s *engine.Summary) bool {
	return k.isShare() && s.Objective.AlertFor > 0 && m.streak.total.plus(k, m.total).isSurelyMissed()
}

// unit returns the period of s and the pool before it as one verdict, with the given reading.
func (m *machine) unit(s *engine.Summary, total reading) run {
	u := run{units: 1, since: s.Start, total: total, count: 1, periods: []engine.Summary{s.Clone()}}
	if m.pool.units > 0 {
		u.since, u.count = m.pool.since, m.pool.count+1
		u.periods = newest(m.pool.periods, u.periods, maxPooled)
	}
	return u
}

func (m *machine) isFiring() bool { return m.phase == PhaseFiring || m.phase == PhaseRecovering }

// breakStreak goes back from pending to normal, unless there is trouble, or from recovering to
// firing.
func (m *machine) breakStreak() {
	m.streak = run{}
	switch {
	case m.isFiring():
		m.phase = PhaseFiring
	case m.trouble.lead > 0:
		m.phase = PhasePending
	default:
		m.phase = PhaseNormal
	}
}

// fire returns the firing alert that bad verdicts raise, with that many good periods between
// them. It returns none if the incident flaps.
func (m *machine) fire(k ObjectiveKind, bad run, good int) (Alert, bool) {
	a := bad.alert(k)
	m.streak, m.pool, m.phase = run{}, run{}, PhaseFiring
	if m.isFlapping() {
		m.flapOn(a.DecidedAt)
		return Alert{}, false
	}
	a.State, a.GoodPeriods = Firing, good
	a.ID = newID(k, &a.Evidence[0], bad.since)
	a.StartsAt = bad.since
	a.WorstExemplar = worstExemplar(k, a.Evidence)
	a.Causes = causes(k, a.Evidence)
	a.WorstActual, a.LastActual = m.worst, m.lastBad.total.value(k)
	a.Flapping = m.countFiring(a.DecidedAt)
	m.notified, m.calledUntil, m.callsSince, m.idle = a.DecidedAt, a.DecidedAt, 0, 0
	m.alert = &Alert{
		ID: a.ID, Monitor: a.Monitor, Service: a.Service, Operation: a.Operation, SpanKind: a.SpanKind, Objective: k,
		StartsAt: a.StartsAt, WorstExemplar: a.WorstExemplar, Target: a.Target, Actual: a.Actual, LatencyTarget: a.LatencyTarget,
	}
	return a, true
}

// resolve returns the resolved alert. It returns none if the incident flaps: that one goes on
// until it is calm.
func (m *machine) resolve(k ObjectiveKind) (Alert, bool) {
	a := m.streak.alert(k)
	a.State, a.EndReason = Resolved, EndRecovered
	if !k.isSet(&m.objective) {
		a.EndReason = EndSwitchedOff
	}
	a.ID, a.StartsAt, a.WorstExemplar, a.CausedBy = m.alert.ID, m.alert.StartsAt, m.alert.WorstExemplar, m.alert.CausedBy
	a.EndsAt = m.streak.since
	a.WorstActual, a.LastActual = m.worst, m.lastBad.total.value(k)
	m.streak, m.pool, m.trouble, m.phase = run{}, run{}, trouble{}, PhaseNormal
	if m.isFlapping() {
		m.met = &a
		return Alert{}, false
	}
	m.close()
	return a, true
}

// close forgets the incident.
func (m *machine) close() {
	m.alert, m.lastBad, m.flapping, m.met = nil, run{}, Flapping{}, nil
}

// repeat returns the firing alert again if RepeatInterval has passed at the end of a period.
// Its evidence is what led to the last bad verdict.
func (m *machine) repeat(k ObjectiveKind, now time.Time) (Alert, bool) {
	every := m.repeatInterval
	if every <= 0 && m.isFlapping() {
		every = flapRepeat
	}
	if !m.isOpen() || every <= 0 || now.Sub(m.notified) < every {
		return Alert{}, false
	}
	sent, calls := m.notified, m.callsSince
	m.notified, m.callsSince = now, 0
	last := m.lastBad.clone()
	a := last.alert(k)
	a.State, a.Repeat, a.DecidedAt = Firing, true, now
	a.ID, a.StartsAt, a.WorstExemplar = m.alert.ID, m.alert.StartsAt, m.alert.WorstExemplar
	a.Causes = causes(k, a.Evidence)
	a.WorstActual, a.LastActual = m.worst, a.Actual
	a.Flapping = m.flapping
	a.LastSentAt, a.CallsSince = sent, calls
	return a, true
}

// newID returns the id of an incident of the operation of s that began at a time.
func newID(k ObjectiveKind, s *engine.Summary, since time.Time) string {
	h := fnv.New128a()
	for _, part := range []string{
		s.Monitor, s.Service, s.Operation, s.SpanKind.String(), k.String(),
		strconv.FormatInt(since.UnixNano(), 10),
	} {
		// The length keeps the parts apart, whatever they hold.
		h.Write(fmt.Appendf(nil, "%d:%s", len(part), part))
	}
	return hex.EncodeToString(h.Sum(nil))
}
