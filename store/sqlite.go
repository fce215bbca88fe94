package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"strings"
	"time"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// sqlite is the dialect of SQLite. One connection writes, so that the process never locks
// itself out; it waits for the locks of other processes.
type sqlite struct{}

// sqliteReaders is the number of connections to read with.
const sqliteReaders = 4

// Parameters of the connections. With WAL, readers and the writer don't block each other; the
// file remembers that mode. What Stats counts as written survives a power cut
// (synchronous=FULL).
const (
	sqliteReads  = "_pragma=busy_timeout(5000)"
	sqliteWrites = sqliteReads + "&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate"
)

func (sqlite) open(d dsn) (writes, reads *sql.DB, err error) {
	createPrivate(d)
	file := "file:" + d.text + "?"
	if d.params != "" {
		file += d.params + "&"
	}
	if writes, err = sql.Open("sqlite", file+sqliteWrites); err != nil {
		return nil, nil, err
	}
	if reads, err = sql.Open("sqlite", file+sqliteReads); err != nil {
		return nil, nil, errors.Join(err, writes.Close())
	}
	writes.SetMaxOpenConns(1)
	reads.SetMaxOpenConns(sqliteReaders)
	return writes, reads, nil
}

// createPrivate creates the file of a database, if there is none, so that only its owner can
// read it: names, codes and messages of calls are nobody else's business. SQLite gives the files
// beside it, -wal and -shm, the same mode. What goes wrong here goes wrong again as SQLite opens
// the file, which says so.
func createPrivate(d dsn) {
	if params, err := url.ParseQuery(d.params); err != nil || params.Get("mode") == "ro" || params.Get("mode") == "rw" {
		return
	}
	path, ok := sqlitePath(d)
	if !ok {
		return
	}
	if f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
		_ = f.Close()
	}
}

func (sqlite) migrations() string { return "migrations/sqlite" }

func (sqlite) snapshot() sql.IsolationLevel { return sql.LevelDefault }

// lockSchema has nothing to do: the writing connection locks the file when it begins a
// transaction (_txlock=immediate).
func (sqlite) lockSchema(context.Context, *sql.Tx) error { return nil }

func (sqlite) hasVersions(ctx context.Context, tx *sql.Tx) (has bool, err error) {
	err = tx.QueryRowContext(ctx, "SELECT count(*) > 0 FROM sqlite_master WHERE name = 'schema_version'").Scan(&has)
	return has, err
}

func (sqlite) oldPeriods() string {
	return "SELECT period_id, operations FROM period_rows WHERE started_at < $1 ORDER BY started_at LIMIT $2"
}

// arg returns times as unix milliseconds.
func (sqlite) arg(v any) any {
	if t, ok := v.(time.Time); ok {
		return t.UnixMilli()
	}
	return v
}

func (d sqlite) insertPeriod(ctx context.Context, db *sql.DB, p *periodWrite) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	insert := insertion(p.period) + " ON CONFLICT (period_key) DO NOTHING RETURNING period_id"
	var id int64
	err = tx.QueryRowContext(ctx, insert, bound(p.period.values[0], d.arg)...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // it is there
	}
	if err != nil {
		return err
	}
	const day = "86400000"
	err = d.insert(ctx, tx, p.operations, " ON CONFLICT (operation_id) DO UPDATE SET last_seen = excluded.last_seen"+
		" WHERE last_seen < excluded.last_seen - "+day)
	if err != nil {
		return err
	}
	tables, err := p.tables(id)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if err := d.insert(ctx, tx, table, ""); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (d sqlite) insertAlerts(ctx context.Context, db *sql.DB, alerts rows) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if err := d.insert(ctx, tx, alerts, " ON CONFLICT (alert_key) DO NOTHING"); err != nil {
		return err
	}
	return tx.Commit()
}

// insert writes rows one by one: SQLite has no round trips to save.
func (d sqlite) insert(ctx context.Context, tx *sql.Tx, r rows, onConflict string) error {
	if len(r.values) == 0 {
		return nil
	}
	statement, err := tx.PrepareContext(ctx, insertion(r)+onConflict)
	if err != nil {
		return err
	}
	defer func() { _ = statement.Close() }() // Commit returns what matters
	for _, row := range r.values {
		if _, err := statement.ExecContext(ctx, bound(row, d.arg)...); err != nil {
			return err
		}
	}
	return nil
}

// insertion returns the statement that inserts a row of a table.
func insertion(r rows) string {
	return "INSERT INTO " + r.table + " (" + columnList("", r.columns) + ") VALUES (?" +
		strings.Repeat(", ?", len(r.columns)-1) + ")"
}

// isBusy recognizes SQLITE_BUSY. Two processes that switch the same file to WAL get it at
// once: busy_timeout does not apply to that.
func (sqlite) isBusy(err error) bool {
	e, ok := errors.AsType[*driver.Error](err)
	return ok && e.Code()&0xff == codes.SQLITE_BUSY
}

func (sqlite) isFinal(err error) bool {
	e, ok := errors.AsType[*driver.Error](err)
	if !ok {
		return false
	}
	switch e.Code() & 0xff {
	case codes.SQLITE_TOOBIG, codes.SQLITE_CONSTRAINT, codes.SQLITE_MISMATCH, codes.SQLITE_RANGE:
		return true
	}
	return false
}
