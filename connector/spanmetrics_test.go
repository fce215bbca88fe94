package gomonitorconnector

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jonboulle/clockwork"
	"github.com/open-telemetry/opentelemetry-collector-contrib/connector/spanmetricsconnector"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/blurooo/go-monitor/v2/engine"
)

// plainSpans are spans whose status says all about their outcome, of three services and all
// kinds that are set, that end in the first minute of the day.
func plainSpans() ptrace.Traces {
	random := rand.New(rand.NewPCG(5, 6))
	traces := ptrace.NewTraces()
	for service := range 3 {
		resource := traces.ResourceSpans().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.name", fmt.Sprint("service-", service))
		spans := resource.ScopeSpans().AppendEmpty().Spans()
		for i := range 3000 {
			span := spans.AppendEmpty()
			span.SetName(fmt.Sprint("operation ", i%7))
			span.SetKind(ptrace.SpanKind(1 + i%5))
			took := spread(random, 1, -9, 2)[0]
			end := dayStart.Add(time.Duration(random.Int64N(int64(time.Minute))))
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(end.Add(-took)))
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
			span.SetTraceID(pcommon.TraceID{byte(service), byte(i >> 8), byte(i), 1})
			span.SetSpanID(pcommon.SpanID{byte(service), byte(i >> 8), byte(i), 1})
			if random.IntN(10) == 0 {
				span.Status().SetCode(ptrace.StatusCodeError)
			}
		}
	}
	return traces
}

