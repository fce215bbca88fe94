package delivery

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// diary is what a handler of errors was told.
type diary struct {
	mu   sync.Mutex
	said []string
}

func (d *diary) write(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.said = append(d.said, err.Error())
}

// check fails the test unless the errors are these, in this order.
func (d *diary) check(t *testing.T, want ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.said, want) {
		t.Errorf("told of %q, want %q", d.said, want)
	}
}

func TestErrorHandlerHandlesOncePerPeriod(t *testing.T) {
	var told diary
	errs := NewErrorHandler(told.write)
	for range 3 {
		errs.HandleOnce("a", errors.New("a is wrong"))
		errs.HandleOnce("b", errors.New("b is wrong"))
	}
	errs.Handle(errors.New("a is wrong again"))
	errs.NewPeriod()
	errs.HandleOnce("a", errors.New("a is still wrong"))
	if err := errs.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	told.check(t, "a is wrong", "b is wrong", "a is wrong again", "a is still wrong")
	if err := errs.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// A handler that panics or hangs does not affect whoever reports errors.
func TestErrorHandlerSurvivesItsHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		var told diary
		errs := NewErrorHandler(func(err error) {
			switch err.Error() {
			case "panic":
				panic("mine")
			case "hang":
				<-block
			}
			told.write(err)
		})
		errs.Handle(errors.New("panic"))
		errs.Handle(errors.New("hang"))
		errs.Handle(errors.New("later"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := errs.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flush: %v, want the context's error", err)
		}
		close(block)
		if err := errs.Close(t.Context()); err != nil {
			t.Error(err)
		}
		told.check(t, "hang", "later")
	})
}
