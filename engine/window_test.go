package engine

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// newWindow returns a window that judges by the given objective.
func newWindow(o Objective, d Distribution) *window {
	o = o.Inherit(DefaultObjective())
	w := new(window)
	w.open(&o, d.inherit(DefaultDistribution()).bounds())
	return w
}

// checkSummary fails if the numbers of a summary do not add up.
func checkSummary(t rapid.TB, s *Summary) {
	t.Helper()
	equal := func(what string, got, want uint64) {
		t.Helper()
		if got != want {
			t.Errorf("%q: %s: %d, want %d", s.Operation, what, got, want)
		}
	}
	equal("success + failure + cancelled is the count", s.Success+s.Failure+s.Cancelled, s.Count)
	var inBuckets, byCode uint64
	for _, b := range s.Distribution {
		inBuckets += b.Count
	}
	equal("the distribution sums to the successes whose time counts", inBuckets, s.Timed())
	for i, f := range s.Failures {
		byCode += f.Count
		if i > 0 && f.Count > s.Failures[i-1].Count {
			t.Errorf("%q: the failures are not ordered: %v", s.Operation, s.Failures)
		}
	}
	equal("the codes sum to the failures", byCode, s.Failure)
	if s.WithinTarget > s.Timed() {
		t.Errorf("%q: %d of %d successes are within the target", s.Operation, s.WithinTarget, s.Success)
	}
	for what, ratio := range map[string]float64{"success": s.SuccessRatio, "within target": s.WithinTargetRatio} {
		if !(ratio >= 0 && ratio <= 1) {
			t.Errorf("%q: the %s ratio is %v", s.Operation, what, ratio)
		}
	}
	l := s.Latency
	if s.Success == 0 && l != (Latency{}) {
		t.Errorf("%q: a latency without a success: %+v", s.Operation, l)
	}
	if order := []time.Duration{0, l.Min, l.P50, l.P90, l.P95, l.P99, l.Max}; !slices.IsSorted(order) || l.Mean < l.Min || l.Mean > l.Max {
		t.Errorf("%q: the latencies are not in order: %+v", s.Operation, l)
	}
	if len(s.FailureExemplars) > maxExemplars || len(s.SlowExemplars) > maxExemplars {
		t.Errorf("%q: %d failed and %d slow calls, at most %d are kept", s.Operation, len(s.FailureExemplars), len(s.SlowExemplars), maxExemplars)
	}
	if s.Histogram != nil {
		equal("the histogram counts the successes whose time counts", s.Histogram.Count, s.Timed())
	}
}

