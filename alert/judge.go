package alert

import (
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Judge turns the summaries of closed periods into verdicts and alerts. It is
// pure: it reads no clock and owns no goroutine, so that recorded periods go
// through it as live ones do. It is not safe for concurrent use.
//
// For one operation and objective, firing and resolved alerts strictly alternate, apart from
// repeats. Its memory is bounded by the number of operations: a machine that has nothing to
// remember is not kept.
type Judge struct {
	machines map[machineKey]*machine
	pasts    map[engine.OperationKey]*past
	periods  int                // that were judged
	ended    []Alert            // by Restore; the next period brings them
	blanks   [kindCount]machine // by kind, for operations without a machine of their own
}

type machineKey struct {
	operation engine.OperationKey
	objective ObjectiveKind
}

// NewJudge returns a judge that has seen nothing yet.
func NewJudge() *Judge {
	return &Judge{machines: make(map[machineKey]*machine), pasts: make(map[engine.OperationKey]*past)}
}

// Judge fills in the Verdicts, TypicalCalls and BurnRates of p's summaries and returns the
// alerts that they raise, in the order of [Sort]. An operation is not judged in the period in which
// it is evicted; what fires about it ends then.
//
// A partial period is not judged, unless it is the final one: availability and latency are judged
// then by the calls that it holds. A process that ends before N periods were judged has no more to
// tell, so an alert fires if all of them were bad.
func (j *Judge) Judge(p *engine.Period) []Alert {
	isEvicted := make(map[engine.OperationKey]bool, len(p.Evicted))
	for _, key := range p.Evicted {
		isEvicted[key] = true
	}
	if !p.Partial || p.Final {
		j.periods++
	}
	alerts := j.ended
	j.ended = nil
	for i := range p.Summaries {
		s := &p.Summaries[i]
		j.recall(s)
		j.countCalls(s)
		if s.Partial && !p.Final || isEvicted[s.Key()] {
			continue
		}
		// An alert's evidence is a copy of the summary, so all verdicts are made first.
		var machines [len(kinds)]*machine
		enough := s.Objective.AlertAfter
		if p.Final {
			enough = min(enough, j.periods)
		}
		for i, k := range kinds {
			if s.Partial && !k.isShare() {
				continue // too little time has passed
			}
			if machines[i] = j.machineFor(k, s); machines[i] != nil {
				*verdictOf(&s.Verdicts, k) = machines[i].judge(k, s)
			}
		}
		var kept *engine.Summary
		for i, k := range kinds {
			m := machines[i]
			if m == nil {
				continue
			}
			v := *verdictOf(&s.Verdicts, k)
			if a, ok := m.advance(k, v, s, enough); ok {
				alerts = append(alerts, a)
			}
			if v == engine.VerdictBad {
				if kept == nil {
					c := s.Clone()
					kept = &c
				}
				m.keepBad(kept)
			}
			j.keep(k, s, m)
		}
	}
	if !p.Partial {
		alerts = append(alerts, j.due(p)...)
	}
	for _, key := range p.Evicted {
		alerts = append(alerts, j.forget(key, p.End)...)
	}
	j.link(alerts)
	explain(alerts, p)
	Sort(alerts)
	return alerts
}

// countCalls tells what fires how often its operation was called.
func (j *Judge) countCalls(s *engine.Summary) {
	if len(j.machines) == 0 {
		return
	}
	for _, k := range kinds {
		if m := j.machines[machineKey{s.Key(), k}]; m != nil {
			m.countCalls(s)
		}
	}
}

// forget forgets an operation that has left. It returns the alerts that end what fires.
func (j *Judge) forget(key engine.OperationKey, now time.Time) []Alert {
	var alerts []Alert
	for _, k := range kinds {
		if m := j.machines[machineKey{key, k}]; m != nil && m.isOpen() {
			alerts = append(alerts, m.end(k, EndIdle, m.calledUntil, now))
		}
		delete(j.machines, machineKey{key, k})
	}
	delete(j.pasts, key)
	return alerts
}

// machineFor returns the machine of one objective of an operation. If there is none yet it
// returns a blank one, or nil if the objective asks for nothing.
func (j *Judge) machineFor(k ObjectiveKind, s *engine.Summary) *machine {
	if m := j.machines[machineKey{s.Key(), k}]; m != nil {
		return m
	}
	if !k.isSet(&s.Objective) || !k.isShare() && s.Operation == engine.OverflowName {
		return nil
	}
	m := &j.blanks[k]
	*m = machine{objective: relevant(k, s.Objective)}
	return m
}

// keep stores a machine that has something to remember, and removes one that has not.
func (j *Judge) keep(k ObjectiveKind, s *engine.Summary, m *machine) {
	isKept := m != &j.blanks[k]
	switch {
	case m.isBlank() && isKept:
		delete(j.machines, machineKey{s.Key(), k})
	case !m.isBlank() && !isKept:
		own := *m
		j.machines[machineKey{s.Key(), k}] = &own
	}
}

// due returns the alerts that time alone raises, in no particular order: firing ones that are to be
// sent again, and resolved ones of what has flapped and is calm, or is called no more. It forgets machines that have
// nothing more to remember.
func (j *Judge) due(p *engine.Period) []Alert {
	var alerts []Alert
	for key, m := range j.machines {
		a, ok := m.calm(key.objective, p.End)
		if !ok {
			a, ok = m.idleEnd(key.objective, p)
		}
		if !ok {
			a, ok = m.repeat(key.objective, p.End)
		}
		if ok {
			alerts = append(alerts, a)
		}
		if m.forgetFirings(p.End); m.isBlank() {
			delete(j.machines, key)
		}
	}
	return alerts
}

// IsFiring reports whether any alert about an operation fires.
func (j *Judge) IsFiring(key engine.OperationKey) bool {
	return j.any(key, func(_ ObjectiveKind, m *machine) bool { return m.isOpen() })
}

// Firing returns the number of alerts that fire.
func (j *Judge) Firing() int {
	n := 0
	for _, m := range j.machines {
		if m.isOpen() {
			n++
		}
	}
	return n
}

// Needs reports whether an operation must keep its place though nobody calls it: an alert
// about it fires, an alert about its missing traffic is pending, or its calls of the last
// six hours still count for the burn rate.
func (j *Judge) Needs(key engine.OperationKey) bool {
	return j.pasts[key].isNeeded() || j.any(key, func(k ObjectiveKind, m *machine) bool {
		return m.isOpen() || m.phase == PhasePending && !k.isShare()
	})
}

// Needed returns the operations for which Needs is true.
func (j *Judge) Needed() map[engine.OperationKey]bool {
	needed := make(map[engine.OperationKey]bool)
	for key := range j.machines {
		if j.Needs(key.operation) {
			needed[key.operation] = true
		}
	}
	for key, p := range j.pasts {
		if p.isNeeded() {
			needed[key] = true
		}
	}
	return needed
}

// any reports whether is holds for any of the machines of an operation.
func (j *Judge) any(key engine.OperationKey, is func(ObjectiveKind, *machine) bool) bool {
	for _, k := range kinds {
		if m := j.machines[machineKey{key, k}]; m != nil && is(k, m) {
			return true
		}
	}
	return false
}

// Phases returns the phases of all objectives that are not normal, in no particular order.
func (j *Judge) Phases() []ObjectivePhase {
	var all []ObjectivePhase
	for key, m := range j.machines {
		if m.phase != PhaseNormal {
			all = append(all, ObjectivePhase{key.operation, key.objective, m.phase})
		}
	}
	return all
}
