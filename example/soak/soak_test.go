package main

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A short run violates nothing, and its report says so.
func TestRun(t *testing.T) {
	c := config{
		Duration: 3 * time.Second, Period: 200 * time.Millisecond, Rate: 4000, Burst: 20_000, BurstFor: 100 * time.Millisecond, BurstEvery: time.Second,
		Names: 100, NewNames: 50, FailEvery: 2 * time.Second, FailFor: time.Second, Failing: 0.3, Hanging: 0.05,
	}
	r, err := run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	text := r.markdown()
	if len(r.violations) > 0 {
		t.Error(text)
	}
	for _, want := range []string{"| not accounted for | 0 |", "alerts: availability firing", "alerts: stuck firing", "| violations | 0 |"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
}

func TestCheckChanges(t *testing.T) {
	fires, ends := change{"a", "1", true}, change{"a", "1", false}
	for name, tt := range map[string]struct {
		changes []change
		want    string
	}{
		"nothing":            {nil, ""},
		"in turns":           {[]change{fires, ends, {"a", "2", true}, {"b", "3", true}, {"a", "2", false}}, ""},
		"fires twice":        {[]change{fires, {"a", "2", true}}, "fires twice"},
		"ends twice":         {[]change{fires, ends, ends}, "did not fire"},
		"ends as another":    {[]change{fires, {"a", "2", false}}, "ends as 2"},
		"an id comes again":  {[]change{fires, ends, fires}, "comes again"},
		"an id of two kinds": {[]change{fires, {"b", "1", true}}, "comes again"},
	} {
		got := strings.Join(checkChanges("x", tt.changes), "; ")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestLedger(t *testing.T) {
	begin := time.Unix(0, 0)
	good := engine.Period{Start: begin, End: begin.Add(time.Second), Received: 5, Dropped: 1, Summaries: []engine.Summary{{
		Operation: "x", Count: 3, Success: 1, Failure: 1, Cancelled: 1, Ignored: 1,
		Failures: []engine.CodeCount{{Code: "a", Count: 1}}, Distribution: []engine.Bucket{{Count: 1}},
	}}}
	for name, tt := range map[string]struct {
		change func(*engine.Period)
		want   string
	}{
		"good":              {func(*engine.Period) {}, ""},
		"a call too few":    {func(p *engine.Period) { p.Summaries[0].Success = 0 }, "are not 3 calls"},
		"a code too few":    {func(p *engine.Period) { p.Summaries[0].Failures = nil }, "failures by code are 0 of 1"},
		"a length too many": {func(p *engine.Period) { p.Summaries[0].Distribution[0].Count = 2 }, "by length 2 of 1"},
		"a report too few":  {func(p *engine.Period) { p.Received = 4 }, "received 4, counted 4, dropped 1"},
		"a gap":             {func(p *engine.Period) { p.Start = p.Start.Add(time.Second) }, "follows one that ended"},
	} {
		l := &ledger{sums: make(map[int64]periodCount), last: begin}
		p := good
		p.Summaries = append([]engine.Summary(nil), good.Summaries...)
		p.Summaries[0].Distribution = append([]engine.Bucket(nil), good.Summaries[0].Distribution...)
		tt.change(&p)
		l.add(&p, begin.Add(2*time.Second))
		got := strings.Join(l.violations, "; ")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
		if len(l.lateness) != 1 || l.lateness[0] != time.Second {
			t.Errorf("%s: late by %v", name, l.lateness)
		}
	}
}

func TestIsFlat(t *testing.T) {
	heap := func(mib ...uint64) (samples []sample) {
		for _, n := range mib {
			samples = append(samples, sample{heap: n << 20})
		}
		return samples
	}
	for name, tt := range map[string]struct {
		samples []sample
		want    bool
	}{
		"too few to say": {heap(1, 100, 1000), true},
		"flat":           {heap(10, 50, 51, 52, 50, 53, 52, 51), true},
		"grows":          {heap(10, 50, 55, 60, 65, 70, 75, 80), false},
	} {
		if _, _, got := isFlat(tt.samples); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Microsecond, 0.99: 990 * time.Microsecond, 1: time.Millisecond} {
		if got := h.quantile(q); got < want || got > want*5/4 {
			t.Errorf("quantile %v: %s, want %s", q, got, want)
		}
	}
}
