package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// openStore opens a store that the test closes in the end.
func openStore(t testing.TB, c Config) *Store {
	t.Helper()
	c.Timeout = 30 * time.Second // a busy machine is no failure
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// mustConsume hands periods to the store and waits until they are written.
func mustConsume(t testing.TB, s *Store, periods ...engine.Period) {
	t.Helper()
	for _, p := range periods {
		if err := s.Consume(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	mustFlush(t, s)
}

// mustNotify does the same with alerts.
func mustNotify(t testing.TB, s *Store, alerts ...alert.Alert) {
	t.Helper()
	if err := s.Notify(t.Context(), alerts); err != nil {
		t.Fatal(err)
	}
	mustFlush(t, s)
}

func mustFlush(t testing.TB, s *Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Stats().LastError; err != nil {
		t.Fatal(err)
	}
}

// number returns what a query counts.
func number(t testing.TB, s *Store, query string) (n int) {
	t.Helper()
	if err := s.db.reads.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func checkNumber(t testing.TB, s *Store, want int, query string) {
	t.Helper()
	if got := number(t, s, query); got != want {
		t.Errorf("%s: got %d, want %d", query, got, want)
	}
}

func checkDiff(t testing.TB, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs from what was written (-want +got):\n%s", diff)
	}
}

func mustHistory(t testing.TB, s *Store, operation string, from, to time.Time) []engine.Summary {
	t.Helper()
	list, err := s.History(t.Context(), operation, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// What was written comes back, all of it.
func TestHistory(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		s := openStore(t, Config{DSN: dsn})
		other := fullSummary("POST /orders", start)
		other.Service, other.SpanKind = "basket", engine.SpanKindClient
		bare := engine.Summary{
			Monitor: "shop", Service: "checkout", Operation: "POST /orders", SpanKind: engine.SpanKindServer,
			Start: start.Add(2 * time.Minute), End: start.Add(3 * time.Minute), SuccessRatio: 1, WithinTargetRatio: 1,
		}
		first, second := fullSummary("POST /orders", start), fullSummary("POST /orders", start.Add(time.Minute))
		mustConsume(t, s,
			periodOf(bare.Start, bare),
			periodOf(start, other, first, fullSummary("GET /", start)),
			periodOf(second.Start, second))
		checkDiff(t, []engine.Summary{other, first, second, bare}, mustHistory(t, s, "POST /orders", time.Time{}, time.Time{}))
		checkDiff(t, []engine.Summary{second}, mustHistory(t, s, "POST /orders", second.Start, bare.Start))
		checkDiff(t, []engine.Summary(nil), mustHistory(t, s, "unheard of", time.Time{}, time.Time{}))

		got, err := s.Operations(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkDiff(t, []engine.OperationKey{other.Key(), {Service: "checkout", SpanKind: engine.SpanKindServer, Name: "GET /"}, first.Key()}, got)
		checkComplete(t, s)
		checkDiff(t, Stats{Written: 3}, s.Stats().counts())
	})
}

func TestAlerts(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		s := openStore(t, Config{DSN: dsn})
		firing := fullAlert(start)
		resolved := fullAlert(start)
		resolved.State, resolved.Repeat = alert.Resolved, false
		resolved.EndsAt, resolved.DecidedAt = start.Add(5*time.Minute), start.Add(8*time.Minute)
		bare := alert.Alert{
			ID: "1", Operation: "x", Objective: alert.Stuck, State: alert.Firing, StartsAt: start, DecidedAt: start.Add(time.Hour),
			Causes: []engine.CauseCount{}, Evidence: []engine.Summary{},
		}
		mustNotify(t, s, firing, resolved)
		mustNotify(t, s, firing) // once more
		mustNotify(t, s, bare)
		get := func(from, to time.Time) []alert.Alert {
			t.Helper()
			list, err := s.Alerts(t.Context(), from, to)
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		checkDiff(t, []alert.Alert{firing, resolved, bare}, get(time.Time{}, time.Time{}))
		checkDiff(t, []alert.Alert{resolved}, get(resolved.DecidedAt, bare.DecidedAt))
		checkDiff(t, Stats{AlertsWritten: 4}, s.Stats().counts())
		if err := s.Notify(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
}

// Writing something twice changes nothing, whoever does it.
func TestTwice(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		a, b := openStore(t, Config{DSN: dsn, Instance: "web-1"}), openStore(t, Config{DSN: dsn, Instance: "web-1"})
		p := bigPeriod(20, start)
		var wg sync.WaitGroup
		for _, s := range []*Store{a, b, a} {
			wg.Go(func() {
				if err := s.Consume(t.Context(), p); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		mustFlush(t, a)
		mustFlush(t, b)
		checkNumber(t, a, 1, "SELECT count(*) FROM periods")
		checkNumber(t, a, 20, "SELECT count(*) FROM summaries")
		checkComplete(t, a)
	})
}

// Replicas, the two parts of a period that a restart cut, and monitors of the same name
// don't overwrite each other.
func TestSideBySide(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		a, b := openStore(t, Config{DSN: dsn, Instance: "web-1"}), openStore(t, Config{DSN: dsn, Instance: "web-2"})
		p := bigPeriod(3, start)
		mustConsume(t, a, p)
		mustConsume(t, b, p)
		checkNumber(t, a, 2, "SELECT count(DISTINCT instance) FROM summaries")

		before, after := bigPeriod(3, start), bigPeriod(3, start)
		before.End, before.Partial = start.Add(20*time.Second), true
		after.Start, after.Partial = start.Add(25*time.Second), true
		mustConsume(t, a, before, after)
		namesake := bigPeriod(3, start)
		namesake.Summaries[0].Operation = "something else"
		twin := bigPeriod(3, start) // as many reports about the same operations
		twin.Summaries[0].Count, twin.Summaries[0].Ignored = twin.Summaries[0].Count-1, twin.Summaries[0].Ignored+1
		mustConsume(t, a, namesake, twin)
		checkNumber(t, a, 6, "SELECT count(*) FROM periods")
		checkNumber(t, a, 18, "SELECT count(*) FROM summaries")
		if got := mustHistory(t, a, p.Summaries[1].Operation, start, start.Add(time.Minute)); len(got) != 6 {
			t.Errorf("the history has %d summaries, want 6", len(got))
		}
	})
}

// Whatever names hold, it is data: it changes nothing, and comes back.
func TestHostileNames(t *testing.T) {
	long := strings.Repeat("é0Aß", 2000) // 12 KB
	random := new(strings.Builder)       // what a database can't compress to fit into an index
	for seed := uint64(1); random.Len() < 10_000; seed = seed*6364136223846793005 + 1442695040888963407 {
		random.WriteByte('!' + byte(seed>>33%90))
	}
	tests := map[string]struct{ name, want string }{
		"quotes":        {`'; DROP TABLE summary_rows; --"\` + "`", ""},
		"NUL":           {"a\x00b", "a\uFFFDb"},
		"invalid UTF-8": {"a\xffb\xc3", "a\uFFFDb\uFFFD"},
		"controls":      {"a\r\n\t\x1b[31m\x7f\u202eb", ""},
		"HTML":          {`<script>alert("x")</script>&amp;`, ""},
		"escapes":       {`\u0000 \\u0000 $1 ?1 %s ${x}`, ""},
		"long":          {long, ""},
		"random":        {random.String(), ""},
		"empty":         {"", ""},
	}
	eachDatabase(t, func(t *testing.T, dsn string) {
		s := openStore(t, Config{DSN: dsn, Instance: tests["NUL"].name + long + `'"`})
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				give := func(text string) engine.Period {
					summary := fullSummary(text, start)
					summary.Monitor, summary.Service = text, text
					summary.Failures[0].Code, summary.Failures[0].Name = text, text
					summary.FailureExemplars[0].Code = text
					summary.FailureCauses[0].Service, summary.FailureCauses[0].Operation, summary.FailureCauses[0].Code = text, text, text
					p := periodOf(start, summary)
					p.Monitor = text
					return p
				}
				giveAlert := func(text string) alert.Alert {
					a := fullAlert(start)
					a.ID, a.Monitor, a.Service, a.Operation, a.CausedBy = text, text, text, text, text
					a.WorstExemplar.Code, a.Causes[0].Operation = text, text
					a.Evidence = give(text).Summaries
					return a
				}
				want := test.want
				if want == "" {
					want = test.name
				}
				mustConsume(t, s, give(test.name))
				mustNotify(t, s, giveAlert(test.name))
				checkDiff(t, give(want).Summaries, mustHistory(t, s, test.name, time.Time{}, time.Time{}))
				alerts, err := s.Alerts(t.Context(), time.Time{}, time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				found := false
				for _, a := range alerts {
					if a.ID == want {
						found = true
						checkDiff(t, giveAlert(want), a)
					}
				}
				if !found {
					t.Error("the alert is not there")
				}
			})
		}
		checkNumber(t, s, len(tests), "SELECT count(*) FROM summaries")
	})
}

// Numbers that no column can hold do no harm.
func TestHostileNumbers(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		s := openStore(t, Config{DSN: dsn})
		x := fullSummary("x", start)
		x.Count, x.SuccessRatio, x.WithinTargetRatio, x.BurnRates.Hour1 = math.MaxUint64, math.NaN(), math.Inf(1), math.Inf(-1)
		x.Latency.Max, x.SpanKind, x.Verdicts.Stuck = math.MaxInt64, 99, 99
		p := periodOf(start, x)
		p.Received = math.MaxUint64
		mustConsume(t, s, p)
		x.Count, x.SuccessRatio, x.WithinTargetRatio, x.BurnRates.Hour1 = math.MaxInt64, 0, 0, 0
		x.SpanKind, x.Verdicts.Stuck = 0, 0
		got := mustHistory(t, s, "x", time.Time{}, time.Time{})
		got[0].Latency.Max = x.Latency.Max // 292 years are not exact to the nanosecond
		checkDiff(t, []engine.Summary{x}, got)
	})
}

// What the database refuses for good is dropped, counted, and in nobody's way.
func TestRefused(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		s := openStore(t, Config{DSN: dsn})
		bad := fullAlert(start)
		bad.Evidence[0].SuccessRatio = math.NaN() // JSON has none
		if err := s.Notify(t.Context(), []alert.Alert{bad}); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.Stats(); got.AlertsDropped != 1 || got.LastError == nil {
			t.Errorf("got %+v, want one dropped and the reason", got)
		}
		// A constraint that something else violates.
		if _, err := s.db.writes.ExecContext(t.Context(), "CREATE UNIQUE INDEX one ON period_rows (monitor)"); err != nil {
			t.Fatal(err)
		}
		mustConsume(t, s, bigPeriod(1, start))
		if err := s.Consume(t.Context(), bigPeriod(1, start.Add(time.Minute))); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.Stats(); got.Written != 1 || got.Dropped != 1 || got.LastError == nil {
			t.Errorf("got %+v, want one written, one dropped, and the reason", got)
		}
		checkComplete(t, s)
	})
}

