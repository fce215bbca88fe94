package monitor

import (
	"context"
	"fmt"
	"sync"

	"go.opentelemetry.io/otel"

	"github.com/blurooo/go-monitor/v2/internal/outbox"
)

// troubles takes what goes wrong inside a monitor to OpenTelemetry's error
// handler. That handler is the user's code, so it runs on a goroutine of its own.
type troubles struct {
	monitor string
	outbox  *outbox.Outbox[error]

	mu   sync.Mutex
	seen map[string]bool // kinds that were reported in this period
}

// pendingTroubles is the number of errors that can wait for the error handler.
const pendingTroubles = 64

func newTroubles(monitor string) *troubles {
	return &troubles{
		monitor: monitor,
		seen:    make(map[string]bool),
		outbox: outbox.New(outbox.Config[error]{
			Handle:  func(_ context.Context, err error) error { otel.Handle(err); return nil },
			Size:    pendingTroubles,
			Trouble: func(error) {}, // the error handler itself fails: there is nobody left to tell
		}),
	}
}

// once passes on the first error of a kind in a period. Kinds are few: they are
// the monitor's own words.
func (t *troubles) once(kind string, err error) {
	t.mu.Lock()
	first := !t.seen[kind]
	t.seen[kind] = true
	t.mu.Unlock()
	if first {
		t.report(err)
	}
}

// report passes an error on.
func (t *troubles) report(err error) {
	t.outbox.Put(fmt.Errorf("monitor %q: %w", t.monitor, err))
}

// newPeriod forgets which kinds were reported.
func (t *troubles) newPeriod() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.seen)
}

func (t *troubles) flush(ctx context.Context) error { return t.outbox.Flush(ctx) }

func (t *troubles) close(ctx context.Context) error { return t.outbox.Close(ctx) }
