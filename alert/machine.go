package alert

import (
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// phase is where an operation stands with one objective.
//
//	          bad                N-th bad running
//	normal ---------> pending --------------------> firing
//	   ^    <---------                                |  ^
//	   |       good                              good |  | bad
//	   |                                              v  |
//	   +------------------------------------------ recovering
//	               M-th good running
//
// With N = 1 pending is skipped, with M = 1 recovering is. Periods with too few
// calls change nothing.
type phase uint8

const (
	normal phase = iota
	pending
	firing
	recovering
)

// machine decides when one objective of one operation fires and is resolved. It is
// pure: time comes with the summaries. It holds N or M summaries at most, and
// none while it is normal or firing.
type machine struct {
	phase    phase
	streak   []engine.Summary // the bad periods of pending, the good ones of recovering
	id       string
	startsAt time.Time
	worst    engine.Exemplar
	// objective is what the streak was judged by.
	objective engine.Objective
}

// advance takes a period's verdict and returns the alert that it raises, if any.
func (m *machine) advance(k Kind, v engine.Verdict, s *engine.Summary) (Alert, bool) {
	if o := relevant(k, s.Objective); o != m.objective {
		// Periods judged by another objective say nothing about this one: streaks begin
		// anew. A firing alert keeps firing until this objective is met.
		m.objective = o
		m.breakStreak()
	}
	switch {
	case v == engine.VerdictBad && m.isFiring(), v == engine.VerdictGood && !m.isFiring():
		m.breakStreak()
	case v == engine.VerdictBad:
		m.phase = pending
		m.streak = append(m.streak, s.Clone())
		if len(m.streak) >= s.Objective.AlertAfter {
			m.startsAt = m.streak[0].Start
			m.id = newID(k, &m.streak[0])
			m.worst = worst(k, m.streak)
			return m.change(k, Firing, firing), true
		}
	case v == engine.VerdictGood:
		m.phase = recovering
		m.streak = append(m.streak, s.Clone())
		if len(m.streak) >= s.Objective.RecoverAfter {
			return m.change(k, Resolved, normal), true
		}
	}
	return Alert{}, false
}

func (m *machine) isFiring() bool { return m.phase == firing || m.phase == recovering }

// breakStreak goes back to the phase in which nothing is counted.
func (m *machine) breakStreak() {
	m.streak = nil
	if m.isFiring() {
		m.phase = firing
	} else {
		m.phase = normal
	}
}

// change enters a phase and returns the alert that says so, with the streak as
// its evidence.
func (m *machine) change(k Kind, state State, to phase) Alert {
	last := &m.streak[len(m.streak)-1]
	var total reading
	for i := range m.streak {
		total = total.plus(read(k, &m.streak[i]))
	}
	a := Alert{
		ID:        m.id,
		Monitor:   last.Monitor,
		Service:   last.Service,
		Operation: last.Operation,
		SpanKind:  last.Kind,
		Objective: k,
		State:     state,
		StartsAt:  m.startsAt,
		At:        last.End,
		Target:    total.target,
		Actual:    total.ratio(),
		Worst:     m.worst,
		Evidence:  m.streak,
	}
	if k == Latency {
		a.LatencyTarget = last.Objective.LatencyTarget
	}
	if state == Resolved {
		a.EndsAt = m.streak[0].Start
	}
	m.streak, m.phase = nil, to
	return a
}
