package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A file that another process locks for longer than an attempt may take loses nothing, and
// nobody waits longer than its deadline.
func TestSQLiteLocked(t *testing.T) {
	dsn := newSQLite(t)
	other := openStore(t, Config{DSN: dsn})
	s, err := Open(t.Context(), Config{DSN: dsn, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	lock := func() (unlock func()) {
		tx, err := other.db.writes.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := tx.Rollback(); err != nil {
				t.Error(err)
			}
		}
	}

	unlock := lock()
	const periods = 3
	for i := range periods {
		if err := s.Consume(t.Context(), bigPeriod(2, start.Add(time.Duration(i)*time.Minute))); err != nil {
			t.Fatal(err)
		}
	}
	awaitStats(t, s, "an error", func(s Stats) bool { return s.LastError != nil })
	if _, err := s.History(t.Context(), "x", start, start.Add(time.Hour)); err != nil {
		t.Errorf("read while another one writes: %v", err)
	}
	unlock()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkNumber(t, other, periods, "SELECT count(*) FROM periods")
	checkComplete(t, other)

	defer lock()()
	if err := s.Consume(t.Context(), bigPeriod(2, start.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = s.Close(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 periods and 0 alerts left unwritten") {
		t.Errorf("close: %v", err)
	}
}

// observed tells of the attempts that found another process in the way.
type observed struct {
	dialect
	busy chan struct{}
}

func (o observed) isBusy(err error) bool {
	busy := o.dialect.isBusy(err)
	if busy {
		select {
		case o.busy <- struct{}{}:
		default:
		}
	}
	return busy
}

// A file that another process reads can't be switched to WAL. Opening waits for that process.
func TestSQLiteOpenLocked(t *testing.T) {
	dsn := newSQLite(t)
	other, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if _, err := other.ExecContext(t.Context(), "CREATE TABLE theirs (n integer)"); err != nil {
		t.Fatal(err)
	}
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRowContext(t.Context(), "SELECT count(*) FROM theirs").Scan(&n); err != nil {
		t.Fatal(err)
	}
	impatient := strings.Replace(sqliteWrites, "busy_timeout(5000)", "busy_timeout(10)", 1)
	writes, err := sql.Open("sqlite", "file:"+dsn+"?"+impatient)
	if err != nil {
		t.Fatal(err)
	}
	busy := make(chan struct{})
	db := &database{dialect: observed{sqlite{}, busy}, writes: writes, reads: writes}
	defer func() {
		if err := db.close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), awaitTimeout)
	defer cancel()
	upgraded := make(chan error, 1)
	go func() { upgraded <- db.upgrade(ctx, schemas) }()
	for range 3 {
		select {
		case <-busy:
		case err := <-upgraded:
			t.Fatalf("it did not wait: %v", err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	if err := <-upgraded; err != nil {
		t.Errorf("after the other process has ended: %v", err)
	}
}

// Nobody but the owner can read the database and the files beside it. A file that was there keeps
// its mode.
func TestSQLiteIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no such mode there")
	}
	for name, dsn := range map[string]func(path string) string{
		"path":              func(path string) string { return path },
		"file:":             func(path string) string { return "file:" + path },
		"file://":           func(path string) string { return "file://" + path + "?_pragma=cache_size(-2000)" },
		"file://localhost/": func(path string) string { return "file://localhost" + path },
		"escaped":           func(path string) string { return "file:" + strings.ReplaceAll(path, "a", "%61") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a.db")
			s := openStore(t, Config{DSN: dsn(path)})
			if err := s.Consume(t.Context(), bigPeriod(2, start)); err != nil {
				t.Fatal(err)
			}
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			files, err := os.ReadDir(dir)
			if err != nil || len(files) != 3 { // a.db, a.db-shm, a.db-wal
				t.Fatalf("%v, %v", files, err)
			}
			for _, f := range files {
				if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
				}
			}
		})
	}
	path := filepath.Join(t.TempDir(), "a.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	openStore(t, Config{DSN: path})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A database that may not grow any more says so, and is written again when retention has made
// room in it.
func TestFullHeals(t *testing.T) {
	dsn := "file:" + newSQLite(t) + "?_pragma=max_page_count(300)"
	s := openStore(t, Config{DSN: dsn, Retention: -1})
	begin := time.Now().Add(-100 * time.Hour)
	at := func(i int) time.Time { return begin.Add(time.Duration(i) * time.Minute) }
	var full int
	for ; s.Stats().LastError == nil && full < 1000; full++ {
		if err := s.Consume(t.Context(), bigPeriod(50, at(full))); err != nil {
			t.Fatal(err)
		}
		awaitStats(t, s, "an end", func(s Stats) bool { return s.Waiting == 0 || s.LastError != nil })
	}
	if h := s.Health(); h.Err == nil || !strings.Contains(h.Err.Error(), "full") {
		t.Fatalf("after %d periods: got %v, want that it is full", full, h.Err)
	}
	w := &writer{queue: s.queue, db: s.db, timeout: time.Minute, retention: time.Since(at(full / 2).Add(-time.Second)), due: time.NewTimer(time.Hour)}
	w.trimFull(t.Context())
	if err := s.Stats().RetentionError; err != nil {
		t.Fatal(err)
	}
	mustFlush(t, s)
	if h := s.Health(); h.Err != nil || h.Waiting != 0 {
		t.Errorf("after old periods were deleted: got %+v", h)
	}
	checkNumber(t, s, full-full/2, "SELECT count(*) FROM periods")
}
