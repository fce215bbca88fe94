package main

import (
	"context"
	"math/bits"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// timed is a SpanProcessor that measures how long another one takes at the end of a span.
type timed struct {
	sdktrace.SpanProcessor
	spans atomic.Uint64
	times histogram
}

// measuredOf says that one span of so many is measured: the clock costs as much as what it measures.
const measuredOf = 16

// OnEnd hands on the span.
func (t *timed) OnEnd(s sdktrace.ReadOnlySpan) {
	if t.spans.Add(1)%measuredOf != 0 {
		t.SpanProcessor.OnEnd(s)
		return
	}
	begin := time.Now()
	t.SpanProcessor.OnEnd(s)
	t.times.add(time.Since(begin))
}

// histogram counts durations, in eight steps for each power of two. It is safe for concurrent use.
type histogram struct {
	buckets [64 * 8]atomic.Uint64
	longest atomic.Int64
}

func (h *histogram) add(d time.Duration) {
	n := uint64(max(d, 1))
	exponent := bits.Len64(n) - 1
	step := uint64(0)
	if exponent >= 3 {
		step = n >> (exponent - 3) & 7
	}
	h.buckets[exponent*8+int(step)].Add(1)
	for old := h.longest.Load(); int64(d) > old && !h.longest.CompareAndSwap(old, int64(d)); old = h.longest.Load() {
	}
}

// quantile returns the upper bound of the bucket that a quantile is in.
func (h *histogram) quantile(q float64) time.Duration {
	total := uint64(0)
	for i := range h.buckets {
		total += h.buckets[i].Load()
	}
	rank, seen := uint64(q*float64(total)), uint64(0)
	for i := range h.buckets {
		if seen += h.buckets[i].Load(); seen > rank {
			upper := time.Duration(float64(uint64(1)<<(i/8)) * (1 + float64(i%8+1)/8))
			return min(upper, time.Duration(h.longest.Load()))
		}
	}
	return time.Duration(h.longest.Load())
}

// sample is how much there was at one time.
type sample struct {
	heap       uint64
	goroutines int
}

// watch takes samples until ctx ends.
func watch(ctx context.Context, every time.Duration) (samples []sample) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return samples
		case <-tick.C:
			runtime.GC() // so that what is garbage does not count
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			samples = append(samples, sample{m.HeapAlloc, runtime.NumGoroutine()})
		}
	}
}

// isFlat compares the heap in the second quarter of the samples, when all is warm, with that of the
// last one.
func isFlat(samples []sample) (early, late uint64, ok bool) {
	median := func(of []sample) uint64 {
		heaps := make([]uint64, len(of))
		for i := range of {
			heaps[i] = of[i].heap
		}
		slices.Sort(heaps)
		return heaps[len(heaps)/2]
	}
	n := len(samples)
	if n < 8 {
		return 0, 0, true
	}
	const noise = 8 << 20
	early, late = median(samples[n/4:n/2]), median(samples[n*3/4:])
	return early, late, late <= early+early/10+noise
}

// percentile returns a quantile of durations, 0 if there are none.
func percentile(of []time.Duration, q float64) time.Duration {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
