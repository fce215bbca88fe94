package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/engine"
)

// makeEndToEnd measures reports from the first call to the last summary.
//
// Ours: one producer reports as fast as it can and repeats what is refused; then
// Shutdown closes the period, and the time ends when a sink has its summaries, which
// have to count every report. The library of 2018: one producer reports as fast as it
// can, waiting when the channel is full, and the time ends when the last report is
// collected. Summaries are not asked of it, since its analysis may end the process
// when there are many names.
func makeEndToEnd(s settings) (*group, error) {
	g := &group{}
	for _, fresh := range []bool{false, true} {
		for _, n := range nameCounts {
			key := fmt.Sprintf("EndToEnd/names=%d/fresh=%t", n, fresh)
			label := plural(n, "name") + ", the same string each time"
			limit, least := 25.0, 5.0
			if n == manyNames {
				limit, least = 55, 3
			}
			if fresh {
				label = plural(n, "name") + ", built anew each time"
				limit = 45
				if n == manyNames {
					limit = 65
				}
			}
			our := &probe{
				key: key, work: label, who: ours, unit: "ns/op", fixed: s.reports,
				targets: []target{atMost(limit)},
			}
			var tries uint64
			our.measure = func(reports int) (sample, error) {
				taken, repeated, err := countAll(n, fresh, reports, 1)
				tries = max(tries, repeated)
				our.note = fmt.Sprintf("up to %.1f tries for each", 1+float64(tries)/float64(reports))
				return taken, err
			}
			g.probes = append(g.probes, our)
			if open2018 == nil {
				continue
			}
			old := &probe{
				key: key, work: label, who: who2018, unit: "ns/op", baseline: our, fixed: s.reports,
				measure: func(reports int) (sample, error) { return collectAll2018(n, fresh, reports) },
			}
			if !fresh {
				old.targets = []target{timesOurs(least, our)}
			}
			g.probes = append(g.probes, old)
		}
	}
	return g, nil
}

// nameSource gives names in turn: the same strings each time, or new ones.
type nameSource struct {
	names  []string
	copies string // empty: the names themselves
}

func newNameSource(n int, fresh bool) nameSource {
	s := nameSource{names: makeNames(n)}
	if fresh {
		s.copies = freshCopies(n)
	}
	return s
}

// next returns the i-th name; at counts through the names.
func (s *nameSource) next(i int, at *int) string {
	if s.copies != "" {
		from := i & (freshNames - 1) * nameBytes
		return s.copies[from : from+nameBytes]
	}
	name := s.names[*at]
	if *at++; *at == len(s.names) {
		*at = 0
	}
	return name
}

// timed runs f after a garbage collection and returns what it cost for each of n operations.
func timed(n int, f func()) sample {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	f()
	elapsed := time.Since(began)
	runtime.ReadMemStats(&after)
	return sample{
		n:         n,
		value:     float64(elapsed.Nanoseconds()) / float64(n),
		hasMemory: true,
		allocs:    float64(after.Mallocs-before.Mallocs) / float64(n),
		bytes:     float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}
}

// countAll reports so many calls by so many producers until all are counted and
// summed up. repeated is the number of tries that were refused.
func countAll(names int, fresh bool, reports, producers int) (taken sample, repeated uint64, err error) {
	var calls uint64
	c := quietConfig()
	c.Sinks = []engine.Sink{engine.SinkFunc(func(_ context.Context, p engine.Period) error {
		for i := range p.Summaries {
			calls += p.Summaries[i].Count
		}
		repeated += p.Dropped
		return nil
	})}
	// A monitor says on stderr how much it refused; here that is nothing to worry about.
	m, err := monitor.New(c)
	if err != nil {
		return sample{}, 0, err
	}
	source := newNameSource(names, fresh)
	each := reports / producers
	reports = each * producers
	report := func(producer int) {
		at := start(producer, 0, names)
		for i := range each {
			r := monitor.Report{Operation: source.next(i+producer*each, &at), Code: "200", Duration: latencies[i&latencyMask]}
			for !m.Report(r) {
				runtime.Gosched()
			}
		}
	}
	line := barrier{n: int32(producers)}
	taken = timed(reports, func() {
		done := make(chan struct{})
		for p := 1; p < producers; p++ {
			go func() {
				line.wait()
				report(p)
				done <- struct{}{}
			}()
		}
		line.wait()
		report(0)
		for p := 1; p < producers; p++ {
			<-done
		}
		err = m.Shutdown(context.Background())
	})
	if err == nil && calls != uint64(reports) {
		err = fmt.Errorf("%d of %d reports were counted", calls, reports)
	}
	return taken, repeated, err
}

