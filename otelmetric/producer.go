// Package otelmetric makes metrics of what a monitor counts: calls and their durations by
// operation, with the names and attributes of the span metrics connector of the OpenTelemetry
// Collector, and the monitor's own health.
//
//	metrics, err := otelmetric.New(otelmetric.Config{})
//	reader := sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(metrics))
//	m, err := monitor.New(monitor.Config{Histograms: true, Sinks: []engine.Sink{metrics}})
//
// It counts every call that the monitor judges, whether or not its span is sampled, and does
// nothing while calls are made: it adds up the periods that the monitor closes.
package otelmetric

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/settings"
	"github.com/blurooo/go-monitor/v2/spanmetrics"
)

// Config says which form metrics have. The zero Config is useful: a zero field means its default.
type Config struct {
	// Namespace is the prefix of the names calls and duration, joined by a dot. Default
	// "traces.span.metrics".
	Namespace string
	// Unit is that of durations, "ms" or "s". Default "ms", which is that of the span metrics
	// connector.
	Unit string
	// Buckets are the bounds of histograms with fixed ones, ascending, up to 200. Default (nil):
	// histograms are exponential.
	Buckets []time.Duration
	// MaxSize is the largest number of buckets of an exponential histogram, 2 to 4096. Default 160.
	MaxSize int
	// ZeroPeriods is the number of periods after which a new count holds its first calls, up to
	// 1000; until then it is 0. With it, Prometheus sees where a count began, and increase() holds
	// its first calls. 1 is enough where metrics are read more often than once a period. Default 0:
	// whoever reads goes by start times, as OTLP has them.
	ZeroPeriods int
}

const (
	maxBuckets     = 200
	largestMaxSize = 4096
	maxZeroPeriods = 1000
	milliseconds   = "ms"
	seconds        = "s"
)

// Validate returns one error for everything in c that can't be, joined; each names the field
// and quotes the value.
func (c Config) Validate() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Unit != "" && c.Unit != milliseconds && c.Unit != seconds {
		refuse("Unit: must be ms or s, got %q", c.Unit)
	}
	if len(c.Buckets) > maxBuckets {
		refuse("Buckets: must be at most %d, got %d", maxBuckets, len(c.Buckets))
	}
	last := time.Duration(0)
	for i, b := range c.Buckets {
		if b <= last {
			refuse("Buckets[%d]: must be positive and ascend, got %s after %s", i, b, last)
			break
		}
		last = b
	}
	errs = append(errs, settings.Range{Low: time.Microsecond}.Check("Buckets", last))
	if c.MaxSize != 0 && (c.MaxSize < 2 || c.MaxSize > largestMaxSize) {
		refuse("MaxSize: must be between 2 and %d, got %d", largestMaxSize, c.MaxSize)
	}
	if c.ZeroPeriods < 0 || c.ZeroPeriods > maxZeroPeriods {
		refuse("ZeroPeriods: must be between 0 and %d, got %d", maxZeroPeriods, c.ZeroPeriods)
	}
	return errors.Join(errs...)
}

// Producer is a sink of a monitor and a producer of metrics for the readers of a MeterProvider.
// Several readers may share one: what they read is cumulative since the operation was first
// called, so it does not matter who reads, when and how often. All methods are safe for concurrent
// use.
//
// Histograms of durations need [engine.Config.Histograms]; without it there are none.
type Producer struct {
	namespace, unit string
	form            spanmetrics.Form

	mu     sync.Mutex
	totals *spanmetrics.Totals
	health health
	end    time.Time // of the last period; zero before the first one
	// tracksInFlight says that there have been calls in flight at the end of a period.
	tracksInFlight bool
}

var (
	_ engine.Sink        = (*Producer)(nil)
	_ sdkmetric.Producer = (*Producer)(nil)
)

// New returns a producer, which must be among the monitor's sinks. A producer is for one monitor.
func New(c Config) (*Producer, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("otelmetric: %w", err)
	}
	p := &Producer{namespace: cmp.Or(c.Namespace, spanmetrics.DefaultNamespace), unit: cmp.Or(c.Unit, milliseconds)}
	p.form = spanmetrics.Form{MaxSize: cmp.Or(c.MaxSize, 160), Factor: 1e3, Bounds: slices.Clone(c.Buckets)}
	if p.unit == seconds {
		p.form.Factor = 1
	}
	p.totals = spanmetrics.NewTotals(spanmetrics.Options{Form: &p.form, Zeros: c.ZeroPeriods})
	return p, nil
}

// Consume adds a closed period.
func (p *Producer) Consume(_ context.Context, period engine.Period) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.totals.Shown() // for as long as the period took
	if period.Final {
		p.totals.Hurry()
	}
	p.totals.Add(&period)
	p.health.add(&period)
	p.end, p.tracksInFlight = period.End, p.tracksInFlight || period.InFlight > 0
	return nil
}

// Produce returns the metrics as they stood at the end of the last period.
func (p *Producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end.IsZero() {
		return nil, nil
	}
	return []metricdata.ScopeMetrics{p.metrics()}, nil
}
