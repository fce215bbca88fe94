package store

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// readDocs returns docs/store.md.
func readDocs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/store.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sqlBlock is a query in the docs, with the dialect it is for.
var sqlBlock = regexp.MustCompile("(?ms)^```sql (\\w+)\n(.*?)^```$")

// Every query of the docs works, and finds something in the demo data.
func TestDocsQueries(t *testing.T) {
	docs := readDocs(t)
	if n := strings.Count(docs, "```sql"); n != len(sqlBlock.FindAllString(docs, -1)) {
		t.Errorf("%d blocks of SQL, some of them for no dialect", n)
	}
	eachDatabase(t, func(t *testing.T, dsn string) {
		dialect := t.Name()[strings.LastIndex(t.Name(), "/")+1:]
		s := openStore(t, Config{DSN: dsn, Instance: "web-1"})
		writeDemo(t, s, 1)
		second := openStore(t, Config{DSN: dsn, Instance: "web-2"})
		writeDemo(t, second, 2)
		n := 0
		for _, block := range sqlBlock.FindAllStringSubmatch(docs, -1) {
			if block[1] != dialect {
				continue
			}
			n++
			header, rows := runQuery(t, s, block[2])
			if len(rows) == 0 {
				t.Errorf("no row for\n%s", block[2])
				continue
			}
			t.Logf("query %d: %d rows\n%s\n%s", n, len(rows), header, rows[0])
		}
		if n != 10 {
			t.Errorf("%d queries for %s, want 10", n, dialect)
		}
		checkComplete(t, s)
	})
}

// runQuery returns the columns and the rows of a query as text.
func runQuery(t *testing.T, s *Store, query string) (header string, list []string) {
	t.Helper()
	rows, err := s.db.reads.QueryContext(t.Context(), query)
	if err != nil {
		t.Errorf("%v in\n%s", err, query)
		return "", nil
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values := make([]any, len(columns))
		to := make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprint(values...))
	}
	if err := rows.Err(); err != nil {
		t.Errorf("%v in\n%s", err, query)
	}
	return strings.Join(columns, " | "), list
}

// Every column of every view is in the docs, and both databases have the same ones.
func TestDocsColumns(t *testing.T) {
	docs := readDocs(t)
	eachDatabase(t, func(t *testing.T, dsn string) {
		s := openStore(t, Config{DSN: dsn})
		for _, view := range []string{"summaries", "failures", "causes", "distribution", "exemplars", "alerts", "periods", "operations"} {
			_, section, found := strings.Cut(docs, "\n### "+view+"\n")
			if !found {
				t.Errorf("the docs have no section %s", view)
			}
			section, _, _ = strings.Cut(section, "\n#")
			has := map[string]bool{"started_ms": true}
			for _, column := range columnsOf(t, s, view) {
				has[column] = true
				if !strings.Contains(section, "`"+column+"`") {
					t.Errorf("%s: %s is not in the docs", view, column)
				}
			}
			for _, line := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(section, -1) {
				for _, column := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(line[1], -1) {
					if !has[column[1]] {
						t.Errorf("%s has no column %s", view, column[1])
					}
				}
			}
		}
	})
}

// columnsOf returns the columns of a view.
func columnsOf(t *testing.T, s *Store, view string) []string {
	t.Helper()
	rows, err := s.db.reads.QueryContext(t.Context(), "SELECT * FROM "+view+" LIMIT 0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	return columns
}

// writeDemo writes what a web shop did in the last 26 hours: two hours in which its
// payment provider failed, and less traffic in the last two hours.
func writeDemo(t *testing.T, s *Store, replica uint64) {
	t.Helper()
	const length = 10 * time.Minute
	now := time.Now().Truncate(length)
	objective := engine.Objective{SuccessRatio: 0.95, LatencyTarget: 100 * time.Millisecond, WithinTargetRatio: 0.8, AlertAfter: 3, RecoverAfter: 3, MinCalls: 1}
	for at := now.Add(-26 * time.Hour); at.Before(now); at = at.Add(length) {
		age := now.Sub(at)
		sick := age < 10*time.Hour && age >= 8*time.Hour
		calls := 1000 * replica
		if age <= 2*time.Hour {
			calls /= 10
		}
		var summaries []engine.Summary
		for _, operation := range []string{"GET /products", "POST /orders"} {
			sum := engine.Summary{
				Monitor: "shop", Service: "checkout", Operation: operation, SpanKind: engine.SpanKindServer,
				Start: at, End: at.Add(length), Count: calls, Success: calls, SuccessRatio: 1,
				WithinTarget: calls, WithinTargetRatio: 1, Objective: objective,
				Latency:  engine.Latency{Min: time.Millisecond, Mean: 20 * time.Millisecond, Max: 90 * time.Millisecond, P50: 15 * time.Millisecond, P99: 80 * time.Millisecond},
				Verdicts: engine.Verdicts{Availability: engine.VerdictGood, Latency: engine.VerdictGood},
			}
			if sick && operation == "POST /orders" {
				sum.Failure = calls / 2
				sum.Success, sum.WithinTarget = calls-sum.Failure, calls-sum.Failure
				sum.SuccessRatio, sum.Verdicts.Availability = 0.5, engine.VerdictBad
				sum.Failures = []engine.CodeCount{{Code: "503", Name: "payment down", Count: sum.Failure}}
				sum.FailureExemplars = []engine.Exemplar{call(2, "503", time.Second, at)}
				sum.FailureCauses = []engine.CauseCount{{
					Cause: engine.Cause{Service: "payment", SpanKind: engine.SpanKindClient, Operation: "POST /pay", Code: "503"},
					Count: sum.Failure, Share: 1,
				}}
			}
			sum.Distribution = []engine.Bucket{{High: 100 * time.Millisecond, Count: sum.Success}, {Low: 100 * time.Millisecond}}
			summaries = append(summaries, sum)
		}
		p := periodOf(at, summaries...)
		p.End = at.Add(length)
		mustConsume(t, s, p)
		if age == 9*time.Hour || age == 7*time.Hour {
			a := fullAlert(now.Add(-10 * time.Hour))
			a.Objective, a.Target, a.Actual, a.Repeat = alert.Availability, 0.95, 0.5, false
			a.DecidedAt, a.Evidence = at, summaries[1:]
			if age == 7*time.Hour {
				a.State, a.EndsAt = alert.Resolved, now.Add(-8*time.Hour)
			}
			mustNotify(t, s, a)
		}
	}
}

// Every key of the configuration is in the docs.
func TestDocsKeys(t *testing.T) {
	docs := readDocs(t)
	config := reflect.TypeFor[Config]()
	for i := range config.NumField() {
		if key := config.Field(i).Tag.Get("mapstructure"); !strings.Contains(docs, "\n| `"+key+"` |") {
			t.Errorf("the docs have no row for the key %s", key)
		}
	}
}
