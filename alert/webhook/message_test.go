package webhook

import (
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// Annotations say how often an alert flaps, and how it ended.
func TestAnnotationsOfTheEnd(t *testing.T) {
	a := incident()
	a.Flapping = alert.Flapping{Count: 7, Since: a.StartsAt.Add(-time.Hour)}
	item, err := newItem(&a, maxEvidence)
	if err != nil || item.Annotations["flapping"] != "7" || item.Annotations["end_reason"] != "" {
		t.Errorf("flapping: %v, %v", item.Annotations, err)
	}
	a = recovery()
	a.EndReason = alert.EndIdle
	item, err = newItem(&a, maxEvidence)
	if err != nil || item.Annotations["end_reason"] != "idle" || item.Annotations["flapping"] != "" {
		t.Errorf("ended: %v, %v", item.Annotations, err)
	}
}
