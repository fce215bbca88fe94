package main

import (
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// work is something to do many times over by one or more producers.
type work struct {
	producers int
	// chunk is the number of operations of all producers together after which settle is
	// called, outside the measured time. So a queue never fills, as in a program that has
	// something else to do.
	chunk  int
	settle func()
	// do does the operations from, from+1 ... to-1 of one producer.
	do func(producer, from, to int)
	// stillGC switches the garbage collector off meanwhile.
	stillGC bool

	round int // how often it was measured
}

// measure does n operations and returns the wall time of each. Several producers begin each
// chunk together; the time is that until the last of them is done, divided by the number of all
// their operations. Two producers that don't slow each other down take half as long as one.
func (w *work) measure(n int) (sample, error) {
	place, apart := places[w.round%len(places)], w.round
	w.round++
	each := n / w.producers
	size := max(1, w.chunk/w.producers)
	settle := w.settle
	if settle == nil {
		settle = func() {}
	}
	runtime.GC()
	if w.stillGC {
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
	}
	line := barrier{n: int32(w.producers)}
	laps := make([]lap, w.producers)
	chunks := make([]time.Duration, 0, each/size+1)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	// The addresses of the producers' stacks decide which rings of the queue they use, and so
	// whether they contend. Idle goroutines between them vary that from round to round.
	var all, between sync.WaitGroup
	end := make(chan struct{})
	for p := range w.producers {
		for range p * apart {
			between.Go(func() { <-end })
		}
		all.Go(func() {
			from := 0
			once := func() {
				laps[p].start = time.Now()
				w.do(p, from, min(from+size, each))
				laps[p].end = time.Now()
			}
			for ; from < each; from += size {
				line.wait() // everything is settled
				line.wait() // everybody is awake
				place(once)
				line.wait()
				if p == 0 {
					chunks = append(chunks, longest(laps))
					settle()
				}
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	close(end)
	between.Wait()
	runtime.ReadMemStats(&after)
	n = each * w.producers
	return sample{
		n:         n,
		value:     float64(total(chunks).Nanoseconds()) / float64(n),
		took:      took,
		hasMemory: true,
		allocs:    float64(after.Mallocs-before.Mallocs) / float64(n),
		bytes:     float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}, nil
}

// places call a function with the stack at two places that are 8 bytes apart. An accessor of a
// span copies the span to the stack, 16 bytes at a time, and takes almost 1.5 times as long if
// the copy is not aligned, which depends on the frames above it. The rounds take turns, so that
// the minimum shows each variant at its best.
var places = [...]func(f func()){
	func(f func()) { var room [16]byte; callWith(room[:], f) },
	func(f func()) { var room [24]byte; callWith(room[:], f) },
}

// callWith calls f while room is on the stack.
//
//go:noinline
func callWith(room []byte, f func()) {
	f()
	clear(room)
}

// lap is when one producer began and ended a chunk. Each has cache lines of its own, since all
// are written at the same time.
type lap struct {
	start, end time.Time
	_          [80]byte
}

// longest returns the time from the first start to the last end.
func longest(laps []lap) time.Duration {
	start, end := laps[0].start, laps[0].end
	for _, l := range laps[1:] {
		if l.start.Before(start) {
			start = l.start
		}
		if l.end.After(end) {
			end = l.end
		}
	}
	return end.Sub(start)
}

// interrupted is how many times as long as the fastest twentieth of the chunks a chunk takes
// that the machine interrupted.
const interrupted = 4

// total returns the time of all chunks. Interrupted ones count with the mean of the others.
func total(chunks []time.Duration) time.Duration {
	slices.Sort(chunks)
	limit := interrupted * chunks[len(chunks)/20]
	var sum time.Duration
	n := 0
	for n < len(chunks) && chunks[n] <= limit {
		sum += chunks[n]
		n++
	}
	return sum / time.Duration(n) * time.Duration(len(chunks))
}

// barrier lets n goroutines go on together. It spins: waking a goroutine takes longer
// than a chunk does.
type barrier struct {
	n       int32
	arrived atomic.Int32
	phase   atomic.Uint32
}

func (b *barrier) wait() {
	phase := b.phase.Load()
	if b.arrived.Add(1) == b.n {
		b.arrived.Store(0)
		b.phase.Add(1)
		return
	}
	for tries := 0; b.phase.Load() == phase; tries++ {
		if tries > 5000 {
			runtime.Gosched()
		}
	}
}

// nameCounts are the numbers of operation names of the measurements.
var nameCounts = []int{1, 100, 10_000}

// manyNames is the largest of them.
const manyNames = 10_000

// producerCounts returns 1, 2, and the number of processors where there are more.
func producerCounts() []int {
	counts := []int{1, 2}
	if n := runtime.GOMAXPROCS(0); n > 2 {
		counts = append(counts, n)
	}
	return counts
}

// nameBytes is the length of every name.
const nameBytes = 24

// makeNames returns n names of operations: "GET /api/resource/000042".
func makeNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = string(name(i))
	}
	return names
}

func name(i int) []byte {
	b := []byte("GET /api/resource/000000")
	for at := len(b) - 1; i > 0; at-- {
		b[at] = byte('0' + i%10)
		i /= 10
	}
	return b
}

// freshNames is the number of copies in freshCopies: more than any cache holds.
const freshNames = 1 << 20

// freshCopies returns copies of n names in turn, joined: names that are built anew for each
// report.
func freshCopies(n int) string {
	var b strings.Builder
	b.Grow(freshNames * nameBytes)
	for i := range freshNames {
		b.Write(name(i % n))
	}
	return b.String()
}

// latencies are the durations of calls, used in turn. Their number is a power of two, so that
// taking one costs next to nothing.
var (
	latencies = typicalLatencies(1 << 12)
	// milliseconds are the same for the library of 2018.
	milliseconds = inMilliseconds(latencies)
)

const latencyMask = 1<<12 - 1

// typicalLatencies are distributed as those of most operations: log-normally, around 20 ms.
func typicalLatencies(n int) []time.Duration {
	random := rand.New(rand.NewPCG(1, 2))
	d := make([]time.Duration, n)
	for i := range d {
		d[i] = time.Duration(float64(20*time.Millisecond) * math.Exp(random.NormFloat64()*0.5))
	}
	return d
}

// worstLatencies are spread evenly over all orders of magnitude from 1µs to 1h.
func worstLatencies(n int) []time.Duration {
	random := rand.New(rand.NewPCG(3, 4))
	d := make([]time.Duration, n)
	decades := math.Log(float64(time.Hour) / float64(time.Microsecond))
	for i := range d {
		d[i] = time.Duration(float64(time.Microsecond) * math.Exp(random.Float64()*decades))
	}
	return d
}

func inMilliseconds(durations []time.Duration) []uint32 {
	ms := make([]uint32, len(durations))
	for i, d := range durations {
		ms[i] = uint32(d.Milliseconds())
	}
	return ms
}

// start returns where a producer begins in a list of n names. Producers begin at different
// places, so that they don't use the same name at the same time.
func start(producer, from, n int) int { return (from + producer*n/2) % n }
