package alert

import (
	"context"
	"errors"
	"time"
)

// Final marks an error of a notifier as one that trying again does not mend, such as an
// answer that the request is bad: the notification is given up.
func Final(err error) error {
	if err == nil {
		return nil
	}
	return &deliveryError{err: err, final: true}
}

// RetryAfter marks an error of a notifier as one after which it should be tried again,
// but not before d has passed, as a receiver asked.
func RetryAfter(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return &deliveryError{err: err, after: d}
}

// deliveryError is an error that says what to do next.
type deliveryError struct {
	err   error
	final bool
	after time.Duration
}

func (e *deliveryError) Error() string { return e.err.Error() }
func (e *deliveryError) Unwrap() error { return e.err }

// IsFinal reports whether an error was marked by [Final].
func IsFinal(err error) bool {
	e, ok := errors.AsType[*deliveryError](err)
	return ok && e.final
}

// notificationKey is the key of a notification's id in a context.
type notificationKey struct{}

// NotificationID returns the id of the notification that is being delivered with ctx. It is
// the same for every try, so that a receiver can tell a repetition from news. It is
// empty outside of Notify.
func NotificationID(ctx context.Context) string {
	id, _ := ctx.Value(notificationKey{}).(string)
	return id
}

// WithNotificationID returns ctx with the id of the notification that is delivered with it.
func WithNotificationID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, notificationKey{}, id)
}
