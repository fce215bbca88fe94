package alert

import (
	"fmt"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Phase is where an operation stands with one objective.
//
//	          bad                N-th bad running
//	normal ---------> pending --------------------> firing
//	   ^    <---------                               |  ^
//	   |   good, caught up                      good |  | bad
//	   |                                             v  |
//	   +----------------------------------------- recovering
//	               M-th good running
//
// N is [engine.Objective.AlertAfter]; with 1, pending is skipped. M is
// [engine.Objective.RecoverAfter]; with 1, recovering is skipped. Pending lasts at least
// [engine.Objective.AlertFor]. It also ends in firing once the bad periods are ahead of the good
// ones by 2N-1, and in normal once these have caught up. Insufficient periods change nothing. An
// alert that flaps is firing in every phase, see [Flapping].
type Phase uint8

const (
	// PhaseNormal means that the objective is met, or nothing is known.
	PhaseNormal Phase = iota
	// PhasePending means that the objective is missed, but not yet long enough for an alert.
	PhasePending
	// PhaseFiring means that an alert fires.
	PhaseFiring
	// PhaseRecovering means that an alert fires and the objective is met again, but not yet
	// long enough to resolve the alert.
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

// UnmarshalText reads a phase's name: normal, pending, firing or recovering.
func (p *Phase) UnmarshalText(text []byte) error {
	for i, name := range phaseNames {
		if name == string(text) {
			*p = Phase(i)
			return nil
		}
	}
	return fmt.Errorf("unknown phase %q, want one of %v", text, phaseNames)
}

// ObjectivePhase is the phase of one objective of one operation.
type ObjectivePhase struct {
	Operation engine.OperationKey
	Objective ObjectiveKind
	Phase     Phase
}
