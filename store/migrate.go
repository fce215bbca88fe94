package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
)

// schemas holds the versions of the schema: migrations/<dialect>/<number>_<what>.sql. They
// are applied in the order of their numbers, which begin with 1. A version that was released
// is never changed.
//
// A version must let older programs that are running write on, so a new column of a table
// has a default. New columns of a view come last, so that PostgreSQL can replace the view
// where it is, with all rights to it and the views that others built upon it.
//
//go:embed migrations
var schemas embed.FS

// migration is one version of the schema.
type migration struct {
	version int
	sql     string
}

// migrationsIn returns the migrations of a folder, in order.
func migrationsIn(files fs.FS, folder string) ([]migration, error) {
	entries, err := fs.ReadDir(files, folder) // sorted by name
	if err != nil {
		return nil, err
	}
	var list []migration
	for _, e := range entries {
		number, _, _ := strings.Cut(e.Name(), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != len(list)+1 {
			return nil, fmt.Errorf("migration %q: want number %d", e.Name(), len(list)+1)
		}
		text, err := fs.ReadFile(files, path.Join(folder, e.Name()))
		if err != nil {
			return nil, err
		}
		list = append(list, migration{version: version, sql: string(text)})
	}
	return list, nil
}

// migrate brings the schema to the newest version in one transaction. Other processes that
// want to do the same wait for it.
func (db *database) migrate(ctx context.Context, files fs.FS) error {
	list, err := migrationsIn(files, db.migrations())
	if err != nil {
		return err
	}
	tx, err := db.writes.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if err := db.lockSchema(ctx, tx); err != nil {
		return err
	}
	version, err := db.version(ctx, tx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if version > len(list) {
		return fmt.Errorf("the tables have version %d, and this program knows versions up to %d: it is too old for the database", version, len(list))
	}
	for _, m := range list[version:] {
		if _, err := tx.ExecContext(ctx, m.sql); err != nil {
			return fmt.Errorf("bring the tables to version %d: %w", m.version, err)
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO schema_version (version, applied_at) VALUES ($1, $2)",
			m.version, time.Now().UTC().Format(time.RFC3339))
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// version returns the schema's version. In an empty database that is 0, and version creates
// the table for the versions to come.
func (db *database) version(ctx context.Context, tx *sql.Tx) (version int, err error) {
	has, err := db.hasVersions(ctx, tx)
	if err != nil {
		return 0, err
	}
	if !has {
		_, err := tx.ExecContext(ctx, "CREATE TABLE schema_version (version integer PRIMARY KEY, applied_at text NOT NULL)")
		return 0, err
	}
	err = tx.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM schema_version").Scan(&version)
	return version, err
}
