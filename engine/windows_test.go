package engine

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// newWindows returns windows of a config that is valid.
func newWindows(t rapid.TB, c Config) *Windows {
	t.Helper()
	w, err := NewWindows(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// operationsOf returns the names of the operations in a period, in its order.
func operationsOf(p Period) []string {
	names := []string{}
	for i := range p.Summaries {
		names = append(names, p.Summaries[i].Operation)
	}
	return names
}

// summaryOf returns the one summary of the operation of the given name.
func summaryOf(t rapid.TB, p Period, name string) Summary {
	t.Helper()
	var found []Summary
	for _, s := range p.Summaries {
		if s.Operation == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d summaries of %q among %q, want one", len(found), name, operationsOf(p))
	}
	return found[0]
}

func checkOperations(t *testing.T, p Period, want ...string) {
	t.Helper()
	if got := operationsOf(p); !slices.Equal(got, want) {
		t.Errorf("the period holds %q, want %q", got, want)
	}
}

func TestWindowsFillIn(t *testing.T) {
	w := newWindows(t, Config{Name: "m", Service: "shop"})
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w.Add(Report{Operation: "GET /", SpanKind: SpanKindServer, Duration: ms})
	w.Add(Report{Operation: "render", Outcome: OutcomeIgnored})
	p := w.Close(Period{Start: start, End: start.Add(time.Minute), Partial: true, Missed: 2}, nil)

	if p.Monitor != "m" || p.Start != start || p.End != start.Add(time.Minute) || !p.Partial || p.Missed != 2 {
		t.Errorf("the period is %+v", p)
	}
	if p.Received != 2 || p.Dropped != 0 || p.Overflowed != 0 || p.Evicted != nil {
		t.Errorf("received %d, dropped %d, overflowed %d, left %v, want 2 and nothing else", p.Received, p.Dropped, p.Overflowed, p.Evicted)
	}
	checkOperations(t, p, "GET /", "render")
	for i := range p.Summaries {
		s := &p.Summaries[i]
		checkSummary(t, s)
		if s.Monitor != "m" || s.Service != "shop" || s.Start != p.Start || s.End != p.End || !s.Partial {
			t.Errorf("the summary is %+v", s)
		}
	}
	if got, want := p.Summaries[0].Key(), (OperationKey{"shop", SpanKindServer, "GET /"}); got != want {
		t.Errorf("the key is %v, want %v", got, want)
	}

	empty := w.Close(Period{}, nil)
	if empty.Summaries == nil || len(empty.Summaries) != 0 || empty.Received != 0 {
		t.Errorf("a period without a call is %+v, want an empty list that is not nil", empty)
	}
}

// addTraced counts a report whose span is known.
func (w *Windows) addTraced(r Report, ref TraceRef) {
	w.countTraced(w.place(r.Service, r.Operation, r.SpanKind), r.Outcome, Exemplar{Trace: ref, Code: r.Code, Duration: r.Duration, End: r.End}, false, nil)
}

// A call whose length says nothing, or can't be, counts, and its time doesn't.
func TestWindowsUntimed(t *testing.T) {
	const longest = 30 * 24 * time.Hour
	for _, d := range []time.Duration{Untimed, -time.Hour, math.MinInt64, longest + 1, math.MaxInt64} {
		w := newWindows(t, Config{Histograms: true})
		for range 2 { // what is closed begins anew
			w.Add(Report{Operation: "a", Duration: d})
			if s := summaryOf(t, w.Close(Period{}, nil), "a"); s.Success != 1 || s.Untimed != 1 || s.Latency != (Latency{}) || s.WithinTargetRatio != 1 {
				t.Errorf("%s alone: %+v", d, s)
			}
			w.Add(Report{Operation: "a", Duration: d})
			w.addTraced(Report{Operation: "a", Duration: d}, TraceRef{TraceID: [16]byte{1}})
			w.Add(Report{Operation: "a", Duration: 4 * ms})
			w.Add(Report{Operation: "a", Duration: time.Hour})
			w.Add(Report{Operation: "a", Code: "500", Duration: d})
			w.Add(Report{Operation: "a", Code: "500", Duration: 6 * ms})
			w.Add(Report{Operation: "a", Outcome: OutcomeCancelled, Duration: d})
			w.addTraced(Report{Operation: "a", Code: "500", Duration: d}, TraceRef{TraceID: [16]byte{1}})
			s := summaryOf(t, w.Close(Period{}, nil), "a")
			checkSummary(t, &s)
			if s.Success != 4 || s.Failure != 3 || s.Cancelled != 1 || s.Untimed != 2 || s.Timed() != 2 {
				t.Errorf("%s: %+v", d, s)
			}
			if s.Latency.Min != 4*ms || s.Latency.Max != time.Hour || s.WithinTarget != 1 || s.WithinTargetRatio != 0.5 {
				t.Errorf("%s: latency %+v, %d within target", d, s.Latency, s.WithinTarget)
			}
			if s.FailureLatency != (FailureLatency{Mean: 6 * ms, Max: 6 * ms}) {
				t.Errorf("%s: failures took %+v", d, s.FailureLatency)
			}
			if len(s.SlowExemplars) != 0 || s.FailureExemplars[0].Duration != 0 {
				t.Errorf("%s: exemplars %+v and %+v", d, s.SlowExemplars, s.FailureExemplars)
			}
			if s.CancelledHistogram != nil {
				t.Errorf("%s: cancelled calls took %+v", d, s.CancelledHistogram)
			}
		}
	}
	w := newWindows(t, Config{})
	w.Add(Report{Operation: "a", Duration: longest})
	if s := summaryOf(t, w.Close(Period{}, nil), "a"); s.Untimed != 0 || s.Latency.Max != longest {
		t.Errorf("the longest that can be: %+v", s)
	}
}

// A negative target: every call is within it.
func TestWindowsWithoutLatencyTarget(t *testing.T) {
	w := newWindows(t, Config{Operations: map[string]Objective{"a": {LatencyTarget: -1}}})
	for _, name := range []string{"a", "b"} {
		w.addTraced(Report{Operation: name, Duration: time.Hour}, TraceRef{TraceID: [16]byte{1}})
	}
	p := w.Close(Period{}, nil)
	if s := summaryOf(t, p, "a"); s.WithinTarget != 1 || s.WithinTargetRatio != 1 || len(s.SlowExemplars) != 0 || s.Latency.Max != time.Hour {
		t.Errorf("%+v", s)
	}
	if s := summaryOf(t, p, "b"); s.WithinTarget != 0 || len(s.SlowExemplars) != 1 {
		t.Errorf("another operation: %+v", s)
	}
}

func TestWindowsDecideUnsetOutcomesByTheCode(t *testing.T) {
	w := newWindows(t, Config{Codes: map[string]CodeFeature{"404": {Success: true, Name: "not found"}, "200": {Name: "odd"}}})
	for _, r := range []Report{
		{Code: ""}, {Code: "OK"}, {Code: "204"}, {Code: "404"}, // successes
		{Code: "200"}, {Code: "500"}, {Code: "4xx"}, // failures
		{Code: "500", Outcome: OutcomeSuccess},
		{Code: "204", Outcome: OutcomeFailure},
		{Code: "500", Outcome: OutcomeCancelled},
		{Code: "500", Outcome: OutcomeIgnored},
		{Code: "500", Outcome: OutcomeIgnored + 1}, // there is no such outcome
	} {
		r.Operation = "a"
		w.Add(r)
	}
	s := summaryOf(t, w.Close(Period{}, nil), "a")
	checkSummary(t, &s)
	if s.Success != 5 || s.Failure != 4 || s.Cancelled != 1 || s.Ignored != 2 {
		t.Errorf("success %d, failure %d, cancelled %d, ignored %d, want 5, 4, 1 and 2", s.Success, s.Failure, s.Cancelled, s.Ignored)
	}
	checkCodes(t, s.Failures, []CodeCount{{"200", "odd", 1}, {"204", "", 1}, {"4xx", "", 1}, {"500", "", 1}})
}

// An operation is a service, a kind and a name; an empty service is the config's.
func TestWindowsTellOperationsApart(t *testing.T) {
	w := newWindows(t, Config{Service: "shop"})
	for range 3 { // in turn, so that nothing remembered may lead astray
		for _, service := range []string{"", "shop", "bank"} {
			for _, kind := range []SpanKind{SpanKindServer, SpanKindClient} {
				for _, name := range []string{"a", "b"} {
					w.Add(Report{Service: service, SpanKind: kind, Operation: name})
				}
			}
		}
	}
	got := map[OperationKey]uint64{}
	p := w.Close(Period{}, nil)
	for i := range p.Summaries {
		got[p.Summaries[i].Key()] += p.Summaries[i].Count
	}
	want := map[OperationKey]uint64{
		{"shop", SpanKindServer, "a"}: 6, {"shop", SpanKindServer, "b"}: 6, {"shop", SpanKindClient, "a"}: 6, {"shop", SpanKindClient, "b"}: 6,
		{"bank", SpanKindServer, "a"}: 3, {"bank", SpanKindServer, "b"}: 3, {"bank", SpanKindClient, "a"}: 3, {"bank", SpanKindClient, "b"}: 3,
	}
	if diff := gocmp.Diff(want, got); diff != "" || len(p.Summaries) != len(want) {
		t.Errorf("%d summaries (-want +got):\n%s", len(p.Summaries), diff)
	}
}

func TestWindowsNames(t *testing.T) {
	w := newWindows(t, Config{
		Service:    strings.Repeat("s", 300),
		Operations: map[string]Objective{"": {AlertAfter: 7}, strings.Repeat("語", 100): {AlertAfter: 9}},
	})
	long := strings.Repeat("語", 100)
	for range 2 {
		w.Add(Report{Operation: ""})
		w.Add(Report{Operation: UnnamedOperation})
		w.Add(Report{Operation: long})
		w.Add(Report{Operation: long + "!"})
	}
	p := w.Close(Period{}, nil)
	checkOperations(t, p, UnnamedOperation, long[:255])
	for _, s := range p.Summaries {
		if s.Count != 4 || s.Service != strings.Repeat("s", 256) {
			t.Errorf("%q was called %d times in %q", s.Operation, s.Count, s.Service)
		}
	}
	if a, b := p.Summaries[0].Objective.AlertAfter, p.Summaries[1].Objective.AlertAfter; a != 7 || b != 9 {
		t.Errorf("the unnamed operation alerts after %d, the long one after %d, want 7 and 9", a, b)
	}
}

// A name that is a piece of a large buffer must not keep the buffer in memory for as
// long as the operation lives.
func TestWindowsHoldOnToNothing(t *testing.T) {
	page := strings.Repeat("x", 1<<20)
	w := newWindows(t, Config{})
	w.Add(Report{Service: page[:10], Operation: page[:20]})
	s := w.Close(Period{}, nil).Summaries[0]
	if s.Service != page[:10] || s.Operation != page[:20] {
		t.Errorf("got %q of %q", s.Operation, s.Service)
	}
	if unsafe.StringData(s.Service) == unsafe.StringData(page) || unsafe.StringData(s.Operation) == unsafe.StringData(page) {
		t.Error("the names of an operation still are pieces of the buffer")
	}
}

func TestWindowsOverflow(t *testing.T) {
	w := newWindows(t, Config{Name: "m", Service: "shop", MaxOperations: 3})
	for round := range 3 {
		for i := range 10 {
			for range i + 1 {
				w.Add(Report{Operation: fmt.Sprintf("op %d", i), SpanKind: SpanKindServer, Code: "500", Duration: ms})
			}
		}
		w.Add(Report{Operation: "op 4", SpanKind: SpanKindClient, Service: "bank"}) // another service has no room of its own
		p := w.Close(Period{}, nil)
		checkOperations(t, p, "op 0", "op 1", "op 2", OverflowName)
		rest := p.Summaries[3]
		checkSummary(t, &rest)
		if want := uint64(4+5+6+7+8+9+10) + 1; rest.Count != want || p.Overflowed != want || rest.Failure != want-1 {
			t.Errorf("round %d: %d calls of no place, %d overflowed, want %d", round, rest.Count, p.Overflowed, want)
		}
		if got, want := rest.Key(), (OperationKey{"shop", SpanKindUnspecified, OverflowName}); got != want || rest.Monitor != "m" {
			t.Errorf("the rest is filed under %v of %q, want %v", got, rest.Monitor, want)
		}
		if p.Received != 56 {
			t.Errorf("received %d, want 56", p.Received)
		}
	}
	p := w.Close(Period{}, nil)
	if p.Overflowed != 0 || len(p.Summaries) != 0 {
		t.Errorf("an empty period has %d overflowed reports and %d summaries", p.Overflowed, len(p.Summaries))
	}
}

// Whoever uses the overflow's name gets into it: two summaries of one key would be judged as two periods.
func TestWindowsOperationWithTheOverflowsName(t *testing.T) {
	w := newWindows(t, Config{MaxOperations: 1})
	w.Add(Report{Operation: OverflowName})
	w.Add(Report{Operation: "a"})
	w.Add(Report{Operation: "b"})
	p := w.Close(Period{}, nil)
	checkOperations(t, p, "a", OverflowName)
	if got := summaryOf(t, p, OverflowName).Count; got != 2 || p.Overflowed != 1 {
		t.Errorf("%d calls under %s, of which %d for lack of room, want 2 and 1", got, OverflowName, p.Overflowed)
	}
}

func TestWindowsOrder(t *testing.T) {
	var reports []Report
	for _, service := range []string{"", "a", "b"} {
		for _, name := range []string{"GET /", "POST /", "Z"} {
			for _, kind := range []SpanKind{SpanKindUnspecified, SpanKindServer, SpanKindClient} {
				reports = append(reports, Report{Service: service, Operation: name, SpanKind: kind})
			}
		}
	}
	reports = append(reports, Report{Operation: "no room"})
	var want []OperationKey
	for _, r := range reports[:27] {
		want = append(want, OperationKey{r.Service, r.SpanKind, r.Operation})
	}
	want = append(want, OperationKey{Name: OverflowName})

	rapid.Check(t, func(t *rapid.T) {
		w := newWindows(t, Config{MaxOperations: 27})
		for _, r := range rapid.Permutation(reports[:27]).Draw(t, "order") {
			w.Add(r)
		}
		for range 2 { // the second time, nothing has to be sorted
			w.Add(reports[27])
			p := w.Close(Period{}, nil)
			var got []OperationKey
			for i := range p.Summaries {
				got = append(got, p.Summaries[i].Key())
			}
			if !slices.Equal(got, want) {
				t.Fatalf("got %v, want %v", got, want)
			}
			for _, r := range reports[:27] {
				w.Add(r)
			}
		}
	})
}

func TestWindowsIdleOperationsLeave(t *testing.T) {
	w := newWindows(t, Config{MaxOperations: 2, IdlePeriods: 3})
	w.Add(Report{Operation: "busy"})
	w.Add(Report{Operation: "idle", Service: "s", SpanKind: SpanKindClient})
	w.Close(Period{}, nil)
	for idle := 1; idle <= 3; idle++ {
		w.Add(Report{Operation: "busy"})
		w.Add(Report{Operation: "late"})
		p := w.Close(Period{}, nil)
		checkOperations(t, p, "busy", OverflowName)
		var want []OperationKey
		if idle == 3 {
			want = []OperationKey{{"s", SpanKindClient, "idle"}}
		}
		if !slices.Equal(p.Evicted, want) {
			t.Errorf("after %d idle periods %v left, want %v", idle, p.Evicted, want)
		}
	}
	// Its place is free, and it must find one for itself again.
	w.Add(Report{Operation: "busy"})
	w.Add(Report{Operation: "late"})
	w.Add(Report{Operation: "idle", Service: "s", SpanKind: SpanKindClient})
	p := w.Close(Period{}, nil)
	checkOperations(t, p, "busy", "late", OverflowName)
}

// A call ends idleness, be it of whatever outcome.
// Operations that are watched for silence have a summary without a call, as long as
// they have a place.
func TestWindowsSilence(t *testing.T) {
	w := newWindows(t, Config{
		IdlePeriods: 3,
		Operations: map[string]Objective{
			"traffic": {MinTraffic: 1}, "drop": {MinTrafficRatio: 0.5}, "budget": {SLO: 0.9}, "stuck": {StuckAfter: time.Millisecond}, "off": {MinTraffic: -1},
		},
	})
	for _, name := range []string{"budget", "drop", "off", "stuck", "traffic", "usual"} {
		w.Add(Report{Operation: name})
	}
	checkOperations(t, w.Close(Period{}, nil), "budget", "drop", "off", "stuck", "traffic", "usual")
	for range 2 {
		p := w.Close(Period{}, nil)
		checkOperations(t, p, "budget", "drop", "stuck", "traffic")
		if s := summaryOf(t, p, "traffic"); s.Count != 0 || s.SuccessRatio != 1 || p.Received != 0 {
			t.Errorf("got %+v", s)
		}
	}
	p := w.Close(Period{}, func(k OperationKey) bool { return k.Name == "traffic" })
	checkOperations(t, p, "budget", "drop", "stuck", "traffic")
	if len(p.Evicted) != 5 {
		t.Errorf("left: %v, want all but traffic", p.Evicted)
	}
	checkOperations(t, w.Close(Period{}, nil), "traffic") // idle for too long, and nobody keeps it
	checkOperations(t, w.Close(Period{}, nil))
}

// Where silence is no longer bad there are summaries as long as an alert may have to hear it.
func TestWindowsSilenceIsSwitchedOff(t *testing.T) {
	kept := true
	keep := func(OperationKey) bool { return kept }
	w := newWindows(t, Config{IdlePeriods: 2, Operations: map[string]Objective{"a": {MinTraffic: 1}}})
	w.Add(Report{Operation: "a"})
	w.Add(Report{Operation: "b"})
	checkOperations(t, w.Close(Period{}, keep), "a", "b")
	checkOperations(t, w.Close(Period{}, keep), "a")
	if err := w.SetObjective("a", Objective{MinTraffic: -1}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		checkOperations(t, w.Close(Period{}, keep), "a")
	}
	kept = false
	if p := w.Close(Period{}, keep); len(p.Summaries) != 0 || len(p.Evicted) != 2 {
		t.Errorf("%d summaries, left: %v", len(p.Summaries), p.Evicted)
	}
	kept = true
	w.Add(Report{Operation: "a"})
	checkOperations(t, w.Close(Period{}, keep), "a")
	checkOperations(t, w.Close(Period{}, keep)) // it was never bad
}

// The first period of silence is always seen.
func TestWindowsSilenceIsSeenOnce(t *testing.T) {
	w := newWindows(t, Config{IdlePeriods: 1, Operations: map[string]Objective{"a": {MinTraffic: 1}}})
	w.Add(Report{Operation: "a"})
	w.Add(Report{Operation: "b"})
	w.Close(Period{}, nil)
	p := w.Close(Period{}, nil)
	checkOperations(t, p, "a")
	if want := []OperationKey{{Name: "b", Service: p.Summaries[0].Service}}; !slices.Equal(p.Evicted, want) {
		t.Errorf("left: %v, want %v", p.Evicted, want)
	}
	if p := w.Close(Period{}, nil); len(p.Evicted) != 1 {
		t.Errorf("left: %v, want a", p.Evicted)
	}
}

func TestWindowsInFlight(t *testing.T) {
	w := newWindows(t, Config{IdlePeriods: 2, MaxOperations: 2, Operations: map[string]Objective{"a": {StuckAfter: time.Minute}}})
	for range 3 { // calls in flight keep the place
		w.countInFlight(InFlight{Service: "shop", Operation: "a", SpanKind: SpanKindServer, Started: noon.Add(-(time.Minute))}, noon)
		w.countInFlight(InFlight{Service: "shop", Operation: "a", SpanKind: SpanKindServer, Started: noon.Add(-(time.Hour))}, noon)
		w.countInFlight(InFlight{Service: "shop", Operation: "a", SpanKind: SpanKindServer, Started: noon.Add(-(time.Minute + 1))}, noon)
		w.countInFlight(InFlight{Service: "shop", Operation: "b", SpanKind: SpanKindServer, Started: noon.Add(-(-time.Hour))}, noon)
		w.countInFlight(InFlight{Service: "shop", Operation: "too many", SpanKind: SpanKindServer, Started: noon.Add(-(time.Second))}, noon)
		p := w.Close(Period{}, nil)
		checkOperations(t, p, "a", "b", OverflowName)
		if p.InFlight != 5 || p.Received != 0 {
			t.Errorf("%d in flight and %d received, want 5 and 0", p.InFlight, p.Received)
		}
		for name, want := range map[string][3]int64{"a": {3, 2, int64(time.Hour)}, "b": {1, 0, 0}, OverflowName: {1, 0, int64(time.Second)}} {
			s := summaryOf(t, p, name)
			if got := [3]int64{int64(s.InFlight), int64(s.Stuck), int64(s.OldestInFlight)}; got != want || s.Count != 0 {
				t.Errorf("%s: in flight, stuck and oldest are %v, want %v", name, got, want)
			}
		}
	}
	p := w.Close(Period{}, nil)
	checkOperations(t, p, "a") // watched for stuck calls, so that it is seen that there are none
	if p.Summaries[0].InFlight != 0 || p.InFlight != 0 {
		t.Errorf("nothing is in flight any more, and yet: %+v", p)
	}
	if p := w.Close(Period{}, nil); len(p.Evicted) != 2 {
		t.Errorf("left: %v", p.Evicted)
	}
}

func TestWindowsAnyCallEndsIdleness(t *testing.T) {
	for _, outcome := range []Outcome{OutcomeSuccess, OutcomeFailure, OutcomeCancelled, OutcomeIgnored} {
		w := newWindows(t, Config{IdlePeriods: 2})
		for range 5 {
			w.Add(Report{Operation: "a", Outcome: outcome})
			for range 2 {
				if p := w.Close(Period{}, nil); p.Evicted != nil {
					t.Fatalf("%v left after one idle period", p.Evicted)
				}
			}
		}
		if p := w.Close(Period{}, nil); len(p.Evicted) != 1 {
			t.Errorf("%v left after two idle periods", p.Evicted)
		}
	}
}

func TestWindowsKeepIdleOperations(t *testing.T) {
	w := newWindows(t, Config{IdlePeriods: 1})
	firing := OperationKey{"s", SpanKindServer, "firing"}
	keep := func(key OperationKey) bool { return key == firing }
	w.Add(Report{Service: "s", SpanKind: SpanKindServer, Operation: "firing"})
	w.Add(Report{Service: "s", SpanKind: SpanKindServer, Operation: "fine"})
	w.Close(Period{}, keep)
	if p := w.Close(Period{}, keep); !slices.Equal(p.Evicted, []OperationKey{{"s", SpanKindServer, "fine"}}) {
		t.Errorf("%v left, want the one that need not be kept", p.Evicted)
	}
	for range 5 {
		if p := w.Close(Period{}, keep); p.Evicted != nil {
			t.Errorf("%v left", p.Evicted)
		}
	}
	if p := w.Close(Period{}, nil); !slices.Equal(p.Evicted, []OperationKey{firing}) {
		t.Errorf("%v left, want what needs no longer be kept", p.Evicted)
	}
}

// A service that has left entirely, and comes again, gets a new place that is found.
func TestWindowsServicesUsedAgainAfterLeaving(t *testing.T) {
	w := newWindows(t, Config{IdlePeriods: 1})
	for round := range 3 {
		for _, service := range []string{"one", "two"} {
			for range 2 {
				w.Add(Report{Service: service, Operation: "a", SpanKind: SpanKindServer})
			}
		}
		if p := w.Close(Period{}, nil); p.Received != 4 || len(p.Summaries) != 2 {
			t.Errorf("round %d: %d reports of %d operations, want 4 of 2", round, p.Received, len(p.Summaries))
		}
		if p := w.Close(Period{}, nil); len(p.Evicted) != 2 {
			t.Errorf("round %d: %v left", round, p.Evicted)
		}
		if g := w.lastGroup[SpanKindServer]; g != nil {
			t.Errorf("round %d: the last service to be called is still known to be %q", round, g.service)
		}
	}
}

func TestWindowsObjectivesOfOperations(t *testing.T) {
	w := newWindows(t, Config{
		Objective:     Objective{SuccessRatio: 0.5, LatencyTarget: 20 * ms},
		Operations:    map[string]Objective{"own": {LatencyTarget: 10 * ms, AlertAfter: 1}, OverflowName: {MinCalls: 5}},
		Distributions: map[string]Distribution{"own": {Bounds: []time.Duration{ms}}},
		MaxOperations: 3,
	})
	for _, name := range []string{"own", "other"} {
		for _, d := range []time.Duration{10 * ms, 10*ms + 1, 20 * ms, 20*ms + 1} {
			w.Add(Report{Operation: name, Duration: d})
		}
	}
	w.Add(Report{Operation: "own", SpanKind: SpanKindServer}) // whatever the kind
	w.Add(Report{Operation: "no room"})
	p := w.Close(Period{}, nil)
	own, other, rest := p.Summaries[1], p.Summaries[0], p.Summaries[3]
	if want := (basic(0.5, 10*ms, 0.8, 1, 3, 5)); own.Objective != want || p.Summaries[2].Objective != want {
		t.Errorf("the objective of its own is %+v and %+v, want %+v", own.Objective, p.Summaries[2].Objective, want)
	}
	if want := (basic(0.5, 20*ms, 0.8, 3, 3, 5)); other.Objective != want {
		t.Errorf("the objective of the other is %+v, want %+v", other.Objective, want)
	}
	if own.WithinTarget != 1 || other.WithinTarget != 3 {
		t.Errorf("%d and %d calls are within the target, want 1 and 3", own.WithinTarget, other.WithinTarget)
	}
	if len(own.Distribution) != 2 || len(other.Distribution) != 10 {
		t.Errorf("%d and %d intervals, want 2 and 10", len(own.Distribution), len(other.Distribution))
	}
	if rest.Operation != OverflowName || rest.Objective.MinCalls != 5 {
		t.Errorf("the objective of %q is %+v", rest.Operation, rest.Objective)
	}
}

// A new objective takes effect with the next period, for operations that were there
// and for operations that were not.
func TestWindowsSetObjective(t *testing.T) {
	w := newWindows(t, Config{Objective: Objective{LatencyTarget: 20 * ms, SuccessRatio: 0.5}, MaxOperations: 2})
	add := func() Period {
		for _, name := range []string{"known", "new", "no room"} {
			w.Add(Report{Operation: name, Duration: 15 * ms})
		}
		return w.Close(Period{}, nil)
	}
	w.Add(Report{Operation: "known", Duration: 15 * ms})
	for _, name := range []string{"known", "new", OverflowName} {
		if err := w.SetObjective(name, Objective{LatencyTarget: 10 * ms}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.SetObjective("known", Objective{LatencyTarget: 10 * ms, AlertAfter: 8}); err != nil {
		t.Fatal(err)
	}
	for _, s := range add().Summaries {
		if s.Objective.LatencyTarget != 20*ms || s.WithinTarget != s.Success {
			t.Errorf("%q: the current period is judged by the new target %s", s.Operation, s.Objective.LatencyTarget)
		}
	}
	for range 2 {
		for _, s := range add().Summaries {
			want := basic(0.5, 10*ms, 0.8, 3, 3, 5)
			if s.Operation == "known" {
				want.AlertAfter = 8
			}
			if s.Objective != want || s.WithinTarget != 0 {
				t.Errorf("%q: the objective is %+v, %d within, want %+v and 0", s.Operation, s.Objective, s.WithinTarget, want)
			}
		}
	}
	// Setting it again inherits from the config, not from what was set before.
	if err := w.SetObjective("known", Objective{MinCalls: 2}); err != nil {
		t.Fatal(err)
	}
	add()
	if got, want := summaryOf(t, add(), "known").Objective, (basic(0.5, 20*ms, 0.8, 3, 3, 2)); got != want {
		t.Errorf("the objective is %+v, want %+v", got, want)
	}
	checkError(t, w.SetObjective("known", Objective{AlertAfter: -1}), "alert_after: must be between 1 and 100, got -1")
}

// An operation that leaves and comes back is still judged by its own objective.
func TestWindowsObjectiveOutlivesLeaving(t *testing.T) {
	w := newWindows(t, Config{IdlePeriods: 1})
	if err := w.SetObjective("a", Objective{AlertAfter: 1}); err != nil {
		t.Fatal(err)
	}
	w.Close(Period{}, nil)
	for range 3 {
		w.Add(Report{Operation: "a"})
		if s := summaryOf(t, w.Close(Period{}, nil), "a"); s.Objective.AlertAfter != 1 {
			t.Errorf("the objective is %+v", s.Objective)
		}
		w.Close(Period{}, nil)
	}
}

// model is what windows promise, in the plainest form there is.
type model struct {
	limit, idle int
	places      map[OperationKey]int // periods without a call
	period      map[OperationKey]tally
	overflowed  uint64
}

// tally is what a model and a summary both know.
type tally struct {
	Success, Failure, Cancelled, Ignored, Untimed uint64
	Max                                           time.Duration
}

func (m *model) add(r Report) {
	key := OperationKey{cmp.Or(r.Service, "default"), r.SpanKind, cmp.Or(r.Operation, UnnamedOperation)}
	if _, ok := m.places[key]; !ok {
		if len(m.places) < m.limit {
			m.places[key] = 0
		} else {
			key = OperationKey{Service: "default", Name: OverflowName}
			m.overflowed++
		}
	}
	n := m.period[key]
	switch r.Outcome {
	case OutcomeSuccess:
		n.Success++
		if 0 <= r.Duration && r.Duration <= 30*24*time.Hour {
			n.Max = max(n.Max, r.Duration)
		} else {
			n.Untimed++
		}
	case OutcomeFailure:
		n.Failure++
	case OutcomeCancelled:
		n.Cancelled++
	default:
		n.Ignored++
	}
	m.period[key] = n
}

func (m *model) close(keep func(OperationKey) bool) (period map[OperationKey]tally, overflowed uint64, left []OperationKey) {
	for key := range m.places {
		m.places[key]++
		if _, called := m.period[key]; called {
			m.places[key] = 0
		}
		if m.places[key] >= m.idle && !keep(key) {
			delete(m.places, key)
			left = append(left, key)
		}
	}
	period, overflowed = m.period, m.overflowed
	m.period, m.overflowed = map[OperationKey]tally{}, 0
	return period, overflowed, left
}

// Whatever is reported in whatever order: each report is in exactly one period,
// under its operation as long as there is room.
func TestWindowsProperty(t *testing.T) {
	name := rapid.SampledFrom([]string{"", "a", "b", "c", "d", "e"})
	service := rapid.SampledFrom([]string{"", "default", "s"})
	duration := rapid.OneOf(rapid.Int64Range(0, int64(time.Second)), rapid.Int64())
	rapid.Check(t, func(t *rapid.T) {
		c := Config{
			Service:       "default",
			MaxOperations: rapid.IntRange(1, 6).Draw(t, "limit"),
			IdlePeriods:   rapid.IntRange(1, 3).Draw(t, "idle"),
		}
		w := newWindows(t, c)
		m := &model{limit: c.MaxOperations, idle: c.IdlePeriods, places: map[OperationKey]int{}, period: map[OperationKey]tally{}}
		keep := func(key OperationKey) bool { return key.Name == "a" }
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				r := Report{
					Service:   service.Draw(t, "service"),
					Operation: name.Draw(t, "name"),
					SpanKind:  SpanKind(rapid.IntRange(0, 1).Draw(t, "kind")),
					Code:      "500",
					Outcome:   Outcome(rapid.IntRange(1, 4).Draw(t, "outcome")),
					Duration:  time.Duration(duration.Draw(t, "duration")),
				}
				if rapid.Bool().Draw(t, "in other memory") {
					r.Operation = strings.Clone(r.Operation)
				}
				w.Add(r)
				m.add(r)
			},
			"close": func(t *rapid.T) {
				p := w.Close(Period{}, keep)
				want, overflowed, left := m.close(keep)
				got := map[OperationKey]tally{}
				var received uint64
				for i := range p.Summaries {
					s := &p.Summaries[i]
					checkSummary(t, s)
					if _, twice := got[s.Key()]; twice {
						t.Errorf("two summaries of %v", s.Key())
					}
					got[s.Key()] = tally{s.Success, s.Failure, s.Cancelled, s.Ignored, s.Untimed, s.Latency.Max}
					received += s.Count + s.Ignored
				}
				if diff := gocmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if p.Received != received || p.Overflowed != overflowed {
					t.Errorf("received %d, overflowed %d, want %d and %d", p.Received, p.Overflowed, received, overflowed)
				}
				slices.SortFunc(left, func(a, b OperationKey) int {
					return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name), cmp.Compare(a.SpanKind, b.SpanKind))
				})
				if !slices.Equal(p.Evicted, left) {
					t.Errorf("left: %v, want %v", p.Evicted, left)
				}
				if len(w.operations) != len(m.places) {
					t.Errorf("%d operations have a place, want %v", len(w.operations), slices.Collect(maps.Keys(m.places)))
				}
			},
		})
	})
}

