package main

import (
	"fmt"
	"sync/atomic"

	"github.com/blurooo/go-monitor/v2"
)

// makeReport measures what a caller of Report pays.
//
// Ours never waits and refuses what comes while the queue is full, so its producers
// report a quarter of a queue at a time, and the counting is waited for in between, outside
// the time; it does go on meanwhile, too, and waking it is part of the time. The
// library of 2018 waits when its channel of 100 is full: nothing is waited for in
// between, and what its producers wait is part of the time.
//
// A bareRing shows what is left if a report is only passed on, to a reader that does
// nothing with it.
func makeReport(settings) (*group, error) {
	g := &group{}
	refused := new(atomic.Uint64)
	var monitors []*monitor.Monitor
	var bares []*bareRing
	g.close = func() {
		for _, m := range monitors {
			shut(m)
		}
		for _, r := range bares {
			r.close()
		}
		if n := refused.Load(); n > 0 {
			g.note = fmt.Sprintf("%d reports were refused, so these times are too good", n)
		}
	}
	for _, n := range nameCounts {
		names := makeNames(n)
		m, err := monitor.New(quietConfig())
		if err != nil {
			return nil, err
		}
		monitors = append(monitors, m)
		var client reporter2018
		if open2018 != nil {
			client = open2018(nil)
		}
		var single *probe
		for _, producers := range producerCounts() {
			key, label := where(n, producers)
			key = "Report/" + key
			our := &probe{
				key: key, work: label, who: ours, unit: "ns/op",
				measure: (&work{producers: producers, chunk: quarterQueue(), settle: counted(m), do: reportEach(m, names, refused)}).measure,
				targets: []target{noAllocations()},
			}
			g.probes = append(g.probes, our)
			switch producers {
			case 1:
				single = our
				our.targets = append(our.targets, atMost(reportLimit(n)))
			case 2:
				our.targets = append(our.targets, target{kind: ratio, limit: 1, against: single, name: "one producer", shared: true})
			}
			if producers == 1 {
				bare := newBareRing()
				bares = append(bares, bare)
				g.probes = append(g.probes, &probe{
					key: key, work: label, who: "a bare ring, nothing counted", unit: "ns/op", baseline: our,
					measure: (&work{producers: producers, chunk: quarterQueue(), settle: bare.settle, do: pushEach(bare, names, refused)}).measure,
				})
			}
			if client == nil {
				continue
			}
			old := &probe{
				key: key, work: label, who: who2018, unit: "ns/op", baseline: our,
				measure: (&work{producers: producers, chunk: quarterQueue(), do: report2018Each(client, names)}).measure,
			}
			if producers == 1 {
				least := 8.0
				if n == 1 {
					least = 7
				}
				old.targets = []target{timesOurs(least, our)}
			}
			g.probes = append(g.probes, old)
		}
	}
	return g, nil
}

// reportLimit is the target for one report in nanoseconds.
func reportLimit(names int) float64 {
	if names == manyNames {
		return 17
	}
	return 15
}

// where returns the part of a key, and the words, for so many names and producers.
func where(names, producers int) (key, label string) {
	return fmt.Sprintf("names=%d/producers=%d", names, producers), fmt.Sprintf("%s, %s", plural(names, "name"), plural(producers, "producer"))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	text := fmt.Sprint(n)
	if n >= 10_000 {
		text = fmt.Sprintf("%d,%03d", n/1000, n%1000)
	}
	return text + " " + what + "s"
}