func TestWindowCountsOutcomes(t *testing.T) {
	w := newWindow(Objective{LatencyTarget: 100 * ms}, Distribution{})
	if !w.isEmpty() {
		t.Error("a new window is not empty")
	}
	add := func(n int, outcome Outcome, code string, d time.Duration) {
		for range n {
			w.add(outcome, code, d, 64)
		}
	}
	add(3, OutcomeSuccess, "200", 100*ms)
	add(1, OutcomeSuccess, "", 100*ms+1)
	add(2, OutcomeFailure, "503", 9*time.Second)
	add(1, OutcomeFailure, "500", time.Second)
	add(3, OutcomeCancelled, "499", 100*ms)
	add(2, OutcomeCancelled, "499", 77*time.Second)
	add(7, OutcomeIgnored, "", 88*time.Second)
	s := w.close(nil, false)
	checkSummary(t, &s)
	want := Summary{
		Count: 12, Success: 4, Failure: 3, Cancelled: 5, Ignored: 7,
		SuccessRatio: 4.0 / 7.0,
		Latency:      s.Latency,
		WithinTarget: 3, SlowCancelled: 2, WithinTargetRatio: 0.5,
		FailureLatency: FailureLatency{Mean: 19 * time.Second / 3, Max: 9 * time.Second},
		Distribution:   s.Distribution,
		Failures:       []CodeCount{{"503", "", 2}, {"500", "", 1}},
		Objective:      *w.objective,
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := s.Distribution[1]; got != (Bucket{100 * ms, 150 * ms, 4}) {
		t.Errorf("the successes are filed under %v", s.Distribution)
	}
}

// Each outcome alone makes a window that is not empty.
func TestWindowIsEmpty(t *testing.T) {
	for _, outcome := range []Outcome{OutcomeSuccess, OutcomeFailure, OutcomeCancelled, OutcomeIgnored} {
		w := newWindow(Objective{}, Distribution{})
		w.add(outcome, "", 0, 64)
		if w.isEmpty() {
			t.Errorf("a window with a call that is a %s is empty", outcome)
		}
		w.close(nil, false)
		if !w.isEmpty() {
			t.Errorf("a window with a call that is a %s is not empty after it was closed", outcome)
		}
	}
}

// go-monitor (2018) divided the sum of the successes by all calls, and let failures
// lower the latency ratio.
func TestWindowLatencyIsThatOfTheSuccesses(t *testing.T) {
	w := newWindow(Objective{LatencyTarget: 50 * ms}, Distribution{})
	for i := range 100 {
		w.add(OutcomeSuccess, "", time.Duration(i+1)*ms, 64)
	}
	alone := w.close(nil, false)
	for i := range 100 {
		w.add(OutcomeSuccess, "", time.Duration(i+1)*ms, 64)
		w.add(OutcomeFailure, "500", 0, 64)
		w.add(OutcomeFailure, "504", time.Hour, 64)
		w.add(OutcomeCancelled, "499", 50*ms, 64)
		w.add(OutcomeIgnored, "", time.Hour, 64)
	}
	s := w.close(nil, false)
	if diff := cmp.Diff(alone.Latency, s.Latency); diff != "" {
		t.Errorf("other calls change the latency of the successes:\n%s", diff)
	}
	if diff := cmp.Diff(alone.Distribution, s.Distribution); diff != "" {
		t.Errorf("other calls change the distribution:\n%s", diff)
	}
	if s.WithinTarget != 50 || s.WithinTargetRatio != 0.5 {
		t.Errorf("%d within the target, ratio %v, want 50 and 0.5", s.WithinTarget, s.WithinTargetRatio)
	}
	if want := 50*ms + 500*time.Microsecond; s.Latency.Mean != want || s.Latency.Min != ms || s.Latency.Max != 100*ms {
		t.Errorf("min %s, mean %s, max %s, want 1ms, %s and 100ms", s.Latency.Min, s.Latency.Mean, s.Latency.Max, want)
	}
	checkWithin(t, "p50", s.Latency.P50, 50*ms)
	checkWithin(t, "p90", s.Latency.P90, 90*ms)
	checkWithin(t, "p95", s.Latency.P95, 95*ms)
	checkWithin(t, "p99", s.Latency.P99, 99*ms)
	if want := (FailureLatency{Mean: 30 * time.Minute, Max: time.Hour}); s.FailureLatency != want {
		t.Errorf("latency of the failures %+v, want %+v", s.FailureLatency, want)
	}
}

// Each success is in the one interval that holds it, whatever the intervals are.
func TestWindowDistribution(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bounds := rapid.SliceOfNDistinct(rapid.Int64Range(1, 50), 1, 20, rapid.ID).Draw(t, "bounds")
		slices.Sort(bounds)
		d := Distribution{}
		want := []Bucket{{}}
		for _, b := range bounds {
			d.Bounds = append(d.Bounds, time.Duration(b))
			want[len(want)-1].High = time.Duration(b)
			want = append(want, Bucket{Low: time.Duration(b)})
		}
		w := newWindow(Objective{}, d)
		for range 2 { // the second period knows nothing of the first
			for i := range want {
				want[i].Count = 0
			}
			for _, n := range rapid.SliceOf(rapid.Int64Range(0, 60)).Draw(t, "durations") {
				w.add(OutcomeSuccess, "", time.Duration(n), 64)
				w.add(OutcomeFailure, "500", time.Duration(n), 64)
				for i := range want {
					if b := &want[i]; b.Low <= time.Duration(n) && (time.Duration(n) < b.High || b.High == 0) {
						b.Count++
					}
				}
			}
			s := w.close(nil, false)
			if diff := cmp.Diff(want, s.Distribution); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	})
}

