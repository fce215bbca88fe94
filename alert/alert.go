package alert

import (
	"slices"
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

// Summary says in one line what the alert is about and its [Alert.Headline]. It holds names
// as they are: whoever shows it must escape it.
func (a *Alert) Summary() string { return a.Operation + ": " + a.Headline() }

// Headline says in one line what was measured, what was expected, and what caused it: "40 %
// succeed (target 95 %), 92 % of failures caused by INSERT orders [23505]". It holds
// names as they are: whoever shows it must escape it.
func (a *Alert) Headline() string {
	text := a.Measured()
	if cause := a.MainCause(); cause != "" {
		text += ", " + cause
	}
	return text
}
