package gomonitorconnector

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"github.com/blurooo/go-monitor/store"
	"github.com/blurooo/go-monitor/v2/engine"
)

// read returns the values of a component's metrics about itself, by their names without
// what all have in common.
func readTelemetry(t *testing.T, reader sdkmetric.Reader) map[string]int64 {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	values := make(map[string]int64)
	put := func(m metricdata.Metrics, points []metricdata.DataPoint[int64]) {
		for _, point := range points {
			name := strings.TrimPrefix(m.Name, "otelcol_connector_gomonitor_")
			for _, key := range []attribute.Key{"state", "receiver"} {
				if v, ok := point.Attributes.Value(key); ok {
					name += " " + v.AsString()
				}
			}
			values[name] = point.Value
		}
	}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				put(m, data.DataPoints)
			case metricdata.Gauge[int64]:
				put(m, data.DataPoints)
			default:
				t.Errorf("%s is a %T", m.Name, m.Data)
			}
		}
	}
	return values
}

// The component says of itself what it took in and what became of it.
func TestTelemetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		set := connectortest.NewNopSettings(Type)
		set.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		p := &pipelines{}
		p.make(t, &Config{TimelineConfig: engine.TimelineConfig{Config: engine.Config{MaxOperations: 2, Objective: engine.Objective{AlertAfter: 1, RecoverAfter: 1}}}}, toBoth, set)
		p.startAll(t)
		untilMinute(30)
		now := time.Now()
		p.send(t, callsAt(now, "GET /a", 500, 10))
		p.send(t, callsAt(now.Add(-time.Hour), "GET /a", 500, 3))
		p.send(t, callsAt(now.Add(time.Hour), "GET /b", 200, 4))
		p.send(t, callsAt(now, "GET /c", 200, 5)) // there is no room
		internal := callsAt(now, "work", 200, 6)
		for _, s := range internal.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			s.SetKind(1)
		}
		p.send(t, internal)
		untilMinute(20)
		want := map[string]int64{
			"spans": 28, "spans_unwatched": 6, "spans_late": 3, "spans_early": 4, "spans_overflowed": 5,
			"open_periods": 1, "operations": 2,
			"alerts firing": 1, "alerts resolved": 0, "alerts_firing": 1,
			"undelivered_periods": 0, "undelivered_notifications": 0, "stalls": 0,
			"delivery_waiting sink 0": 0, "delivery_undelivered sink 0": 0, "delivery_last_success sink 0": time.Now().Truncate(time.Minute).Add(10 * time.Second).Unix(),
			"delivery_waiting notifier 0": 0, "delivery_undelivered notifier 0": 0, "delivery_last_success notifier 0": time.Now().Truncate(time.Minute).Add(10 * time.Second).Unix(),
		}
		if diff := cmp.Diff(want, readTelemetry(t, reader)); diff != "" {
			t.Errorf("while it fires (-want +got):\n%s", diff)
		}
		p.send(t, callsAt(time.Now(), "GET /a", 200, 10))
		untilMinute(20)
		want["spans"], want["alerts resolved"], want["alerts_firing"] = 38, 1, 0
		want["delivery_last_success sink 0"] += 60
		want["delivery_last_success notifier 0"] += 60
		if diff := cmp.Diff(want, readTelemetry(t, reader)); diff != "" {
			t.Errorf("after that (-want +got):\n%s", diff)
		}
		p.shutdown(t)
		if got := readTelemetry(t, reader); len(got) != 0 {
			t.Errorf("it says %v after the shutdown", got)
		}
	})
}

