package alert

import "github.com/blurooo/go-monitor/v2/engine"

// link sets CausedBy of the firing alerts. What was found stays with the incident until it is
// resolved.
func (j *Judge) link(alerts []Alert) {
	for i := range alerts {
		a := &alerts[i]
		if a.State != Firing {
			continue
		}
		a.CausedBy = j.causeOf(a)
		if m := j.machines[machineKey{a.Key(), a.Objective}]; m != nil && m.alert != nil && a.CausedBy != "" {
			m.alert.CausedBy = a.CausedBy
		}
	}
}

// causeOf returns the id of the alert that fires about the operation that caused at least
// half of the calls, with any codes. It is empty if there is none.
func (j *Judge) causeOf(a *Alert) string {
	whole := missed(a.Objective, a.Evidence)
	counts := make(map[engine.OperationKey]uint64)
	for i := range a.Causes {
		if !a.Causes[i].IsNetwork() { // the network failed, not the operation
			counts[a.Causes[i].Key()] += a.Causes[i].Count
		}
	}
	// In the order of the causes, since two of them may have caused half of the calls each.
	for i := range a.Causes {
		key := a.Causes[i].Key()
		if key == a.Key() || counts[key] < whole-whole/2 {
			continue
		}
		if id := j.firingID(key, a.Objective); id != "" {
			return id
		}
	}
	return ""
}

// firingID returns the id of the alert that fires about an operation, empty if there is none.
// Of several it is the one about the given objective, or else the first in the order of
// kinds.
func (j *Judge) firingID(key engine.OperationKey, objective ObjectiveKind) string {
	for _, k := range append([]ObjectiveKind{objective}, kinds[:]...) {
		if m := j.machines[machineKey{key, k}]; m != nil && m.alert != nil {
			return m.alert.ID
		}
	}
	return ""
}
