package web

import (
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

const (
	// maxEnded is the number of alerts that are remembered after their end.
	maxEnded = 100
	// maxEvidence is the number of summaries of an alert's evidence that are remembered.
	maxEvidence = 10
)

// incidents remembers alerts: those that fire, and the newest of those that have ended.
type incidents struct {
	entries []*entry // in the order in which they fired
	byID    map[string]*entry
}

// entry is one alert, from its first notification to its end.
type entry struct {
	fired alert.Alert
	// last is its newest state: a repeat, or its end.
	last alert.Alert
	// endedBy is when it was found to have ended; zero while it fires.
	endedBy time.Time
	// silencedUntil is until when somebody asked to be told no more of it.
	silencedUntil time.Time
}

func (e *entry) isOpen() bool { return e.endedBy.IsZero() }

// add takes in what a period raised, and what fires after it.
func (in *incidents) add(j alert.Judgement) {
	if in.byID == nil {
		in.byID = make(map[string]*entry)
	}
	for i := range j.Alerts {
		in.enter(&j.Alerts[i])
	}
	fires := make(map[string]bool, len(j.Firing))
	for i := range j.Firing { // those that fired before, and were not seen
		a := &j.Firing[i]
		fires[a.ID] = true
		if in.byID[a.ID] == nil {
			in.enter(a)
		}
	}
	for _, e := range in.entries {
		if e.isOpen() && !fires[e.fired.ID] { // its end was not seen
			e.endedBy = j.At
		}
	}
	in.forget()
}

// enter takes in one alert.
func (in *incidents) enter(a *alert.Alert) {
	kept := *a
	if n := len(kept.Evidence) - maxEvidence; n > 0 {
		kept.Evidence = slices.Clone(kept.Evidence[n:])
	}
	e := in.byID[a.ID]
	if e == nil {
		e = &entry{fired: kept}
		in.entries, in.byID[a.ID] = append(in.entries, e), e
	}
	e.last, e.endedBy = kept, time.Time{}
	if a.State != alert.Firing {
		e.endedBy = a.DecidedAt
	}
}

// forget lets go of the oldest alerts that have ended, beyond maxEnded.
func (in *incidents) forget() {
	ended := 0
	for _, e := range in.entries {
		if !e.isOpen() {
			ended++
		}
	}
	in.entries = slices.DeleteFunc(in.entries, func(e *entry) bool {
		if e.isOpen() || ended <= maxEnded {
			return false
		}
		ended--
		delete(in.byID, e.fired.ID)
		return true
	})
}

// group is an incident: an alert that no other one explains, and those that it explains.
type group struct {
	root       *entry
	dependents []*entry
}

func (g *group) isOpen() bool {
	return g.root.isOpen() || slices.ContainsFunc(g.dependents, (*entry).isOpen)
}

// groups returns the incidents: open ones first, in the order of [alert.Sort], then the others, the
// newest first.
func (in *incidents) groups() []*group {
	byRoot := make(map[*entry]*group)
	var open, ended []*group
	for _, e := range in.entries {
		root := in.rootOf(e)
		g := byRoot[root]
		if g == nil {
			g = &group{root: root}
			byRoot[root] = g
		}
		if e != root {
			g.dependents = append(g.dependents, e)
		}
	}
	for _, e := range in.entries {
		g := byRoot[e]
		switch {
		case g == nil:
		case g.isOpen():
			open = append(open, g)
		default:
			ended = append(ended, g)
		}
	}
	sortOpen(open)
	slices.Reverse(ended)
	for _, g := range byRoot {
		sortEntries(g.dependents)
	}
	return append(open, ended...)
}

// sortOpen puts incidents into the order of their roots.
func sortOpen(groups []*group) {
	byID := make(map[string]*group, len(groups))
	roots := make([]*entry, 0, len(groups))
	for _, g := range groups {
		byID[g.root.fired.ID] = g
		roots = append(roots, g.root)
	}
	sortEntries(roots)
	for i, e := range roots {
		groups[i] = byID[e.fired.ID]
	}
}

// sortEntries puts alerts into the order of [alert.Sort], by their newest states.
func sortEntries(entries []*entry) {
	byID := make(map[string]*entry, len(entries))
	alerts := make([]alert.Alert, 0, len(entries))
	for _, e := range entries {
		byID[e.fired.ID] = e
		alerts = append(alerts, e.last)
	}
	alert.Sort(alerts)
	for i := range alerts {
		entries[i] = byID[alerts[i].ID]
	}
}

// rootOf returns the alert that explains e and that no other one explains. Of alerts that explain
// each other it is the one with the least id.
func (in *incidents) rootOf(e *entry) *entry {
	seen := map[*entry]bool{e: true}
	for {
		by := in.causeOf(e)
		if by == nil {
			return e
		}
		if seen[by] {
			least := by
			for o := in.causeOf(by); o != by; o = in.causeOf(o) {
				if o.fired.ID < least.fired.ID {
					least = o
				}
			}
			return least
		}
		seen[by] = true
		e = by
	}
}

// causeOf returns the alert that explains e, nil if none does: the one that it names, or one about
// the operation that caused at least half of its calls and which began to fire later, at the same
// time as e at least.
func (in *incidents) causeOf(e *entry) *entry {
	for _, a := range []*alert.Alert{&e.last, &e.fired} {
		if a.CausedBy != "" {
			return in.byID[a.CausedBy]
		}
	}
	shares := make(map[engine.OperationKey]float64)
	for i := range e.fired.Causes {
		c := &e.fired.Causes[i]
		if c.IsNetwork() || c.Key() == e.fired.Key() {
			continue
		}
		if shares[c.Key()] += c.Share; shares[c.Key()] < 0.5 {
			continue
		}
		for _, other := range in.entries {
			if other.fired.Key() == c.Key() && other.overlaps(e) {
				return other
			}
		}
	}
	return nil
}

// overlaps reports whether two alerts fired at the same time.
func (e *entry) overlaps(o *entry) bool {
	isBefore := func(a, b *entry) bool { return !a.isOpen() && a.endedBy.Before(b.fired.StartsAt) }
	return !isBefore(e, o) && !isBefore(o, e)
}
