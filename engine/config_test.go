package engine

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// checkError fails unless err says exactly want; nothing means no error.
func checkError(t *testing.T, err error, want string) {
	t.Helper()
	var got string
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("got the error\n%q, want\n%q", got, want)
	}
}

func TestConfigValidate(t *testing.T) {
	tests := map[string]struct {
		c    Config
		want string // empty: valid
	}{
		"zero": {Config{}, ""},
		"least": {Config{
			Period: 10 * ms, Slice: time.Second, MaxOperations: 1, MaxCodes: 1, IdlePeriods: 1, QueueSize: 16,
		}, ""},
		"most": {Config{
			Period: time.Hour, Slice: 5 * time.Second, MaxOperations: 1_000_000, MaxCodes: 1000, IdlePeriods: 1_000_000, QueueSize: 1 << 24,
		}, ""},
		"N of 1 is allowed": {Config{Objective: Objective{AlertAfter: 1, RecoverAfter: 1}}, ""},

		"no slices": {Config{Slice: -1}, ""},

		"period negative":  {Config{Period: -time.Second}, "period: must be between 10ms and 1h, got -1s"},
		"period short":     {Config{Period: 10*ms - 1}, "period: must be between 10ms and 1h, got 9.999999ms"},
		"period long":      {Config{Period: time.Hour + 1}, "period: must be between 10ms and 1h, got 1h0m0.000000001s"},
		"slice":            {Config{Slice: time.Second - 1}, "slice: must be between 1s and 5s, or negative for none, got 999.999999ms"},
		"slice +":          {Config{Slice: 5*time.Second + 1}, "slice: must be between 1s and 5s, or negative for none, got 5.000000001s"},
		"max_operations":   {Config{MaxOperations: -1}, "max_operations: must be between 1 and 1000000, got -1"},
		"max_operations +": {Config{MaxOperations: 1_000_001}, "max_operations: must be between 1 and 1000000, got 1000001"},
		"max_codes":        {Config{MaxCodes: -64}, "max_codes: must be between 1 and 1000, got -64"},
		"max_codes +":      {Config{MaxCodes: 1001}, "max_codes: must be between 1 and 1000, got 1001"},
		"idle_periods":     {Config{IdlePeriods: -60}, "idle_periods: must be between 1 and 1000000, got -60"},
		"idle_periods +":   {Config{IdlePeriods: 1_000_001}, "idle_periods: must be between 1 and 1000000, got 1000001"},
		"queue_size":       {Config{QueueSize: 15}, "queue_size: must be between 16 and 16777216, got 15"},
		"queue_size +":     {Config{QueueSize: 1<<24 + 1}, "queue_size: must be between 16 and 16777216, got 16777217"},
		"objective":        {Config{Objective: Objective{SuccessRatio: 95}}, "objective.success_ratio: must be above 0 and at most 1, got 95"},
		"operations": {
			Config{Operations: map[string]Objective{"GET /x": {SuccessRatio: 1.5}}},
			`operations["GET /x"].success_ratio: must be above 0 and at most 1, got 1.5`,
		},
		"an operation of any name": {
			Config{Operations: map[string]Objective{"a\"b\n": {AlertAfter: -1}}},
			`operations["a\"b\n"].alert_after: must be between 1 and 100, got -1`,
		},
		"distribution": {Config{Distribution: Distribution{Intervals: 2}}, "distribution.intervals: must be between 3 and 64, got 2"},
		"distributions": {
			Config{Distributions: map[string]Distribution{"GET /x": {Bounds: []time.Duration{}}}},
			`distributions["GET /x"].bounds: must list between 1 and 63 bounds, got 0`,
		},
		"distributions that don't fit what they inherit": {
			Config{
				Distribution:  Distribution{Lowest: time.Second, Highest: 2 * time.Second},
				Distributions: map[string]Distribution{"fast": {Highest: 100 * ms}},
			},
			`distributions["fast"].highest: must lie at least 8ns above lowest (1s), got 100ms`,
		},
		"all at once": {
			Config{
				Period:        1,
				Objective:     Objective{MinCalls: -1, WithinTargetRatio: 2},
				Operations:    map[string]Objective{"b": {AlertAfter: -1}, "a": {RecoverAfter: -1, LatencyTarget: 25 * time.Hour}},
				Distribution:  Distribution{Lowest: -1, Intervals: 99},
				Distributions: map[string]Distribution{"x": {Bounds: []time.Duration{2, 1}}},
				MaxOperations: -1, MaxCodes: -2, IdlePeriods: -3, QueueSize: -4,
			},
			`period: must be between 10ms and 1h, got 1ns; a number without a unit is nanoseconds, probably 1s is meant
objective.within_target_ratio: must be above 0 and at most 1, got 2
objective.min_calls: must be between 1 and 1000000000, got -1
operations["a"].latency_target: must be at most 24h, or negative for none, got 25h0m0s
operations["a"].recover_after: must be between 1 and 100, got -1
operations["b"].alert_after: must be between 1 and 100, got -1
distribution.lowest: must be above 0s, got -1ns
distribution.intervals: must be between 3 and 64, got 99
distributions["x"].bounds[1]: must be above the bound before it (2ns), got 1ns
max_operations: must be between 1 and 1000000, got -1
max_codes: must be between 1 and 1000, got -2
idle_periods: must be between 1 and 1000000, got -3
queue_size: must be between 16 and 16777216, got -4`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			checkError(t, tt.c.Validate(), tt.want)
			if tt.want == "" {
				return
			}
			_, err := NewWindows(tt.c)
			checkError(t, err, tt.want)
			_, err = New(tt.c, Hooks{})
			checkError(t, err, tt.want)
		})
	}
}

