package engine

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const ms = time.Millisecond

func TestDefaultDistribution(t *testing.T) {
	d := DefaultDistribution()
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
	want := []time.Duration{100 * ms, 150 * ms, 200 * ms, 250 * ms, 300 * ms, 350 * ms, 400 * ms, 450 * ms, 500 * ms}
	if got := d.bounds(); !slices.Equal(got, want) {
		t.Errorf("bounds %v, want %v", got, want)
	}
	if got := (Distribution{}).inherit(d).bounds(); !slices.Equal(got, want) {
		t.Errorf("a zero distribution has the bounds %v, want the default ones", got)
	}
}

// go-monitor (2018) filed 499ms under ">500": an interval holds its lower bound
// and not its upper one.
func TestInterval(t *testing.T) {
	bounds := DefaultDistribution().bounds()
	tests := []struct {
		d    time.Duration
		want int
	}{
		{0, 0},
		{100*ms - 1, 0},
		{100 * ms, 1},
		{150*ms - 1, 1},
		{150 * ms, 2},
		{449 * ms, 7},
		{499 * ms, 8},
		{500*ms - 1, 8},
		{500 * ms, 9},
		{math.MaxInt64, 9},
	}
	for _, tt := range tests {
		if got := interval(bounds, tt.d); got != tt.want {
			t.Errorf("%s is filed under interval %d, want %d", tt.d, got, tt.want)
		}
	}
}

