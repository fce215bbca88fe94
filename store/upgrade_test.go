package store

import (
	"context"
	"database/sql"
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

// schemaVersions returns how many versions of the schema there are.
func schemaVersions(t *testing.T) int {
	t.Helper()
	list, err := migrationsIn(schemas, sqlite{}.migrations())
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// migrationsUpTo returns the first migrations of a kind of database.
func migrationsUpTo(t *testing.T, folder string, version int) fstest.MapFS {
	t.Helper()
	names, err := fs.Glob(schemas, folder+"/*")
	if err != nil || len(names) < version {
		t.Fatalf("%d migrations in %s: %v", len(names), folder, err)
	}
	files := fstest.MapFS{}
	for _, name := range names[:version] {
		text, err := schemas.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: text}
	}
	return files
}

// openVersion returns a database of an old version.
func openVersion(t *testing.T, dsn string, version int) *database {
	t.Helper()
	d, err := parseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := &database{dialect: sqlite{}, instance: "old"}
	if d.isPostgres {
		db.dialect = postgres{}
	}
	if db.writes, db.reads, err = db.open(d); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.migrate(t.Context(), migrationsUpTo(t, db.migrations(), version)); err != nil {
		t.Fatal(err)
	}
	return db
}

// asVersion1 calls f as a program that knows the first version only: it writes no column
// that came later.
func asVersion1(f func()) {
	periods, summaries := periodColumns, summaryColumns
	defer func() { periodColumns, summaryColumns = periods, summaries }()
	periodColumns = withoutNames(periods, "late", "early", "undelivered_periods", "undelivered_notifications")
	summaryColumns = withoutNames(summaries, "alert_for_ms")
	f()
}

func withoutNames[T any](columns []column[T], names ...string) []column[T] {
	return slices.DeleteFunc(slices.Clone(columns), func(c column[T]) bool { return slices.Contains(names, c.name) })
}

// A database that an older program made is brought up to date: what is in it stays, views
// that somebody built upon it work on, and so does that program while it is running.
func TestUpgrade(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		old := openVersion(t, dsn, 1)
		write := func(it *item) {
			t.Helper()
			asVersion1(func() {
				if err := old.write(t.Context(), it); err != nil {
					t.Fatal(err)
				}
			})
		}
		before, running := periodOf(start, fullSummary("POST /orders", start)), start.Add(time.Minute)
		meanwhile := periodOf(running, fullSummary("POST /orders", running))
		firing := fullAlert(start)
		write(&item{period: &before})
		write(&item{alerts: []alert.Alert{firing}})
		_, err := old.writes.ExecContext(t.Context(), "CREATE VIEW theirs AS SELECT p.monitor, p.dropped, s.operation FROM periods p JOIN summaries s ON s.period_id = p.period_id")
		if err != nil {
			t.Fatal(err)
		}

		s := openStore(t, Config{DSN: dsn, Instance: "new"})
		checkNumber(t, s, schemaVersions(t), "SELECT max(version) FROM schema_version")
		write(&item{period: &meanwhile})
		write(&item{period: &before}) // it is there
		after := periodOf(running.Add(time.Minute), fullSummary("POST /orders", running.Add(time.Minute)))
		mustConsume(t, s, after)

		var want []engine.Summary
		for _, p := range []engine.Period{before, meanwhile} {
			p.Summaries[0].Objective.AlertFor = 0
			want = append(want, p.Summaries[0])
		}
		checkDiff(t, append(want, after.Summaries[0]), mustHistory(t, s, "POST /orders", time.Time{}, time.Time{}))
		alerts, err := s.Alerts(t.Context(), time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		checkDiff(t, []alert.Alert{firing}, alerts)
		_, rows := runQuery(t, s, "SELECT instance, dropped, late, early, undelivered_periods, undelivered_notifications FROM periods ORDER BY started_at")
		checkDiff(t, []string{"old2 0 0 0 0", "old2 0 0 0 0", "new2 7 8 9 10"}, rows)
		checkNumber(t, s, 3, "SELECT count(*) FROM theirs WHERE monitor = 'shop' AND dropped = 2 AND operation = 'POST /orders'")
		checkComplete(t, s)
	})
}

// A reader that locks the tables in another order than the change of the schema is no reason
// for Open to fail.
func TestPostgresUpgradeDeadlock(t *testing.T) {
	dsn := newPostgres(t)
	old := openVersion(t, dsn, 1)
	deadlocks := func() int {
		text, err := os.ReadFile(filepath.Join(testServer.dir, "log"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), "deadlock detected")
	}
	before := deadlocks()

	reader, err := old.reads.BeginTx(t.Context(), &sql.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Rollback() }() // does nothing after Commit
	if _, err := reader.ExecContext(t.Context(), "SET LOCAL deadlock_timeout = '1min'; LOCK TABLE summary_rows IN ACCESS SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() {
		s, err := Open(context.WithoutCancel(t.Context()), Config{DSN: dsn + "&deadlock_timeout=3s", Timeout: time.Minute})
		if err == nil {
			err = s.Close(context.Background())
		}
		opened <- err
	}()
	for waiting := 0; waiting == 0; {
		err := old.reads.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'summary_rows'::regclass").Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // a real server needs real time
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
		t.Error("nobody waited for each other")
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

// Every column is in its view, too.
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
		{summary, []string{"Histogram", "FailureHistogram", "CancelledHistogram"}},
		{summary.Objective, nil},
		{summary.Latency, nil},
		{summary.FailureLatency, nil},
		{summary.BurnRates, nil},
		{summary.Verdicts, nil},
		{summary.FailureCauses[0], nil},
		{summary.FailureCauses[0].Cause, nil},
		{summary.Failures[0], nil},
		{summary.FailureExemplars[0], nil},
		{periodOf(start, summary), []string{"Left"}},
		{a, []string{"Periods"}},
	} {
		v := reflect.ValueOf(tt.of)
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; v.Field(i).IsZero() != slices.Contains(tt.except, name) {
				t.Errorf("%s.%s is %v in the test data", path.Base(fmt.Sprint(v.Type())), name, v.Field(i))
			}
		}
	}
}
