package alert

import (
	"testing"

	"github.com/blurooo/go-monitor/v2/engine"
)

// The ledger holds what fires: the newest state of each alert, and none that has ended.
func TestLedger(t *testing.T) {
	a := Alert{ID: "1", Operation: "a", Objective: Availability, State: Firing, Evidence: []engine.Summary{{Count: 3}}}
	b := Alert{ID: "2", Operation: "b", Objective: Latency, State: Firing}
	var l Ledger
	if got := l.Firing(); len(got) != 0 {
		t.Errorf("an empty ledger holds %v", got)
	}
	l.Enter([]Alert{a, b})
	a.Evidence[0].Count = 4
	if got := l.Firing(); len(got) != 2 || got[0].Evidence[0].Count != 3 {
		t.Errorf("got %v, want copies of both", got)
	}
	again, end := a, b
	again.Repeat, end.State = true, Resolved
	l.Enter([]Alert{again, end})
	if got := l.Firing(); len(got) != 1 || got[0].ID != "1" || !got[0].Repeat {
		t.Errorf("got %v, want the repeat alone", got)
	}
}
