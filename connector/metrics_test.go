package gomonitorconnector

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// point is a data point of any kind as a line of text: what it is of, and what it says.
type point struct{ of, says string }

// pointsOf returns all data points in their order.
func pointsOf(t *testing.T, metrics pmetric.Metrics) []point {
	t.Helper()
	var all []point
	for _, resource := range metrics.ResourceMetrics().All() {
		resourceService, _ := resource.Resource().Attributes().AsRaw()["service.name"].(string)
		for _, scope := range resource.ScopeMetrics().All() {
			if got := scope.Scope().Name(); got != alert.ScopeName {
				t.Errorf("scope = %q", got)
			}
			for _, metric := range scope.Metrics().All() {
				add := func(attributes pcommon.Map, says string, args ...any) {
					values := attributes.AsRaw()
					if service, _ := values["service.name"].(string); service != resourceService {
						t.Errorf("a point of service %q stands below the resource of %q", service, resourceService)
					}
					name := metric.Name()
					if metric.Unit() != "" {
						name += "[" + metric.Unit() + "]"
					}
					for _, key := range slices.Sorted(maps.Keys(values)) {
						name += fmt.Sprintf(" %v", values[key])
					}
					all = append(all, point{name, fmt.Sprintf(says, args...)})
				}
				switch metric.Type() {
				case pmetric.MetricTypeSum:
					for _, p := range metric.Sum().DataPoints().All() {
						add(p.Attributes(), "%d in %s%s", p.IntValue(), window(p.StartTimestamp(), p.Timestamp()), exemplarsText(p.Exemplars()))
					}
				case pmetric.MetricTypeGauge:
					for _, p := range metric.Gauge().DataPoints().All() {
						value := fmt.Sprint(p.IntValue())
						if p.ValueType() == pmetric.NumberDataPointValueTypeDouble {
							value = fmt.Sprint(p.DoubleValue())
						}
						add(p.Attributes(), "%s at %s", value, clock(p.Timestamp()))
					}
				case pmetric.MetricTypeExponentialHistogram:
					for _, p := range metric.ExponentialHistogram().DataPoints().All() {
						add(p.Attributes(), "%d of %.4g in %s%s", p.Count(), p.Sum(), window(p.StartTimestamp(), p.Timestamp()), exemplarsText(p.Exemplars()))
					}
				case pmetric.MetricTypeHistogram:
					for _, p := range metric.Histogram().DataPoints().All() {
						add(p.Attributes(), "%d of %.4g %v in %s%s", p.Count(), p.Sum(), p.BucketCounts().AsRaw(), window(p.StartTimestamp(), p.Timestamp()), exemplarsText(p.Exemplars()))
					}
				}
			}
		}
	}
	return all
}

func clock(t pcommon.Timestamp) string { return t.AsTime().Format("04:05") }

func window(from, to pcommon.Timestamp) string { return clock(from) + "-" + clock(to) }

func exemplarsText(list pmetric.ExemplarSlice) string {
	var b strings.Builder
	for _, e := range list.All() {
		fmt.Fprintf(&b, ", %s/%s took %v until %s", e.TraceID().String()[:2], e.SpanID().String()[:2], e.DoubleValue(), clock(e.Timestamp()))
	}
	return b.String()
}

// busy is the summary of an operation of shop in one period.
func busy(name string, success, failed, cancelled int) engine.Summary {
	s := engine.Summary{
		Monitor: "edge", Service: "shop", Operation: name, SpanKind: engine.SpanKindServer,
		Count: uint64(success + failed + cancelled), Success: uint64(success), Failure: uint64(failed), Cancelled: uint64(cancelled),
		SuccessRatio: 1, WithinTargetRatio: 0.5, Objective: engine.Objective{LatencyTarget: time.Second},
		Histogram:          exponentialOf(slices.Repeat([]time.Duration{20 * time.Millisecond}, success)...),
		FailureHistogram:   exponentialOf(slices.Repeat([]time.Duration{50 * time.Millisecond}, failed)...),
		CancelledHistogram: exponentialOf(slices.Repeat([]time.Duration{time.Second}, cancelled)...),
	}
	if success+failed > 0 {
		s.SuccessRatio = float64(success) / float64(success+failed)
	}
	if failed > 0 {
		s.FailureExemplars = []engine.Exemplar{callOf(1, true, "503", 50*time.Millisecond), callOf(2, false, "503", time.Minute)}
	}
	return s
}

