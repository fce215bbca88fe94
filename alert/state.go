package alert

import (
	"fmt"
)

// State is the state that an alert announces.
type State uint8

const (
	// Firing means that the objective is missed.
	Firing State = iota + 1
	// Resolved means that the objective is met again.
	Resolved
	// Interrupted means that the process ended while the objective was missed. Nobody watches it
	// until another process does.
	Interrupted
)

// String returns the state's name in lower case.
func (s State) String() string {
	switch s {
	case Firing:
		return "firing"
	case Resolved:
		return "resolved"
	case Interrupted:
		return "interrupted"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// MarshalText returns the state's name in lower case.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name: firing, resolved or interrupted.
func (s *State) UnmarshalText(text []byte) error {
	switch string(text) {
	case "firing":
		*s = Firing
	case "resolved":
		*s = Resolved
	case "interrupted":
		*s = Interrupted
	default:
		return fmt.Errorf("unknown state %q, want firing, resolved or interrupted", text)
	}
	return nil
}
