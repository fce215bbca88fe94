package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Some routes are always there, each with a table of its own and a part of the calls. The others come
// and go.
const (
	steadyRoutes = 20
	steadyShare  = 0.2
	hangingNames = 5
	hangingRate  = 10 // calls a second that never end
)

// load makes spans. Its counters are read by others, all else belongs to its goroutine.
type load struct {
	config config
	tracer trace.Tracer
	report func() bool // reports a call by hand
	random *rand.Rand
	begin  time.Time

	made     atomic.Uint64 // spans that ended, and reports
	unending atomic.Uint64 // spans that did not
	refused  uint64        // reports that were not taken
	failed   uint64        // calls of the database
}

// run makes spans until ctx ends.
func (l *load) run(ctx context.Context) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	l.begin = time.Now()
	last, owed, owedHanging := l.begin, 0.0, 0.0
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			since := min(now.Sub(last), 100*time.Millisecond).Seconds() // what can't be kept up with is left out
			last = now
			owed += since * float64(l.rateAt(now.Sub(l.begin)))
			for ; owed >= 2; owed -= 2 {
				l.call(ctx, now)
			}
			for owedHanging += since * hangingRate; owedHanging >= 1; owedHanging-- {
				l.hang(ctx)
			}
			if !l.report() {
				l.refused++
			}
			l.made.Add(1)
		}
	}
}

// rateAt returns the number of spans a second at a time since the beginning.
func (l *load) rateAt(since time.Duration) int {
	if l.config.BurstEvery > 0 && since%l.config.BurstEvery < l.config.BurstFor && since > l.config.BurstFor {
		return l.config.Burst
	}
	return l.config.Rate
}

// isFailing reports whether the database fails at a time since the beginning.
func (l *load) isFailing(since time.Duration) bool {
	return since%l.config.FailEvery >= l.config.FailEvery-l.config.FailFor
}

// call makes two spans: of a request, and of the query that it needs.
func (l *load) call(ctx context.Context, now time.Time) {
	since := now.Sub(l.begin)
	n := l.random.IntN(steadyRoutes)
	route, table := fmt.Sprintf("GET /steady/%d", n), fmt.Sprintf("SELECT table_%d", n)
	isSteady := l.random.Float64() < steadyShare
	if !isSteady {
		oldest := int(since.Seconds() * float64(l.config.NewNames))
		n = oldest + l.random.IntN(max(1, l.config.Names-steadyRoutes))
		route, table = fmt.Sprintf("GET /route/%d", n), "SELECT routes"
	}
	took := time.Duration(l.random.ExpFloat64() * float64(20*time.Millisecond))
	ctx, server := l.tracer.Start(ctx, route, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(now.Add(-took)))
	_, query := l.tracer.Start(ctx, table, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(now.Add(-took*9/10)), trace.WithAttributes(attribute.String("db.system.name", "postgresql")))
	status := 200
	// A quarter of the routes fails at a time, another one each time.
	if l.isFailing(since) && n%4 == int(since/l.config.FailEvery)%4 && l.random.Float64() < 0.6 {
		status = 500
		l.failed++
		query.RecordError(errTooMany)
		query.SetAttributes(attribute.String("db.response.status_code", "53300"))
		query.SetStatus(codes.Error, errTooMany.Error())
		server.SetStatus(codes.Error, "")
	}
	query.End(trace.WithTimestamp(now.Add(-took / 10)))
	server.SetAttributes(attribute.String("http.request.method", "GET"), attribute.Int("http.response.status_code", status))
	server.End(trace.WithTimestamp(now))
	l.made.Add(2)
}

var errTooMany = errors.New("FATAL: sorry, too many clients already")

// hang begins a call that never ends.
func (l *load) hang(ctx context.Context) {
	name := fmt.Sprintf("GET /hanging/%d", l.random.IntN(hangingNames))
	_, _ = l.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer)) //nolint:spancheck // that is the point
	l.unending.Add(1)
}
