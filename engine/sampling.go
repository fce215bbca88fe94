package engine

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// sampling watches the first traces for signs of a sampler that keeps calls from the
// monitor: spans that are neither sampled nor recorded reach no processor. What is missing
// can't be seen, but samplers that decide by the trace id leave their mark on the ids
// that come through:
//
//   - TraceIDRatioBased lets only low ids through
//     (https://opentelemetry.io/docs/specs/otel/trace/sdk/#traceidratiobased);
//   - consistent probability samplers let only ids through that are high in their last 56 bits
//     (https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/).
//
// A single span that is recorded and not sampled shows that the monitor sees all there is.
//
// What it finds is an inference. Samplers that toss a coin leave no mark and are not
// noticed; nor is a share of more than 93 %, or one mixed with traces that another
// program began without sampling. Ids that are not random look like many things: where
// they could be anything but ids that a sampler chose, nothing is said.
//
// It is safe for concurrent use, ratio once it is decided. It must not be copied.
type sampling struct {
	decided atomic.Bool
	seen    atomic.Int64 // spans
	mu      sync.Mutex   // guards what follows until it is decided; nobody waits for it
	ids     []uint64     // the last eight bytes of the ids of the traces seen so far, in order
	local   int          // how many of these traces began in this process
	share   float64      // what ratio returns; 0: nothing was noticed
}

const (
	// sampledTraces is the number of traces after which it is decided.
	sampledTraces = 200
	// observedSpans is the number of spans after which it is decided, however few traces
	// they are of: looking at them costs time.
	observedSpans = 100_000
	// widestGap is the share of a range that may be empty above the largest of
	// sampledTraces random numbers: 0.93^200 = 5e-7.
	widestGap = 0.07
	// largestDeviation bounds the Kolmogorov-Smirnov distance of sampledTraces random
	// numbers from a uniform distribution: it is exceeded with a probability of
	// 2·exp(-2·200·0.18²) = 5e-6.
	largestDeviation = 0.18
	// smallestShare is the share below which numbers are rather no random ones.
	smallestShare = 1e-4
	// mostRising bounds the share of random numbers that are larger than the one before, or
	// smaller: 7 standard deviations, of 1/√(12·200), above one half.
	mostRising = 0.65
	// leastLocal is the number of random ids of which the highest bit is not zero in all:
	// 2^-21 = 5e-7.
	leastLocal = 21
)

// isDecided reports whether enough was seen: there is nothing more to observe.
func (s *sampling) isDecided() bool { return s.decided.Load() }

// observe looks at a span that the monitor got to see. It may overlook spans that several
// goroutines observe at the same moment.
//
// Only the first span of a trace in this process counts, and each trace once: all that
// count are remembered until it is decided.
func (s *sampling) observe(l *Link, sampled bool) {
	isLast := s.seen.Add(1) >= observedSpans
	if !isLast && sampled && l.hasParent() && !l.RemoteParent || !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	if s.decided.Load() {
		return
	}
	if isLast || !sampled {
		s.decide(0)
		return
	}
	id := binary.BigEndian.Uint64(l.Trace[8:])
	if slices.Contains(s.ids, id) {
		return
	}
	if s.ids == nil {
		s.ids = make([]uint64, 0, sampledTraces)
	}
	s.ids = append(s.ids, id)
	if !l.hasParent() {
		s.local++
	}
	if len(s.ids) == sampledTraces {
		s.decide(sampledShare(s.ids, s.local))
	}
}

// decide ends the observation.
func (s *sampling) decide(share float64) {
	s.share, s.ids = share, nil
	s.decided.Store(true)
}

// ratio returns the share of the traces that a sampler lets through, 0 if there is no sign of
// one, or not yet.
func (s *sampling) ratio() float64 {
	if !s.isDecided() {
		return 0
	}
	return s.share
}

// sampledShare estimates the share of the traces that a sampler lets through, from the ids
// of those that came through, in their order, of which so many began in this process. It
// returns 0 if there is no sign of a sampler.
func sampledShare(ids []uint64, local int) float64 {
	// Where no sampler of a share that can be told looks, the ids have to be random.
	rest := numbersOf(ids, func(id uint64) float64 { return float64(uint32(id)) / (1 << 32) })
	if slices.Sort(rest); !isEven(rest, 1) {
		return 0
	}
	// What consistent samplers let through is high, so it is turned over.
	if share := lowShare(numbersOf(ids, func(id uint64) float64 { return 1 - float64(id<<8>>8)/(1<<56) })); share > 0 {
		return share
	}
	share := lowShare(numbersOf(ids, func(id uint64) float64 { return float64(id>>1) / (1 << 63) }))
	if math.Abs(share-0.5) < 0.5*widestGap && local < leastLocal {
		// Other tracers, some of Datadog's for one, make ids of 63 bits: these look just
		// as if a sampler let one half of the traces through.
		return 0
	}
	return share
}

// numbersOf returns a number in 0..1 for each id.
func numbersOf(ids []uint64, number func(id uint64) float64) []float64 {
	numbers := make([]float64, len(ids))
	for i, id := range ids {
		numbers[i] = number(id)
	}
	return numbers
}

// lowShare estimates the upper bound of numbers in 0..1 that are random and spread evenly
// from 0 up to some bound. It returns 0 if the bound is too near to 1 to tell, or if the numbers
// are not of that sort. It sorts them.
//
// For n such numbers, the largest times (n+1)/n is the unbiased estimate of least variance.
func lowShare(numbers []float64) float64 {
	if isInOrder(numbers) {
		return 0
	}
	slices.Sort(numbers)
	n := float64(len(numbers))
	highest := numbers[len(numbers)-1]
	if highest > 1-widestGap || highest < smallestShare || !isEven(numbers, highest) {
		return 0
	}
	return highest * (n + 1) / n
}

// isInOrder reports whether numbers mostly rise or mostly fall, as those made from a
// counter or a clock do.
func isInOrder(numbers []float64) bool {
	rising := 0
	for i := range len(numbers) - 1 {
		if numbers[i] < numbers[i+1] {
			rising++
		}
	}
	most := mostRising * float64(len(numbers)-1)
	return float64(rising) > most || float64(len(numbers)-1-rising) > most
}

// isEven reports whether sorted numbers are spread evenly between 0 and a bound, by the
// Kolmogorov-Smirnov test.
func isEven(sorted []float64, bound float64) bool {
	for i, x := range sorted {
		if math.Abs(x/bound-(float64(i)+0.5)/float64(len(sorted))) > largestDeviation {
			return false
		}
	}
	return true
}
