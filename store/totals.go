package store

import (
	"context"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Totals are all calls of one operation within a time, of every monitor and instance.
type Totals struct {
	Operation engine.OperationKey
	// Success, Failure and Cancelled are numbers of calls, WithinTarget is that of the successes
	// that were done within the latency target of their period.
	Success, Failure, Cancelled, WithinTarget uint64
	// SLO, SuccessRatio and WithinTargetRatio are the strictest that were asked for in that time. SLO
	// is 0 if none was.
	SLO, SuccessRatio, WithinTargetRatio float64
	// First is the start of the first period, Last that of the last one.
	First, Last time.Time
}

var totalColumns = []column[Totals]{
	{"CAST(sum(s.success) AS bigint)", func(t *Totals) field { return (*count)(&t.Success) }},
	{"CAST(sum(s.failure) AS bigint)", func(t *Totals) field { return (*count)(&t.Failure) }},
	{"CAST(sum(s.cancelled) AS bigint)", func(t *Totals) field { return (*count)(&t.Cancelled) }},
	{"CAST(sum(s.within_target) AS bigint)", func(t *Totals) field { return (*count)(&t.WithinTarget) }},
	{"max(s.slo)", func(t *Totals) field { return (*real)(&t.SLO) }},
	{"max(s.target_success_ratio)", func(t *Totals) field { return (*real)(&t.SuccessRatio) }},
	{"max(s.target_within_ratio)", func(t *Totals) field { return (*real)(&t.WithinTargetRatio) }},
	{"min(s.started_at)", func(t *Totals) field { return (*instant)(&t.First) }},
	{"max(s.started_at)", func(t *Totals) field { return (*instant)(&t.Last) }},
}

// Totals returns the totals of each operation over the periods that began at or after from and
// before to, ordered by service, name and span kind; a zero time sets no bound.
func (s *Store) Totals(ctx context.Context, from, to time.Time) ([]Totals, error) {
	var list []Totals
	err := s.db.read(ctx, func(q queryer) error {
		query := "SELECT " + columnList("o.", names(operationColumns)) + ", " + columnList("", names(totalColumns)) +
			" FROM summary_rows s JOIN operation_rows o ON o.operation_id = s.operation_id" +
			" WHERE s.started_at >= $1 AND s.started_at < $2" +
			" GROUP BY o.service, o.operation, o.span_kind ORDER BY o.service, o.operation, o.span_kind"
		return q.each(query, span(from, to), func(scan scanner) error {
			var t Totals
			if err := scan(destinations(totalColumns, &t, destinations(operationColumns, &t.Operation)...)...); err != nil {
				return err
			}
			list = append(list, t)
			return nil
		})
	})
	return list, wrap("totals", err)
}
