package replay

import (
	"testing"
	"time"

	"github.com/blurooo/go-monitor/connector/recording/recordingtest"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

func TestResultNamesRootServices(t *testing.T) {
	cause := func(service, operation, code string, share float64) engine.CauseCount {
		return engine.CauseCount{Cause: engine.Cause{Service: service, SpanKind: engine.SpanKindServer, Operation: operation, Code: code}, Count: 1, Share: share}
	}
	tests := []struct {
		name     string
		causes   []engine.CauseCount
		causedBy string
		root     string
		want     string // the cause
		isItself bool
	}{
		{name: "nobody", root: "shop", want: "GET of shop", isItself: true},
		{name: "somebody", causes: []engine.CauseCount{cause("stock", "read", "OK", 1)}, root: "stock", want: "read of stock"},
		{name: "more than itself", causes: []engine.CauseCount{cause("stock", "read", "", 0.4), cause("price", "read", "", 0.3)}, root: "stock", want: "read of stock"},
		{name: "less than itself", causes: []engine.CauseCount{cause("stock", "read", "", 0.4)}, root: "shop", want: "GET of shop", isItself: true},
		{name: "the network", causes: []engine.CauseCount{cause("stock", "read", engine.NetworkCode, 1)}, root: "stock", want: "the network to stock (read)"},
		{name: "another alert", causes: []engine.CauseCount{cause("stock", "read", "", 1)}, causedBy: "root", root: "disk", want: "the network to disk (seek)"},
		{name: "an alert that nobody knows", causes: []engine.CauseCount{cause("stock", "read", "", 1)}, causedBy: "gone", root: "stock", want: "read of stock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newResult()
			at := recordingtest.Noon
			r.add(&engine.Period{Start: at, End: at.Add(time.Minute)}, []alert.Alert{
				{ID: "root", Service: "stock", Operation: "read", SpanKind: engine.SpanKindServer, State: alert.Firing, DecidedAt: at, Causes: []engine.CauseCount{cause("disk", "seek", engine.NetworkCode, 1)}},
				{ID: "one", Service: "shop", Operation: "GET", SpanKind: engine.SpanKindClient, State: alert.Firing, DecidedAt: at.Add(time.Second), Causes: tt.causes, CausedBy: tt.causedBy},
				{ID: "one", Service: "shop", Operation: "GET", SpanKind: engine.SpanKindClient, State: alert.Firing, DecidedAt: at.Add(time.Minute), Repeat: true},
			})
			r.end()
			if len(r.Episodes) != 2 {
				t.Fatalf("%d episodes", len(r.Episodes))
			}
			if e := r.Episodes[1]; e.RootService != tt.root || e.Cause != tt.want || e.isItself != tt.isItself {
				t.Errorf("got %q, %q, itself %v; want %q, %q, itself %v", e.RootService, e.Cause, e.isItself, tt.root, tt.want, tt.isItself)
			}
			if who, when, ok := r.FirstRootService(at); who != tt.root || !when.Equal(at.Add(time.Second)) || !ok {
				t.Errorf("first after the beginning: %q at %s, %v", who, when, ok)
			}
			if _, _, ok := r.FirstRootService(at.Add(time.Second)); ok {
				t.Error("there is none after the last")
			}
		})
	}
}
