package store

import (
	"strings"
	"testing"
	"time"
)

// A server that is stopped or crashes in the middle of writing, several times and for a
// while, costs no period and makes no duplicate.
func TestPostgresDown(t *testing.T) {
	s := openStore(t, Config{DSN: newPostgres(t)})
	const periods = 120
	go func() {
		for i := range periods {
			if err := s.Consume(t.Context(), bigPeriod(100, start.Add(time.Duration(i)*time.Minute))); err != nil {
				t.Error(err)
			}
		}
	}()
	for round, end := range []func() error{testServer.stop, testServer.crash, testServer.stop} {
		awaitStats(t, s, "periods", func(s Stats) bool { return s.Written >= 10*uint64(round+1) })
		if err := end(); err != nil {
			t.Fatal(err)
		}
		awaitStats(t, s, "an error", func(s Stats) bool { return s.LastError != nil })
		before, changes := s.Stats().Written, 0
		awaitStats(t, s, "more failures", func(s Stats) bool {
			if s.Written != before || s.LastError == nil {
				t.Errorf("while the server is down: got %+v", s)
			}
			changes++
			return changes > 2
		})
		if err := testServer.start(); err != nil {
			t.Fatal(err)
		}
	}
	awaitStats(t, s, "all periods", func(s Stats) bool { return s.Written+s.Dropped == periods })
	checkDiff(t, Stats{Written: periods}, s.Stats().counts())
	checkNumber(t, s, periods, "SELECT count(*) FROM periods")
	checkNumber(t, s, periods*100, "SELECT count(*) FROM summaries")
	checkComplete(t, s)
}

// A process that may not create anything works with tables that are there, in a schema of
// their own.
func TestPostgresRights(t *testing.T) {
	dsn := newPostgres(t)
	s := openStore(t, Config{DSN: dsn})
	_, err := s.db.writes.ExecContext(t.Context(), "CREATE SCHEMA quality")
	if err != nil {
		t.Fatal(err)
	}
	own := openStore(t, Config{DSN: dsn + "&search_path=quality"})
	mustConsume(t, own, bigPeriod(2, start))
	checkNumber(t, s, 2, "SELECT count(*) FROM quality.summaries")
	checkNumber(t, s, 0, "SELECT count(*) FROM public.summaries")

	_, err = s.db.writes.ExecContext(t.Context(), `DROP ROLE IF EXISTS writer; CREATE ROLE writer LOGIN; GRANT USAGE ON SCHEMA quality TO writer;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA quality TO writer`)
	if err != nil {
		t.Fatal(err)
	}
	writer := openStore(t, Config{DSN: strings.Replace(dsn, "gomonitor:", "writer:", 1) + "&search_path=quality"})
	mustConsume(t, writer, bigPeriod(2, start.Add(time.Minute)))
	mustNotify(t, writer, fullAlert(start))
	if _, err := writer.db.trim(t.Context(), start.Add(30*time.Second), trimPeriods); err != nil {
		t.Error(err)
	}
	checkNumber(t, s, 2, "SELECT count(*) FROM quality.summaries")
	if _, err := s.db.writes.ExecContext(t.Context(), "DROP OWNED BY writer; DROP ROLE writer"); err != nil {
		t.Error(err)
	}
}
