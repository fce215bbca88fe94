package outbox

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"
)

// handler is a handler for tests. It keeps what it got and returns once it may.
type handler struct {
	mu      sync.Mutex
	began   []int
	ended   []int
	release chan struct{} // one token, or its closing, lets one call return; nil: it never waits
	ctx     context.Context
}

func (h *handler) handle(ctx context.Context, v int) error {
	h.mu.Lock()
	h.began, h.ctx = append(h.began, v), ctx
	h.mu.Unlock()
	if h.release != nil {
		<-h.release
	}
	h.mu.Lock()
	h.ended = append(h.ended, v)
	h.mu.Unlock()
	return nil
}

// check fails the test unless the handler has begun and ended with these values.
func (h *handler) check(t *testing.T, began, ended []int) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Equal(h.began, began) || !slices.Equal(h.ended, ended) {
		t.Errorf("began with %v and ended with %v, want %v and %v", h.began, h.ended, began, ended)
	}
}

// hanging returns a handler that waits for tokens.
func hanging() *handler { return &handler{release: make(chan struct{})} }

// noError is the OnError of outboxes whose handler does nothing wrong.
func noError(t *testing.T) func(error) {
	return func(err error) { t.Errorf("error: %v", err) }
}

// newOutbox starts an outbox that the test closes in the end.
func newOutbox(t *testing.T, h *handler, size int) *Outbox[int] {
	t.Helper()
	return New(Config[int]{Handle: h.handle, Size: size, OnError: noError(t)})
}

// mustClose closes an outbox whose handler does not wait any more.
func mustClose[T any](t *testing.T, o *Outbox[T]) {
	t.Helper()
	if err := o.Close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
}

func checkDropped[T any](t *testing.T, o *Outbox[T], want uint64) {
	t.Helper()
	if got := o.Dropped(); got != want {
		t.Errorf("%d dropped, want %d", got, want)
	}
}

func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handler{}
		o := newOutbox(t, h, 100)
		var want []int
		for i := range 100 {
			o.Put(i)
			want = append(want, i)
		}
		mustClose(t, o)
		h.check(t, want, want)
		checkDropped(t, o, 0)
	})
}

// A full outbox drops its oldest value, whatever its handler does, and the caller
// never waits: if it did, the test would end as a deadlock.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hanging()
		o := newOutbox(t, h, 3)
		o.Put(0)
		synctest.Wait()
		h.check(t, []int{0}, nil)
		for i := 1; i <= 3; i++ {
			o.Put(i)
		}
		checkDropped(t, o, 0) // three can wait, besides the one that is handled
		for i := 4; i <= 10; i++ {
			o.Put(i)
			checkDropped(t, o, uint64(i-3))
		}
		close(h.release)
		mustClose(t, o)
		h.check(t, []int{0, 8, 9, 10}, []int{0, 8, 9, 10})
		checkDropped(t, o, 7)
	})
}

func TestPutAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handler{}
		o := newOutbox(t, h, 3)
		mustClose(t, o)
		o.Put(1)
		o.Put(2)
		checkDropped(t, o, 2)
		if err := o.Flush(t.Context()); err != nil {
			t.Errorf("flush: %v", err)
		}
		h.check(t, nil, nil)
	})
}

// Values that were dropped or handled can be collected while others still wait.
func TestKeepsNothingAlive(t *testing.T) {
	const size, values = 5, 30
	type big struct{ _ [1 << 10]byte }
	began, release := make(chan struct{}), make(chan struct{})
	o := New(Config[*big]{
		Handle: func(context.Context, *big) error {
			began <- struct{}{}
			<-release
			return nil
		},
		Size:    size,
		OnError: noError(t),
	})
	var all []weak.Pointer[big]
	put := func() {
		v := new(big)
		o.Put(v)
		all = append(all, weak.Make(v))
	}
	checkGone := func(what string, from, to int) {
		t.Helper()
		runtime.GC()
		for i := from; i < to; i++ {
			if all[i].Value() != nil {
				t.Fatalf("value %d of %d was %s and is kept alive", i, len(all), what)
			}
		}
	}
	put()
	<-began
	for range values {
		put()
		checkGone("dropped", 1, len(all)-size)
	}
	for i := range size {
		release <- struct{}{}
		<-began
		checkGone("handled", 0, values-size+i)
	}
	release <- struct{}{}
	mustClose(t, o)
	checkDropped(t, o, values-size)
}

