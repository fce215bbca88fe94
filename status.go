package monitor

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/state"
)

// Status is how everything stood when a period ended. What its summaries point to is shared
// and must not be changed.
type Status struct {
	// PeriodEnd is the end of the last period that was closed; zero before the first one.
	PeriodEnd time.Time `json:"period_end"`
	// Operations are all operations that have a place, ordered by service, operation and
	// kind.
	Operations []OperationStatus `json:"operations"`
	// Alerts are those that fire, in the order of [alert.Sort].
	Alerts []alert.Alert `json:"alerts"`
	// State says how what outlives the process is kept; zero without [Config.State].
	State state.Status `json:"state,omitzero"`
	// Receivers are the sinks and notifiers as they are doing now: what waits for them, what
	// they lost, and since when they fail.
	Receivers []delivery.ReceiverStatus `json:"receivers"`
}

// OperationStatus is how one operation stood.
type OperationStatus struct {
	Service   string          `json:"service"`
	Operation string          `json:"operation"`
	SpanKind  engine.SpanKind `json:"span_kind"`
	// Objectives are those that ask for something.
	Objectives []ObjectiveStatus `json:"objectives"`
	// Last is the operation's summary of the last period in which it had one.
	Last engine.Summary `json:"last"`
}

// ObjectiveStatus is how one objective of one operation stood.
type ObjectiveStatus struct {
	Objective alert.ObjectiveKind `json:"objective"`
	Phase     alert.Phase         `json:"phase"`
	// Verdict is the one on the operation's last period.
	Verdict engine.Verdict `json:"verdict"`
	// AlertID is the id of the alert that fires, empty if none does.
	AlertID string `json:"alert_id,omitempty"`
}

// Status returns how everything stood when the last period ended. It waits for nobody, and what it
// does is the caller's work alone.
func (m *Monitor) Status() Status {
	s := m.board.status()
	s.State = m.keeper.Status()
	if s.Receivers = []delivery.ReceiverStatus{}; !m.off {
		s.Receivers = m.dispatcher.Receivers()
	}
	return s
}

// Healthy reports whether no alert fires about the operations of the given name, whatever
// their service and kind. One whose alert flaps is healthy while it does well. One that nobody
// has called is healthy. One that might have been counted under [engine.OverflowName] in the last
// period, for want of a place, is not known to be healthy: then it returns false. The names in
// [Config.Operations] always have a place. It waits for nobody and looks at a few words in memory:
// cheap enough for a readiness probe.
func (m *Monitor) Healthy(operation string) bool { return m.board.isHealthy(operation) }

// board keeps how everything stands. The engine's goroutine updates it, and after each period
// publishes a snapshot, which anybody may read.
type board struct {
	named  map[string]bool // operations that always have a place; it never changes
	latest atomic.Pointer[boardSnapshot]

	// The fields below belong to the engine's goroutine. Summaries never change.

	operations map[engine.OperationKey]*engine.Summary // the last one of each
	alerts     map[standing]alert.Alert                // that fire
}

type standing struct {
	operation engine.OperationKey
	objective alert.ObjectiveKind
}

// boardSnapshot is how everything stood when a period ended. It never changes.
type boardSnapshot struct {
	periodEnd  time.Time
	operations []*engine.Summary        // the last one of each, in order
	phases     map[standing]alert.Phase // of the objectives that are not normal
	alerts     []alert.Alert            // that fire, in order
	firing     map[string]bool          // the names of operations about which one fires
	// places are the names of operations that were counted one by one; nil: there was room for all.
	places map[string]bool
}

