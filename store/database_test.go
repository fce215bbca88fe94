package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// Old rows go, all that belongs to them goes with them, and the others stay.
func TestTrim(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		s := openStore(t, Config{DSN: dsn})
		const periods = 250
		for i := range periods {
			mustConsume(t, s, bigPeriod(2, start.Add(time.Duration(i)*time.Minute)))
			a := fullAlert(start.Add(time.Duration(i) * time.Minute))
			a.ID, a.DecidedAt = fmt.Sprint(i), start.Add(time.Duration(i)*time.Minute)
			mustNotify(t, s, a)
		}
		before := start.Add(230 * time.Minute)
		mustConsume(t, s, periodOf(start, fullSummary("gone", start), fullSummary("resting", start)))
		for operation, seen := range map[string]time.Time{
			"gone": before.Add(-49 * time.Hour), "resting": before.Add(-47 * time.Hour),
		} {
			_, err := s.db.writes.ExecContext(t.Context(), "UPDATE operation_rows SET last_seen = $1 WHERE operation = $2", s.db.arg(seen), operation)
			if err != nil {
				t.Fatal(err)
			}
		}
		batches := 1
		for more := true; more; batches++ {
			var err error
			if more, err = s.db.trim(t.Context(), before, trimPeriods); err != nil {
				t.Fatal(err)
			}
			if batches > 10 {
				t.Fatal("there is no end to it")
			}
			checkComplete(t, s)
		}
		if batches < 3 {
			t.Errorf("%d batches: a batch should have at most %d periods", batches, trimPeriods)
		}
		checkNumber(t, s, 20, "SELECT count(*) FROM periods")
		checkNumber(t, s, 40, "SELECT count(*) FROM summaries")
		checkNumber(t, s, 20, "SELECT count(*) FROM alerts")
		checkNumber(t, s, 3, "SELECT count(*) FROM operations")
		checkNumber(t, s, 0, "SELECT count(*) FROM operations WHERE operation = 'gone'")
		if got := mustHistory(t, s, "GET /things/0000/{id}", start, before); len(got) != 0 {
			t.Errorf("%d summaries are left of the deleted periods", len(got))
		}
	})
}

// A batch stays small when periods are big.
func TestTrimBigPeriods(t *testing.T) {
	s := openStore(t, Config{DSN: newSQLite(t)})
	for i := range 3 {
		mustConsume(t, s, bigPeriod(1, start.Add(time.Duration(i)*time.Minute)))
	}
	// They say that they are bigger than they are.
	if _, err := s.db.writes.ExecContext(t.Context(), "UPDATE period_rows SET operations = $1", trimSummaries*2/3); err != nil {
		t.Fatal(err)
	}
	for left := 2; left >= 0; left-- {
		more, err := s.db.trim(t.Context(), start.Add(time.Hour), trimPeriods)
		if err != nil {
			t.Fatal(err)
		}
		if more != (left > 0) {
			t.Errorf("with %d left: more is %t", left, more)
		}
		checkNumber(t, s, left, "SELECT count(*) FROM periods")
	}
}

// An operation that was old and is written again is noted as seen.
func TestLastSeen(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		s := openStore(t, Config{DSN: dsn})
		mustConsume(t, s, bigPeriod(2, start))
		old := s.db.arg(time.Now().Add(-25 * time.Hour))
		if _, err := s.db.writes.ExecContext(t.Context(), "UPDATE operation_rows SET last_seen = $1", old); err != nil {
			t.Fatal(err)
		}
		mustConsume(t, s, bigPeriod(1, start.Add(time.Minute)))
		var n int
		err := s.db.reads.QueryRowContext(t.Context(), "SELECT count(*) FROM operation_rows WHERE last_seen > $1", old).Scan(&n)
		if err != nil || n != 1 {
			t.Errorf("%d operations were seen again, want 1: %v", n, err)
		}
	})
}