// Where there is nothing to divide by, ratios are 1 and durations 0.
func TestWindowWithoutCallsHasNoNaN(t *testing.T) {
	tests := map[string]struct {
		outcome      Outcome
		ratio        float64
		withinTarget float64
	}{
		"ignored calls only":   {OutcomeIgnored, 1, 1},
		"cancelled calls only": {OutcomeCancelled, 1, 1},
		"failures only":        {OutcomeFailure, 0, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWindow(Objective{}, Distribution{})
			w.add(tt.outcome, "", 0, 64)
			s := w.close(nil, true)
			checkSummary(t, &s)
			if s.SuccessRatio != tt.ratio || s.WithinTargetRatio != tt.withinTarget || s.Latency != (Latency{}) {
				t.Errorf("got %+v", s)
			}
			if _, err := json.Marshal(s); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("no calls at all", func(t *testing.T) {
		s := newWindow(Objective{}, Distribution{}).close(nil, true)
		checkSummary(t, &s)
		if s.SuccessRatio != 1 || s.WithinTargetRatio != 1 || s.Latency != (Latency{}) || s.FailureLatency != (FailureLatency{}) {
			t.Errorf("got %+v", s)
		}
	})
}

func TestWindowFailuresBeyond64Bits(t *testing.T) {
	w := newWindow(Objective{}, Distribution{})
	w.addMany(OutcomeFailure, "504", maxDuration, 1<<32, 64)
	w.addMany(OutcomeFailure, "504", maxDuration, 1<<32, 64)
	if got := w.close(nil, false).FailureLatency; got.Mean != maxDuration || got.Max != maxDuration {
		t.Errorf("got %+v, want the longest duration twice", got)
	}
}

func TestWindowKeepsCallsToLookAt(t *testing.T) {
	w := newWindow(Objective{LatencyTarget: 10 * ms}, Distribution{})
	ref := func(id byte) TraceRef { return call(id, "", 0, true).Trace }
	end := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w.addTraced(OutcomeSuccess, Exemplar{ref(1), "200", 10 * ms, end, nil}, false, nil, 1, 64)     // fast enough
	w.addTraced(OutcomeSuccess, Exemplar{TraceRef{}, "200", 11 * ms, end, nil}, false, nil, 1, 64) // without a trace
	w.addTraced(OutcomeFailure, Exemplar{TraceRef{}, "500", 5 * ms, end, nil}, false, nil, 1, 64)  // likewise
	w.addTraced(OutcomeCancelled, Exemplar{ref(2), "499", 10 * ms, end, nil}, false, nil, 1, 64)   // nobody's fault
	w.addTraced(OutcomeIgnored, Exemplar{ref(3), "", time.Hour, end, nil}, false, nil, 1, 64)
	s := w.close(nil, false)
	if s.FailureExemplars != nil || s.SlowExemplars != nil || w.exemplars != nil {
		t.Fatalf("kept %v and %v, want nothing", s.FailureExemplars, s.SlowExemplars)
	}

	w.addTraced(OutcomeSuccess, Exemplar{ref(4), "200", 10*ms + 1, end, nil}, false, nil, 1, 64)
	w.addTraced(OutcomeFailure, Exemplar{ref(5), "500", 1, end, nil}, false, nil, 1, 64)
	s = w.close(nil, false)
	if want := []Exemplar{{ref(4), "200", 10*ms + 1, end, nil}}; !slices.Equal(s.SlowExemplars, want) {
		t.Errorf("slow calls %v, want %v", s.SlowExemplars, want)
	}
	if want := []Exemplar{{ref(5), "500", 1, end, nil}}; !slices.Equal(s.FailureExemplars, want) {
		t.Errorf("failed calls %v, want %v", s.FailureExemplars, want)
	}

	// The next period begins with none, and gives up the memory if it has none.
	if s = w.close(nil, false); s.FailureExemplars != nil || s.SlowExemplars != nil || w.exemplars != nil {
		t.Errorf("the next period has %v and %v", s.FailureExemplars, s.SlowExemplars)
	}
}

// A failed call is filed under the code under which it was counted.
func TestWindowFailedCallsBeyondTheCodes(t *testing.T) {
	w := newWindow(Objective{}, Distribution{})
	for i, code := range []string{"a", "b", "c"} {
		w.addTraced(OutcomeFailure, Exemplar{call(byte(i), "", 0, true).Trace, code, 0, time.Time{}, nil}, false, nil, 1, 2)
	}
	s := w.close(nil, false)
	if got, want := codesOf(s.FailureExemplars), []string{OverflowName, "a", "b"}; !slices.Equal(got, want) {
		t.Errorf("the failed calls have the codes %v, want %v", got, want)
	}
}

func TestWindowCloseEmpties(t *testing.T) {
	w := newWindow(Objective{}, Distribution{})
	fill := func() Summary {
		for i := range 20 {
			ref := call(byte(i), "", 0, true).Trace
			w.addTraced(OutcomeSuccess, Exemplar{ref, "200", time.Duration(i) * 100 * ms, time.Time{}, nil}, false, nil, 1, 64)
			w.addTraced(OutcomeFailure, Exemplar{ref, "500", time.Duration(i) * ms, time.Time{}, nil}, false, nil, 1, 64)
			w.addTraced(OutcomeCancelled, Exemplar{ref, "", 0, time.Time{}, nil}, false, nil, 1, 64)
			w.addTraced(OutcomeIgnored, Exemplar{ref, "", 0, time.Time{}, nil}, false, nil, 1, 64)
		}
		return w.close(nil, true)
	}
	first := fill()
	kept := first.Clone()
	empty := w.close(nil, true)
	want := newWindow(Objective{}, Distribution{}).close(nil, true)
	if diff := cmp.Diff(want, empty); diff != "" {
		t.Errorf("what was closed comes again (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(first, fill()); diff != "" {
		t.Errorf("the same calls give another summary (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(kept, first); diff != "" {
		t.Errorf("a closed summary changed (-before +after):\n%s", diff)
	}
}

func TestWindowHistogramOnlyWhenAskedFor(t *testing.T) {
	w := newWindow(Objective{}, Distribution{})
	w.add(OutcomeSuccess, "", 5*ms, 64)
	if s := w.close(nil, false); s.Histogram != nil {
		t.Error("a histogram that nobody asked for")
	}
	w.add(OutcomeSuccess, "", 5*ms, 64)
	w.add(OutcomeFailure, "", 7*ms, 64)
	s := w.close(nil, true)
	if diff := cmp.Diff(histogramOf(5*ms).Exponential(), *s.Histogram); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSummaryCloneSharesNothing(t *testing.T) {
	closed := func() Summary {
		w := newWindow(Objective{LatencyTarget: 1}, Distribution{})
		w.addTraced(OutcomeSuccess, Exemplar{call(1, "", 0, true).Trace, "", 5 * ms, time.Time{}, nil}, false, nil, 1, 64)
		w.addTraced(OutcomeFailure, Exemplar{call(2, "", 0, true).Trace, "500", 5 * ms, time.Time{}, nil}, false, nil, 1, 64)
		w.addTraced(OutcomeSuccess, Exemplar{call(3, "", 0, true).Trace, "", 5 * ms, time.Time{}, nil}, false, &Cause{Operation: "slow"}, 1, 64)
		w.addTraced(OutcomeFailure, Exemplar{call(4, "", 0, true).Trace, "500", 5 * ms, time.Time{}, nil}, false, &Cause{Operation: "failed"}, 1, 64)
		return w.close(nil, true)
	}
	s, want := closed(), closed()
	c := s.Clone()
	if diff := cmp.Diff(want, c); diff != "" {
		t.Fatalf("the clone differs:\n%s", diff)
	}
	c.Distribution[0].Count = 99
	c.Failures[0].Code = "spoilt"
	c.FailureExemplars[0].Code = "spoilt"
	c.SlowExemplars[0].Code = "spoilt"
	c.FailureCauses[0].Count = 99
	c.SlowCauses[0].Count = 99
	c.Histogram.Count = 99
	c.Histogram.Counts[0] = 99
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("the clone leads back into the original:\n%s", diff)
	}
	if c := (&Summary{}).Clone(); c.Histogram != nil {
		t.Error("the clone has a histogram of its own")
	}
}

// fullSummary is a summary in which nothing is missing.
func fullSummary() Summary {
	w := newWindow(Objective{LatencyTarget: ms, StuckAfter: time.Minute}, Distribution{})
	w.addTraced(OutcomeSuccess, Exemplar{call(1, "", 0, true).Trace, "200", 5 * ms, time.Date(2026, 1, 1, 0, 0, 1, 0, time.UTC), nil}, false, nil, 1, 64)
	w.addTraced(OutcomeFailure, Exemplar{call(2, "", 0, true).Trace, "500", 5 * ms, time.Date(2026, 1, 1, 0, 0, 2, 0, time.UTC), nil}, false, nil, 1, 64)
	w.addTraced(OutcomeSuccess, Exemplar{call(3, "", 0, true).Trace, "200", 5 * ms, time.Date(2026, 1, 1, 0, 0, 3, 0, time.UTC), nil}, false, &Cause{Service: "shop", SpanKind: SpanKindClient, Operation: "SELECT", Code: "OK"}, 1, 64)
	w.addTraced(OutcomeFailure, Exemplar{call(4, "", 0, true).Trace, "500", 5 * ms, time.Date(2026, 1, 1, 0, 0, 4, 0, time.UTC), nil}, false, &Cause{Service: "shop", SpanKind: SpanKindClient, Operation: "INSERT", Code: "23505"}, 1, 64)
	w.addInFlight(5*time.Minute, call(5, "", 0, true).Trace)
	s := w.close(map[string]CodeFeature{"500": {Name: "broken"}}, false)
	s.StuckExemplars[0].End = time.Date(2026, 1, 1, 0, 1, 0, 0, time.UTC)
	s.Late = 3
	s.TypicalCalls, s.BurnRates = 12, BurnRates{Minutes5: 1, Minutes30: 2, Hour1: 3, Hours6: 4, FastInsufficient: true, SlowInsufficient: true}
	s.Monitor, s.Service, s.Operation, s.SpanKind = "m", "shop", "GET /", SpanKindServer
	s.Start, s.End = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 1, 0, 0, time.UTC)
	s.Partial = true
	s.Verdicts = Verdicts{VerdictBad, VerdictGood, VerdictInsufficient, VerdictBad, VerdictGood}
	s.Objective = everything()
	return s
}

// The names in JSON are part of the face: whoever reads the lines relies on them.
func TestSummaryJSON(t *testing.T) {
	s := fullSummary()
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"burn_rates", "cancelled", "count", "distribution", "end", "failure", "failure_causes", "failure_exemplars",
		"failure_latency", "failures", "ignored", "in_flight", "late", "latency", "monitor", "objective", "oldest_in_flight_ns",
		"operation", "partial", "service", "slow_causes", "slow_exemplars", "span_kind", "start", "stuck",
		"stuck_exemplars", "success", "success_ratio", "typical_calls", "verdicts", "within_target", "within_target_ratio",
	}
	if got := keysOf(tree); !slices.Equal(got, want) {
		t.Errorf("keys\n%q, want\n%q", got, want)
	}
	checkSnakeCase(t, "summary", tree)

	var back Summary
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, back); diff != "" {
		t.Errorf("does not come back (-want +got):\n%s", diff)
	}

	period, err := json.Marshal(Period{Missed: 1, Partial: true, InFlight: 1, Untracked: 2, Abandoned: 3, SampledRatio: 0.1, UndeliveredPeriods: 4, UndeliveredNotifications: 5, Summaries: []Summary{s}, Evicted: []OperationKey{{Name: "gone"}}})
	if err != nil {
		t.Fatal(err)
	}
	tree = nil
	if err := json.Unmarshal(period, &tree); err != nil {
		t.Fatal(err)
	}
	want = []string{"abandoned", "dropped", "end", "in_flight", "missed", "monitor", "overflowed", "partial", "received", "sampled_ratio", "start", "summaries", "undelivered_notifications", "undelivered_periods", "untracked"}
	if got := keysOf(tree); !slices.Equal(got, want) {
		t.Errorf("keys of a period\n%q, want\n%q", got, want)
	}
}

func keysOf(object map[string]any) []string {
	var keys []string
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

var snakeCase = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// checkSnakeCase fails if a key is not in snake case, at any depth.
func checkSnakeCase(t *testing.T, path string, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if !snakeCase.MatchString(key) {
				t.Errorf("%s.%s is not in snake case", path, key)
			}
			checkSnakeCase(t, path+"."+key, value)
		}
	case []any:
		for i, value := range v {
			checkSnakeCase(t, fmt.Sprintf("%s[%d]", path, i), value)
		}
	}
}

