package monitor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"
)

// fakeMeter keeps the callback that is registered and what it observes.
type fakeMeter struct {
	noop.Meter
	callback metric.Callback
	observed map[string]int64
}

type (
	fakeGauge struct {
		noop.Int64ObservableGauge
		name string
	}
	fakeCounter struct {
		noop.Int64ObservableCounter
		name string
	}
	fakeObserver struct {
		noop.Observer
		meter *fakeMeter
	}
	fakeRegistration struct {
		noop.Registration
		meter *fakeMeter
	}
)

func (*fakeMeter) Int64ObservableGauge(name string, _ ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	return fakeGauge{name: name}, nil
}

func (*fakeMeter) Int64ObservableCounter(name string, _ ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	return fakeCounter{name: name}, nil
}

func (m *fakeMeter) RegisterCallback(f metric.Callback, _ ...metric.Observable) (metric.Registration, error) {
	m.callback = f
	return fakeRegistration{meter: m}, nil
}

func (r fakeRegistration) Unregister() error { r.meter.callback = nil; return nil }

func (o fakeObserver) ObserveInt64(i metric.Int64Observable, v int64, options ...metric.ObserveOption) {
	attrs := metric.NewObserveConfig(options).Attributes()
	name := fmt.Sprint(i)
	switch i := i.(type) {
	case fakeGauge:
		name = i.name
	case fakeCounter:
		name = i.name
	}
	receiver, _ := attrs.Value("gomonitor.receiver")
	monitor, _ := attrs.Value("gomonitor.monitor")
	o.meter.observed[monitor.AsString()+" "+receiver.AsString()+" "+name] = v
}

// A monitor's metrics and its status say how its sinks and notifiers are doing.
func TestOwnMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := delivery.New(delivery.Options{
			Sinks:     []engine.Sink{engine.SinkFunc(func(context.Context, engine.Period) error { return nil })},
			Notifiers: []alert.Notifier{alert.NotifierFunc(func(context.Context, []alert.Alert) error { return errors.New("down") })},
		})
		meter := &fakeMeter{observed: make(map[string]int64)}
		unregister, err := ownMetrics(meter, "http", d)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		d.Send(&engine.Period{}, []alert.Alert{{ID: "1", State: alert.Firing}})
		synctest.Wait()
		if err := meter.callback(t.Context(), fakeObserver{meter: meter}); err != nil {
			t.Fatal(err)
		}
		want := map[string]int64{
			"http sink 0 gomonitor.delivery.waiting": 0, "http sink 0 gomonitor.delivery.undelivered": 0, "http sink 0 gomonitor.delivery.last_success": now.Unix(),
			"http notifier 0 gomonitor.delivery.waiting": 1, "http notifier 0 gomonitor.delivery.undelivered": 0, "http notifier 0 gomonitor.delivery.last_success": 0,
		}
		if diff := cmp.Diff(want, meter.observed); diff != "" {
			t.Errorf("observed (-want +got):\n%s", diff)
		}
		if err := unregister(); err != nil || meter.callback != nil {
			t.Errorf("after the end: %v, and the callback is there: %t", err, meter.callback != nil)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_ = d.Close(ended)
	})
}

// The status has a line for each sink and notifier, also before the first period.
func TestStatusOfReceivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, Config{
			Sinks:     []engine.Sink{engine.SinkFunc(func(context.Context, engine.Period) error { return errors.New("full") })},
			Notifiers: []alert.Notifier{},
		})
		if got := m.Status().Receivers; len(got) != 1 || got[0].Name != "sink 0" || !got[0].FailingSince.IsZero() {
			t.Errorf("at the start: got %+v", got)
		}
		nextMinute()
		got := m.Status().Receivers
		want := []delivery.ReceiverStatus{{Name: "sink 0", Type: "engine.SinkFunc", Undelivered: 1, FailingSince: time.Now(), LastError: "full"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after a period (-want +got):\n%s", diff)
		}
	})
}
