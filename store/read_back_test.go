package store

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Whatever names and codes are, they are read back as they were written; whatever somebody else
// wrote where the store keeps JSON, reading it ends in an error or in what it says.
func FuzzReadBack(f *testing.F) {
	for _, name := range []string{"GET /", "'; DROP TABLE period_rows; --", "a\x00b", "\xff\xfe", strings.Repeat("x", 10_000), "\u202e", ""} {
		f.Add(name, `[[0, 50, 1], [50, null, 2]]`)
	}
	for _, json := range []string{"", "null", "[[]]", "[[1e400, null, -1]]", `[{"a":1}]`, strings.Repeat("[", 100_000), `[[0,1,18446744073709551616]]`} {
		f.Add("x", json)
	}
	s, err := Open(context.Background(), Config{DSN: newSQLite(f), Retention: -1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close(context.Background()) })
	at := start
	f.Fuzz(func(t *testing.T, name, json string) {
		at = at.Add(time.Minute)
		summary := fullSummary(name, at)
		summary.Service, summary.Failures[0].Code = name, name
		if err := s.Consume(t.Context(), periodOf(at, summary)); err != nil {
			t.Fatal(err)
		}
		if err := s.Notify(t.Context(), []alert.Alert{{ID: name, Operation: name, DecidedAt: at, StartsAt: at, State: alert.Firing, Evidence: []engine.Summary{summary}}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Stats().LastError; err != nil {
			t.Fatal(err)
		}
		history, err := s.History(t.Context(), name, at, at.Add(time.Second))
		if err != nil || len(history) != 1 || history[0].Operation != clean(name) || history[0].Service != clean(name) || history[0].Failures[0].Code != clean(name) || history[0].Count != summary.Count {
			t.Errorf("%q is read back as %+v, %v", name, history, err)
		}
		alerts, err := s.Alerts(t.Context(), at, at.Add(time.Second))
		if err != nil || len(alerts) != 1 || alerts[0].ID != clean(name) || len(alerts[0].Evidence) != 1 {
			t.Errorf("%q is read back as %+v, %v", name, alerts, err)
		}
		for _, statement := range []string{
			"UPDATE summary_rows SET distribution = $1 WHERE started_at = $2", "UPDATE alert_rows SET evidence = $1, causes = $1, worst_exemplar = $1 WHERE decided_at = $2",
		} {
			if _, err := s.db.writes.ExecContext(t.Context(), statement, json, at.UnixMilli()); err != nil {
				t.Fatal(err)
			}
		}
		for _, read := range []func() error{
			func() error { _, err := s.History(t.Context(), name, at, at.Add(time.Second)); return err },
			func() error { _, err := s.Alerts(t.Context(), at, at.Add(time.Second)); return err },
		} {
			if err := read(); err != nil && len(err.Error()) > 1000+10*len(json) {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		}
	})
}
