package main

import (
	"context"
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// quietConfig is the default configuration, except for what would disturb a measurement: the
// period is longer than any of them, all names have a place, and there are no sinks or notifiers.
func quietConfig() monitor.Config {
	return monitor.Config{
		Period:        time.Hour,
		MaxOperations: manyNames + 1, // and the one of newSpanMonitor
		Notifiers:     []alert.Notifier{},
		Sinks:         []engine.Sink{},
	}
}

// withoutOwnTimes is quietConfig without what tells the time of a call from that of the calls within
// it.
func withoutOwnTimes() monitor.Config {
	c := quietConfig()
	c.Slice = -1
	return c
}

// newSpanMonitor starts a monitor and gives it a few hundred traces. By the first ones a monitor
// detects how the program samples, so a running program's monitor has done that.
func newSpanMonitor(c monitor.Config) (*monitor.Monitor, error) {
	m, err := monitor.New(c)
	if err != nil {
		return nil, err
	}
	tracer, _ := newTracer(m)
	for range 500 {
		_, span := tracer.Start(context.Background(), "before", trace.WithSpanKind(trace.SpanKindServer))
		span.End()
	}
	counted(m)()
	return m, nil
}

// quarterQueue is a quarter of the reports that the default queue holds.
func quarterQueue() int {
	n := runtime.GOMAXPROCS(0)
	return min(1<<16, 4096<<bits.Len(uint(n-1))) / 4
}

// counted returns a function that waits until all reports are counted.
func counted(m *monitor.Monitor) func() {
	return func() { _ = m.ForceFlush(context.Background()) }
}

// shut ends a monitor.
func shut(m *monitor.Monitor) { _ = m.Shutdown(context.Background()) }

// reportEach returns work that reports calls of the named operations in turn. refused counts the
// reports that are not taken: the measurement is valid only if it stays zero.
//
//go:noinline
func reportEach(m *monitor.Monitor, names []string, refused *atomic.Uint64) func(producer, from, to int) {
	return func(producer, from, to int) {
		at := start(producer, from, len(names))
		for i := from; i < to; i++ {
			if !m.Report(monitor.Report{Operation: names[at], Code: "200", Duration: latencies[i&latencyMask]}) {
				refused.Add(1)
			}
			if at++; at == len(names) {
				at = 0
			}
		}
	}
}
