// Package outbox hands values to user code without ever waiting for it: each
// outbox has a bounded queue and one goroutine that calls one handler, value after
// value, in order.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"time"
)

// Config says what an outbox does with its values.
type Config[T any] struct {
	// Handle gets the values one by one. It may hang, panic or end its goroutine.
	Handle func(context.Context, T) error
	// Size is the number of values that can wait, besides the one being handled; at
	// least 1.
	Size int
	// Timeout ends the context of each call of Handle; 0: it doesn't end by itself.
	Timeout time.Duration
	// Trouble gets the errors and panics of Handle, on the outbox's goroutine and
	// before the value counts as done with. It must not wait for anything; if it
	// panics, that is all that happens.
	Trouble func(error)
}

// Outbox is a queue with a goroutine that hands its values to a handler. Its
// methods are safe for concurrent use; it must not be copied.
type Outbox[T any] struct {
	config Config[T]
	ctx    context.Context // of all calls of the handler
	cancel context.CancelFunc
	more   chan struct{} // holds a token when the goroutine has something to look at
	done   chan struct{} // closed when the goroutine has ended

	mu       sync.Mutex
	queue    []T
	put      uint64 // number of values ever put
	dropped  uint64
	failed   uint64
	handling bool
	at       uint64 // which value is being handled, counted from 1
	closed   bool
	progress chan struct{} // closed, and made anew, whenever settled may have grown
}

// New starts an outbox.
func New[T any](c Config[T]) *Outbox[T] {
	o := &Outbox[T]{
		config:   c,
		more:     make(chan struct{}, 1),
		done:     make(chan struct{}),
		progress: make(chan struct{}),
	}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	go o.run()
	return o
}

// Put leaves a value for the handler, without waiting. When the queue is full the
// oldest value in it is dropped, and counted; after Close, v itself is.
func (o *Outbox[T]) Put(v T) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		o.dropped++
		return
	}
	if len(o.queue) >= o.config.Size {
		var zero T
		o.queue[0] = zero
		o.queue = o.queue[1:]
		o.dropped++
		defer o.wakeFlushes() // one of them may have waited for the dropped value
	}
	o.queue = append(o.queue, v)
	o.put++
	o.nudge()
}

// Dropped returns the number of values that never reached the handler.
func (o *Outbox[T]) Dropped() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}

// Failed returns the number of values of which the handler made nothing: it returned
// an error, panicked or ended its goroutine.
func (o *Outbox[T]) Failed() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed
}

// Flush waits until every value put before is done with. It returns ctx's error
// if that ends first.
func (o *Outbox[T]) Flush(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	target := o.put
	for o.settled() < target {
		progress := o.progress
		o.mu.Unlock()
		select {
		case <-progress:
			o.mu.Lock()
		case <-ctx.Done():
			o.mu.Lock()
			return ctx.Err()
		}
	}
	return nil
}

// settled returns the number of values that are done with, handled or dropped,
// up to the first that is not. o.mu is held.
func (o *Outbox[T]) settled() uint64 {
	if o.handling {
		return o.at - 1
	}
	return o.put - uint64(len(o.queue))
}

// Close takes no more values, waits until those it has are done with, and ends the
// goroutine. If ctx ends first, what still waits is dropped, the handler's context
// is cancelled, and the error says how many values were left; the goroutine ends
// as soon as the handler returns.
func (o *Outbox[T]) Close(ctx context.Context) error {
	o.mu.Lock()
	o.closed = true
	o.nudge()
	o.mu.Unlock()
	select {
	case <-o.done:
		return nil
	default:
	}
	select {
	case <-o.done:
		return nil
	case <-ctx.Done():
	}
	o.mu.Lock()
	left := len(o.queue)
	if o.handling {
		left++
	}
	o.dropped += uint64(len(o.queue))
	o.queue = nil
	o.nudge()
	o.wakeFlushes()
	o.mu.Unlock()
	if left == 0 { // the goroutine is about to end: nothing of the user's is in its way
		<-o.done
		return nil
	}
	o.cancel()
	return fmt.Errorf("%d left undelivered: %w", left, ctx.Err())
}

// nudge makes the goroutine look at the queue. o.mu is held.
func (o *Outbox[T]) nudge() {
	select {
	case o.more <- struct{}{}:
	default:
	}
}

// run hands over values until the outbox is closed and empty.
func (o *Outbox[T]) run() {
	ended := false
	defer func() {
		if !ended { // the handler ended the goroutine: another one takes over
			go o.run()
		}
	}()
	for {
		v, ok := o.next()
		if !ok {
			break
		}
		handling(func() { o.handle(v) })
	}
	ended = true
	o.cancel()
	close(o.done)
}

// next waits for a value; it returns false when there will be none.
func (o *Outbox[T]) next() (v T, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) == 0 {
		if o.closed {
			return v, false
		}
		o.mu.Unlock()
		<-o.more
		o.mu.Lock()
	}
	v = o.queue[0]
	var zero T
	o.queue[0] = zero // the queue must not keep it alive
	o.queue = o.queue[1:]
	o.handling, o.at = true, o.put-uint64(len(o.queue))
	return v, true
}

// handle calls the handler with one value and survives whatever it does.
func (o *Outbox[T]) handle(v T) {
	defer o.settle()
	ctx := o.ctx
	if o.config.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.config.Timeout)
		defer cancel()
	}
	returned := false
	defer func() {
		if r := recover(); r != nil {
			o.trouble(fmt.Errorf("panic: %v", r))
		} else if !returned {
			o.trouble(errors.New("handler ended its goroutine (runtime.Goexit)"))
		}
	}()
	err := o.config.Handle(ctx, v)
	returned = true
	if err != nil {
		o.trouble(err)
	}
}

// trouble counts a failure and passes its error on. An error that panics when it is
// looked at, or a Trouble that does, must not end the program.
func (o *Outbox[T]) trouble(err error) {
	o.mu.Lock()
	o.failed++
	o.mu.Unlock()
	defer func() { _ = recover() }()
	o.config.Trouble(err)
}

// settle records that the value being handled is done with.
func (o *Outbox[T]) settle() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.handling = false
	o.wakeFlushes()
}

// wakeFlushes makes every Flush look at settled again. o.mu is held.
func (o *Outbox[T]) wakeFlushes() {
	close(o.progress)
	o.progress = make(chan struct{})
}

// handling calls f. It is there to be found on the stack.
//
//go:noinline
func handling(f func()) { f() }

var handlingEntry = reflect.ValueOf(handling).Pointer()

// IsHandler reports whether the calling goroutine is inside a handler. Such a
// caller must not wait for an outbox: it would wait for itself, or for another
// handler that does the same.
func IsHandler() bool {
	pcs := make([]uintptr, 64)
	for skip := 1; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs)
		frames := runtime.CallersFrames(pcs[:n])
		for {
			frame, more := frames.Next()
			if frame.Entry == handlingEntry {
				return true
			}
			if !more {
				break
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}
