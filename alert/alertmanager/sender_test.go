package alertmanager

import (
	"fmt"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// Callers who don't wait for a busy address leave nothing behind but their alerts.
func TestCallersWhoLeave(t *testing.T) {
	l := &line{isBusy: true}
	s := &sender{held: newHeld(10), lines: []*line{l}, resendEvery: time.Minute}
	for i := range 1000 {
		n := &notification{entries: []*entry{entryFor(t, fmt.Sprint(i%7), alert.Firing, begin, begin)}}
		s.take(n, begin)
		n.isLeft.Store(true)
	}
	if len(l.waiting) != 1 || !l.behind || s.held.len() != 7 {
		t.Errorf("%d wait, behind: %v, %d held", len(l.waiting), l.behind, s.held.len())
	}
	if got := s.load(l.waiting, l.behind); len(got) != 7 {
		t.Errorf("%d alerts to tell of, want all", len(got))
	}
}
