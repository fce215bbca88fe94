package gomonitorconnector

import (
	"strings"
	"testing"
	"time"
)

func TestMetricsConfigValidate(t *testing.T) {
	explicit := func(buckets ...time.Duration) MetricsConfig {
		return MetricsConfig{Histogram: HistogramConfig{Explicit: &ExplicitConfig{Buckets: buckets}}}
	}
	both := explicit()
	both.Histogram.Exponential.MaxSize = 20
	for _, tt := range []struct {
		config MetricsConfig
		want   string // in the error, "" for none
	}{
		{MetricsConfig{}, ""},
		{MetricsConfig{Namespace: "a.b_c-9", Temporality: "Delta", ExcludeDimensions: []string{"collector.instance.id"}}, ""},
		{MetricsConfig{Histogram: HistogramConfig{Unit: "s", Exponential: ExponentialConfig{MaxSize: 2}}}, ""},
		{explicit(), ""},
		{explicit(time.Microsecond, 2*time.Microsecond), ""},
		{MetricsConfig{Namespace: "a b"}, `namespace: want letters, digits, dots, underscores and dashes, a letter first, got "a b"`},
		{MetricsConfig{Namespace: "9a"}, `got "9a"`},
		{MetricsConfig{Temporality: "daily"}, `aggregation_temporality: must be cumulative or delta, got "daily"`},
		{MetricsConfig{Histogram: HistogramConfig{Unit: "us"}}, `histogram.unit: must be ms or s, got "us"`},
		{MetricsConfig{Histogram: HistogramConfig{Exponential: ExponentialConfig{MaxSize: 1}}}, "histogram.exponential.max_size: must be between 2 and 4096, got 1"},
		{MetricsConfig{Histogram: HistogramConfig{Exponential: ExponentialConfig{MaxSize: 5000}}}, "got 5000"},
		{explicit(0, 1), "histogram.explicit.buckets: must be positive and ascend, got 0s after 0s"},
		{explicit(100, 500), "histogram.explicit.buckets: must be at least 1µs, got 500ns; a number without a unit is nanoseconds, probably 500ms or 500s is meant"},
		{explicit(2, 2), "got 2ns after 2ns"},
		{explicit(make([]time.Duration, 201)...), "histogram.explicit.buckets: must be at most 200, got 201"},
		{both, "histogram: use either explicit or exponential, got both"},
		{MetricsConfig{ExcludeDimensions: []string{"span.name"}}, `exclude_dimensions: can only be collector.instance.id, got "span.name"`},
	} {
		err := tt.config.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v: error %v, want %q", tt.config, err, tt.want)
		}
	}
}
