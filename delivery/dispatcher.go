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

// Options says where periods and alerts go, and how.
type Options struct {
	// Config says how notifications are delivered. It must be valid. Default: see [Config].
	Config Config
	// Notifiers are where alerts go. Default: nowhere.
	Notifiers []alert.Notifier
	// Sinks are where periods go. Default: nowhere.
	Sinks []engine.Sink
	// Ledgers are what the notifiers had heard when the process ended, as
	// [Dispatcher.Ledgers] returned it. What a notifier is owed is told it first. Default: they
	// have heard nothing.
	Ledgers map[string]Ledger
	// Save is called by Send once the ledgers know what is to be delivered, and before anything is, with
	// the end of the period. It must not wait. Default: nothing is done.
	Save func(periodEnd time.Time)
	// Before is called before each try of a notification, on the notifier's goroutine. It may wait.
	// Default: nothing is done.
	Before func(context.Context)
	// Told is called after a notifier took something, on its goroutine. Default: nothing is done.
	Told func()
	// OnError gets the errors and panics of sinks and notifiers. topic names the one that
	// failed: "sink 0" or "notifier 0", and "notifier 0 lost" where it gave up. It is called from many goroutines and must not wait
	// for anything; [ErrorHandler.HandleOnce] is made for it. Default: errors are only counted.
	OnError func(topic string, err error)
}

const (
	// pendingPeriods is the number of periods that can wait for a sink.
	pendingPeriods = 16
	// consumeTimeout is the time after which a sink's context ends.
	consumeTimeout = 30 * time.Second
)

// Dispatcher delivers periods to sinks and alerts to notifiers. Each of them has a goroutine
// and a bounded queue of its own, so that one that hangs, fails or panics affects neither
// the others nor the caller. It must not be copied. Send is for one goroutine at a time;
// the other methods are safe for concurrent use.
//
// The alerts of one period are one notification. A notifier gets its notifications in
// order. If it returns an error, the notification is tried again as [Config] says, and
// those after it wait. When the queue is full, states of alerts that a later notification
// supersedes are removed, oldest first; then neighbouring notifications are merged, up to 64
// alerts. Only if neither makes room is the
// oldest notification dropped, and counted.
//
// Every notifier knows the present in the end: once a notification was given up or dropped, the
// notifier is tried after each period, no more often than [Config.MaxInterval] says and ten times
// less often if it refuses for good. As soon as it takes something, that is one notification about
// everything that fires and it has not heard of, and what ended of what it has heard of.
//
// A sink gets its periods in order. When its queue is full, the oldest period is dropped,
// and counted. A period is not tried again.
type Dispatcher struct {
	sinks     []*outbox.Outbox[engine.Period]
	notifiers []*outbox.Outbox[*notification]
	ledgers   []*ledger       // of the notifiers
	resending []bool          // whether a notifier is an [alert.Resender]; it never changes
	records   []bool          // whether a notifier is an [alert.Recorder]; it never changes
	save      func(time.Time) // nil: nothing is saved
	receivers []*watched      // sinks, then notifiers
	// reported is what the periods sent so far say is undelivered, in all. It belongs to
	// the caller of Send.
	reported undelivered
}

// undelivered counts what sinks and notifiers did not take.
type undelivered struct{ periods, notifications uint64 }

// New starts a dispatcher.
func New(o Options) *Dispatcher {
	onError := o.OnError
	if onError == nil {
		onError = func(string, error) {}
	}
	before, after := o.Before, o.Told
	if before == nil {
		before = func(context.Context) {}
	}
	if after == nil {
		after = func() {}
	}
	c := o.Config.withDefaults()
	d := &Dispatcher{save: o.Save}
	for i, s := range o.Sinks {
		r := d.watch(sinkTopic(i), s, onError)
		box := outbox.New(outbox.Config[engine.Period]{
			Handle:  func(ctx context.Context, p engine.Period) error { defer r.look(); return s.Consume(ctx, p) },
			Size:    pendingPeriods,
			Timeout: consumeTimeout,
			OnError: r.fail,
		})
		r.outbox = box
		d.sinks = append(d.sinks, box)
	}
	for i, n := range o.Notifiers {
		_, isRecorder := n.(alert.Recorder)
		_, isResender := n.(alert.Resender)
		d.records, d.resending = append(d.records, isRecorder), append(d.resending, isResender)
		topic := notifierTopic(i)
		r := d.watch(topic, n, onError)
		l := newLedger(o.Ledgers[r.key()], c.MaxInterval)
		box := outbox.New(outbox.Config[*notification]{
			Handle: func(ctx context.Context, what *notification) error {
				defer r.look()
				before(ctx)
				err := tell(ctx, n, l, what, r.fail)
				if err == nil {
					after()
				}
				return err
			},
			OnLost: func(what *notification, err error) {
				l.gaveUp(err, time.Now())
				onError(topic+" lost", r.named(lostError(what, err)))
			},
			Size:      c.QueueSize,
			Timeout:   c.Timeout,
			OnError:   r.fail,
			Retry:     c.retry,
			Supersede: func(waiting []**notification) int { l.superseding(); return supersede(waiting) },
			Merge:     merge,
		})
		r.outbox = box
		d.notifiers, d.ledgers = append(d.notifiers, box), append(d.ledgers, l)
	}
	return d
}

