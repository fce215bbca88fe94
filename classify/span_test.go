package classify

import (
	"math"
	"testing"
	"time"
)

func TestIsPanic(t *testing.T) {
	const end = 1_800_000_000_000_000_000
	for gap, want := range map[time.Duration]bool{
		-time.Second: false, -1: false, 0: false, 1: true, time.Millisecond: true, time.Second: true, time.Second + 1: false,
		math.MaxInt64: false, math.MinInt64: false,
	} {
		if got := IsPanic(gap); got != want {
			t.Errorf("%s after the end: %t, want %t", gap, got, want)
		}
		if got := IsPanicAt(end, end+uint64(gap)); got != want {
			t.Errorf("%s after the end, by its time: %t, want %t", gap, got, want)
		}
	}
	for _, tt := range []struct {
		end, exception uint64
		want           bool
	}{
		{0, 0, false}, {0, 1, true}, {0, math.MaxUint64, false}, {math.MaxUint64, 0, false},
		{math.MaxUint64 - 1, math.MaxUint64, true}, {math.MaxUint64, math.MaxUint64, false}, {math.MaxInt64, math.MaxInt64 + 1, true},
	} {
		if got := IsPanicAt(tt.end, tt.exception); got != tt.want {
			t.Errorf("end %d, exception %d: %t, want %t", tt.end, tt.exception, got, tt.want)
		}
	}
}
