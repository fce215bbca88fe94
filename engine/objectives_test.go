package engine

import (
	"testing"
	"time"
)

func TestObjectivesMostSpecificWins(t *testing.T) {
	c := Config{
		Objective:  Objective{LatencyTarget: 100 * ms, AlertAfter: 4},
		Operations: map[string]Objective{"GET /": {LatencyTarget: 200 * ms, SuccessRatio: 0.9}, "GET /fast": {LatencyTarget: 10 * ms}},
		Services: map[string]ServiceObjectives{
			"shop": {
				Objective:  Objective{LatencyTarget: 300 * ms, MinCalls: 7},
				Operations: map[string]Objective{"GET /": {WithinTargetRatio: 0.5, LatencyTarget: 250 * ms}, "GET /own": {LatencyTarget: 400 * ms}},
			},
			"stock": {},
		},
	}
	w := newWindows(t, c)
	if err := w.SetObjective("GET /set", Objective{LatencyTarget: 500 * ms}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		service, operation string
		want               Objective // what differs from the defaults
	}{
		{"mail", "GET /x", Objective{LatencyTarget: 100 * ms}},
		{"mail", "GET /", Objective{LatencyTarget: 200 * ms, SuccessRatio: 0.9}},
		{"stock", "GET /", Objective{LatencyTarget: 200 * ms, SuccessRatio: 0.9}},
		{"stock", "GET /x", Objective{LatencyTarget: 100 * ms}},
		{"shop", "GET /x", Objective{LatencyTarget: 300 * ms, MinCalls: 7}},
		{"shop", "GET /fast", Objective{LatencyTarget: 10 * ms, MinCalls: 7}},
		{"shop", "GET /own", Objective{LatencyTarget: 400 * ms, MinCalls: 7}},
		{"shop", "GET /", Objective{LatencyTarget: 250 * ms, SuccessRatio: 0.9, WithinTargetRatio: 0.5, MinCalls: 7}},
		{"shop", "GET /set", Objective{LatencyTarget: 500 * ms, MinCalls: 7}},
		{"mail", "GET /set", Objective{LatencyTarget: 500 * ms}},
	}
	w.Close(Period{}, nil) // what was set takes effect
	for _, tt := range tests {
		w.Add(Report{Service: tt.service, Operation: tt.operation})
	}
	p := w.Close(Period{}, nil)
	for _, tt := range tests {
		want := tt.want.Inherit(Objective{AlertAfter: 4}).Inherit(DefaultObjective())
		for _, s := range p.Summaries {
			if s.Service == tt.service && s.Operation == tt.operation && s.Objective != want {
				t.Errorf("%s, %s: expected is\n%+v, want\n%+v", tt.service, tt.operation, s.Objective, want)
			}
		}
	}
	shortest := time.Hour
	w.objectives.each(func(o *Objective) { shortest = min(shortest, o.LatencyTarget) })
	if shortest != 10*ms {
		t.Errorf("the shortest latency target is %s, want 10ms", shortest)
	}
}

func TestServicesAreValidated(t *testing.T) {
	c := Config{Services: map[string]ServiceObjectives{
		"b": {Objective: Objective{SuccessRatio: 2}},
		"a": {Operations: map[string]Objective{"GET /": {AlertAfter: -1}}},
	}}
	want := `services["a"].operations["GET /"].alert_after: must be between 1 and 100, got -1` + "\n" +
		`services["b"].objective.success_ratio: must be above 0 and at most 1, got 2`
	if err := c.Validate(); err == nil || err.Error() != want {
		t.Errorf("Validate:\n%v\nwant\n%s", err, want)
	}
}
