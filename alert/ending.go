package alert

import (
	"cmp"
	"fmt"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// EndReason says how an incident ended.
type EndReason uint8

const (
	// EndRecovered means that the objective was met again, in as many periods as it takes.
	EndRecovered EndReason = iota + 1
	// EndSwitchedOff means that the objective is no longer judged.
	EndSwitchedOff
	// EndIdle means that nobody has called the operation any more
	// ([engine.Objective.EndAfterIdle]).
	EndIdle
	// EndUnwatched means that no monitor ran for so long that nobody knows what became of it.
	EndUnwatched
)

var endReasonNames = [...]string{EndRecovered: "recovered", EndSwitchedOff: "switched_off", EndIdle: "idle", EndUnwatched: "unwatched"}

// String returns the reason's name in lower case; empty while the alert fires.
func (r EndReason) String() string {
	if int(r) >= len(endReasonNames) {
		return fmt.Sprintf("EndReason(%d)", uint8(r))
	}
	return endReasonNames[r]
}

// MarshalText returns the reason's name in lower case.
func (r EndReason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a reason's name: recovered, switched_off, idle or unwatched.
func (r *EndReason) UnmarshalText(text []byte) error {
	for i, name := range endReasonNames {
		if i > 0 && name == string(text) {
			*r = EndReason(i)
			return nil
		}
	}
	return fmt.Errorf("unknown reason %q, want one of %v", text, endReasonNames[1:])
}

// countCalls takes note of how often the operation was called in a period, for what fires.
func (m *machine) countCalls(s *engine.Summary) {
	if !m.isOpen() || s.Count == 0 && s.InFlight == 0 {
		return
	}
	m.calledUntil, m.idle = s.End, 0
	m.callsSince += s.Count
}

// idleEnd takes note of the end of a whole period. It returns the alert that ends the incident if
// nobody has called the operation for as many periods as it takes. An alert about silence does not
// end by silence.
func (m *machine) idleEnd(k ObjectiveKind, p *engine.Period) (Alert, bool) {
	if !m.isOpen() || k.isAboutSilence() || !m.calledUntil.Before(p.End) {
		return Alert{}, false
	}
	m.idle++
	if most := cmp.Or(m.endAfterIdle, p.IdlePeriods); most <= 0 || m.idle < most {
		return Alert{}, false
	}
	return m.end(k, EndIdle, m.calledUntil, p.End), true
}

// end ends the incident without good periods, for a reason, and returns the alert that says so. Its
// evidence is what led to the last bad verdict.
func (m *machine) end(k ObjectiveKind, why EndReason, endsAt, now time.Time) Alert {
	a := m.common()
	a.State, a.EndReason, a.EndsAt, a.DecidedAt = Resolved, why, endsAt, now
	a.Evidence, a.Periods = m.lastBad.clone().periods, m.lastBad.count
	if m.lastBad.units > 0 {
		a.Target, a.Actual = m.lastBad.total.target, m.lastBad.total.value(k)
	}
	a.WorstActual, a.LastActual = m.worst, a.Actual
	m.streak, m.pool, m.trouble, m.phase = run{}, run{}, trouble{}, PhaseNormal
	m.close()
	return a
}

// common returns what all alerts of the incident have in common.
func (m *machine) common() Alert {
	a := *m.alert
	a.Flapping = m.flapping
	return a
}

// isAboutSilence reports whether an operation that nobody calls may miss the objective.
func (k ObjectiveKind) isAboutSilence() bool { return k == Traffic || k == Stuck }

// endText says in one line how an incident ended that nothing good has ended: "no calls since
// 14:02:00". It is empty for others.
func (a *Alert) endText() string {
	if a.State == Interrupted {
		return "was still bad when " + a.Process + " stopped: " + a.Measured()
	}
	switch a.EndReason {
	case EndIdle:
		return "no calls since " + momentAfter(a.DecidedAt, a.EndsAt)
	case EndUnwatched:
		return "no monitor ran from " + momentAfter(a.DecidedAt, a.EndsAt) + " to " + Clock(a.DecidedAt) + ", so nobody knows what became of it"
	}
	return ""
}

// callsText says how often the operation was called since the alert was last sent: "312 calls since
// 13:02:00". It is empty unless the alert is a repeat.
func (a *Alert) callsText() string {
	if !a.Repeat || a.LastSentAt.IsZero() {
		return ""
	}
	calls := Counted(a.CallsSince, "call")
	if a.CallsSince == 0 {
		calls = "no calls"
	}
	return calls + " since " + momentAfter(a.DecidedAt, a.LastSentAt)
}