// spanMetricsOf returns what the real span metrics connector makes of spans, in process: its
// second message, since the first one begins all counts with 0.
func spanMetricsOf(t *testing.T, settings map[string]any, traces ptrace.Traces) pmetric.Metrics {
	t.Helper()
	factory := spanmetricsconnector.NewFactory()
	config := factory.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(settings).Unmarshal(config); err != nil {
		t.Fatal(err)
	}
	clock := clockwork.NewFakeClockAt(dayStart)
	ctx := clockwork.AddToContext(context.Background(), clock)
	flushed := make(chan pmetric.Metrics)
	sink, err := consumer.NewMetrics(func(_ context.Context, metrics pmetric.Metrics) error {
		flushed <- metrics
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	peer, err := factory.CreateTracesToMetrics(ctx, connectortest.NewNopSettings(factory.Type()), config, sink)
	if err != nil {
		t.Fatal(err)
	}
	if err := peer.Start(ctx, componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	if err := peer.ConsumeTraces(ctx, traces); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Minute)
	metrics := <-flushed
	if config.(*spanmetricsconnector.Config).GetAggregationTemporality() == pmetric.AggregationTemporalityCumulative {
		clock.Advance(time.Minute)
		metrics = <-flushed
	}
	if err := peer.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	return metrics
}

// ourMetricsOf returns what we make of the same spans, without the clock of a running component.
func ourMetricsOf(t *testing.T, settings map[string]any, traces ptrace.Traces) pmetric.Metrics {
	t.Helper()
	config := Config{Kinds: []engine.SpanKind{engine.SpanKindInternal, engine.SpanKindServer, engine.SpanKindClient, engine.SpanKindProducer, engine.SpanKindConsumer}}
	if err := confmap.NewFromStringMap(map[string]any{"metrics": settings}).Unmarshal(&config); err != nil {
		t.Fatal(err)
	}
	config.Histograms = true
	config.Metrics.ScrapeInterval = -1 // the first message of the other is left out, too
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	timeline, err := engine.NewTimeline(config.TimelineConfig, dayStart)
	if err != nil {
		t.Fatal(err)
	}
	spans, _ := newReader(&config).read(nil, traces)
	for i := range spans {
		timeline.Add(&spans[i])
	}
	metrics, all := newPeriodMetrics(config.Metrics, time.Minute, "process-1"), []pmetric.Metrics(nil)
	timeline.Advance(dayStart.Add(90*time.Second), nil, func(p *engine.Period) { all = append(all, metrics.add(p, nil)) })
	if len(all) != 1 {
		t.Fatalf("%d periods, want one", len(all))
	}
	return all[0]
}

// told is what a reader of the two metrics learns, whoever made them.
type told struct {
	Resources []map[string]any            // attributes, by service
	Metrics   map[string]string           // type, temporality and unit, by name
	Keys      map[string][]string         // attribute keys of all points, by metric
	Calls     map[string]int64            // by attribute values
	Counts    map[string]uint64           // of durations
	Sums      map[string]float64          // of durations
	Medians   map[string]float64          // of durations, of exponential histograms
	Buckets   map[string]map[string]int64 // of durations, of explicit histograms: calls up to a bound
}

func tell(metrics pmetric.Metrics) told {
	all := told{
		Metrics: make(map[string]string), Keys: make(map[string][]string), Calls: make(map[string]int64),
		Counts: make(map[string]uint64), Sums: make(map[string]float64),
		Medians: make(map[string]float64), Buckets: make(map[string]map[string]int64),
	}
	for _, resource := range metrics.ResourceMetrics().All() {
		all.Resources = append(all.Resources, resource.Resource().Attributes().AsRaw())
		for _, metric := range resource.ScopeMetrics().At(0).Metrics().All() {
			name := metric.Name()
			of := func(attributes pcommon.Map) string {
				values := attributes.AsRaw()
				all.Keys[name] = slices.Sorted(maps.Keys(values))
				delete(values, instanceKey) // another one for each process
				return fmt.Sprint(values)
			}
			kind := ""
			switch metric.Type() {
			case pmetric.MetricTypeSum:
				kind = fmt.Sprint(metric.Sum().AggregationTemporality(), " monotonic ", metric.Sum().IsMonotonic())
				for _, p := range metric.Sum().DataPoints().All() {
					if key := of(p.Attributes()); p.IntValue() != 0 {
						all.Calls[key] = p.IntValue()
					}
				}
			case pmetric.MetricTypeExponentialHistogram:
				kind = metric.ExponentialHistogram().AggregationTemporality().String()
				for _, p := range metric.ExponentialHistogram().DataPoints().All() {
					key := of(p.Attributes())
					low, high := quantileOf(p, 0.5)
					all.Counts[key], all.Sums[key], all.Medians[key] = p.Count(), p.Sum(), math.Sqrt(low*high)
				}
			case pmetric.MetricTypeHistogram:
				kind = metric.Histogram().AggregationTemporality().String()
				for _, p := range metric.Histogram().DataPoints().All() {
					key := of(p.Attributes())
					all.Counts[key], all.Sums[key], all.Buckets[key] = p.Count(), p.Sum(), make(map[string]int64)
					upTo := uint64(0)
					for i, n := range p.BucketCounts().All() {
						bound := "inf"
						if i < p.ExplicitBounds().Len() {
							bound = fmt.Sprintf("%.6g", p.ExplicitBounds().At(i))
						}
						upTo += n
						all.Buckets[key][bound] = int64(upTo)
					}
				}
			}
			if kind != "" && metric.Type() != pmetric.MetricTypeGauge {
				all.Metrics[name] = fmt.Sprintf("%s %s %q", metric.Type(), kind, metric.Unit())
			}
		}
	}
	slices.SortFunc(all.Resources, func(a, b map[string]any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	for name := range all.Keys {
		if _, ok := all.Metrics[name]; !ok {
			delete(all.Keys, name)
		}
	}
	return all
}

// The same settings and the same spans make the same calls and durations of both connectors.
func TestSameAsSpanMetrics(t *testing.T) {
	exponential := map[string]any{"max_size": 160}
	for _, tt := range []struct {
		name     string
		settings map[string]any
		peer     map[string]any // nil: the same
	}{
		{"defaults", nil, map[string]any{"histogram": map[string]any{"exponential": exponential}}},
		{"exponential", map[string]any{"histogram": map[string]any{"exponential": exponential}}, nil},
		{"seconds", map[string]any{"histogram": map[string]any{"exponential": exponential, "unit": "s"}}, nil},
		{"delta", map[string]any{"aggregation_temporality": "AGGREGATION_TEMPORALITY_DELTA", "histogram": map[string]any{"exponential": exponential}}, nil},
		{"namespace", map[string]any{"namespace": "span.metrics", "histogram": map[string]any{"exponential": exponential}}, nil},
		{"no instance", map[string]any{"exclude_dimensions": []string{"collector.instance.id"}, "histogram": map[string]any{"exponential": exponential}}, nil},
		{"no duration", map[string]any{"histogram": map[string]any{"disable": true}}, nil},
		{"explicit", map[string]any{"histogram": map[string]any{"explicit": map[string]any{}}}, map[string]any{}},
		{"own bounds", map[string]any{"histogram": map[string]any{"unit": "s", "explicit": map[string]any{"buckets": []string{"10ms", "250ms", "1s"}}}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			traces := plainSpans()
			peer := tt.peer
			if peer == nil {
				peer = tt.settings
			}
			want, got := tell(spanMetricsOf(t, peer, traces)), tell(ourMetricsOf(t, tt.settings, traces))
			if len(want.Calls) < 3*7*5 {
				t.Fatalf("the peer tells of %d series alone", len(want.Calls))
			}
			near := cmp.FilterPath(func(p cmp.Path) bool { return p.Index(1).String() == ".Sums" }, cmpopts.EquateApprox(1e-9, 0))
			// Ours lie 0.2 % beside those of the peer in milliseconds, so that a median can fall into
			// the next bucket: these durations spread so far that a bucket is 9 % wide.
			median := cmp.FilterPath(func(p cmp.Path) bool { return p.Index(1).String() == ".Medians" }, cmpopts.EquateApprox(0.1, 0))
			// A call that took up to 1.1 % longer than a bound may be counted below it.
			buckets := cmp.FilterPath(func(p cmp.Path) bool {
				return p.Index(1).String() == ".Buckets" && p.Last().Type().Kind().String() == "int64"
			},
				cmp.Comparer(func(a, b int64) bool { return a-b <= 3 && b-a <= 3 }))
			if diff := cmp.Diff(want, got, near, median, buckets); diff != "" {
				t.Errorf("metrics (-span metrics connector +ours):\n%s", diff)
			}
		})
	}
}
