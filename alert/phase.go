package alert

import (
	"fmt"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Phase is where an operation stands with one objective.
//
//	          bad                N-th bad running
//	normal ---------> pending --------------------> alerting
//	   ^    <---------                                |  ^
//	   |       good                              good |  | bad
//	   |                                              v  |
//	   +------------------------------------------ recovering
//	               M-th good running
//
// With N = 1 pending is skipped, with M = 1 recovering is. With [engine.Objective.AlertFor]
// pending lasts at least so long. Periods that are insufficient change nothing.
type Phase uint8

const (
	// Normal means that the objective is met, or nothing is known.
	PhaseNormal Phase = iota
	// Pending means that it is missed, and not long enough for an alert.
	PhasePending
	// Alerting means that an alert fires.
	PhaseFiring
	// Recovering means that an alert fires, and the objective is met again, though not
	// long enough to resolve it.
	PhaseRecovering
)

var phaseNames = [...]string{PhaseNormal: "normal", PhasePending: "pending", PhaseFiring: "firing", PhaseRecovering: "recovering"}

// String returns the phase's name in lower case.
func (p Phase) String() string {
	if int(p) >= len(phaseNames) {
		return fmt.Sprintf("Phase(%d)", uint8(p))
	}
	return phaseNames[p]
}

// MarshalText returns the phase's name in lower case.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a phase's name: normal, pending, alerting or recovering.
func (p *Phase) UnmarshalText(text []byte) error {
	for i, name := range phaseNames {
		if name == string(text) {
			*p = Phase(i)
			return nil
		}
	}
	return fmt.Errorf("unknown phase %q, want one of %v", text, phaseNames)
}

// Standing is where one objective of one operation stands.
type ObjectivePhase struct {
	Operation engine.OperationKey
	Objective ObjectiveKind
	Phase     Phase
}
