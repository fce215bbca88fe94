package web

import (
	"fmt"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// state says in one word how an operation stands, the worst first.
type state uint8

const (
	stateFiring     state = iota // an alert fires
	stateRecovering              // an alert fires, and the objective is met again
	statePending                 // an objective is missed, not long enough for an alert
	stateGood                    // all objectives are met
	stateUnknown                 // too few calls to tell
	stateIdle                    // nobody called it in the last period
)

var stateNames = [...]string{"firing", "recovering", "pending", "good", "unknown", "idle"}

func (s state) String() string {
	if int(s) >= len(stateNames) {
		return fmt.Sprintf("state(%d)", uint8(s))
	}
	return stateNames[s]
}

// MarshalText returns the state's name in lower case.
func (s state) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// stateOf returns how an operation stands after a period of which s is its summary, if it has
// one.
func stateOf(s *engine.Summary, phases []alert.ObjectivePhase) state {
	worst := stateIdle
	if s != nil && s.Count+s.InFlight > 0 {
		worst = stateUnknown
		for _, k := range alert.ObjectiveKindsOf(s.Objective) {
			if alert.VerdictOf(s, k) == engine.VerdictGood && (k == alert.Availability || k == alert.Latency) {
				worst = stateGood
			}
		}
	}
	for _, p := range phases {
		switch p.Phase {
		case alert.PhaseFiring:
			worst = min(worst, stateFiring)
		case alert.PhaseRecovering:
			worst = min(worst, stateRecovering)
		case alert.PhasePending:
			worst = min(worst, statePending)
		case alert.PhaseNormal:
		}
	}
	return worst
}
