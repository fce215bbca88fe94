package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"math/rand/v2"
	"time"
)

// database is what the two kinds of database have in common. One goroutine writes; any may
// read.
type database struct {
	dialect
	dsn           dsn
	instance      string
	writes, reads *sql.DB // the same for PostgreSQL
}

// dialect is what differs between SQLite and PostgreSQL.
type dialect interface {
	// open returns the connections to write and to read with.
	open(d dsn) (writes, reads *sql.DB, err error)
	// migrations returns the folder of the schema's versions.
	migrations() string
	// lockSchema keeps other processes from changing the schema until tx ends.
	lockSchema(ctx context.Context, tx *sql.Tx) error
	// hasVersions reports whether the table schema_version exists.
	hasVersions(ctx context.Context, tx *sql.Tx) (bool, error)
	// insertPeriod writes a period in one transaction. A period that is there already is no
	// error and changes nothing.
	insertPeriod(ctx context.Context, db *sql.DB, p *periodWrite) error
	// insertAlerts does the same with alerts.
	insertAlerts(ctx context.Context, db *sql.DB, alerts rows) error
	// oldPeriods returns the query for the periods to delete: id and number of operations,
	// before $1, at most $2.
	oldPeriods() string
	// snapshot returns the isolation level at which all queries of a transaction see the
	// same state.
	snapshot() sql.IsolationLevel
	// arg returns a value as a column takes it.
	arg(v any) any
	// claimState takes the right to write the state of a monitor. It returns [state.ErrInUse] if
	// another process has it.
	claimState(ctx context.Context, db *database, monitor string) (claim, error)
	// isBusy reports whether another process is in the way for a moment.
	isBusy(err error) bool
	// isFinal reports whether the database refused what was written, so that another
	// attempt fails, too.
	isFinal(err error) bool
}

// openDatabase connects and brings the schema to the newest of the versions in files.
func openDatabase(ctx context.Context, c Config, files fs.FS) (*database, error) {
	d, err := parseDSN(c.DSN)
	if err != nil {
		return nil, err
	}
	db := &database{dialect: sqlite{}, dsn: d, instance: c.Instance}
	if d.isPostgres {
		db.dialect = postgres{}
	}
	if db.writes, db.reads, err = db.open(d); err != nil {
		return nil, err
	}
	if err := db.upgrade(ctx, files); err != nil {
		return nil, errors.Join(err, db.close())
	}
	return db, nil
}

// upgrade migrates, and tries again while other processes are in the way.
func (db *database) upgrade(ctx context.Context, files fs.FS) error {
	for {
		err := db.migrate(ctx, files)
		if err == nil || !db.isBusy(err) || !wait(ctx, busyDelay/2+rand.N(busyDelay)) {
			return err
		}
	}
}

// busyDelay is about how long to wait for another process that opens the same database.
const busyDelay = 20 * time.Millisecond

// wait waits for d, or until ctx ends; then it returns false.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// String returns the database's name, without a password.
func (db *database) String() string {
	if db.dsn.isPostgres {
		return redacted(db.dsn.text)
	}
	return db.dsn.text
}

// close closes all connections.
func (db *database) close() error {
	err := db.reads.Close()
	if db.writes != db.reads {
		err = errors.Join(err, db.writes.Close())
	}
	return err
}

// write implements target.
func (db *database) write(ctx context.Context, it *item) error {
	if it.period != nil {
		p, err := newPeriodWrite(it.period, db.instance)
		if err != nil {
			return err
		}
		return db.insertPeriod(ctx, db.writes, p)
	}
	alerts, err := alertRows(it.alerts, db.instance)
	if err != nil {
		return err
	}
	return db.insertAlerts(ctx, db.writes, alerts)
}

// isFinal implements target.
func (db *database) isFinal(err error) bool {
	if _, ok := errors.AsType[*refusedError](err); ok {
		return true
	}
	return db.dialect.isFinal(err)
}

// scanner reads the columns of a row.
type scanner func(to ...any) error

// queryer runs queries on one state of the database.
type queryer struct {
	ctx context.Context
	tx  *sql.Tx
	arg func(any) any
}

// read calls f with a queryer. All its queries see the same state of the database, whatever
// is written meanwhile.
func (db *database) read(ctx context.Context, f func(queryer) error) error {
	tx, err := db.reads.BeginTx(ctx, &sql.TxOptions{Isolation: db.snapshot(), ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // there is nothing to lose
	return f(queryer{ctx: ctx, tx: tx, arg: db.arg})
}

// each calls f for every row of a query.
func (q queryer) each(query string, args []any, f func(scanner) error) error {
	rows, err := q.tx.QueryContext(q.ctx, query, bound(args, q.arg)...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // its error is that of Err
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// bound returns values as columns take them.
func bound(values []any, arg func(any) any) []any {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = arg(v)
	}
	return list
}

// Bounds of one batch of trim.
const (
	trimPeriods   = 100
	trimSummaries = 20_000
	trimRows      = 1000
)

// operationsOutlive is how much longer an operation is kept than its last summary: last_seen
// is up to a day behind.
const operationsOutlive = 48 * time.Hour

// trim implements target.
func (db *database) trim(ctx context.Context, before time.Time, periods int) (more bool, err error) {
	tx, err := db.writes.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	ids, more, err := db.periodsBefore(ctx, tx, before, periods)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		for _, table := range []string{"failure_rows", "cause_rows", "exemplar_rows", "summary_rows"} {
			_, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE summary_id >= $1 AND summary_id < $2",
				id<<summariesBits, (id+1)<<summariesBits)
			if err != nil {
				return false, err
			}
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM period_rows WHERE period_id = $1", id); err != nil {
			return false, err
		}
	}
	for _, old := range []struct {
		table, key, time string
		before           time.Time
	}{
		{"alert_rows", "alert_key", "decided_at", before},
		{"operation_rows", "operation_id", "last_seen", before.Add(-operationsOutlive)},
	} {
		result, err := tx.ExecContext(ctx, "DELETE FROM "+old.table+" WHERE "+old.time+" < $1 AND "+old.key+
			" IN (SELECT "+old.key+" FROM "+old.table+" WHERE "+old.time+" < $1 LIMIT $2)", db.arg(old.before), trimRows)
		if err != nil {
			return false, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return false, err
		}
		more = more || n == trimRows
	}
	return more, tx.Commit()
}

// periodsBefore returns the periods to delete in one batch.
func (db *database) periodsBefore(ctx context.Context, tx *sql.Tx, before time.Time, most int) (ids []int64, more bool, err error) {
	rows, err := tx.QueryContext(ctx, db.oldPeriods(), db.arg(before), most)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = rows.Close() }() // its error is that of Err
	summaries := 0
	for rows.Next() {
		var id int64
		var operations int
		if err := rows.Scan(&id, &operations); err != nil {
			return nil, false, err
		}
		if summaries += operations; len(ids) > 0 && summaries > trimSummaries {
			return ids, true, rows.Err()
		}
		ids = append(ids, id)
	}
	return ids, len(ids) == most, rows.Err()
}
