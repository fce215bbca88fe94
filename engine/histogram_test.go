package engine

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// boundaries returns the bounds of all buckets, in ascending order: entry i is the
// longest whole number of nanoseconds that is not above 2^(i/64 - 20) s. They are
// computed from integers alone: the 64th root of 10^(9*64) * 2^i / 2^(20*64),
// rounded down after each of its six square roots, which is exact.
var boundaries = sync.OnceValue(func() []time.Duration {
	bounds := make([]time.Duration, octaves*subBuckets+1)
	second := new(big.Int).Exp(big.NewInt(int64(time.Second)), big.NewInt(subBuckets), nil)
	for i := range bounds {
		x := new(big.Int).Lsh(second, uint(i))
		x.Rsh(x, uint(-lowOctave*subBuckets))
		for range histogramScale {
			x.Sqrt(x)
		}
		bounds[i] = time.Duration(x.Int64())
	}
	return bounds
})

// filed returns the number of the bucket in which the histogram files d, counted from
// the shortest it tells apart; -1 for zero. It looks at the OTLP form alone.
func filed(t *testing.T, d time.Duration) int {
	t.Helper()
	var h Histogram
	h.Record(d)
	e := h.Exponential()
	if e.ZeroCount == 1 && len(e.Counts) == 0 {
		return -1
	}
	if !slices.Equal(e.Counts, []uint64{1}) || e.ZeroCount != 0 {
		t.Fatalf("%s alone has the counts %v and the zero count %d", d, e.Counts, e.ZeroCount)
	}
	return int(e.Offset) - lowOctave*subBuckets
}

// Every boundary of every bucket, exactly: the greatest duration not above it
// belongs to the bucket that ends there, the next one to the bucket that begins.
func TestHistogramFilesExactly(t *testing.T) {
	bounds := boundaries()
	last := len(bounds) - 2
	for i, d := range bounds {
		if got, want := filed(t, d), min(i-1, last); got != want {
			t.Errorf("%d ns, at the boundary %d, is filed under %d, want %d", d, i, got, want)
		}
		if got, want := filed(t, d+1), min(i, last); got != want {
			t.Errorf("%d ns, past the boundary %d, is filed under %d, want %d", d+1, i, got, want)
		}
	}
}

// OTLP's buckets hold their upper bound, and powers of two of seconds are the only
// bounds that a whole number of nanoseconds can meet.
func TestHistogramPowersOfTwoBelongToTheLowerBucket(t *testing.T) {
	for exponent := -9; exponent <= highOctave; exponent++ {
		d := time.Duration(math.Ldexp(float64(time.Second), exponent))
		boundary := (exponent - lowOctave) * subBuckets
		if boundaries()[boundary] != d {
			t.Fatalf("%s is no boundary", d)
		}
		for past, want := range []int{boundary - 1, min(boundary, octaves*subBuckets-1)} {
			if got := filed(t, d+time.Duration(past)); got != want {
				t.Errorf("2^%d s + %d ns is filed under %d, want %d", exponent, past, got, want)
			}
		}
	}
}

func TestHistogramEnds(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want int
	}{
		{math.MinInt64, -1},
		{-1, -1},
		{0, -1},
		{1, -1},
		{953, -1},
		{954, 0},
		{1<<17*time.Second - 1, octaves*subBuckets - 1},
		{1 << 17 * time.Second, octaves*subBuckets - 1},
		{1<<17*time.Second + 1, octaves*subBuckets - 1},
		{math.MaxInt64, octaves*subBuckets - 1},
	}
	for _, tt := range tests {
		if got := filed(t, tt.d); got != tt.want {
			t.Errorf("%s is filed under %d, want %d", tt.d, got, tt.want)
		}
	}
}

// histogramOf returns a histogram of the given durations.
func histogramOf(ds ...time.Duration) *Histogram {
	h := new(Histogram)
	for _, d := range ds {
		h.Record(d)
	}
	return h
}

// histogramFacts is all that can be seen of a histogram.
type histogramFacts struct {
	Count          uint64
	Min, Mean, Max time.Duration
	Quantiles      []time.Duration
	Exponential    ExponentialHistogram
}

func factsOf(h *Histogram) histogramFacts {
	f := histogramFacts{Count: h.Count(), Min: h.Min(), Mean: h.Mean(), Max: h.Max(), Exponential: h.Exponential()}
	for q := range 101 {
		f.Quantiles = append(f.Quantiles, h.Quantile(float64(q)/100))
	}
	return f
}

