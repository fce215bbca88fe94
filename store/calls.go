package store

import (
	"context"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Calls returns the numbers of successful and failed calls of an operation over the periods that
// began at or after from and before to, of every monitor and instance; a zero time sets no bound.
func (s *Store) Calls(ctx context.Context, operation engine.OperationKey, from, to time.Time) (success, failure uint64, err error) {
	err = s.db.read(ctx, func(q queryer) error {
		query := "SELECT CAST(coalesce(sum(s.success), 0) AS bigint), CAST(coalesce(sum(s.failure), 0) AS bigint)" +
			" FROM summary_rows s JOIN operation_rows o ON o.operation_id = s.operation_id" +
			" WHERE s.started_at >= $1 AND s.started_at < $2 AND o.service = $3 AND o.operation = $4 AND o.span_kind = $5"
		args := append(span(from, to), clean(operation.Service), clean(operation.Name), operation.SpanKind.String())
		return q.each(query, args, func(scan scanner) error { return scan((*count)(&success), (*count)(&failure)) })
	})
	return success, failure, wrap("calls", err)
}
