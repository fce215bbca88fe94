package otelmetric

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	monitor "github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// read returns what a reader of the producer reads, a line for each data point.
func read(t *testing.T, r *sdkmetric.ManualReader) map[string]string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	points := map[string]string{}
	for _, scope := range all.ScopeMetrics {
		if scope.Scope.Name != alert.ScopeName {
			t.Errorf("scope %q", scope.Scope.Name)
		}
		for _, m := range scope.Metrics {
			add := func(attributes attribute.Set, format string, args ...any) {
				key := m.Name
				for _, a := range attributes.ToSlice() {
					key += " " + a.Value.Emit()
				}
				if _, ok := points[key]; ok {
					t.Errorf("two points of %s", key)
				}
				points[key] = fmt.Sprintf(format, args...)
			}
			window := func(from, to time.Time) string { return from.Format("04:05") + "-" + to.Format("04:05") }
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, "%d in %s, %d exemplars", p.Value, window(p.StartTime, p.Time), len(p.Exemplars))
				}
			case metricdata.ExponentialHistogram[float64]:
				for _, p := range data.DataPoints {
					n := p.ZeroCount
					for _, c := range p.PositiveBucket.Counts {
						n += c
					}
					add(p.Attributes, "%d of %.4g in %s, %d exemplars, %d in buckets", p.Count, p.Sum, window(p.StartTime, p.Time), len(p.Exemplars), n)
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, "%d of %.4g %v %v", p.Count, p.Sum, p.Bounds, p.BucketCounts)
				}
			}
		}
	}
	return points
}

func check(t *testing.T, got, want map[string]string) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got[key] != want[key] {
			t.Errorf("%s:\ngot  %s\nwant %s", key, got[key], want[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			t.Errorf("%s: %s, want none", key, got[key])
		}
	}
}

const (
	fine    = "traces.span.metrics.calls shop SPAN_KIND_SERVER GET / STATUS_CODE_UNSET"
	failed  = "traces.span.metrics.calls shop SPAN_KIND_SERVER GET / STATUS_CODE_ERROR"
	took    = "traces.span.metrics.duration shop SPAN_KIND_SERVER GET / STATUS_CODE_UNSET"
	lost    = "traces.span.metrics.duration shop SPAN_KIND_SERVER GET / STATUS_CODE_ERROR"
	waiting = "gomonitor.in_flight shop SPAN_KIND_SERVER GET /"
	seen    = "otel.sdk.processor.span.processed gomonitor/http gomonitor"
	dropped = "otel.sdk.processor.span.processed queue_full gomonitor/http gomonitor"
)

