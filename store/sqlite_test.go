package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"
)

// A file that another process has locked for longer than an attempt may take is waited for:
// nothing is lost, and nobody waits longer than he said.
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
	for s.Stats().LastError == nil {
		time.Sleep(time.Millisecond) // a real file needs real time
	}
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

// A file that another process reads can't be switched to WAL before that has ended: Open
// waits.
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
	opened := make(chan error, 1)
	go func() {
		s, err := Open(context.WithoutCancel(t.Context()), Config{DSN: dsn, Timeout: time.Minute})
		if err == nil {
			err = s.Close(context.Background())
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(300 * time.Millisecond): // a real file needs real time
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	if err := <-opened; err != nil {
		t.Errorf("Open: %v", err)
	}
}
