package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgres is the dialect of PostgreSQL.
type postgres struct{}

const (
	postgresConns    = 5 // one of them may hold the lock of the state
	postgresIdleTime = 5 * time.Minute
	// schemaLock is the advisory lock of whoever changes the schema: "gomonito" in bytes.
	schemaLock = 0x676f6d6f6e69746f
)

func (postgres) open(d dsn) (writes, reads *sql.DB, err error) {
	config, err := pgx.ParseConfig(d.text)
	if err != nil { // the error may quote what is secret
		return nil, nil, errors.New("dsn: the URL or one of its parameters is invalid")
	}
	if _, set := config.RuntimeParams["application_name"]; !set {
		config.RuntimeParams["application_name"] = "go-monitor"
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(postgresConns)
	db.SetConnMaxIdleTime(postgresIdleTime)
	return db, db, nil
}

func (postgres) migrations() string { return "migrations/postgres" }

func (postgres) snapshot() sql.IsolationLevel { return sql.LevelRepeatableRead }

func (postgres) lockSchema(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(schemaLock))
	return err
}

func (postgres) hasVersions(ctx context.Context, tx *sql.Tx) (has bool, err error) {
	err = tx.QueryRowContext(ctx, "SELECT to_regclass('schema_version') IS NOT NULL").Scan(&has)
	return has, err
}

// oldPeriods skips what another process is deleting.
func (postgres) oldPeriods() string {
	return "SELECT period_id, operations FROM period_rows WHERE started_at < $1 ORDER BY started_at LIMIT $2 FOR UPDATE SKIP LOCKED"
}

func (postgres) arg(v any) any { return v }

func (d postgres) insertPeriod(ctx context.Context, db *sql.DB, p *periodWrite) error {
	return d.transaction(ctx, db, func(tx pgx.Tx) error {
		r := p.period
		insert := "INSERT INTO period_rows (" + columnList("", r.columns) + ") VALUES (" + placeholders(len(r.columns)) +
			") ON CONFLICT (period_key) DO NOTHING RETURNING period_id"
		var id int64
		err := tx.QueryRow(ctx, insert, r.values[0]...).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // it is there
		}
		if err != nil {
			return err
		}
		if err := d.insertOperations(ctx, tx, p.operations); err != nil {
			return err
		}
		tables, err := p.tables(id)
		if err != nil {
			return err
		}
		for _, table := range tables {
			if len(table.values) == 0 {
				continue
			}
			_, err := tx.CopyFrom(ctx, pgx.Identifier{table.table}, table.columns, pgx.CopyFromRows(table.values))
			if err != nil {
				return fmt.Errorf("copy to %s: %w", table.table, err)
			}
		}
		return nil
	})
}

// insertOperations writes the operations that are not there, and updates last_seen of the
// others once a day. The update comes first: an operation that another process is deleting
// for its age is then either kept, or gone and inserted anew.
func (postgres) insertOperations(ctx context.Context, tx pgx.Tx, r rows) error {
	if len(r.values) == 0 {
		return nil
	}
	ids := make([]int64, len(r.values))
	services, kinds, operations := make([]string, len(ids)), make([]string, len(ids)), make([]string, len(ids))
	for i, row := range r.values { // operation_id, last_seen, service, span_kind, operation
		ids[i] = row[0].(int64)
		services[i], kinds[i], operations[i] = row[2].(string), row[3].(string), row[4].(string)
	}
	now := r.values[0][1]
	var batch pgx.Batch
	batch.Queue("UPDATE operation_rows SET last_seen = $1 WHERE operation_id = ANY ($2) AND last_seen < $1::timestamptz - interval '1 day'", now, ids)
	batch.Queue("INSERT INTO operation_rows (operation_id, last_seen, service, span_kind, operation)"+
		" SELECT t.id, $1, t.service, t.span_kind, t.operation FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[])"+
		" AS t (id, service, span_kind, operation) ORDER BY t.id ON CONFLICT (operation_id) DO NOTHING", now, ids, services, kinds, operations)
	return tx.SendBatch(ctx, &batch).Close()
}

func (d postgres) insertAlerts(ctx context.Context, db *sql.DB, alerts rows) error {
	return d.transaction(ctx, db, func(tx pgx.Tx) error {
		var batch pgx.Batch
		for _, row := range alerts.values {
			batch.Queue("INSERT INTO alert_rows ("+columnList("", alerts.columns)+") VALUES ("+placeholders(len(row))+
				") ON CONFLICT (alert_key) DO NOTHING", row...)
		}
		return tx.SendBatch(ctx, &batch).Close()
	})
}

// transaction calls f with a transaction of pgx, which has COPY and batches.
func (postgres) transaction(ctx context.Context, db *sql.DB, f func(pgx.Tx) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // gives it back
	return conn.Raw(func(c any) error {
		return pgx.BeginFunc(ctx, c.(*stdlib.Conn).Conn(), f)
	})
}

// placeholders returns $1, $2 and so on.
func placeholders(n int) string {
	text := "$1"
	for i := 2; i <= n; i++ {
		text += fmt.Sprintf(", $%d", i)
	}
	return text
}

// isBusy recognizes a deadlock: others that read and write while the schema is changed may
// lock the same tables in another order.
func (postgres) isBusy(err error) bool {
	const deadlock = "40P01"
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == deadlock
}

// isFinal recognizes the classes of errors that are about the data: data exceptions (22),
// violated constraints (23) and exceeded limits (54).
func (postgres) isFinal(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(e.Code) != 5 {
		return false
	}
	switch e.Code[:2] {
	case "22", "23", "54":
		return true
	}
	return false
}