func checkSame(t rapid.TB, got, want *Histogram) {
	t.Helper()
	if diff := cmp.Diff(factsOf(want), factsOf(got)); diff != "" {
		t.Errorf("not the same (-want +got):\n%s", diff)
	}
}

func TestHistogramZeroValue(t *testing.T) {
	var h Histogram
	if h.Count() != 0 || h.Min() != 0 || h.Mean() != 0 || h.Max() != 0 || h.Quantile(0.5) != 0 {
		t.Errorf("an empty histogram has a count of %d, min %s, mean %s, max %s, median %s",
			h.Count(), h.Min(), h.Mean(), h.Max(), h.Quantile(0.5))
	}
	want := ExponentialHistogram{Scale: 6, ZeroThreshold: math.Ldexp(1, -20)}
	if diff := cmp.Diff(want, h.Exponential()); diff != "" {
		t.Errorf("OTLP form (-want +got):\n%s", diff)
	}
}

// go-monitor (2018) took a minimum of 0 for "no minimum yet".
func TestHistogramMinimumOfZero(t *testing.T) {
	for _, ds := range [][]time.Duration{{0, 5 * ms}, {5 * ms, 0}, {5 * ms, 0, 7 * ms}, {5 * ms, -3}} {
		h := histogramOf(ds...)
		if h.Min() != 0 {
			t.Errorf("the minimum of %v is %s", ds, h.Min())
		}
		merged := histogramOf(9 * ms)
		merged.Merge(h)
		if merged.Min() != 0 {
			t.Errorf("the minimum of %v merged into another is %s", ds, merged.Min())
		}
	}
	if h := histogramOf(5*ms, 4*ms, 6*ms); h.Min() != 4*ms {
		t.Errorf("the minimum is %s, want 4ms", h.Min())
	}
}

func TestHistogramMean(t *testing.T) {
	const huge = time.Duration(math.MaxInt64)
	tests := []struct {
		ds   []time.Duration
		want time.Duration
	}{
		{[]time.Duration{7}, 7},
		{[]time.Duration{1, 2}, 1}, // rounded down
		{[]time.Duration{-100, 10}, 5},
		{[]time.Duration{0, 0, 9}, 3},
		{[]time.Duration{huge, huge, huge, huge, huge}, huge}, // the sum is beyond 2^64
		{[]time.Duration{huge, huge, huge, 1, 1, 1}, huge/2 + 1},
	}
	for _, tt := range tests {
		h := histogramOf(tt.ds...)
		if got := h.Mean(); got != tt.want {
			t.Errorf("the mean of %v is %d, want %d", tt.ds, got, tt.want)
		}
		// The same must hold of a sum that outgrows 64 bits by merging.
		merged := new(Histogram)
		for range 3 {
			merged.Merge(h)
		}
		if got := merged.Mean(); got != tt.want {
			t.Errorf("the mean of %v, three times merged, is %d, want %d", tt.ds, got, tt.want)
		}
		var sum float64
		for _, d := range tt.ds {
			sum += max(d, 0).Seconds()
		}
		if got := h.Exponential().Sum; math.Abs(got-sum) > 1e-9*sum {
			t.Errorf("the sum of %v is %g s, want %g s", tt.ds, got, sum)
		}
	}
}

// shape draws durations of one distribution. All lie between 1µs and 1h.
type shape struct {
	name string
	draw func(r *rand.Rand) float64 // in nanoseconds
}

var shapes = []shape{
	{"uniform", func(r *rand.Rand) float64 { return 1e6 + r.Float64()*1e9 }},
	{"log-uniform from 1µs to 1h", func(r *rand.Rand) float64 { return 1e3 * math.Pow(3.6e9, r.Float64()) }},
	{"exponential", func(r *rand.Rand) float64 { return r.ExpFloat64() * 2e7 }},
	{"log-normal", func(r *rand.Rand) float64 { return math.Exp(17 + 1.5*r.NormFloat64()) }},
	{"heavy tail", func(r *rand.Rand) float64 { return 1e6 * math.Pow(1-r.Float64(), -1.5) }},
	{"two peaks", func(r *rand.Rand) float64 {
		if r.IntN(10) == 0 {
			return 2e9 + 1e7*r.NormFloat64()
		}
		return 3e6 + 1e5*r.NormFloat64()
	}},
	{"a handful of values", func(r *rand.Rand) float64 { return 1e3 * math.Pow(10, float64(r.IntN(6))) }},
	{"all the same", func(*rand.Rand) float64 { return 1.5e7 }},
	{"microseconds", func(r *rand.Rand) float64 { return 1e3 + float64(r.IntN(50)) }},
}

