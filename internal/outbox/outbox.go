// Package outbox hands values to user code without ever waiting for it. Each outbox has a
// bounded queue and one goroutine that calls one handler with one value after the other, in
// order.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Config says what an outbox does with its values.
type Config[T any] struct {
	// Handle gets the values one by one. It may hang, panic or end its goroutine.
	Handle func(context.Context, T) error
	// Size is the number of values that can wait, apart from the one being handled; at
	// least 1.
	Size int
	// Timeout is the time after which the context of each call of Handle ends. 0: never.
	Timeout time.Duration
	// OnError gets the errors and panics of Handle, on the outbox's goroutine and before
	// the value is settled. It must not wait for anything. If it panics, the error is lost.
	OnError func(error)
	// OnLost gets each value that was dropped for want of room, with a nil error, and each that
	// the handler did not take at the last try, with that error, in place of OnError. It must not
	// wait for anything. Nil: OnError gets the error.
	OnLost func(T, error)
	// Retry is called once for each value. The function that it returns decides, after each
	// error of Handle, whether and when to call Handle again. A value whose handling
	// panicked or ended the goroutine is not tried again. Nil: no value is.
	Retry func() func(error) (after time.Duration, again bool)
	// Supersede removes from the waiting values, oldest first, what later ones replace. As
	// soon as nothing is left of a value it stops and returns that value's index; -1 if
	// there is none. It is called only when the queue is full. Nil: no value replaces
	// another.
	Supersede func(waiting []*T) (empty int)
	// Merge makes one value of two neighbours in the queue, or returns false. It is called
	// only when the queue is full. Nil: values are not merged.
	Merge func(first, second T) (both T, ok bool)
}

// ErrNothing is what Handle returns for a value that it has nothing to do for. The value is
// settled, and neither a success nor a failure.
var ErrNothing = errors.New("nothing to do")

// entry is a value in the queue.
type entry[T any] struct {
	seq   uint64 // its number in the order of Put, from 1
	value T
}

// Outbox is a queue with a goroutine that hands its values to a handler. Its methods are
// safe for concurrent use. It must not be copied.
type Outbox[T any] struct {
	config Config[T]
	ctx    context.Context // of all calls of the handler
	cancel context.CancelFunc
	more   chan struct{} // holds a token when the goroutine has something to look at
	done   chan struct{} // closed when the goroutine has ended

	mu       sync.Mutex
	queue    []entry[T]
	put      uint64 // number of values ever put
	dropped  uint64
	failed   uint64
	health   health
	handling bool
	givenUp  bool   // Close counted the value being handled as failed
	resting  bool   // the goroutine waits for the next try of the value being handled
	at       uint64 // the number of the value being handled
	closed   bool
	progress chan struct{} // closed and replaced whenever settled may have grown
}

// health is how the last calls of the handler went.
type health struct {
	lastSuccess, failingSince time.Time
	lastError                 string
}

// Stats says how an outbox is doing.
type Stats struct {
	// Waiting is the number of values that are queued or being handled.
	Waiting int
	// Dropped is the number of values that never reached the handler, and Failed that of those
	// that it did not take, or had not taken when Close gave up.
	Dropped, Failed uint64
	// LastSuccess is when the handler took a value last; zero if it never did.
	LastSuccess time.Time
	// FailingSince is when the handler failed first after that; zero if it has not.
	FailingSince time.Time
	// LastError is the text of its last error, empty if FailingSince is zero.
	LastError string
}

// Stats returns how the outbox is doing.
func (o *Outbox[T]) Stats() Stats {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := Stats{
		Waiting: len(o.queue), Dropped: o.dropped, Failed: o.failed,
		LastSuccess: o.health.lastSuccess, FailingSince: o.health.failingSince, LastError: o.health.lastError,
	}
	if o.handling && !o.givenUp {
		s.Waiting++
	}
	return s
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

// Put queues a value for the handler, without waiting. When the queue is full, values are
// superseded or merged, as the config says. If that makes no room, the oldest value is
// dropped, and counted. After Close, v itself is dropped, and counted.
func (o *Outbox[T]) Put(v T) {
	for _, lost := range o.enqueue(v) {
		if o.config.OnLost != nil {
			o.config.OnLost(lost, nil)
		}
	}
}

// enqueue queues a value and returns those that were dropped to make room.
func (o *Outbox[T]) enqueue(v T) (lost []T) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		o.dropped++
		return nil
	}
	o.put++
	o.queue = append(o.queue, entry[T]{o.put, v})
	if len(o.queue) > o.config.Size {
		lost = o.makeRoom()
		o.wakeFlushes() // one may have waited for a value that is gone
	}
	o.nudge()
	return lost
}

// makeRoom shrinks the queue to Config.Size and returns the values that were dropped. o.mu is
// held.
func (o *Outbox[T]) makeRoom() (lost []T) {
	for len(o.queue) > o.config.Size {
		if !o.supersede() && !o.merge() {
			lost = append(lost, o.queue[0].value)
			o.queue = slices.Delete(o.queue, 0, 1)
			o.dropped++
		}
	}
	return lost
}

// supersede removes the oldest value that later ones replace. o.mu is held.
func (o *Outbox[T]) supersede() bool {
	if o.config.Supersede == nil {
		return false
	}
	waiting := make([]*T, len(o.queue))
	for i := range o.queue {
		waiting[i] = &o.queue[i].value
	}
	empty := o.config.Supersede(waiting)
	if empty < 0 {
		return false
	}
	o.queue = slices.Delete(o.queue, empty, empty+1)
	return true
}

