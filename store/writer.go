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
	// trim deletes a bounded number of rows that are older than before, and reports whether
	// there are more.
	trim(ctx context.Context, before time.Time) (more bool, err error)
}

const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 15 * time.Second
	// trimEvery is the least time between two rounds of deleting. A round has at most
	// trimBatches batches.
	trimEvery   = time.Minute
	trimBatches = 100
)

// writer takes items from a queue to a target, in order, and tries each until it is written
// or refused. It belongs to one goroutine.
type writer struct {
	queue     *queue
	db        target
	timeout   time.Duration // of one attempt
	retention time.Duration // negative: forever
}

// run writes until the queue is closed and empty, or ctx ends.
func (w *writer) run(ctx context.Context) {
	// A random start keeps replicas from deleting at the same moment.
	trim := time.NewTimer(trimEvery/6 + rand.N(trimEvery))
	defer trim.Stop()
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
			case <-trim.C:
				w.trim(ctx)
				trim.Reset(trimEvery)
			case <-ctx.Done():
				return
			}
			continue
		}
		select { // the queue may never be empty
		case <-trim.C:
			w.trim(ctx)
			trim.Reset(trimEvery)
		default:
		}
	}
}

// write tries until the item is written or refused. It returns false if ctx ended first.
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
		select {
		case <-time.After(delay/2 + rand.N(delay/2)):
		case <-closing: // Close has a deadline: begin with short delays again
			closing, delay = nil, firstRetry/2
		case <-ctx.Done():
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
func (w *writer) trim(ctx context.Context) {
	if w.retention < 0 {
		return
	}
	before := time.Now().Add(-w.retention)
	for range trimBatches {
		batch, cancel := context.WithTimeout(ctx, w.timeout)
		more, err := w.db.trim(batch, before)
		cancel()
		if err != nil {
			w.queue.failed(err)
			return
		}
		if !more || w.queue.isWanted() {
			return
		}
	}
}
