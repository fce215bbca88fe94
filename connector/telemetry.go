package gomonitorconnector

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"
)

// meterName is the name of the scope of the component's metrics about itself.
const meterName = "github.com/blurooo/go-monitor/connector"

// telemetry holds the component's metrics about itself, which metadata.yaml lists. All methods
// are safe for concurrent use. It must not be copied.
type telemetry struct {
	registration metric.Registration

	spans, unwatched, late, early, overflowed atomic.Int64
	openPeriods, operations                   atomic.Int64
	firing                                    atomic.Int64 // alerts that fire now
	fired, resolved                           atomic.Int64 // alerts so far
	stalls                                    atomic.Int64
}

// newTelemetry registers the metrics of the component with the given id and dispatcher. Several
// components of a Collector have the same metrics, told apart by an attribute.
func newTelemetry(set component.TelemetrySettings, id component.ID, dispatcher *delivery.Dispatcher) (*telemetry, error) {
	t := &telemetry{}
	meter := set.MeterProvider.Meter(meterName)
	var instruments []metric.Observable
	var observe []func(metric.Observer)
	var errs []error
	add := func(i metric.Int64Observable, err error, f func(metric.Observer, metric.Int64Observable)) {
		errs = append(errs, err)
		instruments = append(instruments, i)
		observe = append(observe, func(o metric.Observer) { f(o, i) })
	}
	counter := func(name, unit, description string, f func(metric.Observer, metric.Int64Observable)) {
		i, err := meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
		add(i, err, f)
	}
	gauge := func(name, unit, description string, f func(metric.Observer, metric.Int64Observable)) {
		i, err := meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
		add(i, err, f)
	}
	with := func(attrs ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(append(attrs, attribute.String("connector", id.String()))...))
	}
	own := with()
	value := func(v *atomic.Int64) func(metric.Observer, metric.Int64Observable) {
		return func(o metric.Observer, i metric.Int64Observable) { o.ObserveInt64(i, v.Load(), own) }
	}
	counter("otelcol_connector_gomonitor_spans", "{span}", "Spans that were read.", value(&t.spans))
	counter("otelcol_connector_gomonitor_spans_unwatched", "{span}", "Spans that were not counted, since their kind is not watched or they are a monitor's own.", value(&t.unwatched))
	counter("otelcol_connector_gomonitor_spans_late", "{span}", "Spans that came after the grace and were counted in a later period than they ended in.", value(&t.late))
	counter("otelcol_connector_gomonitor_spans_early", "{span}", "Spans that ended in the future and were counted in an earlier period.", value(&t.early))
	counter("otelcol_connector_gomonitor_spans_overflowed", "{span}", "Spans of operations for which there was no room, counted together.", value(&t.overflowed))
	gauge("otelcol_connector_gomonitor_open_periods", "{period}", "Periods that are not closed yet.", value(&t.openPeriods))
	gauge("otelcol_connector_gomonitor_operations", "{operation}", "Operations that have a place.", value(&t.operations))
	gauge("otelcol_connector_gomonitor_alerts_firing", "{alert}", "Alerts that fire.", value(&t.firing))
	firing, resolved := with(stateAttribute(alert.Firing)), with(stateAttribute(alert.Resolved))
	counter("otelcol_connector_gomonitor_alerts", "{alert}", "Alerts that began to fire and that were resolved.", func(o metric.Observer, i metric.Int64Observable) {
		o.ObserveInt64(i, t.fired.Load(), firing)
		o.ObserveInt64(i, t.resolved.Load(), resolved)
	})
	counter("otelcol_connector_gomonitor_undelivered_periods", "{period}", "Periods that a sink did not take; two sinks count twice.", func(o metric.Observer, i metric.Int64Observable) {
		periods, _ := dispatcher.Undelivered()
		o.ObserveInt64(i, int64(periods), own)
	})
	counter("otelcol_connector_gomonitor_undelivered_notifications", "{notification}", "Notifications that a notifier did not take; two notifiers count twice.", func(o metric.Observer, i metric.Int64Observable) {
		_, notifications := dispatcher.Undelivered()
		o.ObserveInt64(i, int64(notifications), own)
	})
	receivers := func(of func(r *delivery.ReceiverStatus) int64) func(metric.Observer, metric.Int64Observable) {
		return func(o metric.Observer, i metric.Int64Observable) {
			for _, r := range dispatcher.Receivers() {
				o.ObserveInt64(i, of(&r), with(attribute.String("receiver", r.Name)))
			}
		}
	}
	gauge("otelcol_connector_gomonitor_delivery_waiting", "{item}", "Periods and notifications that a sink or notifier has not taken, or not passed on, yet.",
		receivers(func(r *delivery.ReceiverStatus) int64 { return int64(r.Waiting) }))
	counter("otelcol_connector_gomonitor_delivery_undelivered", "{item}", "Periods and notifications that a sink or notifier lost.",
		receivers(func(r *delivery.ReceiverStatus) int64 { return int64(r.Undelivered) }))
	gauge("otelcol_connector_gomonitor_delivery_last_success", "s", "When a sink or notifier took, or passed on, something last, as a Unix time; 0: never.",
		receivers(func(r *delivery.ReceiverStatus) int64 { return max(r.LastSuccess.Unix(), 0) }))
	counter("otelcol_connector_gomonitor_stalls", "{stall}", "Times that the process stood still for so long that the time was left out.", value(&t.stalls))
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, f := range observe {
			f(o)
		}
		return nil
	}, instruments...)
	if err != nil {
		return nil, err
	}
	t.registration = registration
	return t, nil
}

// stateAttribute returns the attribute for alerts of a state.
func stateAttribute(s alert.State) attribute.KeyValue { return attribute.String("state", s.String()) }

// received counts spans that were read, and those of them that are not watched.
func (t *telemetry) received(spans, unwatched int) {
	t.spans.Add(int64(spans))
	if unwatched > 0 {
		t.unwatched.Add(int64(unwatched))
	}
}

// counted sets the numbers of open periods and of operations.
func (t *telemetry) counted(openPeriods, operations int) {
	t.openPeriods.Store(int64(openPeriods))
	t.operations.Store(int64(operations))
}

// closed counts a closed period and the alerts that it raised, and sets the number of alerts
// that fire.
func (t *telemetry) closed(p *engine.Period, alerts []alert.Alert, firing int) {
	t.late.Add(int64(p.Late))
	t.early.Add(int64(p.Early))
	t.overflowed.Add(int64(p.Overflowed))
	t.firing.Store(int64(firing))
	for i := range alerts {
		switch a := &alerts[i]; {
		case a.State == alert.Resolved:
			t.resolved.Add(1)
		case a.State == alert.Firing && !a.Repeat:
			t.fired.Add(1)
		}
	}
}

// close unregisters the metrics.
func (t *telemetry) close() error { return t.registration.Unregister() }
