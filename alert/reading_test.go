package alert

import (
	"math"
	"testing"
)

func TestReadingsOfAKindAddUp(t *testing.T) {
	fast, slow := reading{extreme: 20, target: fastBurn}, reading{extreme: 8, target: slowBurn}
	slower := reading{extreme: 10, target: slowBurn}
	for _, tt := range []struct {
		name       string
		kind       ObjectiveKind
		a, b, want reading
	}{
		{"the burn rate nearer to its limit is the first", BurnRate, fast, slow, fast},
		{"or the second", BurnRate, slow, fast, fast},
		{"though it is smaller", BurnRate, fast, slower, slower},
		{"of equals the later one", BurnRate, reading{target: fastBurn}, reading{target: slowBurn}, reading{target: slowBurn}},
		{"the oldest call was first", Stuck, reading{extreme: 90, target: 60}, reading{extreme: 70, target: 60}, reading{extreme: 90, target: 60}},
		{"or later", Stuck, reading{extreme: 70, target: 60}, reading{extreme: 90, target: 60}, reading{extreme: 90, target: 60}},
		{"the least traffic is a mean, as the traffic is", Traffic,
			reading{part: 49, whole: 1, target: 50}, reading{part: 50, whole: 2, target: 35}, reading{part: 99, whole: 3, target: 40}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.a.plus(tt.kind, tt.b); got != tt.want {
				t.Errorf("sum = %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestReadingAddsUp(t *testing.T) {
	a := reading{part: 1, whole: 2, target: 0.9, extreme: 5}
	b := reading{part: 9, whole: 18, target: 0.8, extreme: 3}
	want := reading{part: 10, whole: 20, target: 0.8, extreme: 5}
	if got := a.plus(Availability, b); got != want {
		t.Errorf("sum = %+v, want %+v: the later target counts", got, want)
	}
	if got := (reading{}).value(Availability); got != 1 {
		t.Errorf("ratio of no calls = %v, want 1", got)
	}
	if got := (reading{part: 0, whole: math.MaxUint64}).value(Latency); got != 0 {
		t.Errorf("ratio without a good call = %v, want 0", got)
	}
}
