package alertmanager

import (
	"context"
	"slices"
	"sync/atomic"
	"time"
)

// sender holds the alerts, and a line to each address. It belongs to the notifier's goroutine.
// At most one sending at a time is under way to an address, so that an address gets alerts
// in order. A slow address delays only its own line.
type sender struct {
	held        *held
	lines       []*line
	resendDelay time.Duration
	ctx         context.Context // of all requests
	landed      chan landing
	isCut       bool // a sending was under way when ctx ended
}

// line is the way to one address.
type line struct {
	address *address
	stats   AddressStats
	isBusy  bool
	carries []*notification // those that the sending under way is of
	waiting []*notification // those that came meanwhile
	behind  bool            // alerts of others came meanwhile, which nobody waits for any more
}

// notification is one call of Notify, which waits for the reply.
type notification struct {
	entries    []*entry
	reply      chan error // has room for the one reply
	isAnswered bool
	isLeft     atomic.Bool       // nobody waits for the reply any more
	outcomes   map[*line]outcome // of the addresses that did not take it
}

// landing is the end of a sending.
type landing struct {
	line *line
	outcome
}

// take keeps a notification's alerts and sends them to every address that is not busy.
func (s *sender) take(n *notification, now time.Time) {
	for _, e := range n.entries {
		s.held.put(e, now)
	}
	for _, l := range s.lines {
		if l.isBusy {
			l.drop(func(n *notification) bool { return n.isLeft.Load() })
			l.waiting = append(l.waiting, n)
			continue
		}
		s.send(l, []*notification{n}, bodies(s.load([]*notification{n}, false), now, s.resendDelay))
	}
}

// resend sends everything to every address that is not busy, after forgetting what was
// resolved long enough ago.
func (s *sender) resend(now time.Time) {
	s.held.forget(now)
	all := bodies(s.held.all(), now, s.resendDelay)
	for _, l := range s.lines {
		if !l.isBusy && len(all) > 0 {
			s.send(l, nil, all)
		}
	}
}

// settle records the outcome of a sending, replies to the notifications that it decides, and
// sends what came for the address meanwhile.
func (s *sender) settle(done landing, now time.Time) {
	l := done.line
	carried := l.carries
	l.isBusy, l.carries = false, nil
	if done.err == nil {
		l.stats.Sent++
		l.stats.LastError = ""
	} else {
		s.isCut = s.isCut || s.ctx.Err() != nil
		l.stats.Failed++
		l.stats.LastError = done.err.Error()
	}
	for _, n := range carried {
		s.hear(n, done)
	}
	if len(l.waiting) > 0 || l.behind {
		notes, behind := l.waiting, l.behind
		l.waiting, l.behind = nil, false
		if missed := bodies(s.load(notes, behind), now, s.resendDelay); len(missed) > 0 {
			s.send(l, notes, missed)
		}
	}
}

// hear records the outcome of sending a notification to one address.
func (s *sender) hear(n *notification, done landing) {
	if n.isAnswered {
		return
	}
	if done.err != nil {
		if n.outcomes[done.line] = done.outcome; len(n.outcomes) == len(s.lines) {
			n.isAnswered = true
			n.reply <- failure(s.inOrder(n.outcomes))
		}
		return
	}
	n.isAnswered = true
	n.reply <- nil
	// The addresses that have not got it will get its alerts, which are held.
	for _, l := range s.lines {
		l.drop(func(other *notification) bool { return other == n })
	}
}

// drop removes notifications that wait for the line. The line will send all held alerts instead.
func (l *line) drop(which func(*notification) bool) {
	before := len(l.waiting)
	l.waiting = slices.DeleteFunc(l.waiting, which)
	l.behind = l.behind || len(l.waiting) < before
}

// inOrder returns the outcomes in the order of the addresses.
func (s *sender) inOrder(outcomes map[*line]outcome) []outcome {
	ordered := make([]outcome, len(s.lines))
	for i, l := range s.lines {
		ordered[i] = outcomes[l]
	}
	return ordered
}

// load returns the newest entries about the alerts of notes, each once, followed by all others
// if all is set.
func (s *sender) load(notes []*notification, all bool) []*entry {
	var entries []*entry
	isLoaded := make(map[string]bool)
	add := func(e *entry) {
		if !isLoaded[e.key] {
			isLoaded[e.key] = true
			entries = append(entries, s.held.newest(e))
		}
	}
	for _, n := range notes {
		for _, e := range n.entries {
			add(e)
		}
	}
	if all {
		for _, e := range s.held.all() {
			add(e)
		}
	}
	return entries
}

// send starts sending bodies, which hold notes, to an address.
func (s *sender) send(l *line, notes []*notification, bodies [][]byte) {
	l.isBusy, l.carries = true, notes
	go func() { s.landed <- landing{l, l.address.send(s.ctx, bodies)} }()
}

// isBusy reports whether a sending is under way.
func (s *sender) isBusy() bool {
	return slices.ContainsFunc(s.lines, func(l *line) bool { return l.isBusy })
}
