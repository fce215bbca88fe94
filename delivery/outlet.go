package delivery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/internal/outbox"
)

// Config says where periods and alerts go.
type Config struct {
	// Delivery says how notifications are delivered. It must be valid. Default: see there.
	Delivery alert.Delivery
	// Notifiers are where alerts go. Default: nowhere.
	Notifiers []alert.Notifier
	// Sinks are where periods go. Default: nowhere.
	Sinks []engine.Sink
	// Trouble gets the errors and panics of sinks and notifiers, with a kind for each of
	// them, from many goroutines. It must not wait for anything; [ErrorHandler.Once] is made
	// for it. Default: nobody is told.
	OnError func(kind string, err error)
}

const (
	// pendingPeriods is the number of periods that can wait for a sink.
	pendingPeriods = 16
	// consumeTimeout is the time after which a sink's context ends.
	consumeTimeout = 30 * time.Second
)

// Outlet delivers periods to sinks and alerts to notifiers. It must not be copied. Send is
// for one goroutine at a time, the other methods are safe for concurrent use.
type Outlet struct {
	sinks      []*outbox.Outbox[engine.Period]
	dispatcher *alert.Dispatcher
	// told is what periods were told of up to now, in all; it belongs to the caller of Send.
	told undelivered
}

// undelivered are numbers of what sinks and notifiers made nothing of.
type undelivered struct{ periods, notifications uint64 }

// New starts an outlet.
func New(c Config) *Outlet {
	trouble := c.OnError
	if trouble == nil {
		trouble = func(string, error) {}
	}
	o := &Outlet{
		dispatcher: alert.NewDispatcher(c.Delivery, c.Notifiers, func(i int, err error) { trouble(fmt.Sprintf("notifier %d", i), err) }),
	}
	for i, s := range c.Sinks {
		o.sinks = append(o.sinks, outbox.New(outbox.Config[engine.Period]{
			Handle:  s.Consume,
			Size:    pendingPeriods,
			Timeout: consumeTimeout,
			OnError: func(err error) {
				trouble(fmt.Sprintf("sink %d", i), fmt.Errorf("sink %d (%T): %w", i, s, err))
			},
		}))
	}
	return o
}

// Send leaves a period and its alerts for every sink and notifier, without waiting. It
// writes into p how much was given up since the period before. After that p must not
// change any more.
func (o *Outlet) Send(p *engine.Period, alerts []alert.Alert) {
	periods, notifications := o.Undelivered()
	p.UndeliveredPeriods, p.UndeliveredNotifications = periods-o.told.periods, notifications-o.told.notifications
	o.told = undelivered{periods, notifications}
	for _, s := range o.sinks {
		s.Put(*p)
	}
	o.dispatcher.Dispatch(alerts)
}

// Undelivered returns how many periods and notifications were given up so far: a sink or
// notifier was too slow, returned an error or panicked, or the outlet was closed in a
// hurry. What two of them missed counts twice.
func (o *Outlet) Undelivered() (periods, notifications uint64) {
	for _, s := range o.sinks {
		periods += s.Dropped() + s.Failed()
	}
	return periods, o.dispatcher.Undelivered()
}

// Flush waits until everything sent before is delivered or given up. It returns ctx's
// error if that ends first.
func (o *Outlet) Flush(ctx context.Context) error {
	return errors.Join(o.eachSink(func(s *outbox.Outbox[engine.Period]) error { return s.Flush(ctx) }), o.dispatcher.Flush(ctx))
}

// Close takes no more, delivers what there is, and ends every goroutine. If ctx ends
// first it gives up what is left and says how much that is.
func (o *Outlet) Close(ctx context.Context) error {
	return errors.Join(o.eachSink(func(s *outbox.Outbox[engine.Period]) error { return s.Close(ctx) }), o.dispatcher.Close(ctx))
}

// eachSink does something that may wait to all sinks at the same time, so that none has to
// wait for another one.
func (o *Outlet) eachSink(do func(*outbox.Outbox[engine.Period]) error) error {
	errs := make([]error, len(o.sinks))
	var all sync.WaitGroup
	for i, s := range o.sinks {
		all.Go(func() {
			if err := do(s); err != nil {
				errs[i] = fmt.Errorf("sink %d: %w", i, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// IsHandler reports whether the calling goroutine is inside a sink, a notifier or a handler
// of [ErrorHandler]. Such a caller must not wait for Flush or Close: it would wait for itself.
func IsHandler() bool { return outbox.IsHandler() }
