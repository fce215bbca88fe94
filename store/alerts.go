package store

import (
	"context"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// alertColumns are those of an alert that are read back. Causes, evidence and the worst
// exemplar are JSON.
var alertColumns = []column[alert.Alert]{
	{"alert_id", func(a *alert.Alert) field { return (*words)(&a.ID) }},
	{"monitor", func(a *alert.Alert) field { return (*words)(&a.Monitor) }},
	{"service", func(a *alert.Alert) field { return (*words)(&a.Service) }},
	{"span_kind", func(a *alert.Alert) field { return spanKindName(&a.SpanKind) }},
	{"operation", func(a *alert.Alert) field { return (*words)(&a.Operation) }},
	{"objective", func(a *alert.Alert) field { return name[alert.ObjectiveKind, *alert.ObjectiveKind]{&a.Objective} }},
	{"state", func(a *alert.Alert) field { return name[alert.State, *alert.State]{&a.State} }},
	{"repeat", func(a *alert.Alert) field { return (*flag)(&a.Repeat) }},
	{"end_reason", func(a *alert.Alert) field { return name[alert.EndReason, *alert.EndReason]{&a.EndReason} }},
	{"last_sent_at", func(a *alert.Alert) field { return (*ending)(&a.LastSentAt) }},
	{"calls_since", func(a *alert.Alert) field { return (*count)(&a.CallsSince) }},
	{"silenced", func(a *alert.Alert) field { return (*flag)(&a.Silenced.Held) }},
	{"silenced_until", func(a *alert.Alert) field { return (*ending)(&a.Silenced.Until) }},
	{"silence_reason", func(a *alert.Alert) field { return (*words)(&a.Silenced.Reason) }},
	{"good_periods", func(a *alert.Alert) field { return (*whole)(&a.GoodPeriods) }},
	{"flapping_count", func(a *alert.Alert) field { return (*whole)(&a.Flapping.Count) }},
	{"flapping_since", func(a *alert.Alert) field { return (*ending)(&a.Flapping.Since) }},
	{"started_at", func(a *alert.Alert) field { return (*instant)(&a.StartsAt) }},
	{"ended_at", func(a *alert.Alert) field { return (*ending)(&a.EndsAt) }},
	{"decided_at", func(a *alert.Alert) field { return (*instant)(&a.DecidedAt) }},
	{"target", func(a *alert.Alert) field { return (*real)(&a.Target) }},
	{"actual", func(a *alert.Alert) field { return (*real)(&a.Actual) }},
	{"worst_actual", func(a *alert.Alert) field { return (*real)(&a.WorstActual) }},
	{"last_actual", func(a *alert.Alert) field { return (*real)(&a.LastActual) }},
	{"latency_target_ms", func(a *alert.Alert) field { return (*millis)(&a.LatencyTarget) }},
	{"caused_by", func(a *alert.Alert) field { return (*words)(&a.CausedBy) }},
	{"worst_exemplar", func(a *alert.Alert) field { return document{&a.WorstExemplar} }},
	{"why", func(a *alert.Alert) field { return document{&a.Why} }},
	{"causes", func(a *alert.Alert) field { return document{&a.Causes} }},
	{"evidence", func(a *alert.Alert) field { return document{&a.Evidence} }},
}

// alertRows returns the rows of alerts.
func alertRows(alerts []alert.Alert, instance string) (rows, error) {
	r := newRows("alert_rows", alertColumns, "alert_key", "instance", "summary")
	for i := range alerts {
		a := cleanAlert(&alerts[i])
		if err := add(&r, alertColumns, &a, alertKey(&a, instance), clean(instance), clean(a.Summary())); err != nil {
			return r, err
		}
	}
	return r, nil
}

// cleanAlert returns a copy of a whose JSON parts are clean, and never null.
func cleanAlert(a *alert.Alert) alert.Alert {
	c := *a
	c.WorstExemplar.Code = clean(c.WorstExemplar.Code)
	c.Causes = append([]engine.CauseCount{}, cleanCauses(a.Causes)...)
	c.Evidence = make([]engine.Summary, len(a.Evidence))
	for i := range a.Evidence {
		c.Evidence[i] = cleanSummary(&a.Evidence[i])
	}
	return c
}

// alertKey returns a hash over the alert, the instance, and the change of state or the repeat
// that it announces.
func alertKey(a *alert.Alert, instance string) []byte {
	d := newDigest()
	d.texts(instance, a.Monitor, a.ID, a.State.String(), a.Objective.String())
	d.numbers(uint64(a.DecidedAt.UnixMilli()))
	return d.sum()
}

// Alerts returns the alerts of every instance that were decided at or after from and before
// to, oldest first; a zero time sets no bound. Times are exact to the millisecond.
// [alert.Alert.Periods] is not kept, nor are Process and ExpiresAt, which the summary names.
func (s *Store) Alerts(ctx context.Context, from, to time.Time) ([]alert.Alert, error) {
	var list []alert.Alert
	err := s.db.read(ctx, func(q queryer) error {
		query := "SELECT " + columnList("", names(alertColumns)) + " FROM alert_rows" +
			" WHERE decided_at >= $1 AND decided_at < $2 ORDER BY decided_at, instance, state, alert_id"
		return q.each(query, span(from, to), func(scan scanner) error {
			var a alert.Alert
			if err := scan(destinations(alertColumns, &a)...); err != nil {
				return err
			}
			list = append(list, a)
			return nil
		})
	})
	return list, wrap("alerts", err)
}
