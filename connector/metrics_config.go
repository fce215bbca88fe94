package gomonitorconnector

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/blurooo/go-monitor/v2/settings"
	"github.com/blurooo/go-monitor/v2/spanmetrics"
)

// MetricsConfig says how calls are emitted as metrics. Its keys, the metrics and their
// attributes have the names of the span metrics connector, so that its dashboards work. A zero
// field means its default.
type MetricsConfig struct {
	// Namespace is the prefix of the names calls and duration, joined by a dot. Default
	// "traces.span.metrics".
	Namespace string `mapstructure:"namespace"`
	// Temporality says what a data point covers: "cumulative", all periods since the
	// operation was first called, or "delta", one period. The long names of OTLP,
	// AGGREGATION_TEMPORALITY_DELTA for one, are the same. Default "cumulative".
	Temporality string `mapstructure:"aggregation_temporality"`
	// ScrapeInterval is how often whatever reads the metrics does so, up to 10m. A count begins
	// with 0, and stays there for more than this time: so Prometheus sees where it began, and
	// increase() holds its first calls, which come that much later. Negative: counts begin with
	// what they hold. Default 30s, which with periods of a minute is one period.
	ScrapeInterval time.Duration `mapstructure:"scrape_interval"`
	// Histogram says how durations are emitted.
	Histogram HistogramConfig `mapstructure:"histogram"`
	// ExcludeDimensions names attributes that are left out. Only collector.instance.id can be:
	// it tells apart the data points of several processes about the same operation.
	// Default: none.
	ExcludeDimensions []string `mapstructure:"exclude_dimensions"`
}

// HistogramConfig says how durations are emitted.
type HistogramConfig struct {
	// Disable leaves out the metric duration.
	Disable bool `mapstructure:"disable"`
	// Unit is that of durations, "ms" or "s". Default "ms".
	Unit string `mapstructure:"unit"`
	// Exponential bounds exponential histograms, which are the default form.
	Exponential ExponentialConfig `mapstructure:"exponential"`
	// Explicit, if it is set, makes histograms with fixed bounds instead, for backends that
	// don't know exponential ones.
	Explicit *ExplicitConfig `mapstructure:"explicit"`
}

// Unmarshal reads the configuration. An empty key, as in "explicit:", sets that form with all
// its defaults.
func (c *HistogramConfig) Unmarshal(conf *confmap.Conf) error {
	if err := conf.Unmarshal(c); err != nil {
		return err
	}
	fillIn(conf, "explicit", &c.Explicit)
	return nil
}

// ExponentialConfig bounds exponential histograms.
type ExponentialConfig struct {
	// MaxSize is the largest number of buckets of one histogram, 2 to 4096. Where durations
	// spread wider than that, buckets get wider. Default 160.
	MaxSize int `mapstructure:"max_size"`
}

// ExplicitConfig sets the bounds of histograms with fixed ones.
type ExplicitConfig struct {
	// Buckets are the upper bounds of the buckets, ascending. The last bucket has no bound.
	// A call that took up to 1.1 % longer than a bound may be counted below it. Default 2ms,
	// 4ms, 6ms, 8ms, 10ms, 50ms, 100ms, 200ms, 400ms, 800ms, 1s, 1.4s, 2s, 5s, 10s, 15s.
	Buckets []time.Duration `mapstructure:"buckets"`
}

const (
	defaultNamespace = spanmetrics.DefaultNamespace
	defaultMaxSize   = 160
	largestMaxSize   = 4096
	mostBuckets      = 200

	defaultScrapeInterval = 30 * time.Second
	maxScrapeInterval     = 10 * time.Minute

	instanceKey = "collector.instance.id"

	unitMilliseconds = "ms"
	unitSeconds      = "s"
)

var defaultBuckets = []time.Duration{
	2 * time.Millisecond, 4 * time.Millisecond, 6 * time.Millisecond, 8 * time.Millisecond, 10 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond,
	time.Second, 1400 * time.Millisecond, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second,
}

// temporalities are the values of aggregation_temporality, in lower case.
var temporalities = map[string]pmetric.AggregationTemporality{
	"":                                   pmetric.AggregationTemporalityCumulative,
	"cumulative":                         pmetric.AggregationTemporalityCumulative,
	"delta":                              pmetric.AggregationTemporalityDelta,
	"aggregation_temporality_cumulative": pmetric.AggregationTemporalityCumulative,
	"aggregation_temporality_delta":      pmetric.AggregationTemporalityDelta,
}

