package alert

import (
	"maps"
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Judgement is a closed period and what was made of it, or alerts that were raised in the middle of
// one. It is shared by all who got it, and nobody may change what it points to.
type Judgement struct {
	// Period is nil if it goes on.
	Period *engine.Period
	// At is the end of the period, or when the alerts were decided.
	At time.Time
	// Alerts are those that were raised, in the order of [Sort].
	Alerts []Alert
	// Firing are all alerts that fire then, in the order of [Sort].
	Firing []Alert
	// Phases are those of all objectives that are not normal then, in no particular order.
	Phases []ObjectivePhase
}

// Ledger keeps the alerts that fire. The zero value is one in which none does. It is not safe
// for concurrent use.
type Ledger struct{ firing map[machineKey]Alert }

// Enter takes in alerts that were raised. It keeps copies.
func (l *Ledger) Enter(alerts []Alert) {
	for i := range alerts {
		a := &alerts[i]
		about := machineKey{a.Key(), a.Objective}
		if a.State != Firing {
			delete(l.firing, about)
			continue
		}
		if l.firing == nil {
			l.firing = make(map[machineKey]Alert)
		}
		l.firing[about] = a.Clone()
	}
}

// Firing returns the alerts that fire, in the order of [Sort]. What they point to is the
// ledger's: it never changes, and must not be changed.
func (l *Ledger) Firing() []Alert {
	alerts := slices.Collect(maps.Values(l.firing))
	Sort(alerts)
	return alerts
}
