package engine

import "testing"

// Spans are found by the time at which they came, or a little before.
func TestRecentSince(t *testing.T) {
	const grace = 160 // told every 10 at most
	r := newRecent(1000)
	for now := range int64(500) {
		r.tick(now, grace, now-2*grace)
		r.add(&[16]byte{})
	}
	for since, want := range map[int64]uint64{490: 490, 495: 490, 499: 490, 489: 480, 200: 200, 180: 180, 179: 170} {
		if got := r.firstSince(since); got != want {
			t.Errorf("since %d: the first is number %d, want %d", since, got, want)
		}
	}
	if n := len(r.arrivals); n > 34 {
		t.Errorf("%d times are remembered, want 2 graces of 16 and one before", n)
	}
	// Those that gave up their places are not found.
	small := newRecent(5)
	for now := range int64(100) {
		small.tick(now, grace, now-2*grace)
		small.add(&[16]byte{})
	}
	for since, want := range map[int64]uint64{-1: 95, 0: 95, 98: 95} {
		if got := small.firstSince(since); got != want {
			t.Errorf("since %d: the first is number %d, want %d", since, got, want)
		}
	}
}
