package fieldtest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/blurooo/go-monitor/otelmetric"
	monitor "github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// measured makes 5 calls that succeed and 2 that fail, and returns when the monitor has ended.
func measured(t *testing.T, metrics *otelmetric.Producer) {
	t.Helper()
	m, err := monitor.New(monitor.Config{Period: time.Hour, Histograms: true, Notifiers: []alert.Notifier{}, Sinks: []engine.Sink{metrics}})
	if err != nil {
		t.Fatal(err)
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m), sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "shop"))))
	for i := range 7 {
		began := time.Now()
		_, span := tp.Tracer("test").Start(t.Context(), "GET /cart", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(began))
		if i >= 5 {
			span.SetStatus(codes.Error, "no")
		}
		span.End(trace.WithTimestamp(began.Add(20 * time.Millisecond)))
	}
	if err := tp.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func newMetrics(t *testing.T, c otelmetric.Config) *otelmetric.Producer {
	t.Helper()
	metrics, err := otelmetric.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return metrics
}

// The real OTLP exporter sends what the monitor counted.
func TestMetricsByOTLP(t *testing.T) {
	got := make(chan *collectorpb.ExportMetricsServiceRequest, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		request := new(collectorpb.ExportMetricsServiceRequest)
		if err == nil {
			err = proto.Unmarshal(body, request)
		}
		if err != nil {
			t.Error(err)
		}
		got <- request
	}))
	defer server.Close()
	exporter, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpointURL(server.URL+"/v1/metrics"))
	if err != nil {
		t.Fatal(err)
	}
	metrics := newMetrics(t, otelmetric.Config{})
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(metrics))))
	measured(t, metrics)
	if err := provider.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	calls, durations := map[string]int64{}, map[string]uint64{}
	for _, metric := range (<-got).ResourceMetrics[0].ScopeMetrics[0].Metrics {
		switch metric.Name {
		case "traces.span.metrics.calls":
			if s := metric.GetSum(); !s.IsMonotonic || s.AggregationTemporality != metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE {
				t.Errorf("calls are %v", s)
			}
			for _, p := range metric.GetSum().DataPoints {
				for _, a := range p.Attributes {
					if a.Key == "status.code" {
						calls[a.Value.GetStringValue()] = p.GetAsInt()
					}
				}
				if len(p.Attributes) != 4 {
					t.Errorf("attributes %v", p.Attributes)
				}
			}
		case "traces.span.metrics.duration":
			for _, p := range metric.GetExponentialHistogram().DataPoints {
				durations[p.Attributes[len(p.Attributes)-1].Value.GetStringValue()] = p.Count
				if len(p.Exemplars) == 0 && p.GetMin() == 0 {
					t.Errorf("%v", p)
				}
			}
		}
	}
	if calls["STATUS_CODE_UNSET"] != 5 || calls["STATUS_CODE_ERROR"] != 2 || durations["STATUS_CODE_UNSET"] != 5 || durations["STATUS_CODE_ERROR"] != 2 {
		t.Errorf("calls %v, durations %v", calls, durations)
	}
}

// The real Prometheus exporter offers it under the names that the service's metrics have.
func TestMetricsByPrometheus(t *testing.T) {
	metrics := newMetrics(t, otelmetric.Config{Buckets: []time.Duration{10 * time.Millisecond, 100 * time.Millisecond}})
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithProducer(metrics), otelprometheus.WithoutScopeInfo())
	if err != nil {
		t.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	defer func() { _ = provider.Shutdown(context.WithoutCancel(t.Context())) }()
	measured(t, metrics)
	page := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text := page.Body.String()
	for _, want := range []string{
		`traces_span_metrics_calls_total{service_name="shop",span_kind="SPAN_KIND_SERVER",span_name="GET /cart",status_code="STATUS_CODE_UNSET"} 5`,
		`traces_span_metrics_calls_total{service_name="shop",span_kind="SPAN_KIND_SERVER",span_name="GET /cart",status_code="STATUS_CODE_ERROR"} 2`,
		`traces_span_metrics_duration_milliseconds_bucket{service_name="shop",span_kind="SPAN_KIND_SERVER",span_name="GET /cart",status_code="STATUS_CODE_UNSET",le="10"} 0`,
		`traces_span_metrics_duration_milliseconds_bucket{service_name="shop",span_kind="SPAN_KIND_SERVER",span_name="GET /cart",status_code="STATUS_CODE_UNSET",le="100"} 5`,
		`otel_sdk_processor_span_processed_total{`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}
