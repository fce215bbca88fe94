package delivery

import (
	"context"
	"sync"

	"github.com/blurooo/go-monitor/v2/internal/outbox"
)

// pendingTroubles is the number of errors that can wait for their handler.
const pendingErrors = 64

// ErrorHandler takes what goes wrong to a handler that may wait or panic, and so runs on a
// goroutine of its own; when too much waits, the oldest is dropped. All methods are safe for
// concurrent use. It must not be copied; use [NewErrorHandler].
type ErrorHandler struct {
	outbox *outbox.Outbox[error]

	mu   sync.Mutex
	seen map[string]bool // kinds that were reported in this period
}

// NewErrorHandler starts a ErrorHandler with a handler.
func NewErrorHandler(handle func(error)) *ErrorHandler {
	return &ErrorHandler{
		seen: make(map[string]bool),
		outbox: outbox.New(outbox.Config[error]{
			Handle:  func(_ context.Context, err error) error { handle(err); return nil },
			Size:    pendingErrors,
			OnError: func(error) {}, // the handler itself fails: there is nobody left to tell
		}),
	}
}

// Once passes on the first error of a kind in a period. Kinds must be few, and the
// program's own words.
func (t *ErrorHandler) HandleOnce(kind string, err error) {
	t.mu.Lock()
	first := !t.seen[kind]
	t.seen[kind] = true
	t.mu.Unlock()
	if first {
		t.Handle(err)
	}
}

// Report passes an error on, without waiting.
func (t *ErrorHandler) Handle(err error) { t.outbox.Put(err) }

// NewPeriod forgets which kinds were reported.
func (t *ErrorHandler) NewPeriod() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.seen)
}

// Flush waits until every error before it was handled. It returns ctx's error if that
// ends first.
func (t *ErrorHandler) Flush(ctx context.Context) error { return t.outbox.Flush(ctx) }

// Close takes no more errors, waits until those it has are handled, and ends the
// goroutine. If ctx ends first it gives up what is left and says how much that is.
func (t *ErrorHandler) Close(ctx context.Context) error { return t.outbox.Close(ctx) }