// start returns a monitor whose periods go to a producer, and a provider that it watches, at the
// begin of a minute.
func start(t *testing.T, c Config) (*Producer, *monitor.Monitor, *sdktrace.TracerProvider) {
	t.Helper()
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	m, err := monitor.New(monitor.Config{
		Name: "http", Service: "shop", Histograms: true, IdlePeriods: 2, MaxInFlight: 64,
		Sinks: []engine.Sink{p}, Notifiers: []alert.Notifier{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, m, sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m))
}

// minute waits until the period is over and everything has come.
func minute(t *testing.T, m *monitor.Monitor) {
	t.Helper()
	time.Sleep(time.Minute)
	synctest.Wait()
	if err := m.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Calls are cumulative over periods, whoever reads and how often; the last ones come with the end.
func TestProducer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m, tp := start(t, Config{})
		tracer := tp.Tracer("test")
		call := func(ended bool) {
			_, span := tracer.Start(t.Context(), "GET /", trace.WithSpanKind(trace.SpanKindServer))
			if ended {
				span.End(trace.WithTimestamp(time.Now().Add(20 * time.Millisecond)))
			}
		}
		reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(p))
		_ = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		check(t, read(t, reader), map[string]string{})
		service := "unknown_service:otelmetric.test"
		key := func(s string) string { return strings.Replace(s, "shop", service, 1) }
		call(true)
		call(true)
		m.Report(monitor.Report{Service: service, SpanKind: engine.SpanKindServer, Operation: "GET /", Outcome: engine.OutcomeFailure, Code: "503", Duration: time.Second})
		_, span := tracer.Start(t.Context(), "GET /", trace.WithSpanKind(trace.SpanKindServer))
		span.SetStatus(codes.Error, "no")
		span.End(trace.WithTimestamp(time.Now().Add(time.Second)))
		call(false)
		minute(t, m)
		want := map[string]string{
			key(fine): "2 in 00:00-01:00, 0 exemplars", key(failed): "2 in 00:00-01:00, 1 exemplars",
			key(took): "2 of 40 in 00:00-01:00, 0 exemplars, 2 in buckets", key(lost): "2 of 2000 in 00:00-01:00, 1 exemplars, 2 in buckets",
			key(waiting): "1 in 00:00-01:00, 0 exemplars", seen: "4 in 00:00-01:00, 0 exemplars", dropped: "0 in 00:00-01:00, 0 exemplars",
		}
		check(t, read(t, reader), want)
		check(t, read(t, reader), want)
		call(true)
		minute(t, m)
		another := sdkmetric.NewManualReader(sdkmetric.WithProducer(p))
		_ = sdkmetric.NewMeterProvider(sdkmetric.WithReader(another))
		got := read(t, another)
		if want := "3 in 00:00-02:00, 0 exemplars"; got[key(fine)] != want {
			t.Errorf("another reader: %s, want %s", got[key(fine)], want)
		}
		call(true)
		if err := tp.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		got = read(t, another)
		if want := "4 in 00:00-02:00, 0 exemplars"; got[key(fine)] != want {
			t.Errorf("at the end: %s, want %s", got[key(fine)], want)
		}
		if want := "6 in 00:00-02:00, 0 exemplars"; got[seen] != want {
			t.Errorf("at the end: %s, want %s", got[seen], want)
		}
	})
}

// With ZeroPeriods a count begins with 0, also one that was forgotten, and the end tells all.
func TestProducerBeginsWithZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m, tp := start(t, Config{ZeroPeriods: 1, Buckets: []time.Duration{10 * time.Millisecond, time.Second}, Unit: "s", Namespace: "x"})
		reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(p))
		_ = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		var counts []string
		for n := range 8 {
			if n == 0 || n == 6 {
				m.Report(monitor.Report{Service: "shop", SpanKind: engine.SpanKindServer, Operation: "GET /", Outcome: engine.OutcomeSuccess, Duration: 20 * time.Millisecond})
			}
			minute(t, m)
			got := read(t, reader)
			count, _, _ := strings.Cut(got["x.calls shop SPAN_KIND_SERVER GET / STATUS_CODE_UNSET"], " in")
			counts = append(counts, count)
			if n == 1 {
				if got, want := got["x.duration shop SPAN_KIND_SERVER GET / STATUS_CODE_UNSET"], "1 of 0.02 [0.01 1] [0 1 0]"; got != want {
					t.Errorf("durations: %s, want %s", got, want)
				}
			}
		}
		if got, want := strings.Join(counts, ","), "0,1,1,,,,0,1"; got != want {
			t.Errorf("by period: %s, want %s", got, want)
		}
		m.Report(monitor.Report{Service: "shop", Operation: "new"})
		if err := tp.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := read(t, reader)["x.calls shop SPAN_KIND_UNSPECIFIED new STATUS_CODE_UNSET"]; !strings.HasPrefix(got, "1 in") {
			t.Errorf("at the end: %s", got)
		}
	})
}

func TestConfigErrors(t *testing.T) {
	for want, c := range map[string]Config{
		`Unit: must be ms or s, got "h"`:                               {Unit: "h"},
		"Buckets[1]: must be positive and ascend, got 1s after 1s":     {Buckets: []time.Duration{time.Second, time.Second}},
		"Buckets: must be at least 1µs, got 500ns; a number without a": {Buckets: []time.Duration{100, 500}},
		"Buckets: must be at most 200, got 201":                        {Buckets: make([]time.Duration, 201)},
		"MaxSize: must be between 2 and 4096, got 1":                   {MaxSize: 1},
		"ZeroPeriods: must be between 0 and 1000, got -1":              {ZeroPeriods: -1},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
}