func (s shape) durations(n int, seed uint64) []time.Duration {
	r := rand.New(rand.NewPCG(seed, 1))
	ds := make([]time.Duration, n)
	for i := range ds {
		ds[i] = min(max(time.Duration(s.draw(r)), time.Microsecond), time.Hour)
	}
	return ds
}

func TestHistogramQuantilesWithinOnePercent(t *testing.T) {
	for _, s := range shapes {
		t.Run(s.name, rapid.MakeCheck(func(t *rapid.T) {
			n := rapid.IntRange(1, 3000).Draw(t, "n")
			ds := s.durations(n, rapid.Uint64().Draw(t, "seed"))
			h := histogramOf(ds...)
			slices.Sort(ds)
			for _, percent := range []int{0, 1, 10, 25, 50, 75, 90, 95, 99, 100} {
				rank := max(1, (percent*n+99)/100)
				checkWithin(t, fmt.Sprintf("p%d", percent), h.Quantile(float64(percent)/100), ds[rank-1])
			}
		}))
	}
}

// checkWithin fails if got is more than 1 % away from want.
func checkWithin(t rapid.TB, what string, got, want time.Duration) {
	t.Helper()
	if off := math.Abs(float64(got - want)); off > 0.01*float64(want) {
		t.Errorf("%s is %s, want %s within 1 %%: it is off by %.2f %%", what, got, want, 100*off/float64(want))
	}
}

func TestHistogramQuantileEdges(t *testing.T) {
	one := histogramOf(123456789)
	for _, q := range []float64{0, 0.5, 1} {
		if got := one.Quantile(q); got != 123456789 {
			t.Errorf("the quantile %v of a single duration is %s, want the duration", q, got)
		}
	}
	// Ten durations: 0.9 is the ninth, and nothing above it.
	ten := histogramOf(1*ms, 2*ms, 3*ms, 4*ms, 5*ms, 6*ms, 7*ms, 8*ms, 9*ms, time.Hour)
	checkWithin(t, "p90 of ten", ten.Quantile(0.9), 9*ms)
	checkWithin(t, "p91 of ten", ten.Quantile(0.91), time.Hour)
	// Quantiles never leave the range of what was recorded, wherever in its bucket that is.
	for _, d := range []time.Duration{10*ms + 1, 10050 * time.Microsecond, 10100 * time.Microsecond} {
		h := histogramOf(d, d+1)
		for _, q := range []float64{0, 0.5, 1} {
			if got := h.Quantile(q); got < d || got > d+1 {
				t.Errorf("the quantile %v of %s and 1 ns more is %s", q, d, got)
			}
		}
	}
	// What counts as zero has a place in the ranks.
	if got := histogramOf(0, 0, 0, 4*ms).Quantile(0.75); got > zeroThreshold {
		t.Errorf("p75 of three zeros and 4ms is %s", got)
	}
}

// An octave's counts have 16 bits; what does not fit is carried.
func TestHistogramCarries(t *testing.T) {
	tests := map[string]map[time.Duration]int{
		"just below":           {15 * ms: 1<<16 - 1},
		"exactly, and no more": {15 * ms: 1 << 16},
		"one beyond":           {15 * ms: 1<<16 + 1},
		"200,000 of the same":  {15 * ms: 200_000},
		"in two buckets":       {15 * ms: 70_000, 3 * time.Second: 140_000, time.Minute: 5},
		"beside a single one":  {15 * ms: 1 << 17, 16 * ms: 1},
	}
	for name, times := range tests {
		t.Run(name, func(t *testing.T) {
			var h, shard Histogram
			var total uint64
			var ds []time.Duration
			for d, n := range times {
				for i := range n {
					h.Record(d)
					if i%2 == 0 {
						shard.Record(d)
					}
				}
				total += uint64(n)
				ds = append(ds, d)
			}
			slices.Sort(ds)
			e := h.Exponential()
			for d, n := range times {
				if got := e.Counts[int32(filed(t, d)+lowOctave*subBuckets)-e.Offset]; got != uint64(n) {
					t.Errorf("%s was counted %d times, want %d", d, got, n)
				}
			}
			if e.Count != total || sumOf(e) != total || h.Count() != total {
				t.Errorf("count %d, sum of the buckets %d, want %d", e.Count, sumOf(e), total)
			}
			var seen uint64
			for _, d := range ds {
				seen += uint64(times[d])
				checkWithin(t, "the last of its kind", h.Quantile(float64(seen)/float64(total)), d)
			}

			// Two halves below 16 bits may be above them together.
			var merged Histogram
			merged.Merge(&shard)
			merged.Merge(&shard)
			serial := new(Histogram)
			for d, n := range times {
				for range (n + 1) / 2 * 2 {
					serial.Record(d)
				}
			}
			checkSame(t, &merged, serial)
		})
	}
}

