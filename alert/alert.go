package alert

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Alert is a change of state: an operation began to miss an objective, or meets it again.
type Alert struct {
	// ID is the same for the firing and the resolved alert of one incident. It is
	// made from what the alert is about and when it began: processes that judge the
	// same operation in the same period give it the same id.
	ID string `json:"id"`
	// Monitor, Service, Operation and SpanKind say what the alert is about.
	Monitor   string      `json:"monitor"`
	Service   string      `json:"service"`
	Operation string      `json:"operation"`
	SpanKind  engine.Kind `json:"span_kind"`
	// Objective is the kind of objective that is missed, or met again.
	Objective Kind `json:"objective"`
	// State says which of the two.
	State State `json:"state"`
	// StartsAt is when the incident began: the start of the first of the bad periods
	// that made the alert fire.
	StartsAt time.Time `json:"starts_at"`
	// EndsAt is when it ended: the start of the first of the good periods that
	// resolved it. It is zero while the alert fires.
	EndsAt time.Time `json:"ends_at,omitzero"`
	// At is when the decision fell: the end of the last period of Evidence.
	At time.Time `json:"at"`
	// Target is the ratio that was expected, 0..1.
	Target float64 `json:"target"`
	// Actual is the ratio that was measured over all periods of Evidence together, 0..1.
	Actual float64 `json:"actual"`
	// LatencyTarget is the time within which calls were expected to be done; 0
	// unless Objective is Latency.
	LatencyTarget time.Duration `json:"latency_target_ns,omitempty"`
	// Worst is the call that shows best what went wrong when the alert began to fire, a
	// sampled one if there was any. It is zero if no call was traced.
	Worst engine.Exemplar `json:"worst,omitzero"`
	// Evidence are the summaries of the periods that led to the alert, oldest
	// first. They belong to whoever got the alert.
	Evidence []engine.Summary `json:"evidence"`
}

// Key returns the operation that the alert is about.
func (a *Alert) Key() engine.OperationKey {
	return engine.OperationKey{Service: a.Service, Kind: a.SpanKind, Name: a.Operation}
}

// Clone returns a copy that shares nothing with a.
func (a *Alert) Clone() Alert {
	c := *a
	c.Evidence = make([]engine.Summary, len(a.Evidence))
	for i := range a.Evidence {
		c.Evidence[i] = a.Evidence[i].Clone()
	}
	return c
}

// Summary says in one line what is wrong or well again. It holds the operation's
// name as it is: whoever shows it must escape it.
func (a *Alert) Summary() string {
	return a.Operation + ": " + a.Measured()
}

// Measured says in words what was measured and what was expected.
func (a *Alert) Measured() string {
	actual, target := percent(a.Actual, a.Target), exactPercent(a.Target)
	if a.Objective == Latency {
		return fmt.Sprintf("%s of successful calls within %s (target %s)", actual, short(a.LatencyTarget), target)
	}
	return fmt.Sprintf("%s succeed (target %s)", actual, target)
}

// Percent writes a ratio for people, with one decimal or as many as it takes not
// to round a miss away: 99.96 %, not 100 %.
func Percent(ratio float64) string { return percent(ratio, 1) }

// maxDecimals of a percentage tell every share of up to 10^12 calls from its neighbours.
const maxDecimals = 10

// percent is Percent for a ratio that stands beside its target: rounding takes it
// neither there from below nor to 0 % or 100 % from between.
func percent(ratio, target float64) string {
	bound := rounded100(target)
	for decimals := 1; ; decimals++ {
		s := strconv.FormatFloat(rounded100(ratio), 'f', decimals, 64)
		v, _ := strconv.ParseFloat(s, 64)
		faithful := (v < bound) == (ratio < target) && (v < 100) == (ratio < 1) && (v > 0) == (ratio > 0)
		if faithful || decimals == maxDecimals {
			return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") + " %"
		}
	}
}

// exactPercent writes a ratio as the person who set it would: 95 %, 99.25 %.
func exactPercent(ratio float64) string {
	return strconv.FormatFloat(rounded100(ratio), 'f', -1, 64) + " %"
}

// rounded100 returns 100 times a ratio without the noise of the multiplication:
// 7, not 7.000000000000001.
func rounded100(ratio float64) float64 { return math.Round(ratio*1e12) / 1e10 }

// Kind is a kind of objective.
type Kind uint8

const (
	// Availability is the share of calls that succeed.
	Availability Kind = iota + 1
	// Latency is the share of successful calls that are done within the latency target.
	Latency
)

// kinds are all kinds, in the order in which they are judged.
var kinds = [...]Kind{Availability, Latency}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	switch k {
	case Availability:
		return "availability"
	case Latency:
		return "latency"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// MarshalText returns the kind's name in lower case.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a kind's name: availability or latency.
func (k *Kind) UnmarshalText(text []byte) error {
	for _, known := range kinds {
		if known.String() == string(text) {
			*k = known
			return nil
		}
	}
	return fmt.Errorf("unknown objective %q, want availability or latency", text)
}

// State is the state that an alert announces.
type State uint8

const (
	// Firing means that the objective is missed.
	Firing State = iota + 1
	// Resolved means that it is met again.
	Resolved
)

// String returns the state's name in lower case.
func (s State) String() string {
	switch s {
	case Firing:
		return "firing"
	case Resolved:
		return "resolved"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// MarshalText returns the state's name in lower case.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name: firing or resolved.
func (s *State) UnmarshalText(text []byte) error {
	switch string(text) {
	case "firing":
		*s = Firing
	case "resolved":
		*s = Resolved
	default:
		return fmt.Errorf("unknown state %q, want firing or resolved", text)
	}
	return nil
}
