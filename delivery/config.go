package delivery

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/internal/keyed"
)

// Config says how notifications are delivered to each notifier. It is plain data. A zero
// field means its default.
type Config struct {
	// QueueSize is the number of notifications that can wait for a notifier, 1 to 10,000.
	// Default 64.
	QueueSize int `mapstructure:"queue_size"`
	// Timeout is the time after which the context of one try ends, up to 10m. Default 30s.
	Timeout time.Duration `mapstructure:"timeout"`
	// MaxAttempts is how often one notification is tried at most, 1 to 1000. Default 16,
	// which takes about ten minutes.
	MaxAttempts int `mapstructure:"max_attempts"`
	// InitialInterval is the time between the first try and the second, up to 1h. Each
	// later interval is twice as long, up to MaxInterval, and all vary at random by one
	// half. Default 1s, or MaxInterval if that is shorter.
	InitialInterval time.Duration `mapstructure:"initial_interval"`
	// MaxInterval is the longest time between two tries, before it varies, up to 24h. A
	// receiver that asks for a longer one gets it, up to ten times MaxInterval. It must not
	// be shorter than InitialInterval. Default 1m, or InitialInterval if that is longer.
	MaxInterval time.Duration `mapstructure:"max_interval"`
}

// Validate returns one error for each field that is neither zero nor within its bounds,
// joined; each names the key and quotes the value.
func (c Config) Validate() error {
	var errs []error
	number := func(key string, v, high int) {
		if v < 0 || v > high {
			errs = append(errs, fmt.Errorf("%s: must be between 1 and %d, got %d", key, high, v))
		}
	}
	duration := func(key string, d, high time.Duration) {
		errs = append(errs, keyed.Range{High: high}.Check(key, d))
	}
	number("queue_size", c.QueueSize, 10_000)
	duration("timeout", c.Timeout, 10*time.Minute)
	number("max_attempts", c.MaxAttempts, 1000)
	duration("initial_interval", c.InitialInterval, time.Hour)
	duration("max_interval", c.MaxInterval, 24*time.Hour)
	if c.MaxInterval > 0 && c.MaxInterval < c.InitialInterval {
		errs = append(errs, fmt.Errorf("max_interval: must be at least initial_interval, %s, got %s", alert.Exact(c.InitialInterval), alert.Exact(c.MaxInterval)))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	c.QueueSize = cmp.Or(c.QueueSize, 64)
	c.Timeout = cmp.Or(c.Timeout, 30*time.Second)
	c.MaxAttempts = cmp.Or(c.MaxAttempts, 16)
	if c.InitialInterval == 0 {
		c.InitialInterval = min(time.Second, cmp.Or(c.MaxInterval, time.Second))
	}
	c.MaxInterval = cmp.Or(c.MaxInterval, max(time.Minute, c.InitialInterval))
	return c
}

// retry returns a function that decides, after each failed try of one notification, whether
// and when to try again.
func (c Config) retry() func(error) (time.Duration, bool) {
	wait := &backoff.ExponentialBackOff{
		InitialInterval: c.InitialInterval, Multiplier: 2, MaxInterval: c.MaxInterval, RandomizationFactor: 0.5,
	}
	wait.Reset()
	tries := 0
	return func(err error) (time.Duration, bool) {
		if tries++; tries >= c.MaxAttempts || alert.IsFinal(err) {
			return 0, false
		}
		return max(wait.NextBackOff(), min(alert.RetryDelay(err), 10*c.MaxInterval)), true
	}
}
