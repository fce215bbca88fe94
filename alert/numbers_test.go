package alert

import (
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestPercent(t *testing.T) {
	for _, tt := range []struct {
		ratio float64
		want  string
	}{
		{1, "100 %"},
		{0, "0 %"},
		{0.5, "50 %"},
		{0.71, "71 %"},
		{0.07, "7 %"},
		{0.29, "29 %"},
		{0.57, "57 %"},
		{1. / 3, "33.3 %"},
		{2. / 3, "66.7 %"},
		{0.999, "99.9 %"},
		{0.9996, "99.96 %"},
		{0.99999, "99.999 %"},
		{0.9999999, "99.99999 %"},
		{2999999. / 3000000, "99.99997 %"},
		{(1e12 - 1) / 1e12, "99.9999999999 %"},
		{0.00001, "0.001 %"},
		{1e-7, "0.00001 %"},
		{1e-12, "0.0000000001 %"},
		{1e-30, "0 %"},
	} {
		if got := Percent(tt.ratio); got != tt.want {
			t.Errorf("Percent(%v) = %q, want %q", tt.ratio, got, tt.want)
		}
	}
}

func TestRounded(t *testing.T) {
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0s"},
		{1, "1ns"},
		{999, "999ns"},
		{1004, "1µs"},
		{1005, "1.01µs"},
		{45_678 * time.Microsecond, "45.7ms"},
		{1234567890, "1.23s"},
		{59_999 * time.Millisecond, "1m"},
		{90 * time.Second, "1m30s"},
		{20 * time.Minute, "20m"},
		{time.Hour, "1h"},
		{time.Hour + 30*time.Minute, "1h30m"},
		{6*time.Hour + 43*time.Minute, "6h43m"},
		{time.Minute + 400*time.Millisecond, "1m"},
		{26*time.Hour + 3*time.Minute + 4500*time.Millisecond, "26h3m5s"},
	} {
		if got := Rounded(tt.d); got != tt.want {
			t.Errorf("rounded(%d) = %q, want %q", tt.d, got, tt.want)
		}
	}
}

func TestCounted(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 calls", 1: "1 call", 2: "2 calls"} {
		if got := Counted(n, "call"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestExact(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 2 * time.Minute: "2m", 90 * time.Second: "1m30s", 20 * time.Minute: "20m", time.Hour: "1h",
		10*time.Hour + 10*time.Minute: "10h10m", time.Hour + time.Second: "1h0m1s", 1234 * time.Microsecond: "1.234ms",
	} {
		if got := Exact(d); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A burn rate that misses its limit by little is not shown as the limit.
func TestBurnRateTexts(t *testing.T) {
	r := engine.BurnRates{Minutes5: 14.4, Minutes30: 6.001, Hour1: 14.41, Hours6: 0}
	if got, want := BurnRateTexts(r), [4]string{"14.4x", "6.001x", "14.41x", "0x"}; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