func TestBuckets(t *testing.T) {
	got := buckets([]time.Duration{10, 20}, []uint64{1, 2, 3})
	want := []Bucket{{0, 10, 1}, {10, 20, 2}, {20, 0, 3}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestDistributionBounds(t *testing.T) {
	tests := map[string]struct {
		d    Distribution
		want []time.Duration
	}{
		"three intervals":  {Distribution{100 * ms, 500 * ms, 3, nil}, []time.Duration{100 * ms, 500 * ms}},
		"an uneven split":  {Distribution{0, 100, 5, nil}, []time.Duration{0, 33, 66, 100}},
		"one by one":       {Distribution{1, 4, 5, nil}, []time.Duration{1, 2, 3, 4}},
		"to the very end":  {Distribution{1, math.MaxInt64, 4, nil}, []time.Duration{1, 1 << 62, math.MaxInt64}},
		"the user's own":   {Distribution{Bounds: []time.Duration{5, 7, 1000}}, []time.Duration{5, 7, 1000}},
		"the user's alone": {Distribution{Bounds: []time.Duration{5}}, []time.Duration{5}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.d.bounds(); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestDistributionDoesNotShareItsBounds(t *testing.T) {
	own := []time.Duration{1, 2, 3}
	got := Distribution{Bounds: own}.bounds()
	own[0] = 99
	if got[0] != 1 {
		t.Error("the bounds change with the caller's slice")
	}
}

// Whatever is valid has ascending bounds from Lowest to exactly Highest, and an
// interval for every duration: no split divides by zero, as it did in 2018.
func TestDistributionProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		duration := rapid.OneOf(rapid.Int64Range(1, 200), rapid.Int64Min(1))
		d := Distribution{
			Lowest:    time.Duration(duration.Draw(t, "lowest")),
			Highest:   time.Duration(duration.Draw(t, "highest")),
			Intervals: rapid.IntRange(3, 64).Draw(t, "intervals"),
		}
		if rapid.Bool().Draw(t, "little room") {
			d.Highest = d.Lowest + time.Duration(rapid.IntRange(1, 70).Draw(t, "room"))
		}
		if d.Validate() != nil {
			t.Skip("not valid")
		}
		checkBounds(t, d.bounds(), d.Intervals)
		if got := d.bounds(); got[0] != d.Lowest || got[len(got)-1] != d.Highest {
			t.Errorf("bounds %v, want them to go from %d to exactly %d", got, d.Lowest, d.Highest)
		}
	})
}

// checkBounds fails if bounds do not part all durations into n intervals.
func checkBounds(t rapid.TB, bounds []time.Duration, n int) {
	t.Helper()
	if len(bounds) != n-1 {
		t.Errorf("%d bounds for %d intervals: %v", len(bounds), n, bounds)
	}
	if bounds[0] <= 0 {
		t.Errorf("first bound %d, want it above 0", bounds[0])
	}
	for i := 1; i < len(bounds); i++ {
		if bounds[i] <= bounds[i-1] {
			t.Errorf("bounds don't ascend: %v", bounds)
		}
	}
}

func TestDistributionInherits(t *testing.T) {
	own := []time.Duration{1, 2}
	parent := Distribution{10 * ms, 20 * ms, 4, nil}
	tests := map[string]struct {
		d, parent, want Distribution
	}{
		"nothing said":                         {Distribution{}, parent, parent},
		"nothing said, bounds above":           {Distribution{}, Distribution{Bounds: own}, Distribution{Bounds: own}},
		"lowest":                               {Distribution{Lowest: 1}, parent, Distribution{1, 20 * ms, 4, nil}},
		"highest":                              {Distribution{Highest: time.Second}, parent, Distribution{10 * ms, time.Second, 4, nil}},
		"intervals":                            {Distribution{Intervals: 5}, parent, Distribution{10 * ms, 20 * ms, 5, nil}},
		"bounds":                               {Distribution{Bounds: own}, parent, Distribution{Bounds: own}},
		"intervals, bounds above: the default": {Distribution{Intervals: 5}, Distribution{Bounds: own}, Distribution{100 * ms, 500 * ms, 5, nil}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := tt.d.inherit(tt.parent)
			if got.Lowest != tt.want.Lowest || got.Highest != tt.want.Highest || got.Intervals != tt.want.Intervals || !slices.Equal(got.Bounds, tt.want.Bounds) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestDistributionValidate(t *testing.T) {
	many := make([]time.Duration, 64)
	for i := range many {
		many[i] = time.Duration(i+1) * time.Microsecond
	}
	tests := map[string]struct {
		d    Distribution
		want string // empty: valid
	}{
		"zero":           {Distribution{}, ""},
		"least":          {Distribution{1, 1000, 3, nil}, ""},
		"most":           {Distribution{1, math.MaxInt64, 64, nil}, ""},
		"most bounds":    {Distribution{Bounds: many[:63]}, ""},
		"one bound":      {Distribution{Bounds: many[:1]}, ""},
		"just room":      {Distribution{1000, 1010, 12, nil}, ""},
		"lowest only":    {Distribution{Lowest: 499 * ms}, ""},
		"highest only":   {Distribution{Highest: 101 * ms}, ""},
		"intervals only": {Distribution{Intervals: 3}, ""},

		"lowest":                 {Distribution{Lowest: -1}, "lowest: must be above 0s, got -1ns"},
		"intervals negative":     {Distribution{Intervals: -1}, "intervals: must be between 3 and 64, got -1"},
		"intervals 2":            {Distribution{Intervals: 2}, "intervals: must be between 3 and 64, got 2"},
		"intervals 65":           {Distribution{Intervals: 65}, "intervals: must be between 3 and 64, got 65"},
		"highest at lowest":      {Distribution{Highest: 100 * ms}, "highest: must lie at least 8ns above lowest (100ms), got 100ms"},
		"highest below":          {Distribution{Lowest: time.Second}, "highest: must lie at least 8ns above lowest (1s), got 500ms"},
		"highest negative":       {Distribution{Highest: -1}, "highest: must lie at least 8ns above lowest (100ms), got -1ns"},
		"highest wraps round":    {Distribution{Highest: math.MinInt64}, "highest: must lie at least 8ns above lowest (100ms), got -2562047h47m16.854775808s"},
		"no room":                {Distribution{100, 109, 12, nil}, "highest: must lie at least 10ns above lowest (100ns), got 109ns"},
		"two at once":            {Distribution{Lowest: -1, Intervals: 1}, "lowest: must be above 0s, got -1ns\nintervals: must be between 3 and 64, got 1"},
		"lowest wraps round":     {Distribution{Lowest: math.MinInt64}, "lowest: must be above 0s, got -2562047h47m16.854775808s"},
		"no bounds":              {Distribution{Bounds: []time.Duration{}}, "bounds: must list between 1 and 63 bounds, got 0"},
		"too many bounds":        {Distribution{Bounds: many}, "bounds: must list between 1 and 63 bounds, got 64"},
		"bound 0":                {Distribution{Bounds: []time.Duration{0, 1}}, "bounds[0]: must be above 0s, got 0s"},
		"bound negative":         {Distribution{Bounds: []time.Duration{-ms}}, "bounds[0]: must be above 0s, got -1ms"},
		"bound twice":            {Distribution{Bounds: []time.Duration{1, 5, 5}}, "bounds[2]: must be above the bound before it (5ns), got 5ns"},
		"highest without a unit": {Distribution{Lowest: 100, Highest: 500}, "highest: must be at least 1µs, got 500ns; a number without a unit is nanoseconds, probably 500ms or 500s is meant"},
		"bounds without a unit":  {Distribution{Bounds: []time.Duration{100, 500}}, "bounds[1]: must be at least 1µs, got 500ns; a number without a unit is nanoseconds, probably 500ms or 500s is meant"},
		"bounds descend":         {Distribution{Bounds: []time.Duration{5, 4}}, "bounds[1]: must be above the bound before it (5ns), got 4ns"},
		"both ways": {
			Distribution{1, 2, 3, []time.Duration{1}},
			"bounds: takes the place of lowest (1ns), highest (2ns) and intervals (3), so leave those out",
		},
		"both ways, one of them": {
			Distribution{Intervals: 3, Bounds: []time.Duration{1}},
			"bounds: takes the place of lowest (0s), highest (0s) and intervals (3), so leave those out",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { checkError(t, tt.d.Validate(), tt.want) })
	}
}
