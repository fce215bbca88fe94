package engine

import (
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"
)

func TestDefaultObjectiveIsValid(t *testing.T) {
	o := DefaultObjective()
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
	want := Objective{SuccessRatio: 0.95, LatencyTarget: 500 * time.Millisecond, WithinTargetRatio: 0.8, AlertAfter: 3, RecoverAfter: 3, MinCalls: 5, Confidence: 0.95}
	if o != want {
		t.Errorf("got %+v, want %+v", o, want)
	}
	if got := (Objective{}).Inherit(o); got != o {
		t.Errorf("a zero objective inherits %+v, want everything", got)
	}
}

// basic returns an objective with all its fields that have a default, Confidence with its own.
func basic(success float64, target time.Duration, within float64, n, m, calls int) Objective {
	return Objective{SuccessRatio: success, LatencyTarget: target, WithinTargetRatio: within, AlertAfter: n, RecoverAfter: m, MinCalls: calls, Confidence: 0.95}
}

// everything returns an objective none of whose fields is zero.
func everything() Objective {
	o := basic(0.5, time.Second, 0.25, 1, 7, 100)
	o.Confidence, o.MinTraffic, o.MinTrafficRatio = 0.9, 5, 0.3
	o.StuckAfter, o.SLO, o.RepeatInterval, o.AlertFor = time.Minute, 0.999, time.Hour, time.Minute
	o.EndAfterIdle = 30
	return o
}

func TestObjectiveInheritsFieldByField(t *testing.T) {
	own := everything()
	if got := own.Inherit(DefaultObjective()); got != own {
		t.Errorf("an objective that says everything inherited something: %+v", got)
	}
	parent := everything()
	for i := range reflect.TypeFor[Objective]().NumField() {
		field := reflect.TypeFor[Objective]().Field(i)
		if reflect.ValueOf(own).Field(i).IsZero() {
			t.Errorf("%s: the test does not set it", field.Name)
		}
		for _, other := range []int64{2, -1} { // a negative value is one, too
			var o Objective
			want := parent
			for _, v := range []reflect.Value{reflect.ValueOf(&o).Elem().Field(i), reflect.ValueOf(&want).Elem().Field(i)} {
				if v.CanFloat() {
					v.SetFloat(float64(other))
				} else {
					v.SetInt(other)
				}
			}
			if got := o.Inherit(parent); got != want {
				t.Errorf("%s: got %+v, want %+v", field.Name, got, want)
			}
		}
	}
}

