package report

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/blurooo/go-monitor/store"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var march = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// write fills a store with two months of a service, and returns its file.
func write(t *testing.T, operation string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "quality.db")
	s, err := store.Open(t.Context(), store.Config{DSN: file, Retention: -1})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		at               time.Time
		success, failure uint64
	}{{march.AddDate(0, 0, -1), 500, 500}, {march, 9990, 4}, {march.AddDate(0, 0, 20), 9990, 16}, {march.AddDate(0, 1, 0), 100, 0}} {
		sum := engine.Summary{
			Service: "shop", Operation: operation, SpanKind: engine.SpanKindServer, Start: p.at, End: p.at.Add(time.Minute),
			Count: p.success + p.failure, Success: p.success, Failure: p.failure, WithinTarget: p.success / 2,
			Objective: engine.Objective{SuccessRatio: 0.95, WithinTargetRatio: 0.8, SLO: 0.999},
		}
		if err := s.Consume(t.Context(), engine.Period{Monitor: "m", Start: p.at, End: p.at.Add(time.Minute), Summaries: []engine.Summary{sum}}); err != nil {
			t.Fatal(err)
		}
	}
	a := alert.Alert{
		ID: "1", Monitor: "m", Service: "shop", Operation: operation, SpanKind: engine.SpanKindServer, Objective: alert.Availability, State: alert.Firing,
		StartsAt: march.Add(-time.Hour), DecidedAt: march.Add(-50 * time.Minute), Target: 0.95, Actual: 0.5,
		Causes: []engine.CauseCount{{Cause: engine.Cause{Service: "stock", Operation: "INSERT " + operation, Code: "23505"}, Count: 9, Share: 0.9}},
	}
	resolved := a
	resolved.State, resolved.EndsAt, resolved.DecidedAt, resolved.Causes = alert.Resolved, march.Add(time.Hour), march.Add(time.Hour), nil
	late := a
	late.ID, late.Objective, late.StartsAt, late.DecidedAt, late.Causes = "2", alert.Latency, march.AddDate(0, 0, 30), march.AddDate(0, 0, 30), nil
	for _, one := range []alert.Alert{a, resolved, late} {
		if err := s.Notify(t.Context(), []alert.Alert{one}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return file
}

// run runs the command.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	c := Command()
	var out strings.Builder
	c.SetOut(&out)
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

func TestReport(t *testing.T) {
	file := write(t, "GET /cart")
	text, err := run(t, "--db", file, "--from", "2026-03-01", "--to", "2026-04-01")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# Service quality, 2026-03-01 00:00 to 2026-04-01 00:00 UTC",
		"## shop",
		// 20 of 20000 may fail, and 20 did.
		`| GET /cart | server | 19980 + 20 failed | 99.9 % | 99.9 % | 0 % | 50 % | 2 |`,
		`| 2026-02-28 23:00 | 2h | GET /cart: 50 % succeed \(target 95 %\), 90 % of failures caused by INSERT GET /cart of stock \[23505\] | availability | stock INSERT GET /cart \[23505\] |`,
		`| 2026-03-31 00:00 | not over | `,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	page, err := run(t, "--db", file, "--from", "2026-03-01", "--to", "2026-04-01", "--html")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<h2>shop</h2>", "<td>GET /cart<td>server<td class=\"n\">19980<td class=\"n\">20", "stock INSERT GET /cart [23505]", "not over"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

// With a folder there are two files for each month.
func TestReportByMonth(t *testing.T) {
	file, out := write(t, "GET /cart"), t.TempDir()
	if _, err := run(t, "--db", file, "--from", "2026-02-10", "--to", "2026-04-02", "--out", out); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"2026-02.md": "| 500 + 500 failed | 99.9 % | 50 % | -49900 % |", "2026-03.md": "| 19980 + 20 failed |", "2026-04.md": "| 100 + 0 failed |",
		"2026-02.html": "2026-02-10 00:00 to 2026-03-01 00:00", "2026-03.html": "<h2>shop</h2>", "2026-04.html": "to 2026-04-02 00:00",
	} {
		text, err := os.ReadFile(filepath.Join(out, name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: no %q (%v) in\n%s", name, want, err, text)
		}
	}
}

// Names come from outside: they stay text in both forms.
func TestReportIsInert(t *testing.T) {
	file := write(t, "<script>alert(1)</script>|\n# x [a](javascript:b) `c`")
	page, err := run(t, "--db", file, "--from", "2026-03-01", "--html")
	if err != nil || strings.Contains(page, "<script>") || !strings.Contains(page, "&lt;script&gt;") {
		t.Errorf("%v\n%s", err, page)
	}
	text, err := run(t, "--db", file, "--from", "2026-03-01")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "# x") || strings.Contains(strings.ReplaceAll(line, `\<`, ""), "<script") || strings.Contains(strings.ReplaceAll(line, `\]\(`, ""), "](") {
			t.Errorf("%s", line)
		}
	}
}

func TestReportErrors(t *testing.T) {
	file := write(t, "GET /cart")
	for want, args := range map[string][]string{
		`--from: want a time such as`:      {"--db", file, "--from", "march"},
		`--from: must be before --to`:      {"--db", file, "--from", "2026-04-01", "--to", "2026-03-01"},
		`--db: stat `:                      {"--db", file + "x"},
		`--to: want a time such as 2026-0`: {"--db", file, "--to", "2026-13-01"},
	} {
		if _, err := run(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
	if _, err := os.Stat(file + "x"); err == nil {
		t.Error("a file was made")
	}
}

// Without flags it is the month before this one.
func TestTimes(t *testing.T) {
	now := time.Date(2026, 1, 25, 9, 0, 0, 0, time.UTC)
	from, to, err := (&options{}).times(now)
	if err != nil || !from.Equal(time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)) || !to.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%s to %s, %v", from, to, err)
	}
}

func TestPercent(t *testing.T) {
	for v, want := range map[float64]string{1: "100 %", 0.99995: "99.995 %", 0.763889: "76.4 %", 0.5: "50 %", 0: "0 %", 0.0001: "< 0.1 %", -3.722222: "-372.2 %", -499: "-49900 %"} {
		if got := percent(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}
