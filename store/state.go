package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/state"
)

// State returns the home of the state of a monitor in the database. One process has it at a time,
// as long as it lives: with SQLite by a lock on a file beside the database, with PostgreSQL by an advisory
// lock. Close it before the store; a monitor does so when it is shut down.
func (s *Store) State(monitor string) state.Store {
	return &stateHome{db: s.db, monitor: clean(monitor)}
}

// stateHome is the home of the state of one monitor.
type stateHome struct {
	db      *database
	monitor string
	claim   claim // nil: the home is not ours
}

// claim is the right to write the state of a monitor, until it is closed.
type claim interface {
	// holds returns an error if the right was lost.
	holds(ctx context.Context) error
	io.Closer
}

func (h *stateHome) String() string { return h.db.String() }

// Load takes the home and returns what was saved last.
func (h *stateHome) Load(ctx context.Context) ([]byte, error) {
	if err := h.take(ctx); err != nil {
		return nil, err
	}
	var data []byte
	err := h.db.writes.QueryRowContext(ctx, "SELECT data FROM state_rows WHERE monitor = $1 AND set_aside = ''", h.monitor).Scan(&data)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return append([]byte{}, data...), nil // never nil: something is there
}

// take claims the home, unless it is ours.
func (h *stateHome) take(ctx context.Context) error {
	if h.claim != nil {
		err := h.claim.holds(ctx)
		if err == nil {
			return nil
		}
		_ = h.claim.Close() // it is lost
		h.claim = nil
	}
	c, err := h.db.claimState(ctx, h.db, h.monitor)
	h.claim = c
	return err
}

// Save replaces what was saved.
func (h *stateHome) Save(ctx context.Context, data []byte) error {
	if err := h.take(ctx); err != nil {
		return err
	}
	_, err := h.db.writes.ExecContext(ctx, "INSERT INTO state_rows (monitor, set_aside, instance, saved_at, data) VALUES ($1, '', $2, $3, $4)"+
		" ON CONFLICT (monitor, set_aside) DO UPDATE SET instance = excluded.instance, saved_at = excluded.saved_at, data = excluded.data",
		h.monitor, clean(h.db.instance), h.db.arg(time.Now()), data)
	return err
}

// SetAside gives the row another name.
func (h *stateHome) SetAside(ctx context.Context) (where string, err error) {
	at := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	result, err := h.db.writes.ExecContext(ctx, "UPDATE state_rows SET set_aside = $1 WHERE monitor = $2 AND set_aside = ''", at, h.monitor)
	if err != nil {
		return "", err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return "", err
	}
	return "state_rows, set_aside = '" + at + "'", nil
}

// Close leaves the home to other processes.
func (h *stateHome) Close(context.Context) error {
	if h.claim == nil {
		return nil
	}
	err := h.claim.Close()
	h.claim = nil
	return err
}

// fileClaim is a lock on a file.
type fileClaim struct{ io.Closer }

func (fileClaim) holds(context.Context) error { return nil }

// claimState locks a file beside the database.
func (sqlite) claimState(_ context.Context, db *database, monitor string) (claim, error) {
	path, ok := sqlitePath(db.dsn)
	if !ok {
		return nil, fmt.Errorf("no file to lock beside %q", db.dsn.text)
	}
	name := fnv.New32a()
	_, _ = io.WriteString(name, monitor)
	lock, err := state.LockFile(fmt.Sprintf("%s-state-%08x.lock", path, name.Sum32()))
	if err != nil {
		return nil, err
	}
	return fileClaim{lock}, nil
}

// sqlitePath returns the path of the file of a database; ok is false if the DSN names none.
func sqlitePath(d dsn) (path string, ok bool) {
	path = d.text
	if rest, ok := strings.CutPrefix(path, "//"); ok { // an authority, "" or localhost
		i := strings.IndexByte(rest, '/')
		if i < 0 {
			return "", false
		}
		path = rest[i:]
	}
	path, _, _ = strings.Cut(path, "#")
	path, err := url.PathUnescape(path)
	return path, err == nil
}

// advisoryLock is a connection that has an advisory lock, which ends with it.
type advisoryLock struct{ conn *sql.Conn }

func (l advisoryLock) holds(ctx context.Context) error { return l.conn.PingContext(ctx) }

// Close unlocks it. Where that fails, it ends the connection, and with it the lock.
func (l advisoryLock) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), unlockTimeout)
	defer cancel()
	if _, err := l.conn.ExecContext(ctx, "SELECT pg_advisory_unlock_all()"); err != nil {
		_ = l.conn.Raw(func(any) error { return driver.ErrBadConn }) // so that it does not go back to the pool
	}
	if err := l.conn.Close(); !errors.Is(err, sql.ErrConnDone) {
		return err
	}
	return nil
}

const unlockTimeout = 5 * time.Second

// claimState takes an advisory lock of a connection of its own, which PostgreSQL ends with the process.
func (postgres) claimState(ctx context.Context, db *database, monitor string) (claim, error) {
	conn, err := db.writes.Conn(ctx)
	if err != nil {
		return nil, err
	}
	var isOurs bool
	// The lock is that of the database; the schema tells its users apart.
	const try = "SELECT pg_try_advisory_lock(hashtextextended('go-monitor state ' || coalesce(current_schema(), '') || ' ' || $1, 0))"
	if err := conn.QueryRowContext(ctx, try, monitor).Scan(&isOurs); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if !isOurs {
		return nil, errors.Join(state.ErrInUse, conn.Close())
	}
	return advisoryLock{conn}, nil
}
