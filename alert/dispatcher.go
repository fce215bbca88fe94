package alert

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"

	"github.com/blurooo/go-monitor/v2/internal/outbox"
)

// mergedAlerts is the number of alerts up to which notifications are joined.
const mergedAlerts = 64

// Dispatcher hands alerts to notifiers, each of which has its own goroutine and
// its own bounded queue: what one of them does is of no consequence to the
// others or to the caller. Its methods are safe for concurrent use.
//
// The alerts of one period are one notification. Notifications come in order, one after
// the other. One that a notifier returns an error for is tried again, as [Delivery] says; those
// after it wait. When too many wait, the oldest states of alerts that later ones supersede go
// first, then notifications are joined: so the latest state of every alert still arrives.
// Only when no two can be joined to one of 64 alerts or fewer, the oldest is given up.
type Dispatcher struct {
	outboxes []*outbox.Outbox[[]Alert]
}

// NewDispatcher starts a dispatcher. delivery must be valid. trouble gets the errors and
// panics of notifiers, with the notifier's index; it must not wait for anything.
func NewDispatcher(delivery Delivery, notifiers []Notifier, trouble func(notifier int, err error)) *Dispatcher {
	delivery = delivery.withDefaults()
	d := &Dispatcher{}
	for i, n := range notifiers {
		d.outboxes = append(d.outboxes, outbox.New(outbox.Config[[]Alert]{
			Handle:    func(ctx context.Context, alerts []Alert) error { return notify(ctx, n, alerts) },
			Size:      delivery.QueueSize,
			Timeout:   delivery.Timeout,
			OnError:   func(err error) { trouble(i, fmt.Errorf("notifier %d (%T): %w", i, n, err)) },
			Retry:     delivery.retry,
			Supersede: supersede,
			Merge:     merge,
		}))
	}
	return d
}

// notify lets a notifier try to deliver alerts, which belong to it: each try gets its own.
func notify(ctx context.Context, n Notifier, alerts []Alert) error {
	return n.Notify(WithNotificationID(ctx, notificationID(alerts)), cloneAll(alerts))
}

func cloneAll(alerts []Alert) []Alert {
	own := make([]Alert, len(alerts))
	for i := range alerts {
		own[i] = alerts[i].Clone()
	}
	return own
}

// notificationID returns an id that is the same for the same news, whoever tells it.
func notificationID(alerts []Alert) string {
	h := fnv.New128a()
	for i := range alerts {
		a := &alerts[i]
		h.Write(fmt.Appendf(nil, "%d:%s %s %d\n", len(a.ID), a.ID, a.State, a.DecidedAt.UnixNano()))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// supersede takes the oldest states that later ones make needless out of the notifications
// that wait, until nothing is left of one; it returns the index of that one, or -1.
func supersede(waiting []*[]Alert) (empty int) {
	latest := make(map[string]int) // the last notification about an alert, by its id
	for i, alerts := range waiting {
		for j := range *alerts {
			latest[(*alerts)[j].ID] = i
		}
	}
	for i, alerts := range waiting {
		*alerts = slices.DeleteFunc(*alerts, func(a Alert) bool { return latest[a.ID] > i })
		if len(*alerts) == 0 {
			return i
		}
	}
	return -1
}

// merge joins two notifications, unless they are too large.
func merge(first, second []Alert) (both []Alert, ok bool) {
	if len(first)+len(second) > mergedAlerts {
		return nil, false
	}
	return slices.Concat(first, second), true
}

// Dispatch leaves the alerts of one period for every notifier, without waiting.
func (d *Dispatcher) Dispatch(alerts []Alert) {
	if len(alerts) == 0 {
		return
	}
	for _, o := range d.outboxes {
		o.Put(cloneAll(alerts))
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
