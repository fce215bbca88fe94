package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// item is what is written in one transaction: a period, or the alerts of a notification.
type item struct {
	seq    uint64 // counted from 1
	period *engine.Period
	alerts []alert.Alert
}

// summaries returns how many summaries the item holds.
func (it *item) summaries() int {
	if it.period != nil {
		return len(it.period.Summaries)
	}
	n := 0
	for i := range it.alerts {
		n += len(it.alerts[i].Evidence)
	}
	return n
}

// queue holds what waits to be written, in order. The first item stays in it while it is
// being written. Its methods are safe for concurrent use; it must not be copied.
type queue struct {
	maxItems, maxSummaries int

	mu        sync.Mutex
	items     []item
	summaries int // of all items
	seq       uint64
	writing   bool // the first item is being written
	closed    bool
	closing   chan struct{} // closed when closed is set
	stats     Stats
	more      chan struct{} // holds a token when the writer should look at the queue
	changed   chan struct{} // closed, and made anew, when an item has left or an attempt failed
}

func newQueue(maxItems, maxSummaries int) *queue {
	return &queue{
		maxItems:     maxItems,
		maxSummaries: maxSummaries,
		closing:      make(chan struct{}),
		more:         make(chan struct{}, 1),
		changed:      make(chan struct{}),
	}
}

// put adds an item. If there is no room it drops the oldest periods, and alerts only when no
// period is left to drop. It returns the number of items dropped.
func (q *queue) put(it item) (dropped int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		q.count(&it, &q.stats.Dropped, &q.stats.AlertsDropped)
		return 0, ErrClosed
	}
	q.seq++
	it.seq = q.seq
	q.items = append(q.items, it)
	q.summaries += it.summaries()
	for len(q.items) > q.maxItems || q.summaries > q.maxSummaries {
		i := q.oldest()
		if i < 0 {
			break // only the new item and the one being written are left
		}
		q.count(&q.items[i], &q.stats.Dropped, &q.stats.AlertsDropped)
		q.remove(i)
		dropped++
	}
	q.nudge()
	return dropped, nil
}

// oldest returns the index of the item to drop, -1 if there is none. It is neither the item
// being written nor the newest. q.mu is held.
func (q *queue) oldest() int {
	first := 0
	if q.writing {
		first = 1
	}
	last := len(q.items) - 1
	for i := first; i < last; i++ {
		if q.items[i].period != nil {
			return i
		}
	}
	if first < last {
		return first
	}
	return -1
}

// count adds an item to one of two counters. q.mu is held.
func (q *queue) count(it *item, periods, alerts *uint64) {
	if it.period != nil {
		*periods++
		return
	}
	*alerts += uint64(len(it.alerts))
}

// remove takes an item out. q.mu is held.
func (q *queue) remove(i int) {
	q.summaries -= q.items[i].summaries()
	q.items = slices.Delete(q.items, i, i+1)
	q.announce()
}

// first returns the oldest item and marks it as being written. ok is false if the queue is
// empty; if it is closed, too, no item will come.
func (q *queue) first() (it item, ok, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return item{}, false, q.closed
	}
	q.writing = true
	return q.items[0], true, q.closed
}

// isWanted reports whether the writer has something more urgent to do than to delete old rows.
func (q *queue) isWanted() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed || len(q.items) > 0
}

// settle takes the first item out: as written if err is nil, otherwise as dropped.
func (q *queue) settle(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		q.count(&q.items[0], &q.stats.Written, &q.stats.AlertsWritten)
		q.stats.LastSuccess, q.stats.FailingSince, q.stats.RetentionError = time.Now(), time.Time{}, nil
	} else {
		q.count(&q.items[0], &q.stats.Dropped, &q.stats.AlertsDropped)
	}
	q.stats.LastError = err
	q.writing = false
	q.remove(0)
}

// failed notes an error after which the item is tried again.
func (q *queue) failed(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.LastError = err
	if q.stats.FailingSince.IsZero() {
		q.stats.FailingSince = time.Now()
	}
	q.announce()
}

// trimmed notes how deleting old rows went.
func (q *queue) trimmed(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.RetentionError = err
	q.announce()
}

// flush waits until every item put before has left.
func (q *queue) flush(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	target := q.seq
	for len(q.items) > 0 && q.items[0].seq <= target {
		changed := q.changed
		q.mu.Unlock()
		select {
		case <-changed:
			q.mu.Lock()
		case <-ctx.Done():
			q.mu.Lock()
			return ctx.Err()
		}
	}
	return nil
}

// close refuses items from then on and makes the writer look. It is called once.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	close(q.closing)
	q.nudge()
}

// abandon drops what is left and says how much that was. The writer has ended.
func (q *queue) abandon() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return nil
	}
	var periods, alerts uint64
	for i := range q.items {
		q.count(&q.items[i], &periods, &alerts)
	}
	q.stats.Dropped += periods
	q.stats.AlertsDropped += alerts
	q.items, q.summaries = nil, 0
	q.announce()
	return fmt.Errorf("%d periods and %d alerts left unwritten", periods, alerts)
}

// snapshot returns the counters.
func (q *queue) snapshot() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	var periods, alerts uint64
	for i := range q.items {
		q.count(&q.items[i], &periods, &alerts)
	}
	s.Waiting, s.AlertsWaiting = periods, alerts
	return s
}

// announce wakes whoever waits for a change. q.mu is held.
func (q *queue) announce() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// nudge makes the writer look at the queue. q.mu is held.
func (q *queue) nudge() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}
