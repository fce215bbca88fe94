package alert

import (
	"fmt"
	"slices"

	"github.com/blurooo/go-monitor/v2/engine"
)

// ObjectiveKind is a kind of objective.
type ObjectiveKind uint8

const (
	// Availability is the share of calls that succeed.
	Availability ObjectiveKind = iota + 1
	// Latency is the share of successful calls that are done within the latency target.
	Latency
	// Traffic is the number of calls.
	Traffic
	// Stuck is the age of the calls that have begun and not yet ended.
	Stuck
	// BurnRate is how fast calls that fail use up the error budget of 30 days.
	BurnRate

	kindCount
)

// kinds are all kinds, in the order in which they are judged.
var kinds = [...]ObjectiveKind{Availability, Latency, Traffic, Stuck, BurnRate}

var kindNames = [...]string{Availability: "availability", Latency: "latency", Traffic: "traffic", Stuck: "stuck", BurnRate: "burn_rate"}

// String returns the kind's name in lower case.
func (k ObjectiveKind) String() string {
	if k == 0 || k >= kindCount {
		return fmt.Sprintf("ObjectiveKind(%d)", uint8(k))
	}
	return kindNames[k]
}

// ObjectiveKinds returns all kinds, in the order in which they are judged.
func ObjectiveKinds() []ObjectiveKind { return slices.Clone(kinds[:]) }

// ObjectiveKindsOf returns the kinds of objectives that o asks for.
func ObjectiveKindsOf(o engine.Objective) []ObjectiveKind {
	var set []ObjectiveKind
	for _, k := range kinds {
		if k.isSet(&o) {
			set = append(set, k)
		}
	}
	return set
}

// MarshalText returns the kind's name in lower case.
func (k ObjectiveKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a kind's name: availability, latency, traffic, stuck or burn_rate.
func (k *ObjectiveKind) UnmarshalText(text []byte) error {
	for _, known := range kinds {
		if known.String() == string(text) {
			*k = known
			return nil
		}
	}
	return fmt.Errorf("unknown objective %q, want one of %v", text, kinds)
}

// isShare reports whether the objective is about a share of calls. Too few calls then say
// nothing.
func (k ObjectiveKind) isShare() bool { return k == Availability || k == Latency }

// isSet reports whether the objective asks for anything of this kind.
func (k ObjectiveKind) isSet(o *engine.Objective) bool {
	switch k {
	case Latency:
		return o.LatencyTarget >= 0
	case Traffic:
		return o.MinTraffic > 0 || o.MinTrafficRatio > 0
	case Stuck:
		return o.StuckAfter > 0
	case BurnRate:
		return o.SLO > 0
	}
	return true
}
