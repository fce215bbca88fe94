package alertmanager

import (
	"testing"

	"github.com/blurooo/go-monitor/v2/alert"
)

// Annotations say how often an alert flaps, and how it ended.
func TestAnnotationsOfTheEnd(t *testing.T) {
	got := annotationsOf(&alert.Alert{State: alert.Resolved, Flapping: alert.Flapping{Count: 7}, EndReason: alert.EndIdle})
	if got["flapping"] != "7" || got["end_reason"] != "idle" {
		t.Errorf("%v", got)
	}
	got = annotationsOf(&alert.Alert{State: alert.Firing})
	if _, ok := got["flapping"]; ok || got["end_reason"] != "" {
		t.Errorf("%v", got)
	}
}
