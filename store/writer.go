package store

import (
	"context"
	"math/rand/v2"
	"time"
)

// target is where the writer writes.
type target interface {
	// write stores an item completely or not at all. An item that is there already is no
	// error and changes nothing.
	write(ctx context.Context, it *item) error
	// isFinal reports whether another attempt fails with the same error.
	isFinal(err error) bool
	// trim deletes a bounded number of rows that are older than before, at most those of so
	// many periods, and reports whether there are more.
	trim(ctx context.Context, before time.Time, periods int) (more bool, err error)
}

const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 15 * time.Second
	// trimEvery is the least time between two rounds of deleting. A round has at most
	// trimBatches batches.
	trimEvery   = time.Minute
	trimBatches = 100
	// fullPeriods is the most periods of a batch while writing fails. A full disk has room for
	// a small transaction at most.
	fullPeriods = 4
)

// writer takes items from a queue to a target, in order, and tries each until it is written
// or refused. It belongs to one goroutine.
type writer struct {
	queue     *queue
	db        target
	timeout   time.Duration // of one attempt
	retention time.Duration // negative: forever
	due       *time.Timer   // fires when it is time to delete
}

// run writes until the queue is closed and empty, or ctx ends.
func (w *writer) run(ctx context.Context) {
	// A random start keeps replicas from deleting at the same moment.
	w.due = time.NewTimer(trimEvery/6 + rand.N(trimEvery))
	defer w.due.Stop()
	for {
		it, ok, closed := w.queue.first()
		switch {
		case ok:
			if !w.write(ctx, &it) {
				return
			}
		case closed:
			return
		default:
			select {
			case <-w.queue.more:
			case <-w.due.C:
				w.trim(ctx)
			case <-ctx.Done():
				return
			}
			continue
		}
		select { // the queue may never be empty
		case <-w.due.C:
			w.trim(ctx)
		default:
		}
	}
}

// write tries until the item is written or refused. Old rows are deleted meanwhile, so that a
// full disk heals by itself. It returns false if ctx ended first.
func (w *writer) write(ctx context.Context, it *item) bool {
	closing := w.queue.closing
	for delay := firstRetry; ; delay = min(2*delay, lastRetry) {
		err := w.attempt(ctx, it)
		if err == nil || w.db.isFinal(err) {
			w.queue.settle(err)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		w.queue.failed(err)
		wait := time.NewTimer(delay/2 + rand.N(delay/2))
		for waiting := true; waiting; {
			select {
			case <-wait.C:
				waiting = false
			case <-w.due.C:
				w.trimFull(ctx)
			case <-closing: // Close has a deadline: begin with short delays again
				closing, delay, waiting = nil, firstRetry/2, false
			case <-ctx.Done():
				waiting = false
			}
		}
		wait.Stop()
		if ctx.Err() != nil {
			return false
		}
	}
}

// attempt tries once.
func (w *writer) attempt(ctx context.Context, it *item) error {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	return w.db.write(ctx, it)
}

// trim deletes what is too old, batch by batch. It stops after a batch when an item waits, or
// when a batch failed; the next round goes on.
func (w *writer) trim(ctx context.Context) { w.delete(ctx, trimPeriods, w.queue.isWanted) }

// trimFull is trim while an item can't be written.
func (w *writer) trimFull(ctx context.Context) {
	w.delete(ctx, fullPeriods, func() bool { return ctx.Err() != nil })
}

// delete deletes batches of at most so many periods, unless it should stop.
func (w *writer) delete(ctx context.Context, periods int, shouldStop func() bool) {
	defer w.due.Reset(trimEvery)
	if w.retention < 0 {
		return
	}
	before := time.Now().Add(-w.retention)
	for range trimBatches {
		batch, cancel := context.WithTimeout(ctx, w.timeout)
		more, err := w.db.trim(batch, before, periods)
		cancel()
		w.queue.trimmed(err)
		if err != nil || !more || shouldStop() {
			return
		}
	}
}
