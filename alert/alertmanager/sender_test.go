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
	s := &sender{held: newHeld(10), lines: []*line{l}, resendDelay: time.Minute}
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

// What one address took need not wait for another one.
func TestTakenByAnother(t *testing.T) {
	quick, hung := new(line), &line{isBusy: true}
	s := &sender{held: newHeld(10), lines: []*line{quick, hung}, resendDelay: time.Minute}
	n := &notification{
		entries:  []*entry{entryFor(t, "a", alert.Firing, begin, begin)},
		reply:    make(chan error, 1),
		outcomes: make(map[*line]outcome),
	}
	hung.waiting = []*notification{n}
	s.hear(n, landing{line: quick})
	if err := <-n.reply; err != nil {
		t.Error(err)
	}
	if len(hung.waiting) != 0 || !hung.behind {
		t.Errorf("%d wait, behind: %v", len(hung.waiting), hung.behind)
	}
}
