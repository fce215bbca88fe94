package alert

import (
	"cmp"
	"fmt"
	"math"
	"slices"
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
	Monitor   string          `json:"monitor"`
	Service   string          `json:"service"`
	Operation string          `json:"operation"`
	SpanKind  engine.SpanKind `json:"span_kind"`
	// Objective is the kind of objective that is missed, or met again.
	Objective ObjectiveKind `json:"objective"`
	// State says which of the two.
	State State `json:"state"`
	// StartsAt is when the incident began: the start of the first of the bad periods
	// that made the alert fire.
	StartsAt time.Time `json:"starts_at"`
	// EndsAt is when it ended: the start of the first of the good periods that
	// resolved it. It is zero while the alert fires.
	EndsAt time.Time `json:"ends_at,omitzero"`
	// At is when the decision fell: the end of the last period of Evidence, or for a
	// reminder that of the period after which it is sent.
	DecidedAt time.Time `json:"decided_at"`
	// Reminder says that the alert fires still and was sent before
	// ([engine.Objective.RepeatInterval]).
	Repeat bool `json:"repeat,omitzero"`
	// Target is what was expected: for [Availability] and [Latency] a ratio, 0..1; for
	// [Traffic] the least number of calls a period, in the mean; for [Stuck] the age in
	// seconds at which a call counts as stuck; for [BurnRate] the largest burn rate. It is 0
	// where nothing of the kind is expected any more.
	Target float64 `json:"target"`
	// Actual is what was measured over all the periods that led to the alert together: the
	// ratio; the mean number of calls a period; the age in seconds of the oldest call; the
	// burn rate that comes nearest to its limit.
	Actual float64 `json:"actual"`
	// WorstActual and LastActual are the worst and the last value of the bad periods of
	// the incident, up to now.
	WorstActual float64 `json:"worst_actual"`
	LastActual  float64 `json:"last_actual"`
	// LatencyTarget is the time within which calls were expected to be done; 0
	// unless Objective is Latency.
	LatencyTarget time.Duration `json:"latency_target_ns,omitempty"`
	// Worst is the call that shows best what went wrong when the alert began to fire, a
	// sampled one if there was any. It is zero if no call was traced.
	WorstExemplar engine.Exemplar `json:"worst_exemplar,omitzero"`
	// Causes are what the calls that missed the objective are blamed on, in all periods of
	// Evidence together, largest first.
	Causes []engine.CauseCount `json:"causes,omitempty"`
	// CausedBy is the id of the alert about the main cause, where that has one: where at
	// least half of the calls are blamed on an operation about which an alert fires.
	CausedBy string `json:"caused_by,omitempty"`
	// Periods is the number of periods that led to the alert, of which Evidence may hold
	// the newest alone.
	Periods int `json:"periods,omitzero"`
	// Evidence are the summaries of the periods that led to the alert, oldest
	// first; of more than 100 the newest. Of periods that were judged together, since they
	// held too few calls, they are the last five, and for a reminder those of the last bad
	// verdict. They belong to whoever got the alert.
	Evidence []engine.Summary `json:"evidence"`
}

// Key returns the operation that the alert is about.
func (a *Alert) Key() engine.OperationKey {
	return engine.OperationKey{Service: a.Service, SpanKind: a.SpanKind, Name: a.Operation}
}

// Clone returns a copy that shares nothing with a.
func (a *Alert) Clone() Alert {
	c := *a
	c.Evidence = make([]engine.Summary, len(a.Evidence))
	for i := range a.Evidence {
		c.Evidence[i] = a.Evidence[i].Clone()
	}
	c.Causes = slices.Clone(a.Causes)
	return c
}

// Lasted returns how long the objective was missed, up to the alert if it still fires.
func (a *Alert) Lasted() time.Duration {
	if a.EndsAt.IsZero() {
		return a.DecidedAt.Sub(a.StartsAt)
	}
	return a.EndsAt.Sub(a.StartsAt)
}