func sumOf(e ExponentialHistogram) uint64 {
	sum := e.ZeroCount
	for _, n := range e.Counts {
		sum += n
	}
	return sum
}

// However the durations are dealt out, merging the shards gives what recording all of
// them in one histogram gives.
func TestHistogramMergeOfShardsIsSerial(t *testing.T) {
	anything := rapid.OneOf(
		rapid.Int64Range(-10, 5000),
		rapid.Int64Range(0, int64(time.Hour)),
		rapid.Int64(),
		rapid.SampledFrom([]int64{0, 953, 954, int64(time.Second), int64(2 * time.Second), math.MaxInt64}),
	)
	rapid.Check(t, func(t *rapid.T) {
		var serial Histogram
		shards := make([]Histogram, rapid.IntRange(1, 5).Draw(t, "shards"))
		for _, d := range rapid.SliceOf(anything).Draw(t, "durations") {
			serial.Record(time.Duration(d))
			shards[rapid.IntRange(0, len(shards)-1).Draw(t, "shard")].Record(time.Duration(d))
		}
		var merged Histogram
		for i := range shards {
			before := factsOf(&shards[i])
			merged.Merge(&shards[i])
			if diff := cmp.Diff(before, factsOf(&shards[i])); diff != "" {
				t.Errorf("merging changed the shard:\n%s", diff)
			}
		}
		checkSame(t, &merged, &serial)
	})
}

func TestHistogramMergeOfNothing(t *testing.T) {
	h := histogramOf(5*ms, 70*ms)
	h.Merge(new(Histogram))
	checkSame(t, h, histogramOf(5*ms, 70*ms))

	var empty Histogram
	empty.Merge(h)
	checkSame(t, &empty, h)
}

// Each duration stands in the OTLP bucket whose bounds enclose it, and the buckets sum to the count.
func TestHistogramExponentialLosesNothing(t *testing.T) {
	var ds []time.Duration
	for i, s := range shapes {
		ds = append(ds, s.durations(500, uint64(i))...)
	}
	ds = append(ds, 0, 1, 953, -5, 36*time.Hour)
	h := histogramOf(ds...)
	e := h.Exponential()

	want := ExponentialHistogram{
		Scale: 6, Count: uint64(len(ds)), Min: 0, Max: (36 * time.Hour).Seconds(),
		ZeroCount: 4, ZeroThreshold: math.Ldexp(1, -20), Offset: e.Offset,
		Counts: make([]uint64, len(e.Counts)),
	}
	base := math.Exp2(1 / 64.0)
	for _, d := range ds {
		want.Sum += max(d, 0).Seconds()
		if d <= zeroThreshold {
			continue
		}
		i := math.Ceil(math.Log2(d.Seconds())*64) - 1
		if low, high := math.Pow(base, i), math.Pow(base, i+1); d.Seconds() <= low*(1-1e-12) || d.Seconds() > high*(1+1e-12) {
			t.Fatalf("the reference files %s under (%g, %g]", d, low, high)
		}
		want.Counts[int32(i)-e.Offset]++
	}
	if math.Abs(e.Sum-want.Sum) > 1e-9*want.Sum {
		t.Errorf("sum %g, want %g", e.Sum, want.Sum)
	}
	want.Sum = e.Sum
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if e.Counts[0] == 0 || e.Counts[len(e.Counts)-1] == 0 {
		t.Error("the counts begin or end with an empty bucket")
	}
	if sumOf(e) != e.Count {
		t.Errorf("the buckets sum to %d, the count is %d", sumOf(e), e.Count)
	}
}