// merge merges the oldest two neighbours that can be merged. o.mu is held.
func (o *Outbox[T]) merge() bool {
	if o.config.Merge == nil {
		return false
	}
	for i := range len(o.queue) - 1 {
		if both, ok := o.config.Merge(o.queue[i].value, o.queue[i+1].value); ok {
			o.queue[i].value = both
			o.queue = slices.Delete(o.queue, i+1, i+2)
			return true
		}
	}
	return false
}

// Dropped returns the number of values that never reached the handler.
func (o *Outbox[T]) Dropped() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}

// Failed returns the number of values that the handler did not take: it returned an error
// at the last try, panicked or ended its goroutine, or it still had a value when Close gave up.
func (o *Outbox[T]) Failed() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed
}

// Flush waits until every value put before is settled: handled or dropped. It returns ctx's
// error if that ends first.
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

// settled returns the number of values, in the order of Put, before the first one that is
// neither handled nor dropped. o.mu is held.
func (o *Outbox[T]) settled() uint64 {
	switch {
	case o.handling:
		return o.at - 1
	case len(o.queue) > 0:
		return o.queue[0].seq - 1
	}
	return o.put
}

// Close takes no more values, waits until those that are queued are settled, and ends the
// goroutine. If ctx ends first, the queue is dropped, the handler's context is cancelled,
// and the error says how many values were left; the goroutine ends as soon as the handler
// returns. What it is handling then counts as failed, unless it is taken after all.
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
	atOnce := left == 0 || o.resting // the goroutine is not inside the handler
	if o.handling && !o.givenUp {
		o.givenUp = true
		o.failed++
	}
	if left > 0 {
		o.cancel()
	}
	o.mu.Unlock()
	if atOnce {
		<-o.done // after that, everything is counted
	}
	if left == 0 {
		return nil
	}
	return fmt.Errorf("%d left undelivered: %w", left, ctx.Err())
}

// nudge wakes the goroutine. o.mu is held.
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

// next waits for a value and takes it from the queue. It returns false once the outbox is
// closed and empty.
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
	first := o.queue[0]
	o.queue[0] = entry[T]{} // so that the value can be collected
	o.queue = o.queue[1:]
	o.handling, o.at = true, first.seq
	return first.value, true
}

// handle calls the handler with one value, as often as Retry says. It survives panics and
// runtime.Goexit.
func (o *Outbox[T]) handle(v T) {
	defer o.settle()
	returned := false
	defer func() {
		if r := recover(); r != nil {
			o.fail(v, fmt.Errorf("panic: %v", r))
		} else if !returned {
			o.fail(v, errors.New("handler ended its goroutine (runtime.Goexit)"))
		}
	}()
	retry := func(error) (time.Duration, bool) { return 0, false }
	if o.config.Retry != nil {
		retry = o.config.Retry()
	}
	for {
		err := o.try(v)
		if err == nil {
			o.succeeded()
			break
		}
		if errors.Is(err, ErrNothing) {
			break
		}
		after, again := retry(err)
		if again = again && o.ctx.Err() == nil; again {
			o.failing(err)
			o.tell(fmt.Errorf("%w (trying again in %s)", err, after.Round(time.Millisecond)))
			again = o.rest(after)
		}
		if !again {
			o.fail(v, err)
			break
		}
	}
	returned = true
}

// try calls the handler once.
func (o *Outbox[T]) try(v T) error {
	ctx := o.ctx
	if o.config.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.config.Timeout)
		defer cancel()
	}
	return o.config.Handle(ctx, v)
}

// rest waits until the next try. It returns false if Close gives up meanwhile.
func (o *Outbox[T]) rest(d time.Duration) bool {
	o.setResting(true)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-o.ctx.Done():
	}
	o.setResting(false)
	return o.ctx.Err() == nil
}

func (o *Outbox[T]) setResting(resting bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.resting = resting
}

// fail counts a value that the handler did not take, and passes the error on.
func (o *Outbox[T]) fail(v T, err error) {
	o.failing(err)
	o.mu.Lock()
	if !o.givenUp { // otherwise Close has counted it
		o.failed++
	}
	o.mu.Unlock()
	if o.config.OnLost == nil {
		o.tell(err)
		return
	}
	defer func() { _ = recover() }() // of the error's own methods, as in tell
	o.config.OnLost(v, err)
}

// failing notes that a call of the handler failed.
func (o *Outbox[T]) failing(err error) {
	text := textOf(err)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.health.lastError = text
	if o.health.failingSince.IsZero() {
		o.health.failingSince = time.Now()
	}
}

// succeeded notes that a call of the handler went well.
func (o *Outbox[T]) succeeded() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.health = health{lastSuccess: time.Now()}
	if o.givenUp { // it was taken after all
		o.givenUp = false
		o.failed--
	}
}

// textOf returns the text of an error, whose method may panic.
func textOf(err error) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprintf("%T", err)
		}
	}()
	return err.Error()
}

// tell passes an error to OnError. It survives the panics of OnError and of the error's own
// methods.
func (o *Outbox[T]) tell(err error) {
	defer func() { _ = recover() }()
	o.config.OnError(err)
}

// settle records that the value being handled is settled.
func (o *Outbox[T]) settle() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.handling = false
	o.wakeFlushes()
}

// wakeFlushes makes every Flush check settled again. o.mu is held.
func (o *Outbox[T]) wakeFlushes() {
	close(o.progress)
	o.progress = make(chan struct{})
}

// handling calls f. IsHandler looks for it on the stack.
//
//go:noinline
func handling(f func()) { f() }

var handlingEntry = reflect.ValueOf(handling).Pointer()

// IsHandler reports whether the calling goroutine is inside a handler. Such a caller must
// not wait for an outbox: it would wait for itself, or for another handler that waits, too.
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