func TestWindowsAddAllocatesNothing(t *testing.T) {
	w := newWindows(t, Config{MaxOperations: 4})
	names := []string{"a", "b", "c", "d", "no room", "", strings.Repeat("long", 100)}
	period := func() {
		for _, name := range names {
			w.Add(Report{Operation: name, Code: "503", Duration: ms})
			w.Add(Report{Operation: name, Duration: 700 * ms})
		}
	}
	period()
	if n := testing.AllocsPerRun(100, period); n != 0 {
		t.Errorf("counting known names, and names without a place, allocates %v times", n)
	}
}

func BenchmarkWindowsAdd(b *testing.B) {
	for _, n := range []int{1, 100, 2000, 10_000} {
		b.Run(fmt.Sprintf("names=%d", n), func(b *testing.B) {
			reports := make([]Report, n)
			for i := range reports {
				reports[i] = Report{Operation: fmt.Sprintf("GET /path/to/resource/%d", i), SpanKind: SpanKindServer, Duration: time.Duration(i) * time.Microsecond}
			}
			w, err := NewWindows(Config{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				w.Add(reports[i])
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}

func BenchmarkWindowsClose(b *testing.B) {
	w, err := NewWindows(Config{})
	if err != nil {
		b.Fatal(err)
	}
	names := make([]string, 100)
	for i := range names {
		names[i] = fmt.Sprintf("GET /path/to/resource/%d", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		for i, name := range names {
			w.Add(Report{Operation: name, Duration: time.Duration(i) * ms})
		}
		w.Close(Period{}, nil)
	}
}