func TestObjectiveValidate(t *testing.T) {
	tests := map[string]struct {
		o    Objective
		want string // empty: valid
	}{
		"zero":                {Objective{}, ""},
		"least":               {basic(math.SmallestNonzeroFloat64, 10*time.Microsecond, math.SmallestNonzeroFloat64, 1, 1, 1), ""},
		"most":                {basic(1, 24*time.Hour, 1, 100, 100, 1_000_000_000), ""},
		"most of what is off": {Objective{Confidence: 0.999999, AlertFor: 24 * time.Hour, MinTraffic: 1_000_000_000, MinTrafficRatio: 0.999999, StuckAfter: 24 * time.Hour, SLO: 0.999999, RepeatInterval: 30 * 24 * time.Hour}, ""},
		"all off":             {Objective{Confidence: -1, AlertFor: -1, MinTraffic: -1, MinTrafficRatio: -1, StuckAfter: -1, SLO: -1, RepeatInterval: -1}, ""},
		"too much of what is off": {
			Objective{Confidence: 1, AlertFor: 25 * time.Hour, MinTraffic: 1_000_000_001, MinTrafficRatio: math.NaN(), StuckAfter: 24*time.Hour + 1, SLO: 1.5, RepeatInterval: 721 * time.Hour},
			"confidence: must be above 0 and below 1, or negative for none, got 1\n" +
				"alert_for: must be at most 24h, or negative for none, got 25h0m0s\n" +
				"min_traffic: must be at most 1000000000, or negative for none, got 1000000001\n" +
				"min_traffic_ratio: must be above 0 and below 1, or negative for none, got NaN\n" +
				"stuck_after: must be at most 24h, or negative for none, got 24h0m0.000000001s\n" +
				"slo: must be above 5/6, so that the burn rate can exceed 6, and below 1, or negative for none, got 1.5\n" +
				"repeat_interval: must be at most 720h, or negative for none, got 721h0m0s",
		},
		"N and M": {Objective{AlertAfter: 1, RecoverAfter: 1}, ""},

		"success_ratio negative": {Objective{SuccessRatio: -0.1}, "success_ratio: must be above 0 and at most 1, got -0.1"},
		"success_ratio percent":  {Objective{SuccessRatio: 95}, "success_ratio: must be above 0 and at most 1, got 95"},
		"success_ratio NaN":      {Objective{SuccessRatio: math.NaN()}, "success_ratio: must be above 0 and at most 1, got NaN"},
		"within_target infinite": {Objective{WithinTargetRatio: math.Inf(1)}, "within_target_ratio: must be above 0 and at most 1, got +Inf"},
		"within_target above":    {Objective{WithinTargetRatio: 1.01}, "within_target_ratio: must be above 0 and at most 1, got 1.01"},
		"latency_target off":     {Objective{LatencyTarget: -time.Second}, ""},
		"latency_target long":    {Objective{LatencyTarget: 24*time.Hour + 1}, "latency_target: must be at most 24h, or negative for none, got 24h0m0.000000001s"},
		"latency_target in ns":   {Objective{LatencyTarget: 300}, "latency_target: must be at least 10µs, or negative for none, got 300ns; a number without a unit is nanoseconds, probably 300ms or 300s is meant"},
		"stuck_after in ns":      {Objective{StuckAfter: 60_000}, "stuck_after: must be at least 1ms, or negative for none, got 60µs; a number without a unit is nanoseconds, probably 60000ms or 60000s is meant"},
		"alert_after":            {Objective{AlertAfter: -1}, "alert_after: must be between 1 and 100, got -1"},
		"alert_after many":       {Objective{AlertAfter: 101}, "alert_after: must be between 1 and 100, got 101"},
		"recover_after":          {Objective{RecoverAfter: -3}, "recover_after: must be between 1 and 100, got -3"},
		"recover_after many":     {Objective{RecoverAfter: 101}, "recover_after: must be between 1 and 100, got 101"},
		"min_calls":              {Objective{MinCalls: math.MinInt}, fmt.Sprint("min_calls: must be between 1 and 1000000000, got ", math.MinInt)},
		"min_calls many":         {Objective{MinCalls: 1_000_000_001}, "min_calls: must be between 1 and 1000000000, got 1000000001"},
		"all at once": {
			basic(2, 25*time.Hour, 3, -1, -2, -3),
			"success_ratio: must be above 0 and at most 1, got 2\n" +
				"latency_target: must be at most 24h, or negative for none, got 25h0m0s\n" +
				"within_target_ratio: must be above 0 and at most 1, got 3\n" +
				"alert_after: must be between 1 and 100, got -1\n" +
				"recover_after: must be between 1 and 100, got -2\n" +
				"min_calls: must be between 1 and 1000000000, got -3",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { checkError(t, tt.o.Validate(), tt.want) })
	}
}

// An SLO is refused if no alert could ever fire, and the error says what was meant.
func TestObjectiveSLO(t *testing.T) {
	const outOfBounds = "slo: must be above 5/6, so that the burn rate can exceed 6, and below 1, or negative for none, got "
	for slo, want := range map[float64]string{
		0:           "",
		-1:          "",
		0.001:       "slo: 0.001 is an error budget; the objective is what must succeed: 0.999",
		0.0005:      "slo: 0.0005 is an error budget; the objective is what must succeed: 0.9995",
		0.01:        "slo: 0.01 is an error budget; the objective is what must succeed: 0.99",
		0.1:         "slo: 0.1 is an error budget; the objective is what must succeed: 0.9",
		0.166:       "slo: 0.166 is an error budget; the objective is what must succeed: 0.834",
		0.167:       outOfBounds + "0.167",
		0.5:         outOfBounds + "0.5",
		0.8333:      outOfBounds + "0.8333",
		0.8334:      "",
		0.9:         "",
		0.999:       "",
		0.999999999: "",
		1:           outOfBounds + "1",
		1.5:         outOfBounds + "1.5",
		99.9:        "slo: 99.9 is a percentage; the objective is a share: 0.999",
		95:          "slo: 95 is a percentage; the objective is a share: 0.95",
		50:          outOfBounds + "50",
		100:         outOfBounds + "100",
		math.Inf(1): outOfBounds + "+Inf",
	} {
		checkError(t, Objective{SLO: slo}.Validate(), want)
	}
	checkError(t, Objective{SLO: math.NaN()}.Validate(), outOfBounds+"NaN")
	checkError(t, Objective{SLO: 5e-324}.Validate(), outOfBounds+"5e-324")
}

// Where every call fails, the budget burns 1/(1-SLO) times too fast: what is valid reaches the
// limit of the slower rule, and what is refused does not.
func TestObjectiveSLOAtTheLimit(t *testing.T) {
	limit := 1 - 1.0/slowestBurn
	for range 100 {
		limit = math.Nextafter(limit, 0)
	}
	for range 200 {
		burns := 1/(1-limit) > slowestBurn
		if isValid := (Objective{SLO: limit}).Validate() == nil; isValid != burns {
			t.Errorf("an SLO of %v is valid: %t, and an alert can fire: %t", limit, isValid, burns)
		}
		limit = math.Nextafter(limit, 1)
	}
}
