package replay

import (
	"testing"
	"time"

	"github.com/blurooo/go-monitor/connector/recording/recordingtest"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

func TestResultNamesRootServices(t *testing.T) {
	blame := func(service, operation, code string, share float64) engine.CauseCount {
		return engine.CauseCount{Cause: engine.Cause{Service: service, SpanKind: engine.SpanKindServer, Operation: operation, Code: code}, Count: 1, Share: share}
	}
	tests := []struct {
		name     string
		causes   []engine.CauseCount
		causedBy string
		culprit  string
		cause    string
		isItself bool
	}{
		{name: "nobody", culprit: "shop", cause: "GET of shop", isItself: true},
		{name: "somebody", causes: []engine.CauseCount{blame("stock", "read", "OK", 1)}, culprit: "stock", cause: "read of stock"},
		{name: "more than itself", causes: []engine.CauseCount{blame("stock", "read", "", 0.4), blame("price", "read", "", 0.3)}, culprit: "stock", cause: "read of stock"},
		{name: "less than itself", causes: []engine.CauseCount{blame("stock", "read", "", 0.4)}, culprit: "shop", cause: "GET of shop", isItself: true},
		{name: "the network", causes: []engine.CauseCount{blame("stock", "read", engine.NetworkCode, 1)}, culprit: "stock", cause: "the network to stock (read)"},
		{name: "another alert", causes: []engine.CauseCount{blame("stock", "read", "", 1)}, causedBy: "root", culprit: "disk", cause: "the network to disk (seek)"},
		{name: "an alert that nobody knows", causes: []engine.CauseCount{blame("stock", "read", "", 1)}, causedBy: "gone", culprit: "stock", cause: "read of stock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory()
			at := recordingtest.Noon
			s.add(&engine.Period{Start: at, End: at.Add(time.Minute)}, []alert.Alert{
				{ID: "root", Service: "stock", Operation: "read", SpanKind: engine.SpanKindServer, State: alert.Firing, DecidedAt: at, Causes: []engine.CauseCount{blame("disk", "seek", engine.NetworkCode, 1)}},
				{ID: "one", Service: "shop", Operation: "GET", SpanKind: engine.SpanKindClient, State: alert.Firing, DecidedAt: at.Add(time.Second), Causes: tt.causes, CausedBy: tt.causedBy},
				{ID: "one", Service: "shop", Operation: "GET", SpanKind: engine.SpanKindClient, State: alert.Firing, DecidedAt: at.Add(time.Minute), Repeat: true},
			})
			s.end()
			if len(s.Episodes) != 2 {
				t.Fatalf("%d episodes", len(s.Episodes))
			}
			if in := s.Episodes[1]; in.RootService != tt.culprit || in.Cause != tt.cause || in.isItself != tt.isItself {
				t.Errorf("got %q, %q, itself %v; want %q, %q, itself %v", in.RootService, in.Cause, in.isItself, tt.culprit, tt.cause, tt.isItself)
			}
			if who, when, ok := s.FirstRootService(at); who != tt.culprit || !when.Equal(at.Add(time.Second)) || !ok {
				t.Errorf("first after the beginning: %q at %s, %v", who, when, ok)
			}
			if _, _, ok := s.FirstRootService(at.Add(time.Second)); ok {
				t.Error("there is none after the last")
			}
		})
	}
}

// An operation with a firing alert keeps its place while it is silent, so that the alert can be
// resolved.
func TestReplayKeepsWhatFires(t *testing.T) {
	c := engine.TimelineConfig{Config: engine.Config{Period: time.Second, IdlePeriods: 2, Objective: engine.Objective{AlertAfter: 2, RecoverAfter: 2, LatencyTarget: time.Second}}}
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
