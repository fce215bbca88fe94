package alert

import (
	"testing"
	"time"
)

func TestMeasured(t *testing.T) {
	for _, tt := range []struct {
		name  string
		alert Alert
		want  string
	}{
		{"availability", Alert{Objective: Availability, Actual: 0.712, Target: 0.95}, "71.2 % succeed (target 95 %)"},
		{"latency", Alert{Objective: Latency, Actual: 0.5, Target: 0.8, LatencyTarget: 2 * time.Minute}, "50 % of successful calls within 2m (target 80 %)"},
		{"the target is not rounded", Alert{Objective: Availability, Actual: 0.5, Target: 0.9925}, "50 % succeed (target 99.25 %)"},
		{"nor written with noise", Alert{Objective: Availability, Actual: 0.05, Target: 0.07}, "5 % succeed (target 7 %)"},
		{"a near miss is not rounded to the target", Alert{Objective: Availability, Actual: 0.9496, Target: 0.95}, "94.96 % succeed (target 95 %)"},
		{"nor a nearer one", Alert{Objective: Availability, Actual: 0.949996, Target: 0.95}, "94.9996 % succeed (target 95 %)"},
		{"nor is what meets the target rounded below it", Alert{Objective: Availability, Actual: 0.9925, Target: 0.9925}, "99.25 % succeed (target 99.25 %)"},
		{"nor to everything", Alert{Objective: Availability, Actual: 0.9996, Target: 0.9}, "99.96 % succeed (target 90 %)"},
		{"what is above the target may be rounded to it", Alert{Objective: Availability, Actual: 0.0704, Target: 0.07}, "7 % succeed (target 7 %)"},
		{"exactly at the target", Alert{Objective: Availability, Actual: 0.07, Target: 0.07}, "7 % succeed (target 7 %)"},
		{"everything", Alert{Objective: Availability, Actual: 1, Target: 1}, "100 % succeed (target 100 %)"},
		{"nothing", Alert{Objective: Availability, Actual: 0, Target: 1}, "0 % succeed (target 100 %)"},

		{"traffic", Alert{Objective: Traffic, Actual: 8.0 / 3, Target: 10}, "2.7 calls a period (at least 10 expected)"},
		{"silence", Alert{Objective: Traffic, Actual: 0, Target: 1}, "0 calls a period (at least 1 expected)"},
		{"one call", Alert{Objective: Traffic, Actual: 1, Target: 2}, "1 call a period (at least 2 expected)"},
		{"next to no call", Alert{Objective: Traffic, Actual: 0.01, Target: 2}, "0.01 calls a period (at least 2 expected)"},
		{"next to enough calls", Alert{Objective: Traffic, Actual: 9.99, Target: 10}, "9.99 calls a period (at least 10 expected)"},
		{"next to enough calls in the mean", Alert{Objective: Traffic, Actual: 9.97, Target: 9.99}, "9.97 calls a period (at least 9.99 expected)"},
		{"just enough calls", Alert{Objective: Traffic, Actual: 10, Target: 10}, "10 calls a period (at least 10 expected)"},
		{"no traffic expected any more", Alert{Objective: Traffic, Actual: 1}, "1 call a period (none expected any more)"},
		{"stuck", Alert{Objective: Stuck, Actual: 7203.25, Target: 90}, "oldest call in flight for 2h0m3s (stuck after 1m30s)"},
		{"stuck just now", Alert{Objective: Stuck, Actual: 60.001, Target: 60}, "oldest call in flight for 1m0.001s (stuck after 1m)"},
		{"as old as that without being stuck", Alert{Objective: Stuck, Actual: 59.9999, Target: 60}, "oldest call in flight for 1m (stuck after 1m)"},
		{"seconds are no binary fractions", Alert{Objective: Stuck, Actual: 0.57, Target: 0.29}, "oldest call in flight for 570ms (stuck after 290ms)"},
		{"no call in flight", Alert{Objective: Stuck, Target: 60}, "no call in flight (stuck after 1m)"},
		{"stuck does not matter any more", Alert{Objective: Stuck, Actual: 90}, "oldest call in flight for 1m30s (none counts as stuck any more)"},
		{"burning fast", Alert{Objective: BurnRate, Actual: 20, Target: fastBurn}, "error budget burns at 20x (limit 14.4x over 1h)"},
		{"burning slowly", Alert{Objective: BurnRate, Actual: 6.0004, Target: slowBurn}, "error budget burns at 6.0004x (limit 6x over 6h)"},
		{"burning no more", Alert{Objective: BurnRate, Target: fastBurn}, "error budget burns at 0x (limit 14.4x over 1h)"},
		{"no budget any more", Alert{Objective: BurnRate}, "no error budget any more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.alert.Measured(); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestValueText(t *testing.T) {
	for _, tt := range []struct {
		objective     ObjectiveKind
		target, value float64
		want          string
	}{
		{Availability, 0.95, 0.947, "94.7 %"},
		{Availability, 0.95, 0.94999, "94.999 %"},
		{Latency, 0.8, 0.5, "50 %"},
		{Traffic, 10, 1, "1 call a period"},
		{Traffic, 10, 2.5, "2.5 calls a period"},
		{Traffic, 1.5, 0, "0 calls a period"},
		{Stuck, 60, 90, "1m30s"},
		{Stuck, 60, 60.0001, "1m0.0001s"},
		{BurnRate, 14.4, 16.256, "16.3x"},
		{BurnRate, 14.4, 14.41, "14.41x"},
	} {
		a := Alert{Objective: tt.objective, Target: tt.target}
		if got := a.ValueText(tt.value); got != tt.want {
			t.Errorf("%s %v beside %v: %q, want %q", tt.objective, tt.value, tt.target, got, tt.want)
		}
	}
}
