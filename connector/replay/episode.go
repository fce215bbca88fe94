package replay

import (
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Episode is an alert from when it fired to when it was resolved.
type Episode struct {
	ID        string              `json:"id"`
	Service   string              `json:"service"`
	Operation string              `json:"operation"`
	SpanKind  engine.SpanKind     `json:"span_kind"`
	Objective alert.ObjectiveKind `json:"objective"`
	// FiredAt is when it fired. StartsAt is the start of the first bad period.
	FiredAt  time.Time `json:"fired_at"`
	StartsAt time.Time `json:"starts_at"`
	// ResolvedAt is when it was resolved, zero if it still fired at the end. Lasted is how
	// long things were bad.
	ResolvedAt time.Time     `json:"resolved_at,omitzero"`
	Lasted     time.Duration `json:"lasted_ns"`
	// Measured says what was measured when it fired.
	Measured string `json:"measured"`
	// CausedBy is the id of the alert that caused it, empty if there is none.
	CausedBy string `json:"caused_by,omitempty"`
	// RootService is the service that the alert names as the cause, and Cause says which of
	// its operations. Both are the alert's own if it names no other.
	RootService string `json:"root_service"`
	Cause       string `json:"cause"`

	isItself bool // it names no other cause
}

// newEpisode returns the episode of an alert that fires. root is the episode of the alert that
// caused it, nil if there is none: an alert that is caused by another one has its cause.
func newEpisode(a *alert.Alert, root *Episode) *Episode {
	e := &Episode{
		ID: a.ID, Service: a.Service, Operation: a.Operation, SpanKind: a.SpanKind, Objective: a.Objective,
		FiredAt: a.DecidedAt, StartsAt: a.StartsAt, Measured: a.Measured(), CausedBy: a.CausedBy,
	}
	if root != nil {
		e.RootService, e.Cause = root.RootService, root.Cause
		return e
	}
	c := rootCause(a)
	e.RootService, e.Cause, e.isItself = c.Service, alert.CauseName(&c, ""), c.Key() == a.Key() && !c.IsNetwork()
	return e
}

// rootCause returns the cause of most of the calls that missed the objective: the first one
// listed, or the alert's own operation if more calls have no other cause.
func rootCause(a *alert.Alert) engine.Cause {
	own := 1.0
	for i := range a.Causes {
		own -= a.Causes[i].Share
	}
	if len(a.Causes) > 0 && a.Causes[0].Share > own {
		return a.Causes[0].Cause
	}
	return engine.Cause{Service: a.Service, SpanKind: a.SpanKind, Operation: a.Operation}
}
