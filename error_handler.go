package monitor

import (
	"fmt"

	"go.opentelemetry.io/otel"

	"github.com/blurooo/go-monitor/v2/delivery"
)

// newErrorHandler returns what passes the errors inside a monitor to OpenTelemetry's error
// handler, which is the user's code.
func newErrorHandler(monitor string) *delivery.ErrorHandler {
	return delivery.NewErrorHandler(func(err error) { otel.Handle(fmt.Errorf("monitor %q: %w", monitor, err)) })
}
