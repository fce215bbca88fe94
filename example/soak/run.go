package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	monitor "github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/alert/webhook"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"

	"github.com/blurooo/go-monitor/store"
)

// afterwards is the number of spans that end when the monitor is shut down.
const afterwards = 1000

// run runs all of it, and returns what came of it.
func run(ctx context.Context, c config) (*result, error) {
	if c.Database == "" {
		dir, err := os.MkdirTemp("", "soak")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		c.Database = filepath.Join(dir, "soak.db")
	}
	var told errorList
	otel.SetErrorHandler(&told)
	before := runtime.NumGoroutine()

	hook := newReceiver(c.Failing, c.Hanging)
	defer hook.Close()
	notifier, err := webhook.New(webhook.Config{URL: hook.URL, Format: webhook.Alertmanager, Timeout: time.Second})
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, store.Config{DSN: c.Database, Retention: max(time.Minute, min(c.Duration, time.Hour))})
	if err != nil {
		return nil, errors.Join(err, notifier.Close())
	}
	l := &ledger{sums: make(map[int64]periodCount), kinds: make(map[string]int)}
	m, err := monitor.New(monitor.Config{
		Name: "soak", Period: c.Period, MaxOperations: 2*c.Names + 1000, IdlePeriods: 2,
		Objective:   engine.Objective{AlertAfter: 2, RecoverAfter: 2},
		Operations:  hangingObjectives(c.Period),
		Notifiers:   []alert.Notifier{l, notifier, db},
		Sinks:       []engine.Sink{l, db},
		Delivery:    delivery.Config{InitialInterval: 50 * time.Millisecond, MaxInterval: time.Second, QueueSize: 1000, MaxAttempts: 100},
		MaxInFlight: 8192,
	})
	if err != nil {
		return nil, errors.Join(err, notifier.Close(), db.Close(ctx))
	}
	processor := &timed{SpanProcessor: m}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(processor), sdktrace.WithSampler(sdktrace.AlwaysSample()), sdktrace.WithResource(resource.NewSchemaless()))
	load := &load{
		config: c, tracer: provider.Tracer("soak"), random: rand.New(rand.NewPCG(1, 2)),
		report: func() bool {
			return m.Report(monitor.Report{Operation: "by hand", Code: "OK", Duration: time.Millisecond})
		},
	}

	limited, cancel := context.WithTimeout(ctx, c.Duration)
	defer cancel()
	began := time.Now()
	var work sync.WaitGroup
	var samples []sample
	var polls uint64
	work.Go(func() { load.run(limited) })
	work.Go(func() { samples = watch(limited, max(c.Duration/40, 50*time.Millisecond)) })
	work.Go(func() { polls = poll(limited, m) })
	work.Go(func() { changeObjectives(limited, m) })
	work.Wait()

	r := &result{config: c, lasted: time.Since(began), made: load.made.Load(), unending: load.unending.Load(), failed: load.failed, polls: polls, samples: samples, times: &processor.times}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	ending := time.Now()
	if err := m.Shutdown(closing); err != nil {
		r.violated("shutdown: %v", err)
	}
	r.shutdown = time.Since(ending)
	for range afterwards / 2 { // they are dropped, and counted as such
		load.call(closing, time.Now())
	}
	r.made += afterwards
	r.stats = m.Stats()
	if err := errors.Join(db.Close(closing), notifier.Close()); err != nil {
		r.violated("close: %v", err)
	}
	if err := provider.Shutdown(closing); err != nil {
		r.violated("close: %v", err)
	}
	hook.Close()
	r.storeStats, r.told = db.Stats(), told.counts()
	r.goroutines = [2]int{before, settled(before)}
	r.check(load, l, hook)
	return r, r.checkStore(closing, l)
}

var digits = regexp.MustCompile(`[0-9]+`)

// errorList counts errors by their text, whatever numbers are in it. It is safe for concurrent use.
type errorList struct {
	mu    sync.Mutex
	count map[string]int
}

// Handle counts an error.
func (l *errorList) Handle(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count == nil {
		l.count = make(map[string]int)
	}
	if text := digits.ReplaceAllString(err.Error(), "N"); l.count[text] > 0 || len(l.count) < maxViolations {
		l.count[text]++
	}
}

// counts returns how often each was said up to now.
func (l *errorList) counts() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.count)
}

// hangingObjectives are those of the calls that never end.
func hangingObjectives(period time.Duration) map[string]engine.Objective {
	objectives := make(map[string]engine.Objective)
	for i := range hangingNames {
		objectives[fmt.Sprintf("GET /hanging/%d", i)] = engine.Objective{StuckAfter: period}
	}
	return objectives
}

// poll asks for the status, as a dashboard and a readiness probe do, until ctx ends.
func poll(ctx context.Context, m *monitor.Monitor) (polls uint64) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return polls
		case <-tick.C:
			_, _, _ = m.Status(), m.Stats(), m.Healthy("GET /steady/1")
			polls++
		}
	}
}

// changeObjectives changes what is expected of some route every second, until ctx ends.
func changeObjectives(ctx context.Context, m *monitor.Monitor) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			o := engine.Objective{SuccessRatio: 0.9 + rand.Float64()/20, LatencyTarget: time.Duration(50+rand.IntN(450)) * time.Millisecond}
			if err := m.SetObjective(fmt.Sprintf("GET /steady/%d", rand.IntN(steadyRoutes)), o); err != nil {
				otel.Handle(err)
			}
		}
	}
}

// settled returns the number of goroutines once it is no more than before, or after a while.
func settled(before int) int {
	for range 500 {
		if runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return runtime.NumGoroutine()
}

// checkStore compares what the database holds with what the ledger got.
func (r *result) checkStore(ctx context.Context, l *ledger) error {
	db, err := sql.Open("sqlite", "file:"+r.config.Database+"?mode=ro")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if r.storeStats.LastError != nil {
		r.violated("the store: %v", r.storeStats.LastError)
	}
	rows, err := db.QueryContext(ctx, `SELECT p.started_at, p.received, coalesce(sum(s.calls), 0)
		FROM period_rows p LEFT JOIN summary_rows s USING (period_id) GROUP BY p.period_id`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var start int64
		var got periodCount
		if err := rows.Scan(&start, &got.received, &got.calls); err != nil {
			return err
		}
		r.storedPeriods++
		if want := l.sums[start]; got != want {
			r.violated("the store has received %d, calls %d of the period at %d, want %d and %d", got.received, got.calls, start, want.received, want.calls)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if r.config.Duration <= time.Hour && r.storedPeriods != l.periods {
		r.violated("the store has %d periods of %d", r.storedPeriods, l.periods)
	}
	if info, err := os.Stat(r.config.Database); err == nil {
		r.databaseBytes = info.Size()
	}
	return db.QueryRowContext(ctx, "SELECT count(*), count(DISTINCT alert_key) FROM alert_rows").Scan(&r.storedAlerts, &r.alertKeys)
}