// Validate returns all errors of c, joined. Each names the key and quotes the value.
func (c MetricsConfig) Validate() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !isMetricName(c.Namespace) {
		refuse("namespace: want letters, digits, dots, underscores and dashes, a letter first, got %q", c.Namespace)
	}
	if _, ok := temporalities[strings.ToLower(c.Temporality)]; !ok {
		refuse("aggregation_temporality: must be cumulative or delta, got %q", c.Temporality)
	}
	errs = append(errs, settings.Range{High: maxScrapeInterval, Negative: "for none"}.Check("scrape_interval", c.ScrapeInterval))
	switch c.Histogram.Unit {
	case "", unitMilliseconds, unitSeconds:
	default:
		refuse("histogram.unit: must be %s or %s, got %q", unitMilliseconds, unitSeconds, c.Histogram.Unit)
	}
	if n := c.Histogram.Exponential.MaxSize; n != 0 && (n < 2 || n > largestMaxSize) {
		refuse("histogram.exponential.max_size: must be between 2 and %d, got %d", largestMaxSize, n)
	}
	if explicit := c.Histogram.Explicit; explicit != nil {
		if c.Histogram.Exponential.MaxSize != 0 {
			refuse("histogram: use either explicit or exponential, got both")
		}
		if n := len(explicit.Buckets); n > mostBuckets {
			refuse("histogram.explicit.buckets: must be at most %d, got %d", mostBuckets, n)
		}
		last := time.Duration(0)
		for _, b := range explicit.Buckets {
			if b <= last {
				refuse("histogram.explicit.buckets: must be positive and ascend, got %s after %s", b, last)
				break
			}
			last = b
		}
		errs = append(errs, settings.Range{Low: time.Microsecond}.Check("histogram.explicit.buckets", last))
	}
	for _, key := range c.ExcludeDimensions {
		if key != instanceKey {
			refuse("exclude_dimensions: can only be %s, got %q", instanceKey, key)
		}
	}
	return errors.Join(errs...)
}

// isMetricName reports whether s can be a metric's name, or is empty.
func isMetricName(s string) bool {
	for i, r := range s {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || (r < '0' || r > '9') && !strings.ContainsRune("._-", r)) {
			return false
		}
	}
	return true
}

// metricOptions are what follows from a [MetricsConfig].
type metricOptions struct {
	calls, duration string
	unit            string
	delta           bool
	histograms      spanmetrics.Form
	instance        string
	// zeros is the number of periods at whose ends a new count stands at 0.
	zeros int
}

// form returns the form of the histograms, nil if there are none.
func (o *metricOptions) form() *spanmetrics.Form {
	if o.duration == "" {
		return nil
	}
	return &o.histograms
}

// totals returns what is added up.
func (o *metricOptions) totals() spanmetrics.Options {
	return spanmetrics.Options{Form: o.form(), Zeros: o.zeros, Delta: o.delta}
}

func (c MetricsConfig) options(period time.Duration, instance string) metricOptions {
	namespace := cmp.Or(c.Namespace, defaultNamespace)
	o := metricOptions{
		calls:    namespace + ".calls",
		duration: namespace + ".duration",
		unit:     cmp.Or(c.Histogram.Unit, unitMilliseconds),
		delta:    temporalities[strings.ToLower(c.Temporality)] == pmetric.AggregationTemporalityDelta,
		instance: clean(instance),
	}
	if interval := cmp.Or(c.ScrapeInterval, defaultScrapeInterval); interval > 0 && !o.delta {
		o.zeros = int(interval/period) + 1
	}
	if slices.Contains(c.ExcludeDimensions, instanceKey) {
		o.instance = ""
	}
	o.histograms = spanmetrics.Form{
		MaxSize: cmp.Or(c.Histogram.Exponential.MaxSize, defaultMaxSize),
		Factor:  map[string]float64{unitMilliseconds: 1e3, unitSeconds: 1}[o.unit],
	}
	switch explicit := c.Histogram.Explicit; {
	case c.Histogram.Disable:
		o.duration = ""
	case explicit != nil && len(explicit.Buckets) > 0:
		o.histograms.Bounds = explicit.Buckets
	case explicit != nil:
		o.histograms.Bounds = defaultBuckets
	}
	return o
}