// broken is an error that panics when it is looked at.
type broken struct{}

func (broken) Error() string { panic("broken error") }

func TestMisbehavingHandler(t *testing.T) {
	sentinel := errors.New("no route to pager")
	tests := []struct {
		name  string
		first func() error // what the handler does with its first value
		check func(error) bool
	}{
		{"returns an error", func() error { return sentinel },
			func(err error) bool { return errors.Is(err, sentinel) }},
		{"panics", func() error { panic("at the pager") },
			func(err error) bool { return err.Error() == "panic: at the pager" }},
		{"panics with an error", func() error { panic(sentinel) },
			func(err error) bool { return err.Error() == "panic: no route to pager" }},
		{"panics with nil", func() error { panic(nil) },
			func(err error) bool { return strings.HasPrefix(err.Error(), "panic: ") }},
		{"dereferences nil", func() error { var p *int; *p = 1; return nil },
			func(err error) bool { return strings.Contains(err.Error(), "nil pointer") }},
		{"panics with what panics", func() error { panic(broken{}) },
			func(err error) bool { return strings.HasPrefix(err.Error(), "panic: ") }},
		{"ends its goroutine", func() error { runtime.Goexit(); return nil },
			func(err error) bool { return strings.Contains(err.Error(), "runtime.Goexit") }},
		{"ends its goroutine while it panics", func() error { defer runtime.Goexit(); panic("first") },
			func(err error) bool { return strings.Contains(err.Error(), "runtime.Goexit") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []int
				var errs []error
				o := New(Config[int]{
					Handle: func(_ context.Context, v int) error {
						got = append(got, v)
						if v == 0 {
							return tt.first()
						}
						return nil
					},
					Size:    10,
					OnError: func(err error) { errs = append(errs, err) },
				})
				o.Put(0)
				if err := o.Flush(t.Context()); err != nil {
					t.Errorf("flush: %v", err)
				}
				// What was flushed has been told of.
				if len(errs) != 1 || !tt.check(errs[0]) {
					t.Errorf("errs = %v", errs)
				}
				o.Put(1)
				o.Put(2)
				mustClose(t, o)
				if want := []int{0, 1, 2}; !slices.Equal(got, want) {
					t.Errorf("handled %v, want %v", got, want)
				}
				if len(errs) != 1 {
					t.Errorf("errs = %v, want no more", errs)
				}
				checkDropped(t, o, 0)
			})
		})
	}
}

func TestMisbehavingOnError(t *testing.T) {
	onErrors := map[string]func(error){
		"panics":             func(error) { panic("mine") },
		"looks at the error": func(err error) { _ = err.Error() },
		"ends its goroutine": func(error) { runtime.Goexit() },
	}
	handlers := map[string]func() error{
		"error":  func() error { return broken{} },
		"panic":  func() error { panic("handler") },
		"Goexit": func() error { runtime.Goexit(); return nil },
	}
	for what, onError := range onErrors {
		for name, fail := range handlers {
			t.Run(what+" after "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					calls := 0
					o := New(Config[int]{
						Handle:  func(context.Context, int) error { calls++; return fail() },
						Size:    10,
						OnError: onError,
					})
					o.Put(0)
					if err := o.Flush(t.Context()); err != nil {
						t.Errorf("flush: %v", err)
					}
					o.Put(1)
					mustClose(t, o)
					if calls != 2 {
						t.Errorf("the handler was called %d times, want 2", calls)
					}
				})
			})
		}
	}
}

func TestFlushWaitsForWhatWasPutBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hanging()
		o := newOutbox(t, h, 10)
		if err := o.Flush(t.Context()); err != nil {
			t.Errorf("flush of nothing: %v", err)
		}
		o.Put(1)
		o.Put(2)
		flushed := false
		go func() {
			if err := o.Flush(t.Context()); err != nil {
				t.Errorf("flush: %v", err)
			}
			flushed = true
		}()
		synctest.Wait()
		o.Put(3)
		for _, want := range []bool{false, false, true} {
			if flushed != want {
				h.mu.Lock()
				defer h.mu.Unlock()
				t.Fatalf("flushed: %v, with %v done", flushed, h.ended)
			}
			if !want {
				h.release <- struct{}{}
				synctest.Wait()
			}
		}
		h.check(t, []int{1, 2, 3}, []int{1, 2})
		close(h.release)
		mustClose(t, o)
	})
}

func TestFlushWaitsForDroppedValuesNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hanging()
		o := newOutbox(t, h, 2)
		for i := range 3 {
			o.Put(i)
			synctest.Wait()
		}
		flushed := false
		go func() {
			if err := o.Flush(t.Context()); err != nil {
				t.Errorf("flush: %v", err)
			}
			flushed = true
		}()
		synctest.Wait()
		o.Put(3)
		o.Put(4) // 1 and 2 are dropped
		synctest.Wait()
		if flushed {
			t.Error("flushed, though 0 is still being handled")
		}
		h.release <- struct{}{}
		synctest.Wait()
		if !flushed {
			t.Error("not flushed, though 0 is done and 1 and 2 were dropped")
		}
		h.check(t, []int{0, 3}, []int{0})
		close(h.release)
		mustClose(t, o)
	})
}

// idle returns an outbox whose goroutine has not yet come to run.
func idle(size int) *Outbox[int] {
	return &Outbox[int]{
		config:   Config[int]{Size: size},
		more:     make(chan struct{}, 1),
		done:     make(chan struct{}),
		progress: make(chan struct{}),
		cancel:   func() {},
	}
}

func TestFlushNoticesDropsWhileNothingIsHandled(t *testing.T) {
	ended, end := context.WithCancel(context.Background())
	end()
	for name, drop := range map[string]func(o *Outbox[int]){
		"by a newer value":         func(o *Outbox[int]) { o.Put(2) },
		"by a close without delay": func(o *Outbox[int]) { _ = o.Close(ended) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := idle(1)
				o.Put(1)
				flushed := false
				go func() {
					if err := o.Flush(t.Context()); err != nil {
						t.Errorf("flush: %v", err)
					}
					flushed = true
				}()
				synctest.Wait()
				if flushed {
					t.Error("flushed, though the value still waits")
				}
				drop(o)
				synctest.Wait()
				if !flushed {
					t.Error("not flushed, though the value was dropped")
				}
				checkDropped(t, o, 1)
			})
		})
	}
}

func TestFlushHonoursContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hanging()
		o := newOutbox(t, h, 10)
		o.Put(1)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		if err := o.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flush: %v, want a deadline that is exceeded", err)
		}
		if d := time.Since(began); d != 5*time.Second {
			t.Errorf("flush took %s, want 5s", d)
		}
		close(h.release)
		if err := o.Flush(t.Context()); err != nil {
			t.Errorf("second flush: %v", err)
		}
		if err := o.Flush(ctx); err != nil {
			t.Errorf("flush of nothing by a context that has ended: %v", err)
		}
		mustClose(t, o)
	})
}

func TestCloseDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hanging()
		o := newOutbox(t, h, 10)
		for i := range 3 {
			o.Put(i)
		}
		var closed atomic.Int32
		for range 5 {
			go func() {
				mustClose(t, o)
				closed.Add(1)
			}()
		}
		synctest.Wait()
		o.Put(3)
		for range 3 {
			if closed.Load() != 0 {
				t.Fatal("closed, though values still wait")
			}
			h.release <- struct{}{}
			synctest.Wait()
		}
		if n := closed.Load(); n != 5 {
			t.Errorf("%d of 5 calls of Close have returned", n)
		}
		mustClose(t, o)
		h.check(t, []int{0, 1, 2}, []int{0, 1, 2})
		checkDropped(t, o, 1)
	})
}

func TestCloseHonoursContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hanging()
		o := newOutbox(t, h, 10)
		for i := range 4 {
			o.Put(i)
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		err := o.Close(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "4 left undelivered") {
			t.Errorf("close: %v, want 4 left and a deadline that is exceeded", err)
		}
		if d := time.Since(began); d != 5*time.Second {
			t.Errorf("close took %s, want 5s", d)
		}
		checkDropped(t, o, 3) // the one that is being handled did reach its handler
		checkFailed(t, o, 1)  // which may never return
		if !errors.Is(h.ctx.Err(), context.Canceled) {
			t.Errorf("the handler's context: %v, want it cancelled", h.ctx.Err())
		}
		o.Put(4)
		checkDropped(t, o, 4)
		if err := o.Close(ctx); err == nil || !strings.Contains(err.Error(), "1 left undelivered") {
			t.Errorf("second close: %v, want 1 left", err)
		}

		close(h.release)
		mustClose(t, o) // and the goroutine has ended, or the test would not
		h.check(t, []int{0}, []int{0})
		checkDropped(t, o, 4)
		checkFailed(t, o, 0) // it was taken after all
	})
}

func checkFailed(t *testing.T, o *Outbox[int], want uint64) {
	t.Helper()
	if got := o.Failed(); got != want {
		t.Errorf("%d failed, want %d", got, want)
	}
}

// Stats tell how many values wait, since when the handler fails, and when it took one last.
func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fails atomic.Pointer[error]
		set := func(err error) { fails.Store(&err) }
		set(nil)
		o := New(Config[int]{
			Handle:  func(context.Context, int) error { return *fails.Load() },
			Size:    10,
			OnError: func(error) {},
			Retry: func() func(error) (time.Duration, bool) {
				return func(error) (time.Duration, bool) { return time.Minute, true }
			},
		})
		check := func(when string, want Stats) {
			t.Helper()
			synctest.Wait()
			if got := o.Stats(); got != want {
				t.Errorf("%s:\n got %+v\nwant %+v", when, got, want)
			}
		}
		check("new", Stats{})
		o.Put(1)
		synctest.Wait()
		began := time.Now()
		check("one taken", Stats{LastSuccess: began})

		time.Sleep(time.Hour)
		set(panicking{errors.New("down")})
		o.Put(2)
		o.Put(3)
		down := time.Now()
		want := Stats{Waiting: 2, LastSuccess: began, FailingSince: down, LastError: "outbox.panicking"}
		check("down", want)
		set(errors.New("still down"))
		time.Sleep(90 * time.Second)
		want.LastError = "still down"
		check("still down", want)
		set(nil)
		time.Sleep(time.Minute)
		check("up again", Stats{LastSuccess: down.Add(2 * time.Minute)})
		mustClose(t, o)
	})
}

// panicking is an error whose method panics.
type panicking struct{ error }

func (panicking) Error() string { panic("no text") }

// A handler that looks at its context makes an end within the deadline's moment.
func TestCloseCancelsHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		var errs []error
		o := New(Config[int]{
			Handle: func(ctx context.Context, v int) error {
				got = append(got, v)
				<-ctx.Done()
				return ctx.Err()
			},
			Size:    10,
			Timeout: time.Hour,
			OnError: func(err error) { errs = append(errs, err) },
		})
		o.Put(1)
		o.Put(2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := o.Close(ctx); err == nil {
			t.Error("close: no error, though two were left")
		}
		mustClose(t, o)
		checkFailed(t, o, 1) // counted once, by Close or by itself
		if len(got) != 1 || len(errs) != 1 || !errors.Is(errs[0], context.Canceled) {
			t.Errorf("handled %v with %v, want one to be cancelled", got, errs)
		}
	})
}

