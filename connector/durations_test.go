package gomonitorconnector

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/spanmetrics"
)

// exponentialOf returns durations as a summary holds them, nil for none.
func exponentialOf(all ...time.Duration) *engine.ExponentialHistogram {
	var h engine.Histogram
	for _, d := range all {
		h.Record(d)
	}
	if h.Count() == 0 {
		return nil
	}
	e := h.Exponential()
	return &e
}

// spread returns n durations between 2^low and 2^high seconds.
func spread(random *rand.Rand, n int, low, high float64) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = time.Duration(math.Exp2(low+random.Float64()*(high-low)) * float64(time.Second))
	}
	return all
}

// quantileOf returns the bounds of the bucket in which a quantile lies.
func quantileOf(p pmetric.ExponentialHistogramDataPoint, q float64) (low, high float64) {
	base := math.Exp2(math.Ldexp(1, -int(p.Scale())))
	rank := uint64(math.Ceil(q * float64(p.Count())))
	seen := p.ZeroCount()
	if seen >= rank {
		return 0, p.ZeroThreshold()
	}
	for i, n := range p.Positive().BucketCounts().All() {
		if seen += n; seen >= rank {
			index := float64(int(p.Positive().Offset()) + i)
			return math.Pow(base, index), math.Pow(base, index+1)
		}
	}
	return math.Inf(1), math.Inf(1)
}

func TestDurationsExponential(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		name      string
		unit      string
		maxSize   int
		periods   [][]time.Duration
		wantScale int32
	}{
		{"one duration", unitSeconds, 160, [][]time.Duration{{time.Second}}, 6},
		{"one duration in ms", unitMilliseconds, 160, [][]time.Duration{{time.Second}}, 6},
		{"zeros", unitSeconds, 160, [][]time.Duration{{0, 0}, {1}}, 0},
		{"zeros and one", unitSeconds, 160, [][]time.Duration{{0, 0}, {time.Second}}, 6},
		{"two octaves", unitSeconds, 160, [][]time.Duration{spread(random, 1000, -6, -4)}, 6},
		{"two octaves, later below", unitSeconds, 160, [][]time.Duration{spread(random, 1000, -6, -5), spread(random, 1000, -7, -6)}, 6},
		{"more than fits", unitSeconds, 160, [][]time.Duration{spread(random, 1000, -8, -2)}, 4},
		{"later more than fits", unitSeconds, 160, [][]time.Duration{spread(random, 1000, -6, -5), spread(random, 1000, -6, -2), spread(random, 1000, 2, 3)}, 4},
		{"wide, then narrow", unitMilliseconds, 160, [][]time.Duration{spread(random, 1000, -19, 16), spread(random, 1000, -6, -5)}, 2},
		{"two buckets", unitMilliseconds, 2, [][]time.Duration{{time.Microsecond}, {time.Hour}}, -5},
		{"all there is", unitSeconds, 4096, [][]time.Duration{spread(random, 1000, -19, 16)}, 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := MetricsConfig{Histogram: HistogramConfig{Unit: tt.unit, Exponential: ExponentialConfig{MaxSize: tt.maxSize}}}.options(time.Minute, "").histograms
			var d spanmetrics.Durations
			var all []time.Duration
			sum := 0.0
			for _, period := range tt.periods {
				d.Add(exponentialOf(period...), &o)
				d.Add(nil, &o)
				all = append(all, period...)
				for _, one := range period {
					sum += one.Seconds() * o.Factor
				}
			}
			point := pmetric.NewExponentialHistogramDataPoint()
			writeExponential(&d, point)
			if point.Scale() != tt.wantScale {
				t.Errorf("scale = %d, want %d", point.Scale(), tt.wantScale)
			}
			if n := point.Positive().BucketCounts().Len(); n > tt.maxSize {
				t.Errorf("%d buckets, want at most %d", n, tt.maxSize)
			}
			counted := point.ZeroCount()
			for _, n := range point.Positive().BucketCounts().All() {
				counted += n
			}
			if counted != uint64(len(all)) || point.Count() != counted {
				t.Errorf("%d durations in buckets, %d in all, want %d", counted, point.Count(), len(all))
			}
			slices.Sort(all)
			if got, want := point.Min(), all[0].Seconds()*o.Factor; math.Abs(got-want) > 1e-9*want {
				t.Errorf("min = %v, want %v", got, want)
			}
			if got, want := point.Max(), all[len(all)-1].Seconds()*o.Factor; math.Abs(got-want) > 1e-9*want {
				t.Errorf("max = %v, want %v", got, want)
			}
			if math.Abs(point.Sum()-sum) > 1e-9*sum {
				t.Errorf("sum = %v, want %v", point.Sum(), sum)
			}
			for _, q := range []float64{0.01, 0.5, 0.99, 1} {
				low, high := quantileOf(point, q)
				exact := all[max(0, int(math.Ceil(q*float64(len(all))))-1)].Seconds() * o.Factor
				if exact <= point.ZeroThreshold() {
					exact = 0
				}
				if exact < low*0.995 || exact > high*1.005 {
					t.Errorf("quantile %v lies between %v and %v, want %v", q, low, high, exact)
				}
			}
		})
	}
}

func TestDurationsExplicit(t *testing.T) {
	const ms = time.Millisecond
	o := MetricsConfig{Histogram: HistogramConfig{Explicit: &ExplicitConfig{Buckets: []time.Duration{ms, 10 * ms, time.Second}}}}.options(time.Minute, "").histograms
	var d spanmetrics.Durations
	d.Add(exponentialOf(0, ms/2, ms, 2*ms, 10*ms), &o)
	d.Add(exponentialOf(11*ms, time.Second, 1005*ms, time.Hour), &o)
	point := pmetric.NewHistogramDataPoint()
	writeExplicit(&d, point, &o)
	if got, want := point.BucketCounts().AsRaw(), []uint64{3, 2, 2, 2}; !slices.Equal(got, want) {
		t.Errorf("buckets = %v, want %v", got, want)
	}
	if got, want := point.ExplicitBounds().AsRaw(), []float64{1, 10, 1000}; !slices.Equal(got, want) {
		t.Errorf("bounds = %v, want %v", got, want)
	}
	if point.Count() != 9 || math.Abs(point.Sum()-(0.5+1+2+10+11+1000+1005+3_600_000)) > 1e-6 {
		t.Errorf("count = %d, sum = %v", point.Count(), point.Sum())
	}
}