// What several components of one Collector say of themselves is kept apart.
func TestTelemetryOfSeveral(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	want := make(map[string]int64)
	for i, name := range []string{"a", "b"} {
		set := connectortest.NewNopSettings(Type)
		set.ID = component.NewIDWithName(Type, name)
		set.MeterProvider = provider
		p := &pipelines{}
		p.make(t, &Config{}, toLogs, set)
		p.startAll(t)
		defer p.shutdown(t)
		p.send(t, callsAt(time.Now(), "GET /a", 200, i+1))
		want["gomonitor/"+name] = int64(i + 1)
	}
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	for _, m := range rm.ScopeMetrics[0].Metrics {
		var points []metricdata.DataPoint[int64]
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			points = data.DataPoints
		case metricdata.Gauge[int64]:
			points = data.DataPoints
		}
		got := make(map[string]int64)
		for _, point := range points {
			id, _ := point.Attributes.Value("connector")
			got[id.AsString()] = point.Value
		}
		if m.Name == "otelcol_connector_gomonitor_spans" {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s is said of %v", m.Name, got)
		}
	}
}

// metadata.yaml says what the component is and what it says of itself.
func TestMetadata(t *testing.T) {
	text, err := os.ReadFile("metadata.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var metadata struct {
		Type   string
		Status struct {
			Class     string
			Stability map[string][]string
		}
		Telemetry struct {
			Metrics map[string]struct {
				Description string
				Unit        string
			}
		}
	}
	if err := yaml.Unmarshal(text, &metadata); err != nil {
		t.Fatal(err)
	}
	if metadata.Type != Type.String() || metadata.Status.Class != "connector" ||
		!slices.Equal(metadata.Status.Stability["alpha"], []string{"traces_to_logs", "traces_to_metrics"}) {
		t.Errorf("%+v", metadata)
	}
	reader := sdkmetric.NewManualReader()
	set := connectortest.NewNopSettings(Type)
	set.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	p := &pipelines{}
	p.make(t, &Config{}, toLogs, set)
	p.startAll(t)
	defer p.shutdown(t)
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	for name, m := range metadata.Telemetry.Metrics {
		want["otelcol_"+name] = fmt.Sprintf("%s %s", m.Unit, m.Description)
	}
	got := make(map[string]string)
	for _, m := range rm.ScopeMetrics[0].Metrics {
		got[m.Name] = fmt.Sprintf("%s %s", m.Unit, m.Description)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics of metadata.yaml (-) and of the component (+):\n%s", diff)
	}
}

// A repeat is not another alert.
func TestTelemetryOfRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		set := connectortest.NewNopSettings(Type)
		set.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		p := &pipelines{}
		p.make(t, &Config{TimelineConfig: engine.TimelineConfig{Config: engine.Config{Objective: engine.Objective{AlertAfter: 1, RepeatInterval: 2 * time.Minute}}}}, toLogs, set)
		p.startAll(t)
		defer p.shutdown(t)
		for range 10 {
			untilMinute(30)
			p.send(t, callsAt(time.Now(), "GET /a", 500, 10))
		}
		if logs := len(p.events("gomonitor.alert.firing")); logs < 3 {
			t.Errorf("there are %d logs, want some repeats", logs)
		}
		if got := readTelemetry(t, reader)["alerts firing"]; got != 1 {
			t.Errorf("%d alerts, want 1", got)
		}
	})
}

// refusing refuses to call anybody back.
type refusing struct{ noop.MeterProvider }

type refusingMeter struct{ noop.Meter }

func (refusing) Meter(string, ...metric.MeterOption) metric.Meter { return refusingMeter{} }

func (refusingMeter) RegisterCallback(metric.Callback, ...metric.Observable) (metric.Registration, error) {
	return nil, errors.New("no room")
}

// A component that can't say anything of itself does not start, and leaves nothing behind.
func TestStartWithoutTelemetry(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.db")
	set := connectortest.NewNopSettings(Type)
	set.MeterProvider = refusing{}
	p := &pipelines{}
	p.make(t, &Config{Notifiers: []NotifierConfig{{Console: &ConsoleConfig{}}}, Stores: []store.Config{{DSN: file}}}, toBoth, set)
	if err := p.parts[0].Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	if err := p.parts[1].Start(t.Context(), componenttest.NewNopHost()); err == nil || err.Error() != "gomonitor: no room" {
		t.Errorf("got the error %v", err)
	}
	p.shutdown(t)
	if _, err := os.Stat(file + "-wal"); !os.IsNotExist(err) {
		t.Errorf("the store is open still: %v", err)
	}
	goleak.VerifyNone(t)
}
