package monitor

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/blurooo/go-monitor/v2/delivery"
)

// ownMetrics registers the metrics of a monitor about itself: how its sinks and notifiers are doing. The returned function unregisters
// them.
func ownMetrics(meter metric.Meter, monitor string, d *delivery.Dispatcher) (unregister func() error, err error) {
	waiting, err1 := meter.Int64ObservableGauge("gomonitor.delivery.waiting", metric.WithUnit("{item}"),
		metric.WithDescription("Periods and notifications that a sink or notifier has not taken, or not passed on, yet."))
	undelivered, err2 := meter.Int64ObservableCounter("gomonitor.delivery.undelivered", metric.WithUnit("{item}"),
		metric.WithDescription("Periods and notifications that a sink or notifier lost."))
	last, err3 := meter.Int64ObservableGauge("gomonitor.delivery.last_success", metric.WithUnit("s"),
		metric.WithDescription("When a sink or notifier took, or passed on, something last, as a Unix time; 0: never."))
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, r := range d.Receivers() {
			attrs := metric.WithAttributeSet(attribute.NewSet(
				attribute.String("gomonitor.monitor", monitor), attribute.String("gomonitor.receiver", r.Name)))
			o.ObserveInt64(waiting, int64(r.Waiting), attrs)
			o.ObserveInt64(undelivered, int64(r.Undelivered), attrs)
			o.ObserveInt64(last, max(r.LastSuccess.Unix(), 0), attrs)
		}
		return nil
	}, waiting, undelivered, last)
	if err != nil {
		return nil, err
	}
	return registration.Unregister, nil
}