func TestCloseOfIdle(t *testing.T) {
	ended, end := context.WithCancel(context.Background())
	end()
	for name, put := range map[string]int{"never used": 0, "used": 3} {
		t.Run(name, func(t *testing.T) {
			for range 100 { // whoever is the first to notice
				h := &handler{}
				o := newOutbox(t, h, 10)
				for i := range put {
					o.Put(i)
				}
				if err := o.Flush(t.Context()); err != nil {
					t.Errorf("flush: %v", err)
				}
				if err := o.Close(ended); err != nil {
					t.Errorf("close: %v, though nothing was left", err)
				}
				select {
				case <-o.done:
				default:
					t.Error("closed, though the goroutine has not ended")
				}
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var ends []time.Duration
		var errs []error
		o := New(Config[int]{
			Handle: func(ctx context.Context, _ int) error {
				<-ctx.Done()
				ends = append(ends, time.Since(began))
				return ctx.Err()
			},
			Size:    10,
			Timeout: 10 * time.Second,
			OnError: func(err error) { errs = append(errs, err) },
		})
		o.Put(1)
		o.Put(2)
		mustClose(t, o)
		if want := []time.Duration{10 * time.Second, 20 * time.Second}; !slices.Equal(ends, want) {
			t.Errorf("the contexts ended after %v, want %v", ends, want)
		}
		for _, err := range errs {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error: %v, want a deadline that is exceeded", err)
			}
		}
	})
}

func TestNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handler{}
		o := newOutbox(t, h, 1)
		o.Put(1)
		mustClose(t, o)
		if _, ok := h.ctx.Deadline(); ok {
			t.Error("the handler's context has a deadline")
		}
	})
}

// waits returns an outbox whose handler keeps what it gets, and waits with the first
// value until it may go on.
func waits(t *testing.T, c Config[string]) (o *Outbox[string], goOn func() []string) {
	t.Helper()
	release := make(chan struct{})
	var got []string
	c.Handle = func(_ context.Context, v string) error {
		<-release
		got = append(got, v)
		return nil
	}
	c.OnError = noError(t)
	o = New(c)
	o.Put("first")
	synctest.Wait()
	return o, func() []string {
		close(release)
		mustClose(t, o)
		return got
	}
}

// A full outbox gives up what is superseded, the oldest first and no more than it has to,
// then merges, and loses a value only when neither makes room.
func TestSupersedeAndMerge(t *testing.T) {
	// Of two values with the same first letter, the later one supersedes the other.
	supersede := func(waiting []*string) int {
		return slices.IndexFunc(waiting, func(v *string) bool {
			return v != waiting[len(waiting)-1] && slices.ContainsFunc(waiting, func(w *string) bool { return *w > *v && (*w)[0] == (*v)[0] })
		})
	}
	merge := func(a, b string) (string, bool) { return a + b, len(a)+len(b) <= 4 }
	tests := []struct {
		name    string
		config  Config[string]
		put     []string
		want    []string
		dropped uint64
	}{
		{"there is room", Config[string]{Size: 3, Supersede: supersede, Merge: merge}, []string{"a1", "a2", "a3"}, []string{"a1", "a2", "a3"}, 0},
		{"one has to go", Config[string]{Size: 3, Supersede: supersede, Merge: merge}, []string{"b1", "a1", "a2", "b2"}, []string{"a1", "a2", "b2"}, 0},
		{"two have to go", Config[string]{Size: 3, Supersede: supersede}, []string{"b1", "a1", "a2", "b2", "c1"}, []string{"a2", "b2", "c1"}, 0},
		{"none is superseded", Config[string]{Size: 3, Supersede: supersede, Merge: merge}, []string{"a1", "b1", "c1", "d1"}, []string{"a1b1", "c1", "d1"}, 0},
		{"the oldest are too large", Config[string]{Size: 3, Supersede: supersede, Merge: merge}, []string{"a1", "b1", "c1", "d1", "e1"}, []string{"a1b1", "c1d1", "e1"}, 0},
		{"all are too large", Config[string]{Size: 1, Supersede: supersede, Merge: merge}, []string{"a1", "b1", "c1", "d1"}, []string{"c1d1"}, 1},
		{"nothing may be done", Config[string]{Size: 2}, []string{"a1", "a2", "a3"}, []string{"a2", "a3"}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, goOn := waits(t, tt.config)
				for _, v := range tt.put {
					o.Put(v)
				}
				if got := goOn(); !slices.Equal(got, append([]string{"first"}, tt.want...)) {
					t.Errorf("handled %q, want %q after the first", got, tt.want)
				}
				checkDropped(t, o, tt.dropped)
			})
		})
	}
}

