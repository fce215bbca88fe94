package alert

import "github.com/blurooo/go-monitor/v2/internal/keyed"

// ConfigError puts a key before the errors of a part of a configuration, each of which
// begins with the key that it is about: for "webhook" and "url: is required" it returns
// "webhook.url: is required". [errors.Is] and [errors.As] find in it what they find in err.
// It returns nil if err is nil.
func ConfigError(key string, err error) error { return keyed.Below(key, err) }
