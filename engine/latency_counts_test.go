package engine

import (
	"math"
	"slices"
	"testing"
	"time"
)

// Summaries count latencies in wide buckets once somebody watches, and not before.
func TestLatencyCounts(t *testing.T) {
	w, err := NewWindows(Config{})
	if err != nil {
		t.Fatal(err)
	}
	period := func() Summary {
		for range 3 {
			w.Add(Report{Operation: "a", Duration: 10 * time.Millisecond})
		}
		w.Add(Report{Operation: "a", Duration: 2 * time.Second})
		w.Add(Report{Operation: "a", Duration: 0})
		w.Add(Report{Operation: "a", Duration: time.Hour, Outcome: OutcomeFailure})
		return w.Close(Period{Start: time.Unix(0, 0), End: time.Unix(60, 0)}, nil).Summaries[0]
	}
	if s := period(); s.LatencyCounts != nil {
		t.Errorf("nobody watches, and it counts %v", s.LatencyCounts)
	}
	w.CountLatencies()
	for range 2 { // nothing is left of a period in the next one
		s := period()
		if len(s.LatencyCounts) != 3 {
			t.Fatalf("got %v, want three buckets", s.LatencyCounts)
		}
		if !slices.IsSortedFunc(s.LatencyCounts, func(a, b TimeCount) int { return int(a.Duration - b.Duration) }) {
			t.Errorf("not sorted: %v", s.LatencyCounts)
		}
		for i, want := range []TimeCount{{zeroThreshold, 1}, {10 * time.Millisecond, 3}, {2 * time.Second, 1}} {
			got := s.LatencyCounts[i]
			if got.Count != want.Count {
				t.Errorf("bucket %d counts %d, want %d", i, got.Count, want.Count)
			}
			// The middle of a bucket is at most half its width away from what it holds.
			if off := math.Abs(math.Log2(float64(got.Duration) / float64(want.Duration))); off > 1.01/(2<<latencyScale) {
				t.Errorf("bucket %d stands for %s, which is too far from %s", i, got.Duration, want.Duration)
			}
		}
		if c := s.Clone(); &c.LatencyCounts[0] == &s.LatencyCounts[0] {
			t.Error("the clone shares its counts")
		}
	}
}
