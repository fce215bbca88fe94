package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// processorCounts returns 1, 2, 4 ... and the number of processors.
func processorCounts() []int {
	var counts []int
	for n := 1; n < runtime.NumCPU(); n *= 2 {
		counts = append(counts, n)
	}
	return append(counts, runtime.NumCPU())
}

// makeScaling measures how many reports a second are counted and summed up when each
// processor has a producer that reports as fast as it can.
func makeScaling(s settings) (*group, error) {
	g := &group{note: "every report is counted; one goroutine counts"}
	for _, procs := range processorCounts() {
		g.probes = append(g.probes, &probe{
			key:  fmt.Sprintf("Throughput/procs=%d", procs),
			work: "100 names, as many producers as processors", who: fmt.Sprintf("%s, GOMAXPROCS %d", ours, procs),
			unit: "ns/op", fixed: s.reports / 2,
			measure: func(reports int) (sample, error) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				taken, _, err := countAll(100, false, reports, procs)
				return taken, err
			},
		})
	}
	return g, nil
}

// makeFull measures what a report costs that is refused because the queue is full.
func makeFull(settings) (*group, error) {
	g := &group{}
	closed, release := make(chan struct{}, 1), make(chan struct{})
	// The engine's goroutine is held where it hands over a period, so nobody counts.
	e, err := engine.New(engine.Config{Period: 10 * time.Millisecond}, engine.Hooks{Closed: func(*engine.Period) map[engine.OperationKey]bool {
		select {
		case closed <- struct{}{}:
		default:
		}
		<-release
		return nil
	}})
	if err != nil {
		return nil, err
	}
	g.close = func() {
		close(release)
		_ = e.Shutdown(context.Background())
	}
	<-closed
	names := makeNames(100)
	for e.Report(engine.Report{Operation: names[0], Code: "200"}) {
		continue
	}
	for _, producers := range producerCounts() {
		key, label := where(100, producers)
		g.probes = append(g.probes, &probe{
			key: "Refused/" + key, work: label, who: ours + ", a refused report", unit: "ns/op",
			measure: (&work{producers: producers, chunk: quarterQueue(), do: func(producer, from, to int) {
				at := start(producer, from, len(names))
				for i := from; i < to; i++ {
					e.Report(engine.Report{Operation: names[at], Code: "200", Duration: latencies[i&latencyMask]})
					if at++; at == len(names) {
						at = 0
					}
				}
			}}).measure,
			targets: []target{noAllocations()},
		})
	}
	return g, nil
}

// makeClose measures how long the goroutine that counts is busy with the end of a
// period, in which reports have to wait in the queue.
func makeClose(settings) (*group, error) {
	g := &group{}
	names := makeNames(manyNames)
	w, err := engine.NewWindows(engine.Config{Period: time.Hour, MaxOperations: manyNames})
	if err != nil {
		return nil, err
	}
	judge := alert.NewJudge()
	began := time.Now().Truncate(time.Hour)
	g.probes = []*probe{{
		key: "Close", work: plural(manyNames, "operation") + " that were called", who: ours + ", summaries and verdicts", unit: "ns/name", fixed: manyNames,
		measure: func(int) (sample, error) {
			callEach(names, latencies, 20, func(name string, d time.Duration) {
				w.Add(engine.Report{Operation: name, Code: "200", Duration: d})
			})
			began = began.Add(time.Hour)
			return timed(manyNames, func() {
				p := w.Close(engine.Period{Start: began, End: began.Add(time.Hour)}, judge.Needs)
				judge.Judge(&p)
			}), nil
		},
	}}
	return g, nil
}
