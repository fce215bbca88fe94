package engine

import (
	"math"
	"testing"
	"time"
)

func TestDefaultObjectiveIsValid(t *testing.T) {
	o := DefaultObjective()
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
	want := Objective{SuccessRatio: 0.95, LatencyTarget: 500 * time.Millisecond, WithinTarget: 0.8, AlertAfter: 3, RecoverAfter: 3, MinCalls: 1}
	if o != want {
		t.Errorf("got %+v, want %+v", o, want)
	}
	if got := (Objective{}).Inherit(o); got != o {
		t.Errorf("a zero objective inherits %+v, want everything", got)
	}
}

func TestObjectiveInheritsFieldByField(t *testing.T) {
	parent := DefaultObjective()
	own := Objective{SuccessRatio: 0.5, LatencyTarget: time.Second, WithinTarget: 0.25, AlertAfter: 1, RecoverAfter: 7, MinCalls: 100}
	if got := own.Inherit(parent); got != own {
		t.Errorf("an objective that says everything inherited something: %+v", got)
	}
	tests := map[string]struct {
		set  func(*Objective)
		want Objective
	}{
		"success_ratio":  {func(o *Objective) { o.SuccessRatio = own.SuccessRatio }, Objective{0.5, parent.LatencyTarget, 0.8, 3, 3, 1}},
		"latency_target": {func(o *Objective) { o.LatencyTarget = own.LatencyTarget }, Objective{0.95, time.Second, 0.8, 3, 3, 1}},
		"within_target":  {func(o *Objective) { o.WithinTarget = own.WithinTarget }, Objective{0.95, parent.LatencyTarget, 0.25, 3, 3, 1}},
		"alert_after":    {func(o *Objective) { o.AlertAfter = own.AlertAfter }, Objective{0.95, parent.LatencyTarget, 0.8, 1, 3, 1}},
		"recover_after":  {func(o *Objective) { o.RecoverAfter = own.RecoverAfter }, Objective{0.95, parent.LatencyTarget, 0.8, 3, 7, 1}},
		"min_calls":      {func(o *Objective) { o.MinCalls = own.MinCalls }, Objective{0.95, parent.LatencyTarget, 0.8, 3, 3, 100}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var o Objective
			tt.set(&o)
			if got := o.Inherit(parent); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestObjectiveValidate(t *testing.T) {
	tests := map[string]struct {
		o    Objective
		want string // empty: valid
	}{
		"zero":    {Objective{}, ""},
		"least":   {Objective{math.SmallestNonzeroFloat64, 1, math.SmallestNonzeroFloat64, 1, 1, 1}, ""},
		"most":    {Objective{1, 24 * time.Hour, 1, 100, 100, 1_000_000_000}, ""},
		"N and M": {Objective{AlertAfter: 1, RecoverAfter: 1}, ""},

		"success_ratio negative": {Objective{SuccessRatio: -0.1}, "success_ratio: must be above 0 and at most 1, got -0.1"},
		"success_ratio percent":  {Objective{SuccessRatio: 95}, "success_ratio: must be above 0 and at most 1, got 95"},
		"success_ratio NaN":      {Objective{SuccessRatio: math.NaN()}, "success_ratio: must be above 0 and at most 1, got NaN"},
		"within_target infinite": {Objective{WithinTarget: math.Inf(1)}, "within_target: must be above 0 and at most 1, got +Inf"},
		"within_target above":    {Objective{WithinTarget: 1.01}, "within_target: must be above 0 and at most 1, got 1.01"},
		"latency_target":         {Objective{LatencyTarget: -time.Second}, "latency_target: must be above 0s and at most 24h, got -1s"},
		"latency_target long":    {Objective{LatencyTarget: 24*time.Hour + 1}, "latency_target: must be above 0s and at most 24h, got 24h0m0.000000001s"},
		"alert_after":            {Objective{AlertAfter: -1}, "alert_after: must be between 1 and 100, got -1"},
		"alert_after many":       {Objective{AlertAfter: 101}, "alert_after: must be between 1 and 100, got 101"},
		"recover_after":          {Objective{RecoverAfter: -3}, "recover_after: must be between 1 and 100, got -3"},
		"recover_after many":     {Objective{RecoverAfter: 101}, "recover_after: must be between 1 and 100, got 101"},
		"min_calls":              {Objective{MinCalls: math.MinInt}, "min_calls: must be between 1 and 1000000000, got -9223372036854775808"},
		"min_calls many":         {Objective{MinCalls: 1_000_000_001}, "min_calls: must be between 1 and 1000000000, got 1000000001"},
		"all at once": {
			Objective{2, -1, 3, -1, -2, -3},
			"success_ratio: must be above 0 and at most 1, got 2\n" +
				"latency_target: must be above 0s and at most 24h, got -1ns\n" +
				"within_target: must be above 0 and at most 1, got 3\n" +
				"alert_after: must be between 1 and 100, got -1\n" +
				"recover_after: must be between 1 and 100, got -2\n" +
				"min_calls: must be between 1 and 1000000000, got -3",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { checkError(t, tt.o.Validate(), tt.want) })
	}
}
