package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Delivery says how notifications are delivered to each notifier. A zero field means its
// default.
type Delivery struct {
	// Queue is the number of notifications that can wait for a notifier, 1 to 10,000.
	// Default 64.
	QueueSize int `mapstructure:"queue_size"`
	// Timeout is the time after which the context of one try ends, up to 10m. Default 30s.
	Timeout time.Duration `mapstructure:"timeout"`
	// Attempts is how often one notification is tried at most, 1 to 1000. Default 16,
	// which takes about ten minutes.
	MaxAttempts int `mapstructure:"max_attempts"`
	// InitialInterval is the time between the first try and the second, up to 1h; each later
	// one is twice as long, up to MaxInterval, and all vary at random by one half. Default 1s,
	// or MaxInterval if that is shorter.
	InitialInterval time.Duration `mapstructure:"initial_interval"`
	// MaxInterval is the longest time between two tries, before it varies, up to 24h; a receiver
	// that asks for a longer one is granted it up to ten times MaxInterval. It must not be shorter than
	// InitialInterval. Default 1m, or InitialInterval if that is longer.
	MaxInterval time.Duration `mapstructure:"max_interval"`
}

// Validate returns one error for each field that is neither zero nor within its bounds,
// joined; each names the key and quotes the value.
func (d Delivery) Validate() error {
	var errs []error
	number := func(key string, v, high int) {
		if v < 0 || v > high {
			errs = append(errs, fmt.Errorf("%s: must be between 1 and %d, got %d", key, high, v))
		}
	}
	duration := func(key string, v, high time.Duration) {
		if v < 0 || v > high {
			errs = append(errs, fmt.Errorf("%s: must be above 0s and at most %s, got %s", key, short(high), v))
		}
	}
	number("queue_size", d.QueueSize, 10_000)
	duration("timeout", d.Timeout, 10*time.Minute)
	number("max_attempts", d.MaxAttempts, 1000)
	duration("initial_interval", d.InitialInterval, time.Hour)
	duration("max_interval", d.MaxInterval, 24*time.Hour)
	if d.MaxInterval > 0 && d.MaxInterval < d.InitialInterval {
		errs = append(errs, fmt.Errorf("max_interval: must be at least initial_interval, %s, got %s", short(d.InitialInterval), short(d.MaxInterval)))
	}
	return errors.Join(errs...)
}

func (d Delivery) withDefaults() Delivery {
	d.QueueSize = cmp.Or(d.QueueSize, 64)
	d.Timeout = cmp.Or(d.Timeout, 30*time.Second)
	d.MaxAttempts = cmp.Or(d.MaxAttempts, 16)
	if d.InitialInterval == 0 {
		d.InitialInterval = min(time.Second, cmp.Or(d.MaxInterval, time.Second))
	}
	d.MaxInterval = cmp.Or(d.MaxInterval, max(time.Minute, d.InitialInterval))
	return d
}

// retry returns what decides about further tries of one notification.
func (d Delivery) retry() func(error) (time.Duration, bool) {
	wait := &backoff.ExponentialBackOff{
		InitialInterval: d.InitialInterval, Multiplier: 2, MaxInterval: d.MaxInterval, RandomizationFactor: 0.5,
	}
	wait.Reset()
	tries := 0
	return func(err error) (time.Duration, bool) {
		if tries++; tries >= d.MaxAttempts || IsFinal(err) {
			return 0, false
		}
		return max(wait.NextBackOff(), min(RetryDelay(err), 10*d.MaxInterval)), true
	}
}

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

// RetryDelay returns the time that [RetryAfter] marked an error with, 0 if it did not.
func RetryDelay(err error) time.Duration {
	if e, ok := errors.AsType[*deliveryError](err); ok {
		return e.after
	}
	return 0
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
