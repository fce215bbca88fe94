package monitor

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/otel"

	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/internal/pipe"
)

// newErrorHandler returns what passes the errors inside a monitor to OpenTelemetry's error
// handler, which is the user's code. It does not pass on that the reader of a pipe has gone: that
// is no fault, and what is said about it would often go to the same reader, by stderr, which ends
// the program.
func newErrorHandler(monitor string) *delivery.ErrorHandler {
	return delivery.NewErrorHandler(func(err error) {
		if !errors.Is(err, pipe.ErrClosed) {
			otel.Handle(fmt.Errorf("monitor %q: %w", monitor, err))
		}
	})
}