// A Flush waits neither for what was superseded nor, too long, for what was merged.
func TestFlushOfWhatWasSupersededOrMerged(t *testing.T) {
	for name, c := range map[string]Config[string]{
		"superseded": {Size: 1, Supersede: func([]*string) int { return 0 }},
		"merged":     {Size: 1, Merge: func(a, b string) (string, bool) { return a + b, true }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, goOn := waits(t, c)
				o.Put("a")
				flushed := make(chan error, 1)
				go func() { flushed <- o.Flush(t.Context()) }()
				synctest.Wait()
				o.Put("b")
				goOn()
				if err := <-flushed; err != nil {
					t.Error(err)
				}
				checkDropped(t, o, 0)
				if n := o.Failed(); n != 0 {
					t.Errorf("%d failed", n)
				}
			})
		})
	}
}

// Each value has its own decisions about more tries; those behind it wait.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var got, errs []string
		o := New(Config[string]{
			Handle: func(_ context.Context, v string) error {
				got = append(got, fmt.Sprintf("%s %s", v, time.Since(began)))
				return errors.New("down")
			},
			Size:    10,
			OnError: func(err error) { errs = append(errs, err.Error()) },
			Retry: func() func(error) (time.Duration, bool) {
				n := 0
				return func(err error) (time.Duration, bool) {
					if err.Error() != "down" {
						t.Errorf("asked about %q", err)
					}
					n++
					return time.Duration(n) * time.Second, n < 3
				}
			},
		})
		o.Put("a")
		o.Put("b")
		mustClose(t, o)
		if want := []string{"a 0s", "a 1s", "a 3s", "b 3s", "b 4s", "b 6s"}; !slices.Equal(got, want) {
			t.Errorf("tried %q, want %q", got, want)
		}
		want := []string{"down (trying again in 1s)", "down (trying again in 2s)", "down"}
		if want = append(want, want...); !slices.Equal(errs, want) {
			t.Errorf("told of %q, want %q", errs, want)
		}
		if n := o.Failed(); n != 2 {
			t.Errorf("%d failed, want 2", n)
		}
	})
}

// Once the outbox is given up, nothing is tried again, whether it waited to be or was being
// tried; both are counted.
func TestCloseEndsRetries(t *testing.T) {
	for name, handle := range map[string]func(context.Context, int) error{
		"waiting": func(context.Context, int) error { return errors.New("down") },
		"trying":  func(ctx context.Context, _ int) error { <-ctx.Done(); return errors.New("down") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				var errs []string
				o := New(Config[int]{
					Handle:  func(ctx context.Context, v int) error { tries++; return handle(ctx, v) },
					Size:    10,
					OnError: func(err error) { errs = append(errs, err.Error()) },
					Retry: func() func(error) (time.Duration, bool) {
						return func(error) (time.Duration, bool) { return time.Hour, true }
					},
				})
				o.Put(1)
				o.Put(2)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := o.Close(ctx); err == nil || !strings.Contains(err.Error(), "2 left undelivered") {
					t.Errorf("close: %v, want 2 left", err)
				}
				if name == "trying" { // it may take its time
					mustClose(t, o)
				}
				if tries != 1 || o.Failed() != 1 || o.Dropped() != 1 {
					t.Errorf("%d tries, %d failed, %d dropped, want one each", tries, o.Failed(), o.Dropped())
				}
				want := []string{"down"} // and no announcement of another try
				if name == "waiting" {
					want = []string{"down (trying again in 1h0m0s)", "down"}
				}
				if !slices.Equal(errs, want) {
					t.Errorf("told of %q, want %q", errs, want)
				}
			})
		})
	}
}

// below calls f with n more frames on the stack.
//
//go:noinline
func below(n int, f func()) {
	if n == 0 {
		f()
		return
	}
	below(n-1, f)
}