// update takes in a period that was closed, with what was raised and where things stand.
func (b *board) update(p *engine.Period, alerts []alert.Alert, phases []alert.ObjectivePhase) {
	if b.operations == nil {
		b.operations, b.alerts = make(map[engine.OperationKey]*engine.Summary), make(map[standing]alert.Alert)
	}
	for i := range p.Summaries {
		b.operations[p.Summaries[i].Key()] = &p.Summaries[i]
	}
	for _, key := range p.Evicted {
		delete(b.operations, key)
	}
	for i := range alerts {
		a := &alerts[i]
		if about := (standing{a.Key(), a.Objective}); a.State == alert.Firing {
			b.alerts[about] = *a // nobody changes what it points to
		} else if a.State == alert.Resolved {
			delete(b.alerts, about)
		}
	}
	b.latest.Store(b.snapshot(p, phases))
}

// restore takes in the alerts that fire, and where things stand, from before the process started.
func (b *board) restore(firing []alert.Alert, phases []alert.ObjectivePhase, periodEnd time.Time) {
	b.update(&engine.Period{End: periodEnd}, firing, phases)
}

// snapshot returns how everything stands at the end of a period.
func (b *board) snapshot(p *engine.Period, phases []alert.ObjectivePhase) *boardSnapshot {
	s := &boardSnapshot{
		periodEnd:  p.End,
		operations: slices.Collect(maps.Values(b.operations)),
		phases:     make(map[standing]alert.Phase, len(phases)),
		alerts:     slices.Collect(maps.Values(b.alerts)),
		firing:     make(map[string]bool, len(b.alerts)),
	}
	slices.SortFunc(s.operations, func(x, y *engine.Summary) int { return x.Key().Compare(y.Key()) })
	alert.Sort(s.alerts)
	for _, o := range phases {
		s.phases[standing{o.Operation, o.Objective}] = o.Phase
	}
	for i := range s.alerts {
		a := &s.alerts[i]
		isGood := a.Flapping.Count > 0 && s.phases[standing{a.Key(), a.Objective}] < alert.PhaseFiring
		if !isGood {
			s.firing[a.Operation] = true
		}
	}
	if p.Overflowed > 0 {
		s.places = make(map[string]bool, len(s.operations))
		for _, last := range s.operations {
			s.places[last.Operation] = true
		}
	}
	return s
}

// namesOf returns the names of operations in a configuration, without their span kinds.
func namesOf(operations map[string]engine.Objective) map[string]bool {
	names := make(map[string]bool, len(operations))
	for key := range operations {
		names[engine.TruncateName(key)] = true
		if kind, name, ok := strings.Cut(key, ": "); ok && new(engine.SpanKind).UnmarshalText([]byte(kind)) == nil {
			names[engine.TruncateName(name)] = true
		}
	}
	return names
}

func (b *board) isHealthy(operation string) bool {
	s, operation := b.latest.Load(), engine.TruncateName(operation)
	return s == nil || !s.firing[operation] && (s.places == nil || s.places[operation] || b.named[operation])
}

func (b *board) status() Status {
	latest := b.latest.Load()
	if latest == nil {
		return Status{Operations: []OperationStatus{}, Alerts: []alert.Alert{}}
	}
	s := Status{
		PeriodEnd:  latest.periodEnd,
		Operations: make([]OperationStatus, 0, len(latest.operations)),
		Alerts:     make([]alert.Alert, 0, len(latest.alerts)),
	}
	ids := make(map[standing]string, len(latest.alerts))
	for i := range latest.alerts {
		a := &latest.alerts[i]
		ids[standing{a.Key(), a.Objective}] = a.ID
		s.Alerts = append(s.Alerts, a.Clone())
	}
	for _, last := range latest.operations {
		op := OperationStatus{Service: last.Service, Operation: last.Operation, SpanKind: last.SpanKind, Last: *last}
		for _, k := range alert.ObjectiveKindsOf(last.Objective) {
			about := standing{last.Key(), k}
			op.Objectives = append(op.Objectives, ObjectiveStatus{
				Objective: k, Phase: latest.phases[about], Verdict: alert.VerdictOf(last, k), AlertID: ids[about],
			})
		}
		s.Operations = append(s.Operations, op)
	}
	return s
}