func TestWindowAddAllocatesNothing(t *testing.T) {
	w := newWindow(Objective{LatencyTarget: ms}, Distribution{})
	ref := call(1, "", 0, true).Trace
	period := func() {
		for i := range time.Duration(100) {
			w.addTraced(OutcomeSuccess, Exemplar{ref, "200", i * 100 * time.Microsecond, time.Time{}, nil}, false, nil, 1, 64)
			w.addTraced(OutcomeFailure, Exemplar{ref, "500", i * ms, time.Time{}, nil}, false, nil, 1, 64)
			w.addTraced(OutcomeCancelled, Exemplar{ref, "499", i, time.Time{}, nil}, false, nil, 1, 64)
		}
	}
	period()
	if n := testing.AllocsPerRun(10, period); n != 0 {
		t.Errorf("counting allocates %v times", n)
	}
}

// Causes are counted for what the objectives are about: failures, and calls above the latency
// target; fast ones are nobody's fault.
func TestWindowCauses(t *testing.T) {
	w := newWindow(Objective{LatencyTarget: 10 * ms}, Distribution{})
	ref := TraceRef{TraceID: [16]byte{1}}
	add := func(n int, outcome Outcome, d time.Duration, cause *Cause) {
		for range n {
			w.addTraced(outcome, Exemplar{ref, "x", d, time.Time{}, nil}, false, cause, 1, 64)
		}
	}
	insert := func() *Cause {
		return &Cause{Service: "shop", SpanKind: SpanKindClient, Operation: "INSERT orders", Code: "23505"}
	} // equal, and never the same
	for range 3 {
		add(1, OutcomeFailure, ms, insert())
	}
	// Four calls that are told as one.
	w.addTraced(OutcomeFailure, Exemplar{ref, "x", ms, time.Time{}, nil}, false, &Cause{Service: "shop", SpanKind: SpanKindClient, Operation: "INSERT orders", Code: "40001"}, 4, 64)
	add(1, OutcomeFailure, ms, nil)
	w.addTraced(OutcomeSuccess, Exemplar{ref, "x", 11 * ms, time.Time{}, nil}, false, &Cause{Operation: "SELECT"}, 2, 64)
	add(2, OutcomeSuccess, 11*ms, nil)
	add(5, OutcomeSuccess, 10*ms, &Cause{Operation: "within the target"})
	add(5, OutcomeCancelled, 10*ms, insert())
	add(4, OutcomeCancelled, 11*ms, insert())
	add(5, OutcomeIgnored, time.Hour, insert())
	s := w.close(nil, false)
	wantFailures := []CauseCount{{Cause{Service: "shop", SpanKind: SpanKindClient, Operation: "INSERT orders", Code: "40001"}, 4, 0.5}, {*insert(), 3, 0.375}}
	if diff := cmp.Diff(wantFailures, s.FailureCauses); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]CauseCount{{*insert(), 4, 0.5}, {Cause{Operation: "SELECT"}, 2, 0.25}}, s.SlowCauses); diff != "" {
		t.Errorf("slow calls (-want +got):\n%s", diff)
	}
	if s := w.close(nil, false); s.FailureCauses != nil || s.SlowCauses != nil {
		t.Errorf("an empty period has causes: %v, %v", s.FailureCauses, s.SlowCauses)
	}
}