// collectAll2018 is countAll for the library of 2018.
func collectAll2018(names int, fresh bool, reports int) (sample, error) {
	var collected int
	done := make(chan struct{})
	client := open2018(func() {
		if collected++; collected == reports {
			close(done)
		}
	})
	source := newNameSource(names, fresh)
	return timed(reports, func() {
		at := 0
		for i := range reports {
			client.Report(source.next(i, &at), milliseconds[i&latencyMask], 200)
		}
		<-done
	}), nil
}

// Bounds of the paced run.
const (
	// pace is the time between two reports: 10,000,000 a second.
	pace = 100 * time.Nanosecond
	// longestGap is how far the producer may fall behind and catch up. One that
	// falls behind further was stopped by the machine, and goes on from there.
	longestGap = 10 * time.Microsecond
)

// makePaced measures whether everything is taken that comes at an even pace.
func makePaced(s settings) (*group, error) {
	g := &group{note: "a producer that the machine stopped for more than 10µs goes on at its pace and does not catch up"}
	for _, period := range []time.Duration{time.Hour, time.Second} {
		closing := "no period ends meanwhile"
		if period == time.Second {
			closing = "a period ends every second"
		}
		p := &probe{
			key:  fmt.Sprintf("Paced/names=%d/period=%s", manyNames, strings.TrimSuffix(period.String(), "0m0s")),
			work: fmt.Sprintf("a report every %s for %s, %s, %s", pace, s.paced, plural(manyNames, "name"), closing),
			who:  ours, unit: "refused",
		}
		p.fixed = int(s.paced / pace)
		p.rounds = 6
		if period == time.Second {
			p.rounds = 2
		}
		var fastest float64
		p.measure = func(reports int) (sample, error) {
			refused, took, err := reportPaced(period, reports)
			fastest = max(fastest, float64(reports)/took.Seconds()/1e6)
			p.note = fmt.Sprintf("%.1f million reports/s", fastest)
			return sample{n: 1, value: float64(refused)}, err
		}
		if period == time.Hour {
			p.targets = []target{atMost(0)}
		}
		g.probes = append(g.probes, p)
	}
	return g, nil
}

// reportPaced reports so many calls, one every pace, and returns how many were refused.
func reportPaced(period time.Duration, reports int) (refused uint64, took time.Duration, err error) {
	c := quietConfig()
	c.Period = period
	m, err := monitor.New(c)
	if err != nil {
		return 0, 0, err
	}
	defer shut(m)
	names := makeNames(manyNames)
	for _, name := range names {
		for !m.Report(monitor.Report{Operation: name, Code: "200", Duration: time.Millisecond}) {
			counted(m)()
		}
	}
	counted(m)()
	before := m.Stats().Dropped()
	runtime.GC()
	began := time.Now()
	due := time.Duration(0)
	at := 0
	for i := range reports {
		now := time.Since(began)
		for now < due {
			now = time.Since(began)
		}
		if now-due > longestGap {
			due = now
		}
		due += pace
		m.Report(monitor.Report{Operation: names[at], Code: "200", Duration: latencies[i&latencyMask]})
		if at++; at == len(names) {
			at = 0
		}
	}
	took = time.Since(began)
	return m.Stats().Dropped() - before, took, nil
}
