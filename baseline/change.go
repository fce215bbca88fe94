package baseline

import (
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Aspect says what about the calls has changed.
type Aspect uint8

const (
	// AspectTime is how long the part takes.
	AspectTime Aspect = iota
	// AspectFailures is how many of the calls fail.
	AspectFailures
)

const aspects = 2

var aspectNames = [...]string{"time", "failures"}

// String returns the aspect's name in lower case.
func (a Aspect) String() string { return enumName("Aspect", aspectNames[:], a) }

// MarshalText returns the aspect's name in lower case.
func (a Aspect) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads an aspect's name: time or failures.
func (a *Aspect) UnmarshalText(text []byte) error {
	return parseEnum("aspect", aspectNames[:], text, a)
}

// ChangeState says what became of a change.
type ChangeState uint8

const (
	// ChangeBegan is a part that is now clearly worse than usual.
	ChangeBegan ChangeState = iota
	// ChangeEnded is one that is as usual again.
	ChangeEnded
	// ChangeAccepted is one that stayed worse for so long that this is the usual from now on.
	ChangeAccepted
	// ChangeForgotten is one that nobody calls any more, so that nothing more is known.
	ChangeForgotten
)

var changeStateNames = [...]string{"began", "ended", "accepted", "forgotten"}

// String returns the state's name in lower case.
func (s ChangeState) String() string { return enumName("ChangeState", changeStateNames[:], s) }

// MarshalText returns the state's name in lower case.
func (s ChangeState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name: began, ended, accepted or forgotten.
func (s *ChangeState) UnmarshalText(text []byte) error {
	return parseEnum("change state", changeStateNames[:], text, s)
}

// Change is something about a part of an operation's calls that is no longer as usual, or is so
// again. For one part and aspect, a change that began and one that did not strictly alternate.
type Change struct {
	Part   engine.Part
	Aspect Aspect
	State  ChangeState
	// At is the end of the slice that decided it.
	At time.Time
	// Since is when the evidence began; for a change that ended, when all was as usual again.
	Since time.Time
	// Usual is what is usual, and Now what it has been since the evidence began; for a change that
	// ended, since Since.
	Usual Usual
	Now   Measured
	// Score is the evidence: the logarithm of how much likelier what was seen is if the part is
	// clearly worse than if it is as usual. A change begins at 8.
	Score float64
	// Slowest and Failed are calls that show it; nil if there are none.
	Slowest, Failed *engine.Exemplar
	// Roots are what explains the evidence of all that is worse now, the first the most; at
	// most three. There is always one where a change begins.
	Roots []Root
}

// Usual says what is usual for a part.
type Usual struct {
	// P50 and P99 are quantiles of the time that the part takes. High is what is usually not exceeded:
	// beyond it a time counts as worse.
	P50, P99, High time.Duration
	// FailureRatio is the share of the calls that fail, 0..1.
	FailureRatio float64
	// Calls is the number of calls that this was learned from; older ones count less.
	Calls float64
}

// Measured says what a part did.
type Measured struct {
	P50, P99        time.Duration
	FailureRatio    float64
	Calls, Failures uint64
}

// RootKind says what of a service explains that calls are worse.
type RootKind uint8

const (
	// RootSelf is what the service does itself.
	RootSelf RootKind = iota
	// RootRemote is what it calls that is not seen: a database, or somebody else's service.
	RootRemote
	// RootNetworkTo is the way from its callers to the service and back.
	RootNetworkTo
	// RootNetworkFrom is the way from the service to those that it calls, and back.
	RootNetworkFrom
)

const rootKinds = 4

var rootKindNames = [...]string{"self", "remote", "network_to", "network_from"}

// String returns the kind's name in lower case.
func (k RootKind) String() string { return enumName("RootKind", rootKindNames[:], k) }

// MarshalText returns the kind's name in lower case.
func (k RootKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a kind's name: self, remote, network_to or network_from.
func (k *RootKind) UnmarshalText(text []byte) error {
	return parseEnum("root kind", rootKindNames[:], text, k)
}

// Root is a service that explains that calls are worse, its own and those of others. Changes with
// the same first root are one incident.
type Root struct {
	Service string
	Kind    RootKind
	// Part is the part of it that shows it most. Its operation is the service's own, but for
	// RootNetworkTo: there it is a caller's, and the Peer is the service's.
	Part engine.Part
	// Share is the share of all evidence that the root explains, 0..1.
	Share float64
}
