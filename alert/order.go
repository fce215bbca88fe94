package alert

import (
	"cmp"
	"math"
	"slices"
)

// Sort puts alerts into the order in which they are shown everywhere: firing before interrupted before resolved;
// of the firing ones roots before dependents, and new ones before repeats; then the worst
// first, by how far the value is from its target times the calls. An alert follows the one
// that it is caused by. Alerts about the same objective of the
// same operation that are alike in all this keep their order.
func Sort(alerts []Alert) {
	if len(alerts) < 2 {
		return
	}
	type place struct {
		alert  Alert
		depth  int
		weight float64
	}
	depths := depthsOf(alerts)
	places := make([]place, len(alerts))
	for i := range alerts {
		places[i] = place{alerts[i], depths[i], weightOf(&alerts[i])}
	}
	slices.SortStableFunc(places, func(x, y place) int {
		a, b := &x.alert, &y.alert
		return cmp.Or(
			cmp.Compare(rank(a.State), rank(b.State)),
			cmp.Compare(x.depth, y.depth),
			cmp.Compare(order(a.Repeat), order(b.Repeat)),
			cmp.Compare(y.weight, x.weight),
			a.StartsAt.Compare(b.StartsAt),
			cmp.Compare(a.Monitor, b.Monitor),
			a.Key().Compare(b.Key()),
			cmp.Compare(a.Objective, b.Objective),
			a.DecidedAt.Compare(b.DecidedAt),
		)
	})
	for i := range places {
		alerts[i] = places[i].alert
	}
}

// rank returns the place of a state: firing, interrupted, resolved.
func rank(s State) int {
	switch s {
	case Firing:
		return 0
	case Interrupted:
		return 1
	}
	return 2
}

// order returns 1 for what comes later.
func order(later bool) int {
	if later {
		return 1
	}
	return 0
}

// Roots returns the number of firing alerts that no other alert explains. After [Sort] they
// are the first ones. Alerts that cause each other are roots.
func Roots(alerts []Alert) int {
	n := 0
	for i, depth := range depthsOf(alerts) {
		if depth == 0 && alerts[i].State == Firing {
			n++
		}
	}
	return n
}

// depthsOf returns for each firing alert how many alerts explain it: 0 for a root, 1 for what
// a root causes, and so on. A cause that is not among the alerts counts as a root. Alerts
// that cause each other have depth 0, as resolved ones have.
func depthsOf(alerts []Alert) []int {
	const unknown, underway = -1, -2
	byID := make(map[string]int, len(alerts))
	for i := range alerts {
		if alerts[i].State == Firing {
			byID[alerts[i].ID] = i
		}
	}
	depths := make([]int, len(alerts))
	for i := range alerts {
		if alerts[i].State == Firing && alerts[i].CausedBy != "" {
			depths[i] = unknown
		}
	}
	var chain []int // an alert, what it is caused by, and so on
	for i := range alerts {
		chain = chain[:0]
		at, isThere := i, true
		for isThere && depths[at] == unknown {
			depths[at] = underway
			chain = append(chain, at)
			at, isThere = byID[alerts[at].CausedBy], has(byID, alerts[at].CausedBy)
		}
		below := 0 // the depth of what the last of the chain is caused by
		if isThere && len(chain) > 0 {
			if depths[at] == underway { // the chain from there on is a circle
				from := slices.Index(chain, at)
				for _, j := range chain[from:] {
					depths[j] = 0
				}
				chain = chain[:from]
			}
			below = depths[at]
		}
		for _, j := range slices.Backward(chain) {
			below++
			depths[j] = below
		}
	}
	return depths
}

func has(byID map[string]int, id string) bool {
	_, ok := byID[id]
	return ok
}

// weightOf says how bad an alert is: how far the value is from its target, as a share, times
// the calls that were judged. Of a resolved alert it is the worst value that counts.
func weightOf(a *Alert) float64 {
	value := a.Actual
	if a.State != Firing {
		value = a.WorstActual
	}
	var calls uint64
	for i := range a.Evidence {
		n, _ := callsOf(a.Objective, &a.Evidence[i])
		calls += n
	}
	var short, of float64
	switch a.Objective {
	case Availability, Latency:
		short, of = a.Target-value, float64(calls)
	case Traffic: // the calls that are missing
		short, of = a.Target-value, float64(max(a.periods(), 1))
	case Stuck, BurnRate:
		if value > 0 {
			short, of = 1-a.Target/value, float64(calls)
		}
	}
	weight := max(short, 0) * of
	if math.IsNaN(weight) {
		return 0
	}
	return weight
}