// watch adds a receiver.
func (d *Dispatcher) watch(topic string, is any, onError func(string, error)) *watched {
	r := newWatched(topic, is, d.receivers, func(err error) { onError(topic, err) })
	d.receivers = append(d.receivers, r)
	return r
}

func sinkTopic(i int) string     { return fmt.Sprintf("sink %d", i) }
func notifierTopic(i int) string { return fmt.Sprintf("notifier %d", i) }

// Send queues a period for every sink and its alerts for every notifier, without waiting. Alerts that
// are silenced go to recorders only, and those that are released to the others. It
// writes into p how much was lost since the period before. p must not change after that.
func (d *Dispatcher) Send(p *engine.Period, alerts []alert.Alert) {
	periods, notifications := d.Undelivered()
	p.UndeliveredPeriods, p.UndeliveredNotifications = periods-d.reported.periods, notifications-d.reported.notifications
	d.reported = undelivered{periods, notifications}
	for _, o := range d.sinks {
		o.Put(*p)
	}
	news := make([]*notification, len(d.notifiers))
	for i, l := range d.ledgers {
		if own := audible(alerts, d.records[i]); len(own) > 0 {
			news[i] = l.send(own)
		}
	}
	if d.save != nil {
		d.save(p.End)
	}
	for i, o := range d.notifiers {
		if news[i] == nil && o.Stats().Waiting == 0 {
			news[i] = d.ledgers[i].occasion(time.Now())
		}
		if news[i] != nil {
			o.Put(news[i])
		}
	}
}

// Ledgers returns what each notifier has heard, and must still hear, by its place and type. With
// them a dispatcher of the next process goes on ([Options.Ledgers]).
func (d *Dispatcher) Ledgers() map[string]Ledger {
	all := make(map[string]Ledger, len(d.ledgers))
	notifiers := d.receivers[len(d.sinks):]
	for i, l := range d.ledgers {
		all[notifiers[i].key()] = l.data()
	}
	return all
}

// Undelivered returns how many periods and notifications were lost so far: a sink or
// notifier was too slow, returned an error or panicked, or Close had too little time. What
// two of them missed counts twice.
func (d *Dispatcher) Undelivered() (periods, notifications uint64) {
	for _, o := range d.sinks {
		periods += o.Dropped() + o.Failed()
	}
	for _, o := range d.notifiers {
		notifications += o.Dropped() + o.Failed()
	}
	return periods, notifications
}

// Flush waits until everything sent before is delivered or lost. It returns ctx's error if
// that ends first.
func (d *Dispatcher) Flush(ctx context.Context) error {
	return d.each(func(o box) error { return o.Flush(ctx) })
}

// Close takes no more, delivers what is queued, and ends every goroutine. If ctx ends
// first, it drops what is left and says how much that is.
func (d *Dispatcher) Close(ctx context.Context) error {
	return d.each(func(o box) error { return o.Close(ctx) })
}

// box is an outbox, whatever it holds.
type box interface {
	Flush(ctx context.Context) error
	Close(ctx context.Context) error
}

// each calls do, which may wait, for all outboxes at the same time, so that no receiver
// has to wait for another one.
func (d *Dispatcher) each(do func(box) error) error {
	errs := make([]error, len(d.sinks)+len(d.notifiers))
	var all sync.WaitGroup
	run := func(i int, topic string, o box) {
		all.Go(func() {
			if err := do(o); err != nil {
				errs[i] = fmt.Errorf("%s: %w", topic, err)
			}
		})
	}
	for i, o := range d.sinks {
		run(i, sinkTopic(i), o)
	}
	for i, o := range d.notifiers {
		run(len(d.sinks)+i, notifierTopic(i), o)
	}
	all.Wait()
	return errors.Join(errs...)
}

// IsHandler reports whether the calling goroutine is inside a sink, a notifier or a handler
// of [ErrorHandler]. Such a caller must not wait for Flush or Close: it would wait for itself.
func IsHandler() bool { return outbox.IsHandler() }
