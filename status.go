package monitor

import (
	"slices"
	"sync"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Status is how everything stood when a period ended. Whoever asked for it must not
// change what its summaries point to.
type Status struct {
	// PeriodEnd is the end of the last period that was closed; zero before the first one.
	PeriodEnd time.Time `json:"period_end"`
	// Operations are all operations that have a place, ordered by service, operation and
	// kind.
	Operations []OperationStatus `json:"operations"`
	// Alerts are those that fire, in the order of [alert.Sort].
	Alerts []alert.Alert `json:"alerts"`
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

// Status returns a consistent copy of how everything stood when the last period ended. It
// waits for nobody but another caller or the engine, which copy and update it in memory.
func (m *Monitor) Status() Status { return m.board.status() }

// Healthy reports whether no alert fires about the operations of the given name, whatever
// their service and kind. One that nobody has called is healthy. It looks at two words in
// memory, for which it waits as [Monitor.Status] does: cheap enough for a readiness probe.
func (m *Monitor) Healthy(operation string) bool { return m.board.firingAbout(operation) == 0 }

// board holds the status. The engine's goroutine updates it, and anybody reads it.
type board struct {
	mu         sync.Mutex
	at         time.Time
	operations map[engine.OperationKey]engine.Summary // the last one of each
	phases     map[standing]alert.Phase               // of the objectives that are not normal
	alerts     map[standing]alert.Alert               // that fire
	firing     map[string]int                         // their number by the operation's name
}

type standing struct {
	operation engine.OperationKey
	objective alert.ObjectiveKind
}

// update takes in a period that was closed, with what was raised and where things stand.
func (b *board) update(p *engine.Period, alerts []alert.Alert, standings []alert.ObjectivePhase) {
	phases := make(map[standing]alert.Phase, len(standings))
	for _, s := range standings {
		phases[standing{s.Operation, s.Objective}] = s.Phase
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.operations == nil {
		b.operations = make(map[engine.OperationKey]engine.Summary)
		b.alerts, b.firing = make(map[standing]alert.Alert), make(map[string]int)
	}
	b.at, b.phases = p.End, phases
	for i := range p.Summaries {
		b.operations[p.Summaries[i].Key()] = p.Summaries[i]
	}
	for _, key := range p.Evicted {
		delete(b.operations, key)
	}
	for i := range alerts {
		a := &alerts[i]
		about := standing{a.Key(), a.Objective}
		_, fired := b.alerts[about]
		switch {
		case a.State == alert.Firing:
			if !fired {
				b.firing[a.Operation]++
			}
			b.alerts[about] = a.Clone()
		case fired:
			delete(b.alerts, about)
			if b.firing[a.Operation]--; b.firing[a.Operation] == 0 {
				delete(b.firing, a.Operation)
			}
		}
	}
}

func (b *board) firingAbout(operation string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.firing[engine.TruncateName(operation)]
}

func (b *board) status() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Status{
		PeriodEnd:  b.at,
		Operations: make([]OperationStatus, 0, len(b.operations)),
		Alerts:     make([]alert.Alert, 0, len(b.alerts)),
	}
	for key, last := range b.operations {
		op := OperationStatus{Service: key.Service, Operation: key.Name, SpanKind: key.SpanKind, Last: last}
		for _, k := range alert.ObjectiveKindsOf(last.Objective) {
			about := standing{key, k}
			op.Objectives = append(op.Objectives, ObjectiveStatus{
				Objective: k, Phase: b.phases[about], Verdict: alert.VerdictOf(&last, k), AlertID: b.alerts[about].ID,
			})
		}
		s.Operations = append(s.Operations, op)
	}
	slices.SortFunc(s.Operations, func(x, y OperationStatus) int {
		return x.Last.Key().Compare(y.Last.Key())
	})
	for _, a := range b.alerts {
		s.Alerts = append(s.Alerts, a.Clone())
	}
	alert.Sort(s.Alerts)
	return s
}
