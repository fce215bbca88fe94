package delivery

import (
	"context"
	"sync"

	"github.com/blurooo/go-monitor/v2/internal/outbox"
)

// pendingErrors is the number of errors that can wait for their handler.
const pendingErrors = 64

// ErrorHandler passes errors to a handler that may wait or panic, and so runs on a
// goroutine of its own. When too many errors wait, the oldest is dropped. All methods are
// safe for concurrent use. It must not be copied; use [NewErrorHandler].
type ErrorHandler struct {
	outbox *outbox.Outbox[error]

	mu   sync.Mutex
	seen map[string]bool // topics of this period
}

// NewErrorHandler starts an ErrorHandler that passes errors to handle.
func NewErrorHandler(handle func(error)) *ErrorHandler {
	return &ErrorHandler{
		seen: make(map[string]bool),
		outbox: outbox.New(outbox.Config[error]{
			Handle:  func(_ context.Context, err error) error { handle(err); return nil },
			Size:    pendingErrors,
			OnError: func(error) {}, // the handler panicked: there is nobody left to tell
		}),
	}
}

// HandleOnce passes on the first error of a topic in a period, and drops the others, without
// waiting. A topic is what the error is about, such as "sink 0". Topics must be few: none
// of them may come from outside.
func (h *ErrorHandler) HandleOnce(topic string, err error) {
	h.mu.Lock()
	first := !h.seen[topic]
	h.seen[topic] = true
	h.mu.Unlock()
	if first {
		h.Handle(err)
	}
}

// Handle passes an error on, without waiting.
func (h *ErrorHandler) Handle(err error) { h.outbox.Put(err) }

// NewPeriod begins a period: the next error of each topic is passed on again.
func (h *ErrorHandler) NewPeriod() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.seen)
}

// Flush waits until every error before it was handled. It returns ctx's error if that ends
// first.
func (h *ErrorHandler) Flush(ctx context.Context) error { return h.outbox.Flush(ctx) }

// Close takes no more errors, waits until those that are queued are handled, and ends the
// goroutine. If ctx ends first, it drops what is left and says how much that is.
func (h *ErrorHandler) Close(ctx context.Context) error { return h.outbox.Close(ctx) }
