package web

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Counts come out as they went in, and merging adds them up, bucket by bucket.
func TestLatencies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gen := func(label string) []bucketCount {
			counts := rapid.MapOfN(rapid.IntRange(-90, 70), rapid.Uint64Range(1, math.MaxUint32), 0, 30).Draw(t, label)
			var list []bucketCount
			for b := -90; b <= 70; b++ {
				if counts[b] > 0 {
					list = append(list, bucketCount{b, counts[b]})
				}
			}
			return list
		}
		a, b := gen("a"), gen("b")
		same := func(got, want []bucketCount) {
			if len(got) != len(want) {
				t.Fatalf("got %v, want %v", got, want)
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("got %v, want %v", got, want)
				}
			}
		}
		same(unpackLatencies(packBuckets(a)), a)
		sum := make(map[int]uint64)
		for _, c := range append(append([]bucketCount{}, a...), b...) {
			sum[c.bucket] += c.count
		}
		var want []bucketCount
		for i := -90; i <= 70; i++ {
			if sum[i] > 0 {
				want = append(want, bucketCount{i, sum[i]})
			}
		}
		same(mergeLatencies(a, b), want)
	})
}

// What the engine counts finds its bucket again, and a merged quantile lies within a bucket of the
// exact one.
func TestMergedQuantiles(t *testing.T) {
	w, err := engine.NewWindows(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w.CountLatencies()
	var points []point
	for n := range 2 {
		for i := range 100 {
			w.Add(engine.Report{Operation: "a", Duration: time.Duration(1+i+100*n) * time.Millisecond})
		}
		p := w.Close(engine.Period{}, nil)
		points = append(points, pointOf(&p.Summaries[0], 0, stateGood))
	}
	sum := points[0]
	sum.merge(points[1])
	if sum.success != 200 {
		t.Errorf("%d successes, want 200", sum.success)
	}
	for _, test := range []struct {
		got  float32
		want float64
	}{{sum.p50, 0.100}, {sum.p95, 0.190}, {sum.p99, 0.198}} {
		if off := math.Abs(math.Log2(float64(test.got) / test.want)); off > 1.0/bucketsPerDoubling {
			t.Errorf("got %g s, want about %g s", test.got, test.want)
		}
	}
	var whole uint64
	for _, c := range unpackLatencies(sum.latencies) {
		whole += c.count
	}
	if whole != 200 {
		t.Errorf("the counts add up to %d", whole)
	}
}

// Codes are added up, as many as a point tells apart.
func TestMergedCodes(t *testing.T) {
	p := point{codes: []engine.CodeCount{{Code: "503", Count: 2}}}
	for _, code := range []string{"503", "a", "b", "c", "d", "e", "f"} {
		p.merge(point{codes: []engine.CodeCount{{Code: code, Count: 1}}})
	}
	if len(p.codes) != maxPointCodes || p.codes[0].Count != 3 {
		t.Errorf("got %v", p.codes)
	}
}