func TestWindowCausesAreBounded(t *testing.T) {
	w := newWindow(Objective{LatencyTarget: 10 * ms}, Distribution{})
	for i := range 1000 {
		w.addTraced(OutcomeFailure, Exemplar{TraceRef{TraceID: [16]byte{1}}, "x", ms, time.Time{}, nil}, false, &Cause{Operation: strconv.Itoa(i)}, 1, 64)
	}
	s := w.close(nil, false)
	if maxCauseCounts != 16 || len(s.FailureCauses) != maxCauseCounts+1 || s.FailureCauses[0].Operation != OverflowName || s.FailureCauses[0].Count != 1000-maxCauseCounts {
		t.Errorf("got %v, want %d causes and the rest together", s.FailureCauses, maxCauseCounts)
	}
}

func TestMergeCauses(t *testing.T) {
	a, b := Cause{Operation: "a", Code: "1"}, Cause{Operation: "b"}
	got := MergeCauses(20, []CauseCount{{a, 3, 0.5}}, nil, []CauseCount{{b, 5, 1}, {a, 4, 0.1}})
	if diff := cmp.Diff([]CauseCount{{a, 7, 0.35}, {b, 5, 0.25}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An outage in which every caller gives up after more than the target is in the latency ratio: it
// can't hide in what is left out.
func TestWindowSlowCancelledCallsMissTheTarget(t *testing.T) {
	tests := map[string]struct {
		target    time.Duration
		d         time.Duration
		cancelled uint64
		ratio     float64
	}{
		"given up late":                   {10 * ms, 11 * ms, 19, 0},
		"given up in time":                {10 * ms, 10 * ms, 0, 1},
		"a call whose time is no latency": {10 * ms, Untimed, 0, 1},
		"latency is not judged":           {-1, time.Hour, 0, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWindow(Objective{LatencyTarget: tt.target}, Distribution{})
			for range 19 {
				w.add(OutcomeCancelled, "CANCELLED", tt.d, 64)
			}
			s := w.close(nil, false)
			if s.Cancelled != 19 || s.SlowCancelled != tt.cancelled || s.WithinTargetRatio != tt.ratio || s.CancelledRatio() != 1 {
				t.Errorf("%d cancelled, %d of them late, ratio %v", s.Cancelled, s.SlowCancelled, s.WithinTargetRatio)
			}
			if s := w.close(nil, false); s.SlowCancelled != 0 {
				t.Errorf("the next period has %d", s.SlowCancelled)
			}
		})
	}
}
