package engine

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A bucket's middle is at most 2.2 % away from any duration in it, and buckets follow each other.
func TestTimeBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(int64(time.Microsecond), int64(time.Hour)).Draw(t, "duration"))
		b := timeBucketOf(d)
		if m := b.middle(); m < d*978/1000 || m > d*1022/1000 || timeBucketOf(m) != b {
			t.Fatalf("%s is counted as %s", d, m)
		}
		if timeBucketOf(d-1) > b || timeBucketOf(d+1) < b {
			t.Fatalf("the buckets around %s are not in order", d)
		}
	})
	if timeBucketOf(0) != 0 || timeBucketOf(-1) != 0 || timeBucketOf(zeroThreshold) != 0 || timeBucketOf(zeroThreshold+1) != 1 {
		t.Error("what is too short has a bucket of its own")
	}
	if b := timeBucketOf(maxDuration); int(b) != timeBuckets-1 {
		t.Errorf("the longest duration is in bucket %d of %d", b, timeBuckets)
	}
	if !slices.IsSorted(middles[:]) {
		t.Error("middles are not in order")
	}
}

// How much shorter the own time is survives the way through a slot.
func TestLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(maxDuration)).Draw(t, "duration"))
		covered := time.Duration(rapid.Int64Range(0, int64(d)).Draw(t, "covered"))
		h := howOf(SpanKindServer, OutcomeSuccess).lessBy(lessOf(d, covered)).at(2)
		if b, ok := h.less().own(d); !ok || b != timeBucketOf(d-covered) {
			t.Fatalf("%s less %s is counted as %s", d, covered, b.middle())
		}
		if h.kind() != SpanKindServer || h.outcome() != OutcomeSuccess || h.place() != 2 || h.isDetailed() {
			t.Fatalf("the rest is %v %v %d %t", h.kind(), h.outcome(), h.place(), h.isDetailed())
		}
	})
	for _, l := range []less{lessOf(time.Second, -1), lessOf(Untimed, 1)} {
		if _, ok := howOf(SpanKindServer, OutcomeSuccess).lessBy(l).less().own(time.Second); ok {
			t.Error("it is known though it is not")
		}
	}
	if _, ok := less(0).own(Untimed); ok {
		t.Error("an untimed call has an own time")
	}
	if l := lessOf(time.Second, time.Hour); l != less(timeBucketOf(time.Second)) {
		t.Errorf("more than all is covered: %d", l)
	}
}

// Own times are those of a sorted list, within the width of a bucket, however many calls there are.
func TestOwnTimesProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o ownTimes
		var counts [timeBuckets]uint64
		most := rapid.SampledFrom([]uint64{1, 100, mostInShare, 1 << 40}).Draw(t, "most calls")
		calls := uint64(0)
		for range rapid.IntRange(1, 20).Draw(t, "slices") {
			var slice bucketCounts
			for range rapid.IntRange(0, 10).Draw(t, "buckets") {
				b := timeBucket(rapid.IntRange(0, timeBuckets-1).Draw(t, "bucket"))
				n := rapid.Uint64Range(1, most).Draw(t, "calls")
				slice.add([]bucketCount{countIn(b, n)})
				counts[b] += n
				calls += n
			}
			if !slices.IsSorted(slice) {
				t.Fatalf("%v is not in order", slice)
			}
			o.add(slice)
		}
		got := o.take()
		if got.Count != calls {
			t.Fatalf("%d calls, want %d", got.Count, calls)
		}
		var seen uint64
		var mean float64
		for b, n := range counts {
			mean += float64(timeBucket(b).middle()) * float64(n) / float64(max(calls, 1))
			seen += n
			// Counted in larger units, a few calls may be missing.
			slack := calls / 1000
			if timeBucket(b).middle() < got.P50 && seen > calls/2+1+slack || timeBucket(b).middle() >= got.P50 && n > 0 && seen+slack < calls/2 {
				t.Fatalf("p50 is %s, though %d of %d calls take at most %s", got.P50, seen, calls, timeBucket(b).middle())
			}
		}
		if off := float64(got.Mean) - mean; off > mean/500+1 || off < -mean/500-1 {
			t.Fatalf("the mean is %s, want %s", got.Mean, time.Duration(mean))
		}
		if again := o.take(); again != (OwnTime{}) {
			t.Fatalf("then there is %+v", again)
		}
	})
}