func TestConfigDefaults(t *testing.T) {
	want := Config{
		Name:          "monitor",
		Period:        time.Minute,
		Slice:         3 * time.Second,
		Objective:     DefaultObjective(),
		Distribution:  DefaultDistribution(),
		MaxOperations: 2000,
		MaxCodes:      64,
		IdlePeriods:   60,
	}
	if diff := cmp.Diff(want, newWindows(t, Config{}).Config()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConfigKeepsWhatIsSaid(t *testing.T) {
	c := Config{
		Name: "http", Service: "shop", Period: 7 * time.Second, Slice: 2 * time.Second,
		Objective:  basic(0.5, time.Second, 0.5, 1, 2, 10),
		Operations: map[string]Objective{"GET /": {AlertAfter: 9}},
		Codes:      map[string]CodeFeature{"404": {true, "not found"}},
		Distribution: Distribution{
			Bounds: []time.Duration{ms, time.Second},
		},
		Distributions: map[string]Distribution{"GET /": {Intervals: 4}, "PUT /": {}},
		MaxOperations: 3, MaxCodes: 2, IdlePeriods: 1, QueueSize: 16, Histograms: true,
	}
	want := c
	want.Operations = map[string]Objective{"GET /": basic(0.5, time.Second, 0.5, 9, 2, 10)}
	want.Distributions = map[string]Distribution{"GET /": {100 * ms, 500 * ms, 4, nil}, "PUT /": c.Distribution}
	if diff := cmp.Diff(want, newWindows(t, c).Config()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// In go-monitor (2018) an instance's config changed another's.
func TestConfigIsNotShared(t *testing.T) {
	config := func() Config {
		return Config{
			Operations:    map[string]Objective{"a": {AlertAfter: 5}},
			Codes:         map[string]CodeFeature{"404": {Success: true, Name: "not found"}},
			Distribution:  Distribution{Bounds: []time.Duration{ms, 2 * ms}},
			Distributions: map[string]Distribution{"b": {Bounds: []time.Duration{3 * ms, 4 * ms}}, "c": {}},
		}
	}
	c, want := config(), newWindows(t, config()).Config()
	one, other := newWindows(t, c), newWindows(t, c)
	if diff := cmp.Diff(config(), c); diff != "" {
		t.Errorf("the caller's own config changed (-before +after):\n%s", diff)
	}

	// Neither the caller's own maps and slices nor what an instance says about itself lead back into one.
	spoil := func(c Config) {
		c.Operations["a"] = Objective{AlertAfter: 99}
		c.Codes["404"] = CodeFeature{}
		c.Codes["200"] = CodeFeature{}
		c.Distribution.Bounds[0] = 99
		c.Distributions["b"].Bounds[0] = 99
		if len(c.Distributions["c"].Bounds) > 0 {
			c.Distributions["c"].Bounds[0] = 99
		}
		c.Distributions["b"] = Distribution{}
	}
	spoil(c)
	spoil(one.Config())
	if err := one.SetObjective("a", Objective{AlertAfter: 77}); err != nil {
		t.Fatal(err)
	}
	one.Close(Period{}, nil)

	for name, w := range map[string]*Windows{"the one that was changed": one, "the other one": other} {
		if diff := cmp.Diff(want, w.Config()); diff != "" {
			t.Errorf("the config of %s (-want +got):\n%s", name, diff)
		}
		w.Add(Report{Operation: "a", Code: "404", Duration: ms})
		w.Add(Report{Operation: "b", Code: "200", Duration: 3 * ms})
		p := w.Close(Period{}, nil)
		a, b := summaryOf(t, p, "a"), summaryOf(t, p, "b")
		if a.Success != 1 || b.Success != 1 {
			t.Errorf("%s has other codes now", name)
		}
		if a.Distribution[1].Low != ms || b.Distribution[1].Low != 3*ms {
			t.Errorf("%s has other bounds now: %v, %v", name, a.Distribution, b.Distribution)
		}
	}
	other.Add(Report{Operation: "a"})
	if s := summaryOf(t, other.Close(Period{}, nil), "a"); s.Objective.AlertAfter != 5 {
		t.Errorf("the other one's objective is %+v now", s.Objective)
	}
}

// FuzzConfig: Validate never panics, whatever is in a config, and a config that
// it lets through makes windows that count.
func FuzzConfig(f *testing.F) {
	f.Add(int64(0), 0.0, int64(0), 0, 0, int64(0), int64(0), 0, int64(0), int64(0), 0, 0, "", "")
	f.Add(int64(time.Second), 0.99, int64(ms), 1, 1, int64(ms), int64(time.Second), 64, int64(0), int64(0), 1, 1, "GET /x", "500")
	f.Add(int64(-1), math.NaN(), int64(-1), -1, 1001, int64(math.MinInt64), int64(math.MaxInt64), 3, int64(1), int64(2), -1, 5000, "\xff", "\x00")
	f.Add(int64(time.Hour), 1.0, int64(math.MaxInt64), 1000, 3, int64(math.MaxInt64), int64(math.MinInt64), 5, int64(5), int64(5), 16, 64, OverflowName, OverflowName)
	f.Fuzz(func(t *testing.T, period int64, ratio float64, target int64, n, m int, lowest, highest int64, intervals int, bound0, bound1 int64, limit, codes int, name, code string) {
		c := Config{
			Name:          name,
			Service:       code,
			Period:        time.Duration(period),
			Objective:     Objective{SuccessRatio: ratio, LatencyTarget: time.Duration(target), AlertAfter: n, RecoverAfter: m},
			Operations:    map[string]Objective{name: {WithinTargetRatio: ratio, MinCalls: m}},
			Codes:         map[string]CodeFeature{code: {Success: n > 2, Name: name}},
			Distribution:  Distribution{Lowest: time.Duration(lowest), Highest: time.Duration(highest), Intervals: intervals},
			Distributions: map[string]Distribution{name: {Intervals: intervals}},
			MaxOperations: limit,
			MaxCodes:      codes,
			IdlePeriods:   m,
			QueueSize:     limit,
			Histograms:    m > n,
		}
		if bound0 != 0 || bound1 != 0 {
			c.Distributions[code] = Distribution{Bounds: []time.Duration{time.Duration(bound0), time.Duration(bound1)}}
		}
		err := c.Validate()
		w, newErr := NewWindows(c)
		if fmt.Sprint(err) != fmt.Sprint(newErr) {
			t.Fatalf("Validate says %v, NewWindows %v", err, newErr)
		}
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.Contains(line, ": ") {
					t.Errorf("%q does not name a key", line)
				}
			}
			return
		}

		var added uint64
		for _, operation := range []string{name, code, "some other", ""} {
			for _, d := range []int64{math.MinInt64, 0, target, target + 1, lowest, highest, bound0, bound1, math.MaxInt64} {
				for _, code := range []string{code, "", "500", name} {
					w.addTraced(Report{Operation: operation, Code: code, Duration: time.Duration(d)}, TraceRef{TraceID: [16]byte{1}})
					added++
				}
			}
		}
		p := w.Close(Period{}, nil)
		if p.Received != added {
			t.Errorf("%d of %d reports are in the period", p.Received, added)
		}
		for i := range p.Summaries {
			s := &p.Summaries[i]
			checkSummary(t, s)
			var bounds []time.Duration
			for _, b := range s.Distribution[1:] {
				bounds = append(bounds, b.Low)
			}
			checkBounds(t, bounds, len(s.Distribution))
			if err := s.Objective.Validate(); err != nil {
				t.Errorf("objective of %q: %v", s.Operation, err)
			}
			if _, err := json.Marshal(s); err != nil {
				t.Errorf("summary of %q: %v", s.Operation, err)
			}
		}
	})
}