func TestMigrate(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		s := openStore(t, Config{DSN: dsn})
		known := schemaVersions(t)
		version := fmt.Sprintf("version %d", known+1)
		files := withNext(t, s.db.migrations(), "CREATE TABLE half (n integer); CREATE TABLE half (n integer)")
		if err := s.db.migrate(t.Context(), files); err == nil || !strings.Contains(err.Error(), version) {
			t.Errorf("a bad migration: got %v", err)
		}
		checkNumber(t, s, known, "SELECT max(version) FROM schema_version")

		files = withNext(t, s.db.migrations(),
			"CREATE TABLE half (n integer); -- comment; with a semicolon\nALTER TABLE period_rows ADD COLUMN note text NOT NULL DEFAULT 'a;b';")
		for range 2 {
			if err := s.db.migrate(t.Context(), files); err != nil {
				t.Fatal(err)
			}
		}
		checkNumber(t, s, known+1, "SELECT count(*) FROM schema_version")
		mustConsume(t, s, bigPeriod(1, start)) // an older process goes on
		_, err := Open(t.Context(), Config{DSN: dsn})
		if err == nil || !strings.Contains(err.Error(), version) || strings.Contains(err.Error(), secret) {
			t.Errorf("a newer schema: got %v", err)
		}
	})
}

func TestMigrationsInOrder(t *testing.T) {
	for _, names := range [][]string{{"0002_x.sql"}, {"0001_x.sql", "0003_y.sql"}, {"x.sql"}} {
		files := fstest.MapFS{}
		for _, name := range names {
			files["m/"+name] = &fstest.MapFile{}
		}
		if _, err := migrationsIn(files, "m"); err == nil {
			t.Errorf("%v: no error", names)
		}
	}
}

// Open says what is wrong, and no secret.
func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.db")
	if err := os.WriteFile(junk, []byte(strings.Repeat("this is no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ dsn, want string }{
		"no folder":      {filepath.Join(dir, "missing", "x.db"), "missing/x.db"},
		"no database":    {junk, "not a database"},
		"no server":      {"postgres://u:" + secret + "@127.0.0.1:1/db", "127.0.0.1:1"},
		"bad parameter":  {"postgres://u:" + secret + "@127.0.0.1:1/db?sslmode=" + secret, "dsn"},
		"bad URL":        {"postgres://u:" + secret + "@[::1/db", "dsn"},
		"unknown scheme": {"mysql://u:" + secret + "@h/db", `"mysql"`},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(t.Context(), Config{DSN: test.dsn, Timeout: 5 * time.Second})
			if err == nil {
				t.Fatal(s.Close(t.Context()), "no error")
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), secret) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Paths are paths, whatever they hold, and file: takes SQLite's parameters.
func TestSQLiteNames(t *testing.T) {
	dir := t.TempDir()
	for dsn, file := range map[string]string{
		filepath.Join(dir, "a?b#c%20d'é.db"):                      "a?b#c%20d'é.db",
		"file:" + filepath.Join(dir, "with%20space.db"):           "with space.db",
		"file:" + filepath.Join(dir, "x.db") + "?cache=private&x": "x.db",
	} {
		s := openStore(t, Config{DSN: dsn})
		mustConsume(t, s, bigPeriod(1, start))
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Error(err)
		}
		const full = "2"
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": full, "busy_timeout": "5000"} {
			var got string
			if err := s.db.writes.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %q, want %q: %v", pragma, got, want, err)
			}
		}
	}
}

// All queries of a read see the same, whatever is written meanwhile.
func TestReadsSeeOneState(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		s := openStore(t, Config{DSN: dsn})
		mustConsume(t, s, bigPeriod(2, start))
		err := s.db.read(t.Context(), func(q queryer) error {
			for i := range 3 {
				err := q.each("SELECT count(*) FROM summary_rows", nil, func(scan scanner) error {
					var n int
					err := scan(&n)
					if n != 2 {
						t.Errorf("query %d sees %d summaries, want those from before", i, n)
					}
					return err
				})
				if err != nil {
					return err
				}
				mustConsume(t, s, bigPeriod(2, start.Add(time.Duration(i+1)*time.Minute)))
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// Processes that write the same operations do so in the same order, each of them once.
func TestOperationRows(t *testing.T) {
	p := bigPeriod(20, start)
	p.Summaries = append(p.Summaries, p.Summaries...)
	r, err := operationRows(&p, start)
	if err != nil || len(r.values) != 20 {
		t.Fatalf("%d operations, want 20: %v", len(r.values), err)
	}
	for i := 1; i < len(r.values); i++ {
		if r.values[i-1][0].(int64) >= r.values[i][0].(int64) {
			t.Errorf("row %d is not in order", i)
		}
	}
}