// Calls returns up to five calls to look up, those of all periods of Evidence together:
// failed ones spread over the codes, or the slowest, sampled ones first.
func (a *Alert) Exemplars() []engine.Exemplar {
	if a.Objective == Stuck {
		return a.stuckCalls()
	}
	var lists [][]engine.Exemplar
	for i := range a.Evidence {
		lists = append(lists, exemplarsOf(a.Objective, &a.Evidence[i]))
	}
	return engine.MergeExemplars(a.Objective != Latency, lists...)
}

// stuckCalls returns each call that was stuck once, as it was seen last: one that hangs is
// seen in one period after the other.
func (a *Alert) stuckCalls() []engine.Exemplar {
	seen := make(map[[8]byte]bool)
	var calls []engine.Exemplar
	for i := range slices.Backward(a.Evidence) {
		for _, c := range exemplarsOf(a.Objective, &a.Evidence[i]) {
			if !seen[c.Trace.SpanID] {
				seen[c.Trace.SpanID] = true
				calls = append(calls, c)
			}
		}
	}
	return engine.MergeExemplars(false, calls)
}

// Summary says in one line what is wrong or well again, and what is to blame. It holds
// the names of operations as they are: whoever shows it must escape it.
func (a *Alert) Summary() string {
	text := a.Operation + ": " + a.Measured()
	if blame := a.MainCause(); blame != "" {
		text += ", " + blame
	}
	return text
}

// Measured says in words what was measured and what was expected.
func (a *Alert) Measured() string {
	return measured(a.Objective, a.Actual, a.Target, a.LatencyTarget)
}

// leastBlame is the share from which a cause is worth naming in one line.
const leastBlame = 0.1

// MainCause says in words what most of the calls that missed the objective are blamed on:
// "92 % of failures caused by INSERT orders [23505]". It is empty if nothing stands out,
// and holds names as they are: whoever shows it must escape it.
func (a *Alert) MainCause() string {
	if len(a.Causes) == 0 || a.Causes[0].Share < leastBlame {
		return ""
	}
	c, what := &a.Causes[0], "failures"
	if a.Objective == Latency {
		what = "slow calls"
	}
	text := fmt.Sprintf("%s of %s caused by %s", percent(c.Share, 1), what, CauseName(&c.Cause, a.Service))
	if a.Objective != Latency && c.Code != "" {
		text += " [" + c.Code + "]"
	}
	return text
}

// Percent writes a ratio for people, with one decimal or as many as it takes not
// to round a miss away: 99.96 %, not 100 %.
func Percent(ratio float64) string { return percent(ratio, 1) }

// decimals writes a number for people that stands beside another one, with one decimal or
// as many as it takes to tell the two apart, and not to show 0 for what is more.
func decimals(v, beside float64) string {
	for n := 1; ; n++ {
		s := strconv.FormatFloat(v, 'f', n, 64)
		shown, _ := strconv.ParseFloat(s, 64)
		other, _ := strconv.ParseFloat(strconv.FormatFloat(beside, 'f', n, 64), 64)
		faithful := (shown != 0 || v == 0) && cmp.Compare(shown, other) == cmp.Compare(v, beside)
		if faithful || n == maxDecimals {
			return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
		}
	}
}

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
type ObjectiveKind uint8

const (
	// Availability is the share of calls that succeed.
	Availability ObjectiveKind = iota + 1
	// Latency is the share of successful calls that are done within the latency target.
	Latency
	// Traffic is the number of calls.
	Traffic
	// Stuck is the age of the calls that have begun and not ended.
	Stuck
	// BurnRate is how fast the error budget of 30 days is used up.
	BurnRate

	kindCount
)

// kinds are all kinds, in the order in which they are judged.
var kinds = [...]ObjectiveKind{Availability, Latency, Traffic, Stuck, BurnRate}

var kindNames = [...]string{Availability: "availability", Latency: "latency", Traffic: "traffic", Stuck: "stuck", BurnRate: "burn_rate"}

// String returns the kind's name in lower case.
func (k ObjectiveKind) String() string {
	if k == 0 || k >= kindCount {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return kindNames[k]
}

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
