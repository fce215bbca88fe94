package delivery

import (
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/blurooo/go-monitor/v2/internal/outbox"
)

// Buffer is a sink or a notifier that takes what it gets before it has passed it on, as a
// store does whose database is down. The dispatcher asks it how it is doing after each period or
// notification, so that it is heard when it can't pass anything on.
type Buffer interface {
	// Health says how it is doing. It must not wait for anything.
	Health() Health
}

// Health says how a [Buffer] is doing.
type Health struct {
	// Waiting is the number of periods and notifications that it has taken and not passed on
	// yet, and Dropped the number of those that are lost.
	Waiting, Dropped uint64
	// LastSuccess is when it passed something on last; zero if it never did.
	LastSuccess time.Time
	// FailingSince is since when it can't; zero if it can.
	FailingSince time.Time
	// Err says why it can't, and what that has cost so far; nil if it can.
	Err error
}

// ReceiverStatus says how one sink or notifier is doing.
type ReceiverStatus struct {
	// Name is its place in the configuration: "sink 0", "notifier 1".
	Name string `json:"name"`
	// Type is its Go type.
	Type string `json:"type"`
	// Waiting is the number of periods or notifications that it has not taken, or not passed
	// on, yet. The one that is being delivered is one of them.
	Waiting uint64 `json:"waiting"`
	// Undelivered is the number of those that are lost.
	Undelivered uint64 `json:"undelivered"`
	// LastSuccess is when it took, or passed on, something last; zero if it never did.
	LastSuccess time.Time `json:"last_success,omitzero"`
	// FailingSince is since when every try has failed; zero if the last one went well.
	FailingSince time.Time `json:"failing_since,omitzero"`
	// LastError says why; empty if FailingSince is zero.
	LastError string `json:"last_error,omitempty"`
}

// watched is a sink or notifier and how it is doing.
type watched struct {
	name    string
	is      any // the sink or the notifier
	outbox  interface{ Stats() outbox.Stats }
	buffer  Buffer // nil if it is none
	health  atomic.Pointer[Health]
	onError func(err error)
}

// newWatched returns a watched receiver without its outbox. A value that others are, too, is looked at
// as a buffer only once.
func newWatched(name string, is any, others []*watched, onError func(err error)) *watched {
	r := &watched{name: name, is: is, onError: onError}
	buffer, ok := is.(Buffer)
	if !ok {
		return r
	}
	for _, other := range others {
		if reflect.ValueOf(is).Comparable() && other.is == is {
			return r
		}
	}
	r.buffer = buffer
	return r
}

// key tells the receiver from others, also of other processes with the same configuration.
func (r *watched) key() string { return fmt.Sprintf("%s %T", r.name, r.is) }

// fail passes on an error of the receiver.
func (r *watched) fail(err error) { r.onError(r.named(err)) }

// named returns an error that names the receiver.
func (r *watched) named(err error) error { return fmt.Errorf("%s (%T): %w", r.name, r.is, err) }

// look asks a buffer how it is doing. It is called on the receiver's goroutine.
func (r *watched) look() {
	if r.buffer == nil {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			r.fail(fmt.Errorf("panic: %v", v))
		}
	}()
	h := r.buffer.Health()
	if r.health.Store(&h); h.Err != nil {
		r.fail(h.Err)
	}
}

// status returns how the receiver is doing. It waits for nobody.
func (r *watched) status() ReceiverStatus {
	o := r.outbox.Stats()
	s := ReceiverStatus{
		Name: r.name, Type: fmt.Sprintf("%T", r.is), Waiting: uint64(o.Waiting), Undelivered: o.Dropped + o.Failed,
		LastSuccess: o.LastSuccess, FailingSince: o.FailingSince, LastError: o.LastError,
	}
	h := r.health.Load()
	if h == nil {
		return s
	}
	s.Waiting += h.Waiting
	s.Undelivered += h.Dropped
	s.LastSuccess = h.LastSuccess
	if s.FailingSince.IsZero() && h.Err != nil {
		s.FailingSince, s.LastError = h.FailingSince, h.Err.Error()
	}
	return s
}

// Receivers returns how all sinks and notifiers are doing, sinks first. It waits for nobody.
func (d *Dispatcher) Receivers() []ReceiverStatus {
	all := make([]ReceiverStatus, len(d.receivers))
	for i, r := range d.receivers {
		all[i] = r.status()
	}
	return all
}