const (
	unsetA = "traces.span.metrics.calls shop SPAN_KIND_SERVER a STATUS_CODE_UNSET"
	errorA = "traces.span.metrics.calls shop SPAN_KIND_SERVER a STATUS_CODE_ERROR"
	tookA  = "traces.span.metrics.duration[ms] shop SPAN_KIND_SERVER a STATUS_CODE_UNSET"
	lostA  = "traces.span.metrics.duration[ms] shop SPAN_KIND_SERVER a STATUS_CODE_ERROR"
	ratioA = "gomonitor.success_ratio[1] shop SPAN_KIND_SERVER a"
	timelA = "gomonitor.within_target_ratio[1] shop SPAN_KIND_SERVER a"
)

// steps are periods and the points that are wanted at the end of each.
type steps []struct {
	period *engine.Period
	want   []point
}

func (all steps) run(t *testing.T, c MetricsConfig) {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	m := newPeriodMetrics(c, time.Minute, "")
	for i, step := range all {
		if diff := cmp.Diff(step.want, pointsOf(t, m.add(step.period, nil)), cmp.AllowUnexported(point{})); diff != "" {
			t.Errorf("period %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestMetricsAreCumulative(t *testing.T) {
	gone := periodOf(3)
	gone.Evicted = []engine.OperationKey{{Service: "shop", SpanKind: engine.SpanKindServer, Name: "a"}}
	steps{
		{periodOf(0, busy("a", 2, 0, 1)), []point{
			{unsetA, "0 in 00:00-01:00"},
			{errorA, "0 in 00:00-01:00"},
			{tookA, "0 of 0 in 00:00-01:00"},
			{ratioA, "1 at 01:00"},
			{timelA, "0.5 at 01:00"},
		}},
		{periodOf(1), []point{
			{unsetA, "3 in 00:00-02:00"},
			{errorA, "0 in 00:00-02:00"},
			{tookA, "3 of 1040 in 00:00-02:00"},
		}},
		{periodOf(2, busy("a", 3, 1, 0)), []point{
			{unsetA, "6 in 00:00-03:00"},
			{errorA, "1 in 00:00-03:00, 01/01 took 50 until 00:00"},
			{tookA, "6 of 1100 in 00:00-03:00"},
			{lostA, "0 of 0 in 00:00-03:00"},
			{ratioA, "0.75 at 03:00"},
			{timelA, "0.5 at 03:00"},
		}},
		{gone, []point{
			{unsetA, "6 in 00:00-04:00"},
			{errorA, "1 in 00:00-04:00"},
			{tookA, "6 of 1100 in 00:00-04:00"},
			{lostA, "1 of 50 in 00:00-04:00"},
		}},
		{periodOf(4, busy("a", 0, 0, 0)), nil},
		{periodOf(5, busy("a", 0, 2, 0)), []point{
			{unsetA, "0 in 05:00-06:00"},
			{errorA, "0 in 05:00-06:00"},
			{lostA, "0 of 0 in 05:00-06:00"},
			{ratioA, "0 at 06:00"},
		}},
		{periodOf(6), []point{
			{unsetA, "0 in 05:00-07:00"},
			{errorA, "2 in 05:00-07:00, 01/01 took 50 until 00:00"},
			{lostA, "2 of 100 in 05:00-07:00, 01/01 took 50 until 00:00"},
		}},
	}.run(t, MetricsConfig{})
}

// A new count stands at 0 for longer than the time between two looks at it, even if its operation
// leaves meanwhile.
func TestMetricsBeginWithZero(t *testing.T) {
	gone := periodOf(1)
	gone.Evicted = []engine.OperationKey{{Service: "shop", SpanKind: engine.SpanKindServer, Name: "a"}}
	steps{
		{periodOf(0, busy("a", 0, 1, 0)), []point{
			{unsetA, "0 in 00:00-01:00"},
			{errorA, "0 in 00:00-01:00"},
			{lostA, "0 of 0 in 00:00-01:00"},
			{ratioA, "0 at 01:00"},
		}},
		{gone, []point{
			{unsetA, "0 in 00:00-02:00"},
			{errorA, "0 in 00:00-02:00"},
			{lostA, "0 of 0 in 00:00-02:00"},
		}},
		{periodOf(2, busy("a", 0, 1, 0)), []point{
			{unsetA, "0 in 00:00-03:00"},
			{errorA, "2 in 00:00-03:00, 01/01 took 50 until 00:00"},
			{lostA, "2 of 100 in 00:00-03:00, 01/01 took 50 until 00:00"},
			{ratioA, "0 at 03:00"},
		}},
	}.run(t, MetricsConfig{ScrapeInterval: time.Minute})
	m := newPeriodMetrics(MetricsConfig{}, time.Minute, "")
	m.add(periodOf(0, busy("a", 2, 0, 0)), nil)
	m.totals.Hurry() // the process ends
	if got, want := pointsOf(t, m.add(periodOf(1, busy("b", 1, 0, 0)), nil)), (point{unsetA, "2 in 00:00-02:00"}); !slices.Contains(got, want) {
		t.Errorf("at the end %q, want %q among them", got, want)
	} else if want := (point{strings.Replace(unsetA, " a ", " b ", 1), "1 in 01:00-02:00"}); !slices.Contains(got, want) {
		t.Errorf("at the end %q, want %q among them", got, want)
	}
}

func TestMetricsAsDeltas(t *testing.T) {
	steps{
		{periodOf(0, busy("a", 2, 1, 0)), []point{
			{unsetA, "2 in 00:00-01:00"},
			{errorA, "1 in 00:00-01:00, 01/01 took 50 until 00:00"},
			{tookA, "2 of 40 in 00:00-01:00"},
			{lostA, "1 of 50 in 00:00-01:00, 01/01 took 50 until 00:00"},
			{ratioA, "0.6666666666666666 at 01:00"},
			{timelA, "0.5 at 01:00"},
		}},
		{periodOf(1, busy("a", 0, 0, 0)), nil},
		{periodOf(2, busy("a", 1, 0, 0)), []point{
			{unsetA, "1 in 02:00-03:00"},
			{tookA, "1 of 20 in 02:00-03:00"},
			{ratioA, "1 at 03:00"},
			{timelA, "0.5 at 03:00"},
		}},
	}.run(t, MetricsConfig{Temporality: "AGGREGATION_TEMPORALITY_DELTA"})
}

func TestMetricsInOtherForms(t *testing.T) {
	slow := busy("a", 1, 0, 0)
	slow.SlowExemplars = []engine.Exemplar{callOf(3, true, "", 20*time.Millisecond)}
	p := periodOf(0, slow)
	for _, tt := range []struct {
		name   string
		config MetricsConfig
		want   point
	}{
		{
			"seconds",
			MetricsConfig{ScrapeInterval: -1, Histogram: HistogramConfig{Unit: "s"}},
			point{"traces.span.metrics.duration[s] shop SPAN_KIND_SERVER a STATUS_CODE_UNSET", "1 of 0.02 in 00:00-01:00, 03/03 took 0.02 until 00:00"},
		},
		{
			"namespace",
			MetricsConfig{ScrapeInterval: -1, Namespace: "span"},
			point{"span.duration[ms] shop SPAN_KIND_SERVER a STATUS_CODE_UNSET", "1 of 20 in 00:00-01:00, 03/03 took 20 until 00:00"},
		},
		{
			"explicit",
			MetricsConfig{ScrapeInterval: -1, Histogram: HistogramConfig{Explicit: &ExplicitConfig{Buckets: []time.Duration{time.Millisecond, time.Second}}}},
			point{tookA, "1 of 20 [0 1 0] in 00:00-01:00, 03/03 took 20 until 00:00"},
		},
		{
			"explicit, default bounds",
			MetricsConfig{ScrapeInterval: -1, Histogram: HistogramConfig{Explicit: &ExplicitConfig{}}},
			point{tookA, "1 of 20 [0 0 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0] in 00:00-01:00, 03/03 took 20 until 00:00"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := pointsOf(t, newPeriodMetrics(tt.config, time.Minute, "").add(p, nil)); !slices.Contains(got, tt.want) {
				t.Errorf("points = %q, want %q among them", got, tt.want)
			}
		})
	}
	for _, got := range pointsOf(t, newPeriodMetrics(MetricsConfig{Histogram: HistogramConfig{Disable: true}}, time.Minute, "").add(p, nil)) {
		if strings.Contains(got.of, "duration") {
			t.Errorf("histograms are disabled, and there is %q", got)
		}
	}
}

// All points of a service stand below one resource, those of an operation that has none below
// one without a name; every point says which process it is from.
func TestMetricsByService(t *testing.T) {
	a, b, other := busy("a", 1, 0, 0), busy("b", 1, 0, 0), busy(engine.OverflowName, 1, 0, 0)
	b.Service, other.Service, other.SpanKind = "stock", "", engine.SpanKindUnspecified
	second := busy("a2", 1, 0, 0)
	metrics := newPeriodMetrics(MetricsConfig{ScrapeInterval: -1}, time.Minute, "process-1").add(periodOf(0, a, second, b, other), nil)
	var services []string
	for _, resource := range metrics.ResourceMetrics().All() {
		service, _ := resource.Resource().Attributes().AsRaw()["service.name"].(string)
		services = append(services, service)
	}
	if want := []string{"", "shop", "stock"}; !slices.Equal(services, want) {
		t.Errorf("resources of the services %q, want %q", services, want)
	}
	points := pointsOf(t, metrics)
	for _, p := range points {
		if !strings.Contains(p.of, "process-1") {
			t.Errorf("%q does not say which process it is from", p)
		}
	}
	if want := (point{"traces.span.metrics.calls process-1 SPAN_KIND_UNSPECIFIED _OTHER STATUS_CODE_UNSET", "1 in 00:00-01:00"}); !slices.Contains(points, want) {
		t.Errorf("points = %q, want %q among them", points, want)
	}
	anonymous := newPeriodMetrics(MetricsConfig{ExcludeDimensions: []string{"collector.instance.id"}}, time.Minute, "process-1")
	for _, p := range pointsOf(t, anonymous.add(periodOf(0, a), nil)) {
		if strings.Contains(p.of, "process-1") {
			t.Errorf("%q says which process it is from, though that is excluded", p)
		}
	}
}

func TestMetricsOfAlerts(t *testing.T) {
	const fires = "gomonitor.alert.firing[{alert}] "
	judge, m := alert.NewJudge(), newPeriodMetrics(MetricsConfig{}, time.Minute, "")
	var got [][]point
	for n, failed := range []uint64{40, 60, 50, 0, 0, 0, 90, 90, 90} {
		p := periodOf(n, summaryOf("shop", "a", failed))
		if n == 8 {
			p.Summaries, p.Evicted = nil, []engine.OperationKey{{Service: "shop", SpanKind: engine.SpanKindServer, Name: "a"}}
		}
		got = append(got, slices.DeleteFunc(pointsOf(t, m.add(p, judge.Judge(p))), func(p point) bool { return !strings.HasPrefix(p.of, fires) }))
	}
	const a = fires + "availability shop SPAN_KIND_SERVER a"
	want := [][]point{
		{}, {{a, "1 at 02:00"}}, {{a, "1 at 03:00"}}, {{a, "1 at 04:00"}}, {{a, "0 at 05:00"}}, {},
		{}, {{a, "1 at 08:00"}}, {{a, "0 at 09:00"}}, // given up by the engine
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(point{})); diff != "" {
		t.Errorf("by period (-want +got):\n%s", diff)
	}
	if len(m.firing) != 0 || len(m.totals.Keys()) != 0 {
		t.Errorf("%d alerts and %d operations are remembered, though all have left", len(m.firing), len(m.totals.Keys()))
	}
	repeat := alert.Alert{Operation: "a", Objective: alert.Latency, State: alert.Firing, Repeat: true}
	for range 2 {
		if got := pointsOf(t, m.add(periodOf(9), []alert.Alert{repeat})); len(got) != 1 || got[0].says != "1 at 10:00" {
			t.Errorf("an alert that fires still has the points %q", got)
		}
	}
}

// What is remembered follows the operations that the engine counts.
func TestMetricsForget(t *testing.T) {
	m := newPeriodMetrics(MetricsConfig{}, time.Minute, "")
	for n := range 100 {
		p := periodOf(n)
		for i := range 10 {
			p.Summaries = append(p.Summaries, busy(fmt.Sprint(n, "/", i), 1, 1, 0))
			if n > 0 {
				p.Evicted = append(p.Evicted, engine.OperationKey{Service: "shop", SpanKind: engine.SpanKindServer, Name: fmt.Sprint(n-1, "/", i)})
			}
		}
		m.add(p, nil)
		if len(m.totals.Keys()) != 10 {
			t.Fatalf("%d operations are remembered after period %d, want 10", len(m.totals.Keys()), n)
		}
	}
}

func TestMetricsAreUTF8(t *testing.T) {
	for _, name := range hostileNames {
		m := newPeriodMetrics(MetricsConfig{}, time.Minute, name)
		s := busy(name, 1, 1, 1)
		s.Service = name
		twin := s
		twin.Operation = strings.ReplaceAll(strings.ReplaceAll(name, "\xfe", "\xfd"), "\xc3", "\xc4")
		alerts := []alert.Alert{{Service: name, Operation: name, Objective: alert.Traffic, State: alert.Firing}}
		metrics := m.add(periodOf(0, s, twin), alerts)
		data, err := new(pmetric.ProtoMarshaler).MarshalMetrics(metrics)
		if err != nil {
			t.Fatal(err)
		}
		if err := proto.Unmarshal(data, new(metricspb.MetricsData)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		seen := make(map[string]bool)
		for _, p := range pointsOf(t, metrics) {
			if seen[p.of] {
				t.Errorf("two points of %q", p.of)
			}
			seen[p.of] = true
		}
		key := engine.OperationKey{Service: name, SpanKind: engine.SpanKindServer, Name: name}
		gone := periodOf(1)
		gone.Evicted = []engine.OperationKey{key}
		if m.add(gone, nil); len(m.totals.Keys()) != 0 {
			t.Errorf("%q has left and is remembered", name)
		}
	}
}
