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

func TestTroublesOncePerPeriod(t *testing.T) {
	var told diary
	troubles := NewErrorHandler(told.write)
	for range 3 {
		troubles.HandleOnce("a", errors.New("a is wrong"))
		troubles.HandleOnce("b", errors.New("b is wrong"))
	}
	troubles.Handle(errors.New("a is wrong again"))
	troubles.NewPeriod()
	troubles.HandleOnce("a", errors.New("a is still wrong"))
	if err := troubles.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	told.check(t, "a is wrong", "b is wrong", "a is wrong again", "a is still wrong")
	if err := troubles.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// A handler that panics or hangs is of no consequence to those who report.
func TestTroublesSurviveTheirHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		var told diary
		troubles := NewErrorHandler(func(err error) {
			switch err.Error() {
			case "panic":
				panic("mine")
			case "hang":
				<-block
			}
			told.write(err)
		})
		troubles.Handle(errors.New("panic"))
		troubles.Handle(errors.New("hang"))
		troubles.Handle(errors.New("later"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := troubles.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flush: %v, want the context's error", err)
		}
		close(block)
		if err := troubles.Close(t.Context()); err != nil {
			t.Error(err)
		}
		told.check(t, "hang", "later")
	})
}
