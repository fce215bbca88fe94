package replay

import (
	"testing"
	"time"

	"github.com/blurooo/go-monitor/connector/recording/recordingtest"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// An operation with a firing alert keeps its place while it is silent, so that the alert can be
// resolved.
func TestReplayKeepsWhatFires(t *testing.T) {
	c := engine.TimelineConfig{Config: engine.Config{Period: time.Second, IdlePeriods: 2, Objective: engine.Objective{AlertAfter: 2, RecoverAfter: 2, LatencyTarget: time.Second, MinCalls: 1, Confidence: -1}}}
	var states []alert.State
	r, err := New(c, func(p *engine.Period, alerts []alert.Alert) {
		if p.Start.Location() != time.UTC || p.End.Location() != time.UTC {
			t.Error("not UTC")
		}
		for _, a := range alerts {
			states = append(states, a.State)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		end := recordingtest.Noon.Add(time.Duration(i) * time.Second).UnixNano()
		r.Add(&engine.Span{Service: "s", Operation: "other", End: end})
		switch {
		case i < 5:
			r.Add(&engine.Span{Service: "s", Operation: "op", End: end, Duration: 2 * time.Second})
		case i >= 30:
			r.Add(&engine.Span{Service: "s", Operation: "op", End: end, Duration: time.Millisecond})
		}
	}
	r.Close()
	if len(states) != 2 || states[0] != alert.Firing || states[1] != alert.Resolved {
		t.Errorf("got %v", states)
	}
}

// Calls that come seldom are judged, however far apart they are, and so is the silence between them.
func TestReplayJudgesPauses(t *testing.T) {
	for _, gap := range []time.Duration{20 * time.Second, 61 * time.Second, 90 * time.Second, 120 * time.Second, 10 * time.Minute} {
		t.Run(gap.String(), func(t *testing.T) {
			fired, partial := 0, 0
			r, err := New(engine.TimelineConfig{}, func(p *engine.Period, alerts []alert.Alert) {
				if p.Partial {
					partial++
				}
				for _, a := range alerts {
					if a.State == alert.Firing {
						fired++
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 120 {
				end := recordingtest.Noon.Add(time.Duration(i) * gap).UnixNano()
				r.Add(&engine.Span{Service: "s", Operation: "op", SpanKind: engine.SpanKindServer, Outcome: engine.OutcomeFailure, Code: "503", End: end, Duration: time.Millisecond})
			}
			r.Close()
			if fired != 1 || partial > 2 {
				t.Errorf("%d alerts fired, %d periods were cut short, want one alert and the ends", fired, partial)
			}
		})
	}
}
