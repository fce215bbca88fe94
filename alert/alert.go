package alert

import (
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Alert is a change of state: an operation began to miss an objective, or meets it again.
type Alert struct {
	// ID is the same for the firing and the resolved alert of one incident. It is made from
	// what the alert is about and when it began, so that processes that judge the same
	// operation in the same period give it the same id.
	ID string `json:"id"`
	// Monitor, Service, Operation and SpanKind say what the alert is about.
	Monitor   string          `json:"monitor"`
	Service   string          `json:"service"`
	Operation string          `json:"operation"`
	SpanKind  engine.SpanKind `json:"span_kind"`
	// Objective is the kind of objective that is missed, or met again.
	Objective ObjectiveKind `json:"objective"`
	// State says whether it is missed or met again.
	State State `json:"state"`
	// StartsAt is when the incident began: the start of the first bad period that made the
	// alert fire.
	StartsAt time.Time `json:"starts_at"`
	// EndsAt is when the incident ended: the start of the first good period that resolved
	// the alert, the end of the last bad one of what flapped, or the end of the last period with
	// calls of what is called no more. It is zero while the alert fires.
	EndsAt time.Time `json:"ends_at,omitzero"`
	// EndReason says how the incident ended. It is zero while the alert fires.
	EndReason EndReason `json:"end_reason,omitzero"`
	// DecidedAt is when the alert was decided: the end of the last period of Evidence. For
	// a repeat, and the end of what flapped, it is the end of the period after which it is sent.
	DecidedAt time.Time `json:"decided_at"`
	// Repeat says that the alert still fires and was sent before
	// ([engine.Objective.RepeatInterval]).
	Repeat bool `json:"repeat,omitzero"`
	// LastSentAt is when the firing alert before this repeat was decided, and CallsSince the
	// number of calls since then. They are zero unless Repeat.
	LastSentAt time.Time `json:"last_sent_at,omitzero"`
	CallsSince uint64    `json:"calls_since,omitzero"`
	// Silenced says why the alert is not sent, or is sent only now. It is zero for all others.
	Silenced Silencing `json:"silenced,omitzero"`
	// Process names the process that ended while the alert fired, if State is [Interrupted]. Then
	// ExpiresAt is when a process that follows it would have fired again at the latest, if nothing
	// was better: whoever has not heard of it until then may take it for over.
	Process   string    `json:"process,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Target is what was expected. For [Availability] and [Latency] it is a ratio, 0..1; for
	// [Traffic] the mean least number of calls a period; for [Stuck] the age in seconds from
	// which a call counts as stuck; for [BurnRate] the limit of the burn rate. It is 0 if the
	// objective was switched off while the alert fired.
	Target float64 `json:"target"`
	// Actual is what was measured, over all the periods that led to the alert together: the
	// ratio; the mean number of calls a period; the age in seconds of the oldest call; the
	// burn rate that comes nearest to its limit.
	Actual float64 `json:"actual"`
	// WorstActual and LastActual are the worst and the last value of the incident's bad
	// periods so far.
	WorstActual float64 `json:"worst_actual"`
	LastActual  float64 `json:"last_actual"`
	// LatencyTarget is the time within which calls were expected to be done. It is 0 unless
	// Objective is Latency.
	LatencyTarget time.Duration `json:"latency_target_ns,omitempty"`
	// WorstExemplar is the call that shows best what went wrong when the alert began to
	// fire, a sampled one if there was any. It is zero if no call was traced.
	WorstExemplar engine.Exemplar `json:"worst_exemplar,omitzero"`
	// Causes are the causes of the calls that missed the objective, in all periods of
	// Evidence together, largest first.
	Causes []engine.CauseCount `json:"causes,omitempty"`
	// CausedBy is the id of the alert that fires about the operation that caused at least
	// half of the calls. It is empty if there is none.
	CausedBy string `json:"caused_by,omitempty"`
	// Why is what the calls that missed the objective say of the reason, as of a firing alert.
	Why Why `json:"why,omitzero"`
	// Periods is the number of periods that led to the alert. Evidence may hold only the
	// newest of them.
	Periods int `json:"periods,omitzero"`
	// GoodPeriods is the number of good periods between the bad ones that made the alert fire; 0
	// if these were in a row.
	GoodPeriods int `json:"good_periods,omitzero"`
	// Flapping says how often the objective was missed anew. It is zero unless the incident
	// flaps.
	Flapping Flapping `json:"flapping,omitzero"`
	// Evidence are the summaries of the periods that led to the alert, oldest first; of more
	// than 100 periods the newest. Of periods with too few calls, which are judged
	// together, it holds the last five of each verdict. A repeat has those of the last bad
	// verdict, and so has what ends for another reason than EndRecovered. They belong to whoever got the alert.
	Evidence []engine.Summary `json:"evidence"`
}

// Key returns the operation that the alert is about.
func (a *Alert) Key() engine.OperationKey {
	return engine.OperationKey{Service: a.Service, SpanKind: a.SpanKind, Name: a.Operation}
}

// Clone returns a copy that shares no memory with a.
func (a *Alert) Clone() Alert {
	c := *a
	c.Evidence = make([]engine.Summary, len(a.Evidence))
	for i := range a.Evidence {
		c.Evidence[i] = a.Evidence[i].Clone()
	}
	c.Causes = slices.Clone(a.Causes)
	c.Why = a.Why.clone()
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

// Headline says in one line what was measured, what was expected, how often it flapped, and what
// caused it, or that nobody calls the operation any more: "40 % succeed (target 95 %), flapping, 7 times since 09:12:00, 92 % of failures caused
// by INSERT orders [23505]". It holds names as they are: whoever shows it must escape it.
func (a *Alert) Headline() string {
	if text := a.endText(); text != "" {
		return text
	}
	text := a.Measured()
	if a.CallsSince == 0 && a.callsText() != "" {
		text += ", " + a.callsText()
	}
	if a.Flapping.Count > 0 {
		text += ", " + a.flappingText()
	}
	if cause := a.MainCause(); cause != "" {
		text += ", " + cause
	}
	if reason := a.Reason(); reason != "" {
		text += ", " + reason
	}
	return text
}
