package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// schemaVersions returns the number of the newest version of the schema.
func schemaVersions(t *testing.T) int {
	t.Helper()
	list, err := migrationsIn(schemas, sqlite{}.migrations())
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// withNext returns the versions of the schema for a kind of database and, if text is not
// empty, the one that comes next.
func withNext(t *testing.T, folder, text string) fstest.MapFS {
	t.Helper()
	names, err := fs.Glob(schemas, folder+"/*")
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for _, name := range names {
		text, err := fs.ReadFile(schemas, name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: text}
	}
	if text != "" {
		files[fmt.Sprintf("%s/%04d_next.sql", folder, len(names)+1)] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// Columns that the next version adds to the tables and views of periods and summaries. They
// hold once more what others hold.
var (
	nextPeriodColumn  = column[engine.Period]{"next_late", func(p *engine.Period) field { return (*count)(&p.Late) }}
	nextSummaryColumn = column[engine.Summary]{"next_alert_for_ms", func(s *engine.Summary) field { return (*millis)(&s.Objective.AlertFor) }}
)

// nextVersion returns the versions of the schema and one that adds the next columns.
func nextVersion(t *testing.T, d dialect) fstest.MapFS {
	t.Helper()
	text := "ALTER TABLE period_rows ADD COLUMN next_late bigint NOT NULL DEFAULT 0;\n" +
		"ALTER TABLE summary_rows ADD COLUMN next_alert_for_ms double precision NOT NULL DEFAULT 0;\n"
	replace := "CREATE OR REPLACE VIEW"
	if d == (sqlite{}) {
		text = strings.NewReplacer("bigint", "INTEGER", "double precision", "REAL").Replace(text) +
			"DROP VIEW periods; DROP VIEW summaries;\n"
		replace = "CREATE VIEW"
	}
	first, err := fs.ReadFile(schemas, d.migrations()+"/0001_tables.sql")
	if err != nil {
		t.Fatal(err)
	}
	for view, column := range map[string]string{"periods": "next_late", "summaries": "s.next_alert_for_ms"} {
		_, query, found := strings.Cut(string(first), "\nCREATE VIEW "+view+" AS")
		query, _, _ = strings.Cut(query, ";")
		columns, from, _ := strings.Cut(query, "\nFROM")
		if !found {
			t.Fatalf("there is no view %s", view)
		}
		text += replace + " " + view + " AS" + columns + ", " + column + "\nFROM" + from + ";\n"
	}
	return withNext(t, d.migrations(), text)
}

// asNext calls f as a program that knows the next version: it writes and reads its columns.
func asNext(f func()) {
	periods, summaries := periodColumns, summaryColumns
	defer func() { periodColumns, summaryColumns = periods, summaries }()
	periodColumns = append(slices.Clone(periods), nextPeriodColumn)
	summaryColumns = append(slices.Clone(summaries), nextSummaryColumn)
	f()
}

func withoutNames[T any](columns []column[T], names ...string) []column[T] {
	return slices.DeleteFunc(slices.Clone(columns), func(c column[T]) bool { return slices.Contains(names, c.name) })
}

// A database that an older program made is brought up to date. What is in it stays, views
// that somebody built upon it work on, the older program works on while it is running, and
// can't be started again.
func TestUpgrade(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		old := openStore(t, Config{DSN: dsn, Instance: "old"})
		before, running := periodOf(start, fullSummary("POST /orders", start)), start.Add(time.Minute)
		meanwhile := periodOf(running, fullSummary("POST /orders", running))
		after := periodOf(running.Add(time.Minute), fullSummary("POST /orders", running.Add(time.Minute)))
		firing := fullAlert(start)
		mustConsume(t, old, before)
		mustNotify(t, old, firing)
		_, err := old.db.writes.ExecContext(t.Context(), "CREATE VIEW theirs AS SELECT p.monitor, p.dropped, s.operation FROM periods p JOIN summaries s ON s.period_id = p.period_id")
		if err != nil {
			t.Fatal(err)
		}

		s, err := open(t.Context(), Config{DSN: dsn, Instance: "new", Timeout: awaitTimeout}, nextVersion(t, old.db.dialect))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		checkNumber(t, s, schemaVersions(t)+1, "SELECT max(version) FROM schema_version")
		mustConsume(t, old, meanwhile)
		mustConsume(t, old, before) // it is there
		asNext(func() {
			mustConsume(t, s, after)
			var want []engine.Summary
			for _, p := range []engine.Period{before, meanwhile} {
				summary := p.Summaries[0]
				summary.Objective.AlertFor = 0
				want = append(want, summary)
			}
			checkDiff(t, append(want, after.Summaries[0]), mustHistory(t, s, "POST /orders", time.Time{}, time.Time{}))
		})
		checkDiff(t, []engine.Summary{before.Summaries[0], meanwhile.Summaries[0], after.Summaries[0]},
			mustHistory(t, old, "POST /orders", time.Time{}, time.Time{}))
		alerts, err := s.Alerts(t.Context(), time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		checkDiff(t, []alert.Alert{firing}, alerts)
		_, rows := runQuery(t, s, "SELECT instance, dropped, late, next_late FROM periods ORDER BY started_at")
		checkDiff(t, []string{"old2 7 0", "old2 7 0", "new2 7 7"}, rows)
		_, rows = runQuery(t, s, "SELECT alert_for_ms, next_alert_for_ms FROM summaries ORDER BY started_at")
		checkDiff(t, []string{"23000.000001 0", "23000.000001 0", "23000.000001 23000.000001"}, rows)
		checkNumber(t, s, 3, "SELECT count(*) FROM theirs WHERE monitor = 'shop' AND dropped = 2 AND operation = 'POST /orders'")
		checkComplete(t, s)

		_, err = Open(t.Context(), Config{DSN: dsn})
		if want := fmt.Sprintf("version %d", schemaVersions(t)+1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the older program starts again: got %v, want an error with %q", err, want)
		}
	})
}

// A reader that locks the tables in another order than the change of the schema does not make
// Open fail.
func TestPostgresUpgradeDeadlock(t *testing.T) {
	dsn := newPostgres(t)
	old := openStore(t, Config{DSN: dsn})
	deadlocks := func() int {
		text, err := os.ReadFile(filepath.Join(testServer.dir, "log"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), "deadlock detected")
	}
	before := deadlocks()

	reader, err := old.db.reads.BeginTx(t.Context(), &sql.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Rollback() }() // does nothing after Commit
	if _, err := reader.ExecContext(t.Context(), "SET LOCAL deadlock_timeout = '1min'; LOCK TABLE summary_rows IN ACCESS SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	next := nextVersion(t, postgres{})
	go func() {
		s, err := open(context.WithoutCancel(t.Context()), Config{DSN: dsn + "&deadlock_timeout=3s", Timeout: time.Minute}, next)
		if err == nil {
			err = s.Close(context.Background())
		}
		opened <- err
	}()
	err = awaitServer("Open to be locked out", func(ctx context.Context) error {
		waiting := 0
		err := old.db.reads.QueryRowContext(ctx, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'summary_rows'::regclass").Scan(&waiting)
		if err == nil && waiting == 0 {
			err = errors.New("it waits for no lock")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := reader.QueryRowContext(t.Context(), "SELECT count(*) FROM period_rows").Scan(&n); err != nil {
		t.Errorf("the reader: %v", err)
	}
	if err := reader.Commit(); err != nil {
		t.Error(err)
	}
	if err := <-opened; err != nil {
		t.Errorf("Open: %v", err)
	}
	if deadlocks() == before {
		t.Error("there was no deadlock")
	}
}

// Every number of a period is in its view.
func TestPeriods(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		s := openStore(t, Config{DSN: dsn})
		mustConsume(t, s, periodOf(start, fullSummary("POST /orders", start)))
		_, rows := runQuery(t, s, `SELECT monitor, missed, operations, received, dropped, late, early, overflowed, in_flight, untracked, abandoned,
			undelivered_periods, undelivered_notifications, sampled_ratio FROM periods`)
		checkDiff(t, []string{"shop1 1 105 2 7 8 3 4 5 6 9 10 0.5"}, rows)
		_, rows = runQuery(t, s, "SELECT confidence, alert_for_ms FROM summaries")
		checkDiff(t, []string{"0.9 23000.000001"}, rows)
	})
}

// Every column is in its view.
func TestViewsHaveAllColumns(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		s := openStore(t, Config{DSN: dsn})
		for view, columns := range map[string][]string{
			"operations": names(operationColumns),
			"periods":    names(periodColumns),
			"summaries":  append(names(withoutNames(summaryColumns, "distribution")), names(operationColumns)...), // it has a view of its own
			"failures":   names(failureColumns),
			"causes":     names(causeColumns),
			"exemplars":  names(exemplarColumns),
			"alerts":     names(alertColumns),
		} {
			has := columnsOf(t, s, view)
			for _, c := range columns {
				if !slices.Contains(has, c) {
					t.Errorf("%s has no column %s", view, c)
				}
			}
		}
	})
}

// The other tests see only what the test data has: a field that is new must be in it.
func TestDataHasAllFields(t *testing.T) {
	summary := fullSummary("x", start)
	a := fullAlert(start)
	a.EndsAt = start
	for _, tt := range []struct {
		of     any
		except []string // what is not stored
	}{
		{summary, []string{"Histogram", "FailureHistogram", "CancelledHistogram", "LatencyCounts"}},
		{summary.Objective, nil},
		{summary.Latency, nil},
		{summary.FailureLatency, nil},
		{summary.OwnTime, nil},
		{summary.BurnRates, nil},
		{summary.Verdicts, nil},
		{summary.FailureCauses[0], nil},
		{summary.FailureCauses[0].Cause, nil},
		{summary.Failures[0], nil},
		{summary.FailureExemplars[0], nil},
		{*summary.Reasons, nil},
		{a.Why, nil},
		{periodOf(start, summary), []string{"Evicted", "IdlePeriods", "Known"}},
		{a, []string{"Periods", "Process", "ExpiresAt"}},
	} {
		v := reflect.ValueOf(tt.of)
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; v.Field(i).IsZero() != slices.Contains(tt.except, name) {
				t.Errorf("%s.%s is %v in the test data", path.Base(fmt.Sprint(v.Type())), name, v.Field(i))
			}
		}
	}
}
