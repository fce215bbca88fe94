package alert

import "context"

// Notifier is where alerts go. It is called from one goroutine, one notification
// after the other, never the one that counts: it may take its time. The
// alerts of one period come together, and belong to the notifier.
type Notifier interface {
	Notify(ctx context.Context, alerts []Alert) error
}

// NotifierFunc is a function that is a [Notifier].
type NotifierFunc func(ctx context.Context, alerts []Alert) error

// Notify calls f.
func (f NotifierFunc) Notify(ctx context.Context, alerts []Alert) error { return f(ctx, alerts) }
