package alertmanager

import (
	"context"
	"slices"
	"time"
)

// post is what the notifier's goroutine works with: the alerts, and a line to each address.
// It belongs to that goroutine. At most one request at a time is under way to an address, so
// that what was sent later is heard later; an address that takes its time keeps
// only its own line waiting.
type post struct {
	held        *held
	lines       []*line
	resendEvery time.Duration
	ctx         context.Context // of all requests
	landed      chan landing
}

// line is the way to one address.
type line struct {
	address *address
	stats   AddressStats
	isBusy  bool
	carries []*note // those that what is under way tells of
	waiting []*note // those that came meanwhile
	behind  bool    // others came meanwhile, and were taken by another address
}

// note is one notification. It is a call of Notify until it is answered.
type note struct {
	entries    []*entry
	reply      chan error // has room for the one answer
	isAnswered bool
	outcomes   []outcome // of the addresses that did not take it
}

// landing is what came of a sending.
type landing struct {
	line *line
	outcome
}

// take keeps a notification's alerts and sends them to every address that is not busy.
func (p *post) take(n *note, now time.Time) {
	for _, e := range n.entries {
		p.held.put(e, now)
	}
	for _, l := range p.lines {
		if l.isBusy {
			l.waiting = append(l.waiting, n)
			continue
		}
		p.send(l, []*note{n}, bodies(p.load([]*note{n}, false), now, p.resendEvery))
	}
}

// resend sends everything to every address that is not busy, after forgetting what was
// resolved long enough ago.
func (p *post) resend(now time.Time) {
	p.held.forget(now)
	all := bodies(p.held.all(), now, p.resendEvery)
	for _, l := range p.lines {
		if !l.isBusy && len(all) > 0 {
			p.send(l, nil, all)
		}
	}
}

// settle records what came of a sending, answers the notifications that this decides, and
// sends on what the address has missed meanwhile.
func (p *post) settle(done landing, now time.Time) {
	l := done.line
	carried := l.carries
	l.isBusy, l.carries = false, nil
	if done.err == nil {
		l.stats.Sent++
		l.stats.LastError = ""
	} else {
		l.stats.Failed++
		l.stats.LastError = done.err.Error()
	}
	for _, n := range carried {
		p.hear(n, done.outcome)
	}
	if len(l.waiting) > 0 || l.behind {
		notes, behind := l.waiting, l.behind
		l.waiting, l.behind = nil, false
		p.send(l, notes, bodies(p.load(notes, behind), now, p.resendEvery))
	}
}

// hear takes note of what came of sending a notification to one address.
func (p *post) hear(n *note, o outcome) {
	if n.isAnswered {
		return
	}
	if o.err != nil {
		if n.outcomes = append(n.outcomes, o); len(n.outcomes) < len(p.lines) {
			return
		}
		n.isAnswered = true
		n.reply <- failure(n.outcomes)
		return
	}
	n.isAnswered = true
	n.reply <- nil
	// It need not be kept for the addresses that have not got it: its alerts are held.
	for _, l := range p.lines {
		if i := slices.Index(l.waiting, n); i >= 0 {
			l.waiting = slices.Delete(l.waiting, i, i+1)
			l.behind = true
		}
	}
}

// load returns the newest that is known about the alerts of notes, and after them all
// others if there is a need, each once.
func (p *post) load(notes []*note, all bool) []*entry {
	var entries []*entry
	isLoaded := make(map[string]bool)
	add := func(e *entry) {
		if !isLoaded[e.key] {
			isLoaded[e.key] = true
			entries = append(entries, p.held.newest(e))
		}
	}
	for _, n := range notes {
		for _, e := range n.entries {
			add(e)
		}
	}
	if all {
		for _, e := range p.held.all() {
			add(e)
		}
	}
	return entries
}

// send begins to send bodies, which tell of notes, to an address.
func (p *post) send(l *line, notes []*note, bodies [][]byte) {
	l.isBusy, l.carries = true, notes
	go func() { p.landed <- landing{l, l.address.send(p.ctx, bodies)} }()
}

// isBusy reports whether a request is under way.
func (p *post) isBusy() bool {
	return slices.ContainsFunc(p.lines, func(l *line) bool { return l.isBusy })
}
