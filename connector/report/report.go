package report

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/blurooo/go-monitor/store"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Report is what was achieved from From to To.
type Report struct {
	From, To time.Time
	Services []Service
}

// Service is one service, with its worst operation first.
type Service struct {
	Name       string
	Operations []Operation
	// Incidents are those of the time, oldest first.
	Incidents []Incident
}

// Operation is what one operation achieved.
type Operation struct {
	Totals store.Totals
	// SLO is the share of calls that had to succeed: the SLO, or the success ratio if there is none.
	SLO float64
	// Achieved is the share that did, 1 if there were no calls.
	Achieved float64
	// BudgetLeft is the share of the error budget that is left; below 0 it is overdrawn.
	BudgetLeft float64
	// WithinTarget is the share of the successes that were quick enough, 1 if there were none.
	WithinTarget float64
	// Incidents are their number.
	Incidents int
}

// Incident is one alert, from firing to resolved.
type Incident struct {
	Alert alert.Alert // as it fired
	// End is when it was resolved, the end of the report if it was not.
	End        time.Time
	IsResolved bool
	// Cause names what is to blame, empty if nothing is known.
	Cause string
}

// Lasted returns how long the incident lasted.
func (i Incident) Lasted() time.Duration { return i.End.Sub(i.Alert.StartsAt) }

// Read reads the report of a time from a store.
func Read(ctx context.Context, s *store.Store, from, to time.Time) (*Report, error) {
	totals, err := s.Totals(ctx, from, to)
	if err != nil {
		return nil, err
	}
	alerts, err := s.Alerts(ctx, time.Time{}, to) // one that began earlier may last
	if err != nil {
		return nil, err
	}
	return build(from, to, totals, alerts), nil
}

// build puts a report together.
func build(from, to time.Time, totals []store.Totals, alerts []alert.Alert) *Report {
	r := &Report{From: from, To: to}
	services := map[string]*Service{}
	service := func(name string) *Service {
		if services[name] == nil {
			services[name] = &Service{Name: name}
		}
		return services[name]
	}
	count := map[engine.OperationKey]int{}
	for _, i := range incidents(from, to, alerts) {
		s := service(i.Alert.Service)
		s.Incidents = append(s.Incidents, i)
		count[i.Alert.Key()]++
	}
	for _, t := range totals {
		o := Operation{Totals: t, SLO: cmp.Or(max(t.SLO, 0), t.SuccessRatio), Achieved: 1, BudgetLeft: 1, WithinTarget: 1, Incidents: count[t.Operation]}
		if judged := t.Success + t.Failure; judged > 0 {
			o.Achieved = float64(t.Success) / float64(judged)
			if budget := float64(judged) * (1 - o.SLO); budget > 0 {
				o.BudgetLeft = 1 - float64(t.Failure)/budget
			} else if t.Failure > 0 {
				o.BudgetLeft = -float64(t.Failure)
			}
		}
		if t.Success > 0 {
			o.WithinTarget = float64(t.WithinTarget) / float64(t.Success)
		}
		s := service(t.Operation.Service)
		s.Operations = append(s.Operations, o)
	}
	for _, s := range services {
		slices.SortStableFunc(s.Operations, func(a, b Operation) int { return cmp.Compare(a.BudgetLeft, b.BudgetLeft) })
		r.Services = append(r.Services, *s)
	}
	slices.SortFunc(r.Services, func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
	return r
}

// incidents returns those that overlap the time. Replicas that raised the same alert make one.
func incidents(from, to time.Time, alerts []alert.Alert) []Incident {
	type key struct {
		id        string
		operation engine.OperationKey
		objective alert.ObjectiveKind
	}
	all := map[key]*Incident{}
	byID := map[string]*alert.Alert{}
	var order []*Incident
	for i := range alerts {
		a := &alerts[i]
		k := key{a.ID, a.Key(), a.Objective}
		known := all[k]
		switch {
		case known == nil:
			known = &Incident{Alert: *a, End: to}
			all[k] = known
			order = append(order, known)
			byID[a.ID] = a
		case a.StartsAt.Before(known.Alert.StartsAt):
			known.Alert.StartsAt = a.StartsAt
		}
		if a.State == alert.Resolved && !a.EndsAt.IsZero() && (!known.IsResolved || a.EndsAt.After(known.End)) {
			known.End, known.IsResolved = a.EndsAt, true
		}
	}
	var list []Incident
	for _, i := range order {
		if i.End.Before(from) || !i.Alert.StartsAt.Before(to) {
			continue
		}
		if root := byID[i.Alert.CausedBy]; root != nil {
			i.Cause = root.Summary()
		} else if len(i.Alert.Causes) > 0 {
			c := &i.Alert.Causes[0]
			i.Cause = c.Operation
			if c.Service != "" && c.Service != i.Alert.Service {
				i.Cause = c.Service + " " + i.Cause
			}
			if c.Code != "" {
				i.Cause += " [" + c.Code + "]"
			}
		}
		list = append(list, *i)
	}
	slices.SortStableFunc(list, func(a, b Incident) int { return a.Alert.StartsAt.Compare(b.Alert.StartsAt) })
	return list
}
