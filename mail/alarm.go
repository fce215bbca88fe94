package mail

import (
	"context"
	"sync"
	"time"
)

// alarm calls a function at a time, on a goroutine that lives as long as the call. Its methods
// are safe for concurrent use. It must not be copied.
type alarm struct {
	call func()

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
	calls   sync.WaitGroup // calls that are due or under way
}

// set schedules the next call in d, in place of one that was scheduled before.
func (a *alarm) set(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clear()
	if a.stopped {
		return
	}
	a.calls.Add(1)
	a.timer = time.AfterFunc(d, func() {
		defer a.calls.Done()
		a.call()
	})
}

// stop makes sure that no call begins any more.
func (a *alarm) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
	a.clear()
}

// clear cancels a call that has not begun. a.mu is held.
func (a *alarm) clear() {
	if a.timer != nil && a.timer.Stop() {
		a.calls.Done()
	}
	a.timer = nil
}

// wait waits for a call under way to end, or for ctx. The alarm must be stopped.
func (a *alarm) wait(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.calls.Wait()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
