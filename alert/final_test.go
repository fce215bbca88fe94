package alert

import (
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// A process that ends is judged by the calls of its last period, though that was cut short.
func TestFinalPeriod(t *testing.T) {
	const good, bad, few, none = 'S', 'F', 'f', ' '
	tests := map[string]struct {
		periods string // the last one is the final one, and partial
		partial bool   // the last one is partial but not final
		want    int    // alerts
	}{
		"a job that fails from start to end":           {periods: "F", want: 1},
		"two periods and a part, all bad":              {periods: "FF", want: 1},
		"one that worked at first":                     {periods: "SF"},
		"one that was not called at first":             {periods: " F"},
		"N bad periods, the last one cut short":        {periods: "SFFF", want: 1},
		"a long life with two bad periods":             {periods: "SSSSFF"},
		"a period cut short in the middle of its life": {periods: "F", partial: true},
		"too few calls":                                {periods: "f"},
		"a job that works":                             {periods: "S"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			j := NewJudge()
			var alerts []Alert
			for i, what := range tt.periods {
				start := time.Date(2026, 3, 1, 9, i, 0, 0, time.UTC)
				isLast := i == len(tt.periods)-1
				p := engine.Period{Start: start, End: start.Add(time.Minute), Partial: isLast, Final: isLast && !tt.partial}
				objective := engine.DefaultObjective()
				objective.MinCalls = 5
				s := engine.Summary{Operation: "job", Start: p.Start, End: p.End, Partial: p.Partial, Objective: objective}
				switch what {
				case good:
					s.Success, s.WithinTarget = 10, 10
				case bad:
					s.Failure = 10
				case few:
					s.Failure = 4
				}
				s.Count = s.Success + s.Failure
				if what != none {
					p.Summaries = []engine.Summary{s}
				}
				alerts = append(alerts, j.Judge(&p)...)
			}
			if len(alerts) != tt.want {
				t.Errorf("%d alerts, want %d: %v", len(alerts), tt.want, alerts)
			}
		})
	}
}

// Too little of a final period has passed to say that calls are missing.
func TestFinalPeriodSaysNothingOfTraffic(t *testing.T) {
	j := NewJudge()
	start := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	objective := engine.DefaultObjective()
	objective.MinTraffic, objective.AlertAfter = 100, 1
	p := engine.Period{Start: start, End: start.Add(time.Second), Partial: true, Final: true, Summaries: []engine.Summary{{
		Operation: "job", Start: start, End: start.Add(time.Second), Partial: true,
		Objective: objective, Count: 10, Success: 10, WithinTarget: 10,
	}}}
	if alerts := j.Judge(&p); len(alerts) > 0 {
		t.Errorf("alerts: %v", alerts)
	}
}
