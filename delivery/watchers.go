package delivery

import (
	"context"
	"sync"

	"github.com/blurooo/go-monitor/v2/alert"
)

// pendingJudgements is the number of judgements that can wait for one who watches.
const pendingJudgements = 16

// Watchers are those who look on while periods are judged. Send never waits for them. All
// methods are safe for concurrent use. The zero value has none. It must not be copied.
type Watchers struct {
	mu     sync.Mutex
	last   *alert.Judgement
	all    map[chan alert.Judgement]func() bool // what keeps a watcher from being removed
	closed bool
}

// Watch returns what is sent from now on, and at once what was sent last, without the alerts that
// were raised then. Who does not take it in time misses the next ones. The channel is closed when ctx ends, and by Close.
func (w *Watchers) Watch(ctx context.Context) <-chan alert.Judgement {
	c := make(chan alert.Judgement, pendingJudgements)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last != nil {
		c <- *w.last
	}
	if w.closed {
		close(c)
		return c
	}
	if w.all == nil {
		w.all = make(map[chan alert.Judgement]func() bool)
	}
	w.all[c] = context.AfterFunc(ctx, func() { w.remove(c) })
	return c
}

func (w *Watchers) remove(c chan alert.Judgement) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.all[c]; ok {
		delete(w.all, c)
		close(c)
	}
}

// Send hands a judgement to all who watch, without waiting.
func (w *Watchers) Send(j alert.Judgement) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := j
	last.Alerts = nil // whoever comes later sees what fires; their evidence would take memory for long
	w.last = &last
	for c := range w.all {
		select {
		case c <- j:
		default:
		}
	}
}

// Close closes all channels. Whoever watches later gets what was sent last, and no more.
func (w *Watchers) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for c, stop := range w.all {
		stop()
		close(c)
	}
	w.all = nil
}
