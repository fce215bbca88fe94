package alert

import (
	"errors"
	"time"
)

// Final marks an error of a notifier as one that trying again can't mend, such as the
// answer that a request is bad: the notification is dropped. It returns nil for nil.
func Final(err error) error {
	if err == nil {
		return nil
	}
	return &retryError{err: err, isFinal: true}
}

// RetryAfter marks an error of a notifier as one after which the notification should be
// tried again, but not before d has passed, as a receiver asked. It returns nil for nil.
func RetryAfter(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return &retryError{err: err, after: d}
}

// retryError is an error that says whether and when to try again.
type retryError struct {
	err     error
	isFinal bool
	after   time.Duration
}

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

// IsFinal reports whether an error was marked by [Final].
func IsFinal(err error) bool {
	var e *retryError
	return errors.As(err, &e) && e.isFinal
}

// RetryDelay returns the time that [RetryAfter] marked an error with, 0 if it did not.
func RetryDelay(err error) time.Duration {
	var e *retryError
	if !errors.As(err, &e) {
		return 0
	}
	return e.after
}
