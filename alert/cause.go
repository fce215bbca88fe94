package alert

import (
	"slices"

	"github.com/blurooo/go-monitor/v2/engine"
)

// mainCause is the share of the calls from which one cause is why an alert fires.
const mainCause = 0.5

// link says of the alerts that fire by which other firing alert they are caused: that
// about the operation on which most of the calls are blamed.
func (j *Judge) link(alerts []Alert) {
	for i := range alerts {
		a := &alerts[i]
		if a.State != Firing || len(a.Causes) == 0 || a.Causes[0].Share < mainCause || a.Causes[0].Key() == a.Key() {
			continue
		}
		a.CausedBy = j.firingID(a.Causes[0].Key(), a.Objective)
		if m := j.machines[machineKey{a.Key(), a.Objective}]; m != nil && m.alert != nil {
			m.alert.CausedBy = a.CausedBy
		}
	}
}

// firingID returns the id of the alert that fires about an operation, empty if there is
// none; of several that about the same objective, or else the first in their order.
func (j *Judge) firingID(key engine.OperationKey, objective Kind) string {
	for _, k := range append([]Kind{objective}, kinds[:]...) {
		if m := j.machines[machineKey{key, k}]; m != nil && m.alert != nil {
			return m.alert.ID
		}
	}
	return ""
}

// rootsFirst orders alerts so that each comes after the one that it is caused by, and
// otherwise as they were. Alerts that cause each other keep their order.
func rootsFirst(alerts []Alert) []Alert {
	if len(alerts) < 2 {
		return alerts
	}
	byID := make(map[string]int, len(alerts))
	for i := range alerts {
		if alerts[i].State == Firing {
			byID[alerts[i].ID] = i
		}
	}
	depths := make([]int, len(alerts))
	for i := range alerts {
		for at := i; depths[i] < len(alerts) && alerts[i].State == Firing; depths[i]++ {
			root, ok := byID[alerts[at].CausedBy]
			if !ok {
				break
			}
			at = root
		}
	}
	order := make([]int, len(alerts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return depths[a] - depths[b] })
	sorted := make([]Alert, len(alerts))
	for to, from := range order {
		sorted[to] = alerts[from]
	}
	return sorted
}