func TestIsHandler(t *testing.T) {
	if IsHandler() {
		t.Error("a test is taken for a handler")
	}
	below(200, func() {
		if IsHandler() {
			t.Error("a test is taken for a handler when it is deep down")
		}
	})
	var checked int
	expect := func(where string, want bool) {
		checked++
		if got := IsHandler(); got != want {
			t.Errorf("%s: IsHandler = %v", where, got)
		}
	}
	var last string
	o := New(Config[int]{
		Handle: func(_ context.Context, v int) error {
			expect("handler", true)
			switch v {
			case 0:
				for depth := range 300 {
					below(depth, func() { expect(fmt.Sprintf("%d frames below the handler", depth), true) })
				}
				below(10_000, func() { expect("very deep", true) })
				slices.SortFunc([]int{1, 0}, func(a, b int) int {
					expect("called back by another package", true)
					return a - b
				})
				done := make(chan struct{})
				go func() {
					defer close(done)
					expect("goroutine started by the handler", false)
				}()
				<-done
				return nil
			case 1:
				defer expect("deferred", true)
				return errors.New("error")
			case 2:
				defer expect("deferred while panicking", true)
				panic("panic")
			case 3:
				defer expect("deferred while the goroutine ends", true)
				runtime.Goexit()
			}
			return nil
		},
		Size:    10,
		OnError: func(err error) { last = err.Error(); expect("error: "+last, true) },
	})
	for i := range 5 {
		o.Put(i)
	}
	mustClose(t, o)
	if want := 5 + 300 + 2 + 1 + 3 + 3; checked < want {
		t.Errorf("%d places were checked, want at least %d", checked, want)
	}
	if !strings.Contains(last, "Goexit") {
		t.Errorf("last error = %q", last)
	}
}

// Many goroutines put, flush and close at the same time. Every value is handled
// once or dropped once, and the values of each goroutine stay in order.
func TestHammer(t *testing.T) {
	const producers, each = 8, 2000
	type value struct{ producer, number int }
	var handled, drops int
	var last [producers]int
	o := New(Config[value]{
		Handle: func(_ context.Context, v value) error {
			handled++
			if v.number <= last[v.producer] {
				t.Errorf("value %d of producer %d came after %d", v.number, v.producer, last[v.producer])
			}
			last[v.producer] = v.number
			switch v.number % 50 {
			case 0:
				runtime.Goexit()
			case 1:
				panic("hammered")
			case 2:
				return errors.New("hammered")
			}
			return nil
		},
		Size:    16,
		OnError: func(error) { drops++ },
	})
	var producing, flushing sync.WaitGroup
	var stop atomic.Bool
	for p := range producers {
		producing.Go(func() {
			for i := range each {
				o.Put(value{p, i + 1})
				if i%16 == 0 {
					if err := o.Flush(t.Context()); err != nil {
						t.Errorf("flush: %v", err)
					}
				}
			}
		})
	}
	for range 2 {
		flushing.Go(func() {
			for !stop.Load() {
				if err := o.Flush(t.Context()); err != nil {
					t.Errorf("flush: %v", err)
				}
				runtime.Gosched()
			}
		})
	}
	producing.Wait()
	stop.Store(true)
	var closing sync.WaitGroup
	for range 4 {
		closing.Go(func() { mustClose(t, o) })
	}
	closing.Wait()
	flushing.Wait()
	if got := handled + int(o.Dropped()); got != producers*each {
		t.Errorf("%d handled + %d dropped = %d, want %d", handled, o.Dropped(), got, producers*each)
	}
	if drops == 0 || handled == 0 {
		t.Errorf("%d handled, %d errors: nothing was tried", handled, drops)
	}
}

// Close with a context that may have ended while others put: nothing is lost
// without being counted, and nobody waits for ever.
func TestHammerClose(t *testing.T) {
	for round := range 300 {
		var handled atomic.Int64
		o := New(Config[int]{
			Handle:  func(context.Context, int) error { handled.Add(1); return nil },
			Size:    4,
			OnError: noError(t),
		})
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				for i := range 20 {
					o.Put(i)
				}
				if err := o.Flush(context.Background()); err != nil {
					t.Errorf("flush: %v", err)
				}
			})
		}
		all.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			if round%2 == 0 {
				cancel()
			}
			_ = o.Close(ctx)
			cancel()
		})
		all.Wait()
		mustClose(t, o)
		if got := int(handled.Load()) + int(o.Dropped()); got != 40 {
			t.Fatalf("round %d: %d handled + %d dropped = %d, want 40", round, handled.Load(), o.Dropped(), got)
		}
	}
}
