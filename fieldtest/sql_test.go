package fieldtest

import (
	"database/sql"
	"testing"

	"github.com/XSAM/otelsql"
	_ "modernc.org/sqlite"

	"github.com/blurooo/go-monitor/v2/engine"
)

// The rows of a query are open as long as the program works on them.
func TestSQL(t *testing.T) {
	w := watch(t)
	db, err := otelsql.Open("sqlite", ":memory:", otelsql.WithTracerProvider(w))
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT 1 WHERE 0").Scan(&n); err != sql.ErrNoRows {
		t.Errorf("got the error %v", err)
	}
	if _, err := db.ExecContext(t.Context(), "INSRT"); err == nil {
		t.Error("no error")
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	summaries := w.end(t, engine.SpanKindClient)
	check(t, summaries, "sql.rows", counts{success: 1, untimed: 1})
	check(t, summaries, "sql.conn.query", counts{success: 1})
	check(t, summaries, "sql.conn.exec", counts{failure: 1})
}
