package alert

import "context"

// Notifier is where alerts go. It is called from one goroutine, one notification after
// the other, and never from the one that counts: it may take its time. The alerts of one
// period come together, and belong to the notifier.
type Notifier interface {
	Notify(ctx context.Context, alerts []Alert) error
}

// Resender is a notifier that sends alerts again as long as they fire, because its receiver forgets
// them otherwise, as Alertmanager does. After a restart it is notified of all that fire.
type Resender interface {
	Notifier
	// ResendsFiring does nothing. It tells such a notifier from others.
	ResendsFiring()
}

// NotifierFunc is a function that is a [Notifier].
type NotifierFunc func(ctx context.Context, alerts []Alert) error

// Notify calls f.
func (f NotifierFunc) Notify(ctx context.Context, alerts []Alert) error { return f(ctx, alerts) }

// Recorder is a notifier that keeps alerts, and tells nobody of them, such as a database. It also
// gets alerts that are silenced ([Alert.Silenced]), which others don't.
type Recorder interface {
	Notifier
	// RecordsAlerts does nothing.
	RecordsAlerts()
}

// notificationKey is the key of a notification's id in a context.
type notificationKey struct{}

// NotificationID returns the id of the notification that is delivered with ctx. It is the
// same for every try, so that a receiver recognises a repetition. It is empty outside of
// Notify.
func NotificationID(ctx context.Context) string {
	id, _ := ctx.Value(notificationKey{}).(string)
	return id
}

// WithNotificationID returns ctx with the id of the notification that is delivered with it.
func WithNotificationID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, notificationKey{}, id)
}