// A period that is refused at the last of its rows leaves none of the others.
func TestRefusedAsAWhole(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		s := openStore(t, Config{DSN: dsn})
		if _, err := s.db.writes.ExecContext(t.Context(), "CREATE UNIQUE INDEX one ON exemplar_rows (summary_id)"); err != nil {
			t.Fatal(err)
		}
		if err := s.Consume(t.Context(), periodOf(start, fullSummary("x", start))); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.Stats(); got.Dropped != 1 {
			t.Errorf("got %+v, want one dropped", got)
		}
		checkNumber(t, s, 0, "SELECT (SELECT count(*) FROM period_rows) + (SELECT count(*) FROM summary_rows) + (SELECT count(*) FROM exemplar_rows)")
	})
}

// What alerts announce has a row of its own if it differs in whose, what or when it is.
func TestAlertsSideBySide(t *testing.T) {
	a := fullAlert(start)
	keys := map[string]bool{string(alertKey(&a, "web-1")): true, string(alertKey(&a, "web-2")): true}
	for _, change := range []func(*alert.Alert){
		func(a *alert.Alert) { a.State = alert.Resolved },
		func(a *alert.Alert) { a.DecidedAt = a.DecidedAt.Add(time.Minute) },
		func(a *alert.Alert) { a.ID += "x" },
		func(a *alert.Alert) { a.Monitor += "x" },
	} {
		other := a
		change(&other)
		keys[string(alertKey(&other, "web-1"))] = true
	}
	if len(keys) != 6 {
		t.Errorf("%d keys, want 6", len(keys))
	}
}

