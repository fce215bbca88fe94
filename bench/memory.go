package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/engine"
)

// heap returns the size of everything that is alive.
func heap() float64 {
	runtime.GC()
	runtime.GC() // what finalizers let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// makeMemory measures what stays in memory of many operations, and the queue.
func makeMemory(s settings) (*group, error) {
	g := &group{note: "of a library, without what it prepares for the names; of a monitor, without its queue"}
	typical, worst := typicalLatencies(1<<16), worstLatencies(1<<16)
	label := fmt.Sprintf("%s, %d calls each", plural(manyNames, "operation"), s.perName)
	shuffle(typical)
	var our *probe
	for _, spread := range []struct {
		key, name string
		latencies []time.Duration
		limit     float64
	}{
		{"typical", "latencies around 20ms", typical, 1.5 * 1024},
		{"worst", "latencies all over 1µs to 1h", worst, 6 * 1024},
	} {
		p := &probe{
			key: "Memory/spread=" + spread.key, work: label + ", " + spread.name, who: ours, unit: "B/name",
			fixed: 1, rounds: 2, targets: []target{atMost(spread.limit)},
			measure: func(int) (sample, error) { return monitorMemory(spread.latencies, s.perName) },
		}
		if spread.key == "typical" {
			our = p
		}
		g.probes = append(g.probes, p)
		if spread.key != "typical" {
			continue
		}
		for i, who := range peerNames() {
			g.probes = append(g.probes, &probe{
				key: "Memory/spread=typical", work: p.work, who: who, unit: "B/name", fixed: 1, rounds: 1, baseline: our,
				measure: func(int) (sample, error) { return peerMemory(i, spread.latencies, s.perName) },
			})
		}
		if open2018 != nil {
			g.probes = append(g.probes, &probe{
				key: "Memory/spread=typical", work: p.work, who: who2018, unit: "B/name", fixed: 1, rounds: 1, baseline: our,
				measure: func(int) (sample, error) { return memory2018(spread.latencies, s.perName) },
			})
		}
	}
	queue := &probe{
		key: "Memory/queue", work: fmt.Sprintf("default queue, GOMAXPROCS %d", runtime.GOMAXPROCS(0)), who: ours, unit: "KiB",
		fixed: 1, rounds: 2, measure: func(int) (sample, error) { return queueMemory() },
		note: "beyond that of a queue for 16 reports",
	}
	if runtime.GOMAXPROCS(0) == 2 {
		queue.targets = []target{atMost(1024)}
	}
	g.probes = append(g.probes, queue)
	return g, nil
}

func shuffle(d []time.Duration) {
	rand.New(rand.NewPCG(5, 6)).Shuffle(len(d), func(i, j int) { d[i], d[j] = d[j], d[i] })
}

// callEach calls f for calls of all names in turn, each with latencies of its own.
func callEach(names []string, latencies []time.Duration, perName int, f func(name string, d time.Duration)) {
	k := 0
	for range perName {
		for _, name := range names {
			f(name, latencies[k&(len(latencies)-1)])
			// A step that has no divisor in common with the length, lest a name meets the
			// same few latencies again and again.
			k += 7919
		}
	}
}

// monitorMemory returns what an operation of a monitor weighs.
func monitorMemory(latencies []time.Duration, perName int) (sample, error) {
	names := makeNames(manyNames)
	m, err := monitor.New(quietConfig())
	if err != nil {
		return sample{}, err
	}
	defer shut(m)
	before := heap()
	callEach(names, latencies, perName, func(name string, d time.Duration) {
		for !m.Report(monitor.Report{Operation: name, Code: "200", Duration: d}) {
			runtime.Gosched()
		}
	})
	counted(m)()
	weight := (heap() - before) / manyNames
	runtime.KeepAlive(names)
	return sample{n: manyNames, value: weight}, nil
}

// peerNames are the peers whose memory is measured.
func peerNames() []string {
	return []string{"OTel histogram", "Prometheus histogram", "VictoriaMetrics histogram"}
}

// peerMemory is monitorMemory for the i-th peer.
func peerMemory(i int, latencies []time.Duration, perName int) (sample, error) {
	names := makeNames(manyNames)
	var peer recorder
	switch i {
	case 0:
		p, done, err := newOTelPrepared(names)
		if err != nil {
			return sample{}, err
		}
		defer done()
		peer = p
	case 1:
		peer = newProm()
	default:
		peer = newVictoria(names)
	}
	before := heap()
	callEach(names, latencies, perName, func(name string, d time.Duration) { peer.record(name, 200, d) })
	weight := (heap() - before) / manyNames
	runtime.KeepAlive(names)
	runtime.KeepAlive(peer)
	return sample{n: manyNames, value: weight}, nil
}

// memory2018 is monitorMemory for the library of 2018.
func memory2018(latencies []time.Duration, perName int) (sample, error) {
	names := makeNames(manyNames)
	collected, total := 0, perName*len(names)
	done := make(chan struct{})
	before := heap()
	client := open2018(func() {
		if collected++; collected == total {
			close(done)
		}
	})
	callEach(names, latencies, perName, func(name string, d time.Duration) {
		client.Report(name, uint32(d.Milliseconds()), 200)
	})
	<-done
	weight := (heap() - before) / manyNames
	runtime.KeepAlive(names)
	runtime.KeepAlive(client)
	return sample{n: manyNames, value: weight}, nil
}

// queueMemory returns the size of the default queue: what an engine weighs more than
// one with the smallest queue.
func queueMemory() (sample, error) {
	weigh := func(size int) (float64, error) {
		before := heap()
		e, err := engine.New(engine.Config{Period: time.Hour, QueueSize: size}, engine.Hooks{})
		if err != nil {
			return 0, err
		}
		weight := heap() - before
		return weight, e.Shutdown(context.Background())
	}
	if _, err := weigh(0); err != nil { // the first one brings a thread along
		return sample{}, err
	}
	least, err := weigh(16)
	if err != nil {
		return sample{}, err
	}
	standard, err := weigh(0)
	return sample{n: 1, value: (standard - least) / 1024}, err
}

// makeIdle measures what monitors use of the processor while nothing happens.
func makeIdle(s settings) (*group, error) {
	g := &group{}
	if _, ok := cpuTime(); !ok {
		g.note = "this system does not tell"
		return g, nil
	}
	add := func(key, who string, period time.Duration) *probe {
		p := &probe{
			key: "Idle/" + key, work: fmt.Sprintf("no traffic for %s", s.idle), who: who, unit: "cpu-us/s", fixed: 1, rounds: 6,
			measure: func(int) (sample, error) { return idleCPU(period, s.idle) },
		}
		g.probes = append(g.probes, p)
		return p
	}
	none := add("none", "no monitor at all", 0)
	p := add("period=1m", ours+", period 1m", time.Minute)
	// A thousandth of one processor is about what two measurements of nothing differ by.
	p.targets = []target{{kind: difference, limit: 1000, against: none, name: "none"}}
	add("period=1s", ours+", period 1s", time.Second)
	return g, nil
}

// idleCPU returns the time that the whole process ran in a second, with a monitor that has
// the given period; 0: with none.
func idleCPU(period, watch time.Duration) (sample, error) {
	if period > 0 {
		c := quietConfig()
		c.Period = period
		m, err := monitor.New(c)
		if err != nil {
			return sample{}, err
		}
		defer shut(m)
	}
	debug.FreeOSMemory()
	time.Sleep(100 * time.Millisecond) // the collector's goroutines come to rest
	before, _ := cpuTime()
	began := time.Now()
	time.Sleep(watch)
	after, _ := cpuTime()
	return sample{n: 1, value: float64((after - before).Microseconds()) / time.Since(began).Seconds()}, nil
}
