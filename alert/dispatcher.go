package alert

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/blurooo/go-monitor/v2/internal/outbox"
)

const (
	// pendingNotifications is the number of notifications that can wait for a notifier.
	pendingNotifications = 64
	// notifyTimeout is the time after which a notifier's context ends.
	notifyTimeout = 30 * time.Second
)

// Dispatcher hands alerts to notifiers, each of which has its own goroutine and
// its own bounded queue: what one of them does is of no consequence to the
// others or to the caller. Its methods are safe for concurrent use.
type Dispatcher struct {
	outboxes []*outbox.Outbox[[]Alert]
}

// NewDispatcher starts a dispatcher. trouble gets the errors and panics of
// notifiers, with the notifier's index; it must not wait for anything.
func NewDispatcher(notifiers []Notifier, trouble func(notifier int, err error)) *Dispatcher {
	d := &Dispatcher{}
	for i, n := range notifiers {
		d.outboxes = append(d.outboxes, outbox.New(outbox.Config[[]Alert]{
			Handle:  n.Notify,
			Size:    pendingNotifications,
			Timeout: notifyTimeout,
			Trouble: func(err error) { trouble(i, fmt.Errorf("notifier %d (%T): %w", i, n, err)) },
		}))
	}
	return d
}

// Dispatch leaves the alerts of one period for every notifier, without waiting.
func (d *Dispatcher) Dispatch(alerts []Alert) {
	if len(alerts) == 0 {
		return
	}
	for _, o := range d.outboxes {
		own := make([]Alert, len(alerts))
		for i := range alerts {
			own[i] = alerts[i].Clone()
		}
		o.Put(own)
	}
}

// Flush waits until everything dispatched before is delivered or given up. It
// returns ctx's error if that ends first.
func (d *Dispatcher) Flush(ctx context.Context) error {
	return d.each(func(o *outbox.Outbox[[]Alert]) error { return o.Flush(ctx) })
}

// Close takes no more alerts, delivers those it has, and ends every goroutine. If
// ctx ends first it gives up what is left and says how much that is.
func (d *Dispatcher) Close(ctx context.Context) error {
	return d.each(func(o *outbox.Outbox[[]Alert]) error { return o.Close(ctx) })
}

// each does something that may wait to all outboxes at the same time, so that no
// notifier has to wait for another one.
func (d *Dispatcher) each(do func(*outbox.Outbox[[]Alert]) error) error {
	errs := make([]error, len(d.outboxes))
	var all sync.WaitGroup
	for i, o := range d.outboxes {
		all.Go(func() {
			if err := do(o); err != nil {
				errs[i] = fmt.Errorf("notifier %d: %w", i, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// Undelivered returns the number of notifications that never reached their notifier,
// or of which it made nothing: it returned an error or panicked.
func (d *Dispatcher) Undelivered() uint64 {
	var n uint64
	for _, o := range d.outboxes {
		n += o.Dropped() + o.Failed()
	}
	return n
}
