package webhook

import (
	"slices"
	"sync"
)

// maxProgress is the most notifications of which progress is kept: one for each monitor that
// uses the notifier.
const maxProgress = 8

// progress says how many requests of the notifications under way were taken, so that another
// try does not repeat them. It is safe for concurrent use.
type progress struct {
	mu    sync.Mutex
	taken map[string]int // by notification id
	order []string       // the ids, oldest first
}

// of returns how many requests of a notification were taken.
func (p *progress) of(id string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken[id]
}

// set says that so many of all requests of a notification were taken. A notification without
// an id, or of which all were taken, needs no memory.
func (p *progress) set(id string, taken, all int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if id == "" || taken == all {
		delete(p.taken, id)
		p.order = slices.DeleteFunc(p.order, func(other string) bool { return other == id })
		return
	}
	if p.taken == nil {
		p.taken = make(map[string]int)
	}
	if _, known := p.taken[id]; !known {
		p.order = append(p.order, id)
	}
	p.taken[id] = taken
	for len(p.order) > maxProgress {
		delete(p.taken, p.order[0])
		p.order = p.order[1:]
	}
}