func TestHistogramResetKeepsNothing(t *testing.T) {
	h := histogramOf(0, 5*ms, time.Hour, math.MaxInt64, math.MaxInt64, math.MaxInt64)
	for range 70_000 {
		h.Record(20 * ms)
	}
	for round := range 3 {
		h.reset()
		checkSame(t, h, new(Histogram))
		h.Record(20 * ms)
		h.Record(3 * time.Second)
		checkSame(t, h, histogramOf(20*ms, 3*time.Second))
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
}

func TestHistogramSteadyStateAllocatesNothing(t *testing.T) {
	var h Histogram
	ds := shapes[3].durations(2000, 1)
	period := func() {
		for _, d := range ds {
			h.Record(d)
		}
		for range 1<<16 + 1 {
			h.Record(20 * ms) // one more than fits without a carry
		}
		h.reset()
	}
	period()
	if n := testing.AllocsPerRun(5, period); n != 0 {
		t.Errorf("a period like the last one allocates %v times", n)
	}
}

// The memory of octaves that were used once is given back.
func TestHistogramGivesOctavesBack(t *testing.T) {
	var h Histogram
	for _, d := range boundaries() {
		h.Record(d + 1)
	}
	if len(h.counts) != octaves || cap(h.counts) != octaves {
		t.Fatalf("%d octaves and room for %d, want all %d and no more", len(h.counts), cap(h.counts), octaves)
	}
	h.reset()
	h.Record(5 * time.Second)
	h.Record(5 * ms)
	h.reset()
	if len(h.counts) != 2 || cap(h.counts) != 2 {
		t.Errorf("room for %d octaves (cap %d) is kept, want 2", len(h.counts), cap(h.counts))
	}
	h.Record(6 * ms)
	h.Record(6 * time.Second)
	checkSame(t, &h, histogramOf(6*ms, 6*time.Second))
	h.reset()
	h.reset()
	if len(h.counts) != 0 {
		t.Errorf("room for %d octaves is kept by a histogram that was not used", len(h.counts))
	}
	h.Record(ms)
	checkSame(t, &h, histogramOf(ms))
}

// FuzzHistogram holds the laws of the histogram against any durations: each in
// its bucket, merging is recording, quantiles are right and in order.
func FuzzHistogram(f *testing.F) {
	seed := func(ds ...time.Duration) []byte {
		var data []byte
		for _, d := range ds {
			data = binary.LittleEndian.AppendUint64(data, uint64(d))
		}
		return data
	}
	f.Add(seed(), uint8(0))
	f.Add(seed(0, 1, 953, 954, 955), uint8(2))
	f.Add(seed(math.MinInt64, -1, math.MaxInt64, math.MaxInt64, math.MaxInt64), uint8(3))
	f.Add(seed(time.Second, time.Second+1, 2*time.Second, 4*time.Second-1, time.Hour), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, split uint8) {
		var serial Histogram
		var shards [2]Histogram
		var ds []time.Duration
		for i := 0; len(data) >= 8; i++ {
			d := time.Duration(binary.LittleEndian.Uint64(data))
			data = data[8:]
			serial.Record(d)
			shards[int(split)>>(i%8)&1].Record(d)
			ds = append(ds, max(d, 0))

			if d > zeroThreshold {
				octave, sub := bucketOf(d)
				i := octave*subBuckets + int(sub)
				top := i == octaves*subBuckets-1 // everything longer is in the last bucket, too
				if d <= boundaries()[i] || d > boundaries()[i+1] && !top {
					t.Errorf("%d ns is filed under %d: (%d, %d]", d, i, boundaries()[i], boundaries()[i+1])
				}
			}
		}
		shards[0].Merge(&shards[1])
		checkSame(t, &shards[0], &serial)

		e := serial.Exponential()
		if n := uint64(len(ds)); serial.Count() != n || e.Count != n || sumOf(e) != n {
			t.Errorf("count %d, %d, sum of the buckets %d, want %d", serial.Count(), e.Count, sumOf(e), n)
		}
		if len(ds) == 0 {
			return
		}
		slices.Sort(ds)
		if serial.Min() != ds[0] || serial.Max() != ds[len(ds)-1] {
			t.Errorf("from %s to %s, want %s to %s", serial.Min(), serial.Max(), ds[0], ds[len(ds)-1])
		}
		last := serial.Min()
		for percent := range 101 {
			q := float64(percent) / 100
			got := serial.Quantile(q)
			if got < last || got > serial.Max() {
				t.Errorf("p%d is %s, want it from %s to %s", percent, got, last, serial.Max())
			}
			last = got
			exact := ds[max(1, int(math.Ceil(q*float64(len(ds)))))-1]
			if time.Microsecond <= exact && exact <= time.Hour {
				checkWithin(t, fmt.Sprintf("p%d", percent), got, exact)
			}
		}
		serial.reset()
		checkSame(t, &serial, new(Histogram))
	})
}

func BenchmarkHistogramRecord(b *testing.B) {
	ds := shapes[3].durations(4096, 1)
	var h Histogram
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		h.Record(ds[i&4095])
		i++
	}
}

func BenchmarkHistogramClose(b *testing.B) {
	ds := shapes[3].durations(4096, 1)
	var h Histogram
	var q [4]time.Duration
	b.ReportAllocs()
	for b.Loop() {
		h.reset()
		for _, d := range ds[:100] {
			h.Record(d)
		}
		h.quantiles(summaryQuantiles, q[:])
	}
}