// Histograms are not stored, so they don't wait either; other sinks keep theirs.
func TestHistogramsDontWait(t *testing.T) {
	for name, of := range map[string]func(*engine.Summary) **engine.ExponentialHistogram{
		"successes": func(s *engine.Summary) **engine.ExponentialHistogram { return &s.Histogram },
		"failures":  func(s *engine.Summary) **engine.ExponentialHistogram { return &s.FailureHistogram },
		"cancelled": func(s *engine.Summary) **engine.ExponentialHistogram { return &s.CancelledHistogram },
	} {
		s := &Store{queue: newQueue(10, 10)}
		p := bigPeriod(2, start)
		*of(&p.Summaries[1]) = &engine.ExponentialHistogram{}
		if err := s.Consume(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		it, _, _ := s.queue.first()
		if *of(&it.period.Summaries[1]) != nil || *of(&p.Summaries[1]) == nil {
			t.Errorf("%s: the histogram is in the buffer, or the sink changed the period", name)
		}
	}
}

// Stores that write the same operations, and delete meanwhile, are not in each other's way.
func TestManyWriters(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		const writers, periods = 4, 25
		var wg sync.WaitGroup
		for i := range writers {
			s := openStore(t, Config{DSN: dsn, Instance: string(rune('a' + i))})
			trim := func() {
				_, err := s.db.trim(t.Context(), start.Add(5*time.Minute), trimPeriods)
				for err != nil && s.db.isBusy(err) { // SQLite lets nobody in for too long
					_, err = s.db.trim(t.Context(), start.Add(5*time.Minute), trimPeriods)
				}
				if err != nil {
					t.Error(err)
				}
			}
			wg.Go(func() {
				for n := range periods {
					p := bigPeriod(20, start.Add(time.Duration(n)*time.Minute))
					for j := range p.Summaries { // new operations all the time, in an order of its own
						p.Summaries[j].Operation = fmt.Sprint(n, (j*7+i*3)%20)
					}
					if err := s.Consume(t.Context(), p); err != nil {
						t.Error(err)
					}
				}
				for range 5 {
					trim()
				}
				if err := s.Flush(t.Context()); err != nil {
					t.Error(err)
				}
				trim()
				checkDiff(t, Stats{Written: periods}, s.Stats().counts())
			})
		}
		wg.Wait()
		s := openStore(t, Config{DSN: dsn})
		checkComplete(t, s)
		checkNumber(t, s, writers*(periods-5), "SELECT count(*) FROM periods")
		checkNumber(t, s, writers*(periods-5)*20, "SELECT count(*) FROM summaries")
		checkNumber(t, s, periods*20, "SELECT count(*) FROM operations")
	})
}

func TestClose(t *testing.T) {
	s, err := Open(t.Context(), Config{DSN: newSQLite(t)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := s.Consume(t.Context(), bigPeriod(5, start.Add(time.Duration(i)*time.Minute))); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := s.Stats(); got.Written != 20 {
		t.Errorf("got %+v, want 20 written", got)
	}
	if err := s.Consume(t.Context(), bigPeriod(5, start)); !errors.Is(err, ErrClosed) {
		t.Errorf("Consume after Close: got %v", err)
	}
	if err := s.Notify(t.Context(), []alert.Alert{fullAlert(start)}); !errors.Is(err, ErrClosed) || !alert.IsFinal(err) {
		t.Errorf("Notify after Close: got %v", err)
	}
	if got := s.Stats(); got.Dropped != 1 || got.AlertsDropped != 1 {
		t.Errorf("got %+v, want one of each dropped", got)
	}
	if _, err := s.History(t.Context(), "x", start, start); err == nil {
		t.Error("History after Close: no error")
	}
}
