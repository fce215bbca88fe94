package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// History returns the summaries of an operation from periods that began at or after from and
// before to, ordered by time; a zero time sets no bound. Operations of that name of every
// service, span kind, monitor and instance are included, each with a summary of its own.
// Times are exact to the millisecond; histograms are not kept. All of it is held in memory: a
// day of periods of 1m takes about 2 MiB for each instance.
func (s *Store) History(ctx context.Context, operation string, from, to time.Time) ([]engine.Summary, error) {
	var list []engine.Summary
	err := s.db.read(ctx, func(q queryer) (err error) {
		list, err = history(q, operation, from, to)
		return err
	})
	return list, wrap("history", err)
}

// Parts of the queries of a history.
const (
	ofOperation = " JOIN operation_rows o ON o.operation_id = s.operation_id" +
		" WHERE o.operation = $3 AND s.started_at >= $1 AND s.started_at < $2"
	historyOrder = " ORDER BY s.started_at, o.service, o.span_kind, p.monitor, p.instance, s.summary_id"
)

// belongings returns the query for the rows of a table that belong to the summaries of a
// history, without their order.
func belongings(table string, columns []string) string {
	return "SELECT t.summary_id, " + columnList("t.", columns) + " FROM " + table + " t" +
		" JOIN summary_rows s ON s.summary_id = t.summary_id" + ofOperation
}

// history reads what [Store.History] returns.
func history(q queryer, operation string, from, to time.Time) ([]engine.Summary, error) {
	args := append(span(from, to), clean(operation))
	var list []engine.Summary
	place := make(map[int64]int) // index in list, by the summary's id
	query := "SELECT s.summary_id, p.monitor, " + columnList("o.", names(operationColumns)) + ", " + columnList("s.", names(summaryColumns)) +
		" FROM summary_rows s JOIN period_rows p ON p.period_id = s.period_id" + ofOperation + historyOrder
	err := q.each(query, args, func(scan scanner) error {
		var id int64
		var key engine.OperationKey
		var s engine.Summary
		to := destinations(operationColumns, &key, &id, (*words)(&s.Monitor))
		if err := scan(destinations(summaryColumns, &s, to...)...); err != nil {
			return err
		}
		s.Service, s.SpanKind, s.Operation = key.Service, key.SpanKind, key.Name
		place[id] = len(list)
		list = append(list, s)
		return nil
	})
	if err != nil || len(list) == 0 {
		return nil, err
	}

	err = q.each(belongings("failure_rows", names(failureColumns))+" ORDER BY t.summary_id, t.n", args, func(scan scanner) error {
		var id int64
		var c engine.CodeCount
		if err := scan(destinations(failureColumns, &c, &id)...); err != nil {
			return err
		}
		s := &list[place[id]]
		s.Failures = append(s.Failures, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = q.each(belongings("cause_rows", append([]string{"symptom"}, names(causeColumns)...))+" ORDER BY t.summary_id, t.n", args, func(scan scanner) error {
		var id int64
		var symptom string
		var c engine.CauseCount
		if err := scan(destinations(causeColumns, &c, &id, &symptom)...); err != nil {
			return err
		}
		causes := listOf(&list[place[id]], symptom).causes
		*causes = append(*causes, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = q.each(belongings("exemplar_rows", append([]string{"symptom"}, names(exemplarColumns)...))+" ORDER BY t.summary_id, t.n", args, func(scan scanner) error {
		var id int64
		var symptom string
		var e engine.Exemplar
		if err := scan(destinations(exemplarColumns, &e, &id, &symptom)...); err != nil {
			return err
		}
		exemplars := listOf(&list[place[id]], symptom).exemplars
		*exemplars = append(*exemplars, e)
		return nil
	})
	return list, err
}

// listOf returns the lists of s for a symptom. For one that only a later version knows it
// returns lists that nobody reads.
func listOf(s *engine.Summary, symptom string) symptomList {
	for _, list := range listsOf(s) {
		if list.symptom == symptom {
			return list
		}
	}
	return symptomList{causes: new([]engine.CauseCount), exemplars: new([]engine.Exemplar)}
}

// Operations returns the operations that the database knows, ordered by service, name and
// span kind.
func (s *Store) Operations(ctx context.Context) ([]engine.OperationKey, error) {
	var list []engine.OperationKey
	err := s.db.read(ctx, func(q queryer) error {
		query := "SELECT " + columnList("", names(operationColumns)) + " FROM operation_rows ORDER BY service, operation, span_kind"
		return q.each(query, nil, func(scan scanner) error {
			var k engine.OperationKey
			if err := scan(destinations(operationColumns, &k)...); err != nil {
				return err
			}
			list = append(list, k)
			return nil
		})
	})
	return list, wrap("operations", err)
}

// span returns the arguments for a span of time; a zero time means the first or last that
// every database can hold.
func span(from, to time.Time) []any {
	if to.IsZero() {
		to = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	}
	return []any{toMillisecond(from), toMillisecond(to)}
}

// columnList returns names as a list for a query. They are never from outside.
func columnList(prefix string, names []string) string {
	return prefix + strings.Join(names, ", "+prefix)
}

// wrap adds what failed to an error.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("store: %s: %w", what, err)
}
