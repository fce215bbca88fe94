package main

import (
	"context"
	"strconv"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// The peers are span processors as a user of a metrics library would write them instead of a
// monitor. They read the same fields of a span and record them in a histogram of the library.
// What can be looked up instead of built is looked up: the table shows each library at its
// best.

// recorder is a peer.
type recorder interface {
	sdktrace.SpanProcessor
	// record records one call.
	record(name string, code int64, d time.Duration)
}

// readCall reads what every peer records: name, status code and duration. A status
// Error without a code of its own stands for 500.
func readCall(s sdktrace.ReadOnlySpan) (name string, code int64, d time.Duration) {
	attrs := s.Attributes()
	for i := range attrs {
		if attrs[i].Key == "http.response.status_code" {
			code = attrs[i].Value.AsInt64()
			break
		}
	}
	if s.Status().Code == codes.Error && code < 400 {
		code = 500
	}
	return s.Name(), code, s.EndTime().Sub(s.StartTime())
}

// idleProcessor is the rest of a span processor.
type idleProcessor struct{}

func (idleProcessor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (idleProcessor) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (idleProcessor) Shutdown(context.Context) error                  { return nil }
func (idleProcessor) ForceFlush(context.Context) error                { return nil }

// newOTelHistogram returns a histogram of the OpenTelemetry SDK, without the limit that
// would put most of many names into one.
func newOTelHistogram() (metric.Float64Histogram, func(), error) {
	provider := sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(sdkmetric.NewManualReader()),
		sdkmetric.WithCardinalityLimit(0),
	)
	h, err := provider.Meter("bench").Float64Histogram("http.server.request.duration", metric.WithUnit("s"))
	return h, func() { _ = provider.Shutdown(context.Background()) }, err
}

func otelAttributes(name string, code int64) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("http.route", name), attribute.Int64("http.response.status_code", code)}
}

// otelPrepared has made the attribute set of every operation beforehand.
type otelPrepared struct {
	idleProcessor
	histogram metric.Float64Histogram
	sets      map[string][]metric.RecordOption // for status 200
}

func newOTelPrepared(names []string) (*otelPrepared, func(), error) {
	h, done, err := newOTelHistogram()
	p := &otelPrepared{histogram: h, sets: make(map[string][]metric.RecordOption, len(names))}
	for _, name := range names {
		p.sets[name] = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(otelAttributes(name, 200)...))}
	}
	return p, done, err
}

func (p *otelPrepared) OnEnd(s sdktrace.ReadOnlySpan) { p.record(readCall(s)) }

func (p *otelPrepared) record(name string, code int64, d time.Duration) {
	if set, ok := p.sets[name]; ok && code == 200 {
		p.histogram.Record(context.Background(), d.Seconds(), set...)
		return
	}
	p.histogram.Record(context.Background(), d.Seconds(), metric.WithAttributes(otelAttributes(name, code)...))
}

// otelPerCall makes the attributes for each call.
type otelPerCall struct {
	idleProcessor
	histogram metric.Float64Histogram
}

func newOTelPerCall() (*otelPerCall, func(), error) {
	h, done, err := newOTelHistogram()
	return &otelPerCall{histogram: h}, done, err
}

func (p *otelPerCall) OnEnd(s sdktrace.ReadOnlySpan) { p.record(readCall(s)) }

func (p *otelPerCall) record(name string, code int64, d time.Duration) {
	p.histogram.Record(context.Background(), d.Seconds(), metric.WithAttributes(otelAttributes(name, code)...))
}

// prom records in a classic histogram of the Prometheus client.
type prom struct {
	idleProcessor
	histogram *prometheus.HistogramVec
}

func newProm() *prom {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_request_duration_seconds"}, []string{"route", "code"})
	return &prom{histogram: h}
}

func (p *prom) OnEnd(s sdktrace.ReadOnlySpan) { p.record(readCall(s)) }

func (p *prom) record(name string, code int64, d time.Duration) {
	text := "200"
	if code != 200 {
		text = strconv.FormatInt(code, 10)
	}
	p.histogram.WithLabelValues(name, text).Observe(d.Seconds())
}

// victoria records in a histogram of VictoriaMetrics' client, whose name it has made
// of every operation's beforehand.
type victoria struct {
	idleProcessor
	set   *metrics.Set
	names map[string]string // for status 200
}

func newVictoria(names []string) *victoria {
	v := &victoria{set: metrics.NewSet(), names: make(map[string]string, len(names))}
	for _, name := range names {
		v.names[name] = victoriaName(name, 200)
	}
	return v
}

func victoriaName(name string, code int64) string {
	return "http_request_duration_seconds{route=" + strconv.Quote(name) + ",code=\"" + strconv.FormatInt(code, 10) + "\"}"
}

func (v *victoria) OnEnd(s sdktrace.ReadOnlySpan) { v.record(readCall(s)) }

func (v *victoria) record(name string, code int64, d time.Duration) {
	full, ok := v.names[name]
	if !ok || code != 200 {
		full = victoriaName(name, code)
	}
	v.set.GetOrCreateHistogram(full).Update(d.Seconds())
}
