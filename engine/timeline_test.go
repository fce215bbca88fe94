package engine

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// at returns a time so many seconds after noon, in Unix nanoseconds.
func at(seconds float64) int64 { return noon.UnixNano() + int64(seconds*1e9) }

// tape is a timeline with the periods that it closed.
type tape struct {
	*Timeline
	periods []Period
	keep    func(OperationKey) bool
}

func newTape(t rapid.TB, c TimelineConfig, began time.Time) *tape {
	t.Helper()
	line, err := NewTimeline(c, began)
	if err != nil {
		t.Fatal(err)
	}
	return &tape{Timeline: line}
}

func (p *tape) closed(period *Period) { p.periods = append(p.periods, *period) }

// to tells what time it is.
func (p *tape) to(seconds float64) { p.Advance(time.Unix(0, at(seconds)), p.keep, p.closed) }

func (p *tape) close() { p.Close(p.keep, p.closed) }

// counts returns the successes of each closed period.
func (p *tape) counts() []uint64 {
	counts := []uint64{}
	for i := range p.periods {
		n := uint64(0)
		for j := range p.periods[i].Summaries {
			n += p.periods[i].Summaries[j].Count
		}
		counts = append(counts, n)
	}
	return counts
}

func call10s() TimelineConfig {
	return TimelineConfig{Config: Config{Period: 10 * time.Second}, Grace: 5 * time.Second}
}

func TestTimelineCountsByEnd(t *testing.T) {
	tests := []struct {
		name        string
		ends        []float64
		now         float64 // when they come
		want        []uint64
		late, early uint64
	}{
		{"in order", []float64{0, 1, 9.999, 10, 14.8}, 14.9, []uint64{3, 2}, 0, 0},
		{"within the grace", []float64{9, 12, 3, 14}, 14.9, []uint64{2, 2}, 0, 0},
		{"later than the grace", []float64{9, 12, 3, 14}, 15, []uint64{0, 2}, 2, 0},
		{"before all", []float64{-3600, -0.001}, 1, []uint64{0}, 2, 0},
		{"from the future", []float64{30, 3600, 1}, 12, []uint64{1, 2}, 0, 2},
		{"at an end", []float64{10, 20}, 20, []uint64{0, 1, 1}, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			line := newTape(t, call10s(), noon)
			line.to(tt.now)
			for _, end := range tt.ends {
				line.Add(&Span{Operation: "op", End: at(end)})
			}
			line.close()
			if got := line.counts(); !slices.Equal(got, tt.want) {
				t.Errorf("the periods count %v, want %v", got, tt.want)
			}
			var late, early uint64
			for _, p := range line.periods {
				late, early = late+p.Late, early+p.Early
			}
			if late != tt.late || early != tt.early {
				t.Errorf("%d late and %d early, want %d and %d", late, early, tt.late, tt.early)
			}
		})
	}
}

// Periods follow each other without a gap; those that were not seen in whole are partial.
func TestTimelinePeriods(t *testing.T) {
	line := newTape(t, call10s(), noon.Add(3*time.Second))
	for s := 4.0; s <= 47; s++ {
		line.to(s)
	}
	line.to(20) // set back
	line.close()
	var got []string
	for _, p := range line.periods {
		got = append(got, fmt.Sprintf("%s-%s %t", p.Start.UTC().Format("05"), p.End.UTC().Format("05"), p.Partial))
	}
	want := []string{"03-10 true", "10-20 false", "20-30 false", "30-40 false", "40-47 true"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("periods (-want +got):\n%s", diff)
	}
}

// A clock that leaps, or a machine that slept, has no periods for the time between.
func TestTimelineLeap(t *testing.T) {
	line := newTape(t, call10s(), noon)
	line.Add(&Span{Operation: "op", End: at(0)})
	line.to(3600 + 4)
	line.Add(&Span{Operation: "op", End: at(3602)})
	line.to(3600 + 25)
	var got []string
	for _, p := range line.periods {
		got = append(got, p.Start.UTC().Format(time.TimeOnly))
	}
	if want := []string{"12:00:00", "13:00:04", "13:00:10"}; !slices.Equal(got, want) {
		t.Errorf("periods begin at %q, want %q", got, want)
	}
	if got := line.counts(); !slices.Equal(got, []uint64{1, 1, 0}) {
		t.Errorf("the periods count %v", got)
	}
	// Just more than a period and a grace is a leap, no more than that is none.
	for by, want := range map[time.Duration]int{17 * time.Second: 2, 17*time.Second + 1: 1} {
		line := newTape(t, call10s(), noon)
		line.to(8)
		line.Advance(noon.Add(8*time.Second+by), nil, line.closed)
		if got := len(line.periods); got != want {
			t.Errorf("after %s there are %d periods, want %d", by, got, want)
		}
	}
}

// Whatever comes in whatever order: each span is in exactly one period, as late or as a call, and
// what is neither late nor early is in that in which it ended. What a period received is what its
// summaries count and the late ones, each by its operation.
func TestTimelineAccounting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := TimelineConfig{
			Config:      Config{Period: time.Duration(rapid.IntRange(1, 20).Draw(t, "period")) * time.Second, MaxOperations: rapid.IntRange(1, 4).Draw(t, "operations"), IdlePeriods: rapid.IntRange(1, 3).Draw(t, "idle")},
			Grace:       time.Duration(rapid.IntRange(1, 60).Draw(t, "grace")) * time.Second,
			RecentSpans: rapid.IntRange(1, 40).Draw(t, "recent"),
		}
		line := newTape(t, c, noon)
		now := 0.0
		counted, lateIn := map[int64]uint64{}, map[int64]uint64{}
		var sent, weight, late, early, failed uint64
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "advance") {
				now += rapid.Float64Range(0, 30).Draw(t, "by")
				line.to(now)
				continue
			}
			s := Span{
				Operation: fmt.Sprint("op", rapid.IntRange(0, 5).Draw(t, "op")),
				Code:      rapid.SampledFrom([]string{"", "500", "503"}).Draw(t, "code"),
				Duration:  time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond,
				End:       at(now - rapid.Float64Range(-20, 90).Draw(t, "age")),
				Weight:    uint64(rapid.IntRange(0, 3).Draw(t, "weight")),
				Link:      span(uint64(rapid.IntRange(0, 3).Draw(t, "trace")), uint64(rapid.IntRange(1, 8).Draw(t, "span")), uint64(rapid.IntRange(0, 8).Draw(t, "parent"))),
			}
			start := line.start
			beforeEarly := line.open[len(line.open)-1].early
			line.Add(&s)
			w := max(s.Weight, 1)
			sent++
			weight += w
			isLate := s.End < start
			if s.Code != "" && !isLate {
				failed += w
			}
			switch {
			case isLate:
				late += w
				lateIn[start] += w
			case line.open[len(line.open)-1].early > beforeEarly:
				early++
				counted[start+int64(len(line.open)-1)*line.period] += w
			default:
				counted[s.End-(s.End-start)%line.period] += w
			}
		}
		line.close()
		var gotLate, gotEarly, gotFailed, total uint64
		for _, p := range line.periods {
			gotLate, gotEarly = gotLate+p.Late, gotEarly+p.Early
			var n, periodLate uint64
			for _, s := range p.Summaries {
				n += s.Count
				periodLate += s.Late
				gotFailed += s.Failure
				var codes, causes uint64
				for _, c := range s.Failures {
					codes += c.Count
				}
				for _, c := range s.FailureCauses {
					causes += c.Count
				}
				if codes != s.Failure || causes > s.Failure || s.Count != s.Success+s.Failure {
					t.Fatalf("%+v does not add up", s)
				}
			}
			total += n
			start := p.Start.Truncate(c.Period).UnixNano()
			if n != counted[start] {
				t.Fatalf("the period of %s counts %d, want %d; %v", p.Start, n, counted[start], line.periods)
			}
			if periodLate != p.Late || p.Late != lateIn[start] {
				t.Fatalf("the period of %s has %d late ones, its summaries %d, want %d", p.Start, p.Late, periodLate, lateIn[start])
			}
			if p.Received != n+p.Late {
				t.Fatalf("the period of %s received %d, counts %d and has %d late ones", p.Start, p.Received, n, p.Late)
			}
		}
		if total+gotLate != weight || gotFailed != failed || gotLate != late || gotEarly != early {
			t.Fatalf("counted %d (%d failed, %d late, %d early), want %d (%d, %d, %d)", total, gotFailed, gotLate, gotEarly, weight, failed, late, early)
		}
	})
}

// An internal span between the two hands on what its child did.
func TestTimelineUnwatched(t *testing.T) {
	line := newTape(t, call10s(), noon)
	line.to(1)
	line.Add(&Span{Operation: "GET", SpanKind: SpanKindServer, Code: "500", Link: span(1, 1, 0), End: at(0.9)})
	line.Add(&Span{Operation: "render", SpanKind: SpanKindInternal, Unwatched: true, Link: span(1, 2, 1), End: at(0.8)})
	line.Add(&Span{Operation: "SELECT", SpanKind: SpanKindClient, Code: "08006", Link: span(1, 3, 2), End: at(0.7)})
	line.to(15)
	checkOperations(t, line.periods[0], "GET", "SELECT")
	if got := summaryOf(t, line.periods[0], "GET").FailureCauses; len(got) != 1 || got[0].Operation != "SELECT" {
		t.Errorf("GET is blamed on %v, want SELECT", got)
	}
}

// A span without an id is nobody's parent, above all not that of spans without a parent.
func TestTimelineSpanWithoutID(t *testing.T) {
	c := call10s()
	c.PeerServices = true
	line := newTape(t, c, noon)
	line.to(1)
	line.Add(&Span{Service: "shop", Operation: "GET", SpanKind: SpanKindClient, Code: "503", Link: span(1, 0, 0), End: at(0.4)})
	line.Add(&Span{Service: "stock", Operation: "/stock", SpanKind: SpanKindServer, Code: "500", Link: span(1, 2, 0), End: at(0.3)})
	line.to(15)
	if got := summaryOf(t, line.periods[0], "GET").FailureCauses; len(got) != 0 {
		t.Errorf("GET is blamed on %v, want itself", got)
	}
}

// Where few spans come, or none, it is not remembered without an end when nothing came.
func TestTimelineIsIdleForLong(t *testing.T) {
	line := newTape(t, call10s(), noon)
	for i := range 10_000 {
		s := float64(i) / 10
		if i%1000 == 1 {
			line.Add(&Span{Operation: "op", Link: span(uint64(i), 1, 0), End: at(s)})
		}
		line.to(s)
		if n := len(line.recent.arrivals); n > 40 {
			t.Fatalf("after %v seconds %d times are remembered at which spans came", s, n)
		}
	}
}

// A call is counted with its causes when its period closes, or a grace after it came.
func TestTimelineHolds(t *testing.T) {
	line := newTape(t, TimelineConfig{Config: Config{Period: time.Minute}, Grace: 5 * time.Second}, noon)
	line.to(1)
	line.Add(&Span{Operation: "op", Code: "500", Link: span(1, 1, 0), End: at(0.5)})
	if n := len(line.recent.held); n != 1 {
		t.Fatalf("%d calls are held, want 1", n)
	}
	line.to(6)
	if n := len(line.recent.held); n != 0 {
		t.Errorf("%d calls are held after the grace", n)
	}
	line.Add(&Span{Operation: "op", Code: "500", Link: span(2, 1, 0), End: at(0.5)})
	line.close()
	if got := line.counts(); !slices.Equal(got, []uint64{2}) {
		t.Errorf("counted %v, want 2", got)
	}
}

func TestTimelineAllocatesNothing(t *testing.T) {
	line := newTape(t, TimelineConfig{Config: Config{Period: time.Hour}, RecentSpans: 1000}, noon)
	line.to(1)
	spans := checkout(1, 0.9)
	add := func() {
		for i := range spans {
			line.Add(&spans[i])
		}
	}
	for range 2000 {
		add()
	}
	if n := testing.AllocsPerRun(2000, add); n > 0.05 { // a map that grows, now and then
		t.Errorf("%v allocations for each trace", n)
	}
}

// What a timeline costs where calls fail: they are held, their traces searched, and counted.
func BenchmarkTimelineFailing(b *testing.B) {
	line, err := NewTimeline(TimelineConfig{Config: Config{Period: time.Hour}, Grace: time.Second}, noon)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := range b.N {
		s := Span{
			Service: "shop", Operation: "GET /", SpanKind: SpanKindServer, Code: "500", Outcome: OutcomeFailure,
			Duration: ms, End: at(0), Link: span(uint64(i)/4, uint64(i)%4+1, uint64(i)%4),
		}
		line.Add(&s)
		if i%1000 == 0 { // 50,000 spans a second
			line.Advance(noon.Add(time.Duration(i)*20*time.Microsecond), nil, func(*Period) {})
		}
	}
}

func BenchmarkTimelineAdd(b *testing.B) {
	line, err := NewTimeline(TimelineConfig{Config: Config{Period: time.Hour}}, noon)
	if err != nil {
		b.Fatal(err)
	}
	var spans []Span
	for i := range uint64(1000) {
		spans = append(spans, Span{
			Service: "shop", Operation: strings.Clone(fmt.Sprintf("GET /%d", i%100)), SpanKind: SpanKindServer, Code: "200", Outcome: OutcomeSuccess,
			Duration: time.Duration(i) * 100 * time.Microsecond, End: at(0), Link: span(i, 1, 0),
		})
	}
	b.ReportAllocs()
	for i := range b.N {
		line.Add(&spans[i%len(spans)])
	}
}

// A span that stands for n calls counts as n spans do.
func TestTimelineWeight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := TimelineConfig{Config: Config{Period: 10 * time.Second, Histograms: true}, Grace: 5 * time.Second}
		weighted, plain := newTape(t, c, noon), newTape(t, c, noon)
		for i := range uint64(rapid.IntRange(1, 20).Draw(t, "spans")) {
			s := Span{
				Operation: "op", Outcome: Outcome(rapid.IntRange(1, 4).Draw(t, "outcome")), Code: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "code"),
				Duration: time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "duration")), End: at(0),
			}
			n := uint64(rapid.SampledFrom([]int{1, 2, 300}).Draw(t, "weight"))
			if rapid.Bool().Draw(t, "traced") {
				s.Link = span(i+1, 1, 0)
			}
			for range n {
				plain.Add(&s)
			}
			s.Weight = n
			weighted.Add(&s)
		}
		weighted.close()
		plain.close()
		got, want := weighted.periods[0], plain.periods[0]
		for _, p := range []*Period{&got, &want} {
			p.Summaries[0].FailureExemplars, p.Summaries[0].SlowExemplars = nil, nil // one span is one of these
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("weighted (-plain +weighted):\n%s", diff)
		}
	})
}

// More calls than a bucket's 16 bits hold.
func TestTimelineGreatWeight(t *testing.T) {
	line := newTape(t, TimelineConfig{Config: Config{Histograms: true}}, noon)
	for range 3 {
		line.Add(&Span{Operation: "op", Duration: 100 * ms, End: at(0), Weight: 100_000})
	}
	line.close()
	s := summaryOf(t, line.periods[0], "op")
	if h := s.Histogram; h.Count != 300_000 || slices.Max(h.Counts) != 300_000 || s.Latency.Mean != 100*ms || s.Distribution[1].Count != 300_000 {
		t.Errorf("%+v in %+v", h, s)
	}
}

// The histograms of a period are about its calls alone, by outcome.
func TestTimelineHistograms(t *testing.T) {
	line := newTape(t, TimelineConfig{Config: Config{Period: 10 * time.Second, Histograms: true}, Grace: 5 * time.Second}, noon)
	add := func(second float64, outcomes ...Outcome) {
		for _, o := range outcomes {
			line.Add(&Span{Operation: "op", Outcome: o, Duration: time.Duration(o) * time.Second, End: at(second)})
		}
	}
	line.to(12)
	add(1, OutcomeSuccess, OutcomeFailure, OutcomeFailure, OutcomeCancelled, OutcomeIgnored)
	add(11, OutcomeSuccess, OutcomeCancelled)
	line.to(26)
	add(21, OutcomeFailure)
	line.close()
	var got []string
	for _, p := range line.periods {
		s := summaryOf(t, p, "op")
		text := ""
		for _, h := range []*ExponentialHistogram{s.Histogram, s.FailureHistogram, s.CancelledHistogram} {
			if h == nil {
				text += " none"
			} else {
				text += fmt.Sprintf(" %d/%gs", h.Count, h.Sum)
			}
		}
		got = append(got, text)
	}
	if want := []string{" 1/1s 2/4s 1/3s", " 1/1s none 1/3s", " 0/0s 1/2s none"}; !slices.Equal(got, want) {
		t.Errorf("successes, failures and cancelled calls are %q, want %q", got, want)
	}
}

// Whoever reports the reserved code says nothing of the network by that.
func TestTimelineReservedCode(t *testing.T) {
	line := newTape(t, call10s(), noon)
	line.to(1)
	line.Add(&Span{Operation: "POST", SpanKind: SpanKindServer, Code: "500", Link: span(1, 1, 0), End: at(0.9)})
	line.Add(&Span{Operation: "pay", SpanKind: SpanKindClient, Code: NetworkCode, Link: span(1, 2, 1), End: at(0.8)})
	line.to(15)
	got := summaryOf(t, line.periods[0], "POST").FailureCauses
	if len(got) != 1 || got[0].IsNetwork() || got[0].Operation != "pay" {
		t.Errorf("POST is blamed on %v, want pay", got)
	}
}

// Failed calls whose parents never come are forgotten.
func TestTimelineForgets(t *testing.T) {
	line := newTape(t, call10s(), noon)
	line.to(1)
	line.Add(&Span{Operation: "op", Code: "500", Link: span(1, 2, 1), End: at(0.5)})
	for s := 2.0; s < 200; s++ {
		line.to(s)
		if s == 20 && !line.search.causes.isWaiting() {
			t.Error("nobody waits to hear of the failure")
		}
	}
	if line.search.causes.isWaiting() {
		t.Error("the failure is never forgotten")
	}
}

// What finds no place is said of the period in which it is counted.
func TestTimelineOverflowed(t *testing.T) {
	c := call10s()
	c.MaxOperations, c.IdlePeriods = 1, 1
	overflowed := func(line *tape) (counts []uint64) {
		for _, p := range line.periods {
			counts = append(counts, p.Overflowed)
		}
		return counts
	}
	line := newTape(t, c, noon)
	line.to(12)
	for _, end := range []float64{5, 11, 11, 11} {
		line.Add(&Span{Operation: fmt.Sprint("op at ", end), End: at(end)})
	}
	line.close()
	if got := overflowed(line); !slices.Equal(got, []uint64{0, 3}) {
		t.Errorf("overflowed: %v, want 0 and 3", got)
	}

	// The operation of a call that is held may leave, and another one take its place.
	line = newTape(t, c, noon)
	line.to(12)
	line.Add(&Span{Operation: "held", Code: "500", Link: span(1, 1, 0), End: at(11)})
	line.to(15)
	if got := line.periods[0].Evicted; len(got) != 1 || got[0].Name != "held" {
		t.Fatalf("%v left, want the one that is held", got)
	}
	line.Add(&Span{Operation: "other", End: at(14)})
	line.to(19)
	line.close()
	if got := overflowed(line); !slices.Equal(got, []uint64{0, 1}) {
		t.Errorf("overflowed: %v, want 0 and 1", got)
	}
	if got := summaryOf(t, line.periods[1], OverflowName).Failure; got != 1 {
		t.Errorf("%d calls failed, want 1", got)
	}

	// So it may as its period is not the oldest one.
	c.Grace = 15 * time.Second
	line = newTape(t, c, noon)
	line.to(12)
	for i := range uint64(6) {
		line.Add(&Span{Operation: "held", Code: "500", Link: span(1, i+1, 0), End: at(11)})
	}
	line.to(21)
	line.windows.evict(nil) // nobody is idle
	line.windows.operations[0].idle = 9
	line.windows.operations[0].ahead = nil
	line.windows.evict(nil)
	line.Add(&Span{Operation: "other", End: at(20)})
	line.settle(func(*heldSpan) bool { return true })
	line.to(50)
	if got := overflowed(line); !slices.Equal(got, []uint64{0, 6, 0}) {
		t.Errorf("overflowed: %v, want 0, 6 and 0", got)
	}
}

// A call is not counted before its grace has passed, though one that came long before it is,
// unless there is no more room: then an eighth stays.
func TestTimelineHoldsEachForItself(t *testing.T) {
	line := newTape(t, TimelineConfig{Config: Config{Period: time.Minute}, Grace: 8 * time.Second, RecentSpans: 80}, noon)
	hold := func(n int) {
		for range n {
			line.Add(&Span{Operation: "op", Code: "500", Link: span(1, 1, 0), End: at(0.5)})
		}
	}
	check := func(want int) {
		t.Helper()
		if n := len(line.recent.held); n != want {
			t.Errorf("%d calls are held, want %d", n, want)
		}
	}
	hold(1)
	line.to(1)
	hold(2) // they are looked at together with those before
	line.to(1.5)
	hold(4)
	line.to(7.9)
	check(7)
	line.to(8)
	check(4)
	line.to(9)
	check(4)
	line.to(9.5)
	check(0)
	hold(80)
	check(80)
	hold(1)
	check(11)
}

// What is remembered of a span holds on to nothing else.
func TestTimelineKeepsCutCodes(t *testing.T) {
	line := newTape(t, call10s(), noon)
	code := strings.Repeat("x", 10_000)
	line.Add(&Span{Operation: "op", Code: code, Link: span(1, 1, 0), End: at(1), Duration: -5})
	if kept := &line.recent.spans[0]; len(kept.code) != MaxNameBytes || unsafe.StringData(kept.code) == unsafe.StringData(code) || kept.duration != 0 {
		t.Errorf("a code of %d bytes and %s are kept", len(kept.code), kept.duration)
	}
}

// Only calls that can be looked up are said to be.
func TestTimelineSampled(t *testing.T) {
	line := newTape(t, call10s(), noon)
	for i, sampled := range []bool{true, false} {
		line.Add(&Span{Operation: fmt.Sprint(sampled), Code: "500", Link: span(uint64(i+1), 1, 0), End: at(1), Sampled: sampled})
	}
	line.close()
	for _, s := range line.periods[0].Summaries {
		if got := fmt.Sprint(s.FailureExemplars[0].Trace.Sampled); got != s.Operation {
			t.Errorf("sampled: %s, want %s", got, s.Operation)
		}
	}
}

func TestTimelineCodesDecide(t *testing.T) {
	c := call10s()
	c.Codes = map[string]CodeFeature{"E1": {Success: true}, "200": {}}
	line := newTape(t, c, noon)
	line.Add(&Span{Operation: "op", Code: "E1", End: at(1)})
	for range 2 {
		line.Add(&Span{Operation: "op", Code: "200", End: at(1)})
	}
	line.close()
	if s := summaryOf(t, line.periods[0], "op"); s.Success != 1 || s.Failure != 2 {
		t.Errorf("%d succeeded and %d failed, want 1 and 2", s.Success, s.Failure)
	}
}

func TestTimelineKeep(t *testing.T) {
	c := call10s()
	c.IdlePeriods = 1
	line := newTape(t, c, noon)
	line.keep = func(key OperationKey) bool { return key.Name == "firing" }
	for _, name := range []string{"firing", "other"} {
		line.Add(&Span{Operation: name, End: at(1)})
	}
	for s := 1.0; s < 40; s++ {
		line.to(s)
	}
	if got := line.windows.operations; len(got) != 1 || got[0].key.Name != "firing" {
		t.Errorf("%d operations stay, want the one that has to", len(got))
	}
}

// Places of spans are found by a number that nobody knows, except where it is all the same who does.
func TestTimelineRepeatable(t *testing.T) {
	seeds := map[uint64]bool{}
	for _, repeatable := range []bool{true, true, false, false} {
		line := newTape(t, call10s(), noon)
		if repeatable {
			line.Repeatable()
		}
		seeds[line.search.causes.spans] = true
	}
	if len(seeds) != 3 {
		t.Errorf("got the seeds %v, want one of two and two of their own", seeds)
	}
}

func TestTimelineWeightIsBounded(t *testing.T) {
	line := newTape(t, call10s(), noon)
	for range 3 {
		line.Add(&Span{Operation: "op", End: at(1), Weight: math.MaxUint64})
	}
	line.close()
	if got := line.counts(); !slices.Equal(got, []uint64{3 << 32}) {
		t.Errorf("counted %v, want %d", got, uint64(3<<32))
	}
}

// What does not count is not there: what its child did reaches its parent.
func TestTimelineIgnored(t *testing.T) {
	line := newTape(t, call10s(), noon)
	line.to(1)
	line.Add(&Span{Operation: "GET", SpanKind: SpanKindServer, Code: "500", Link: span(1, 1, 0), End: at(0.9)})
	line.Add(&Span{Operation: "skipped", SpanKind: SpanKindClient, Outcome: OutcomeIgnored, Link: span(1, 2, 1), End: at(0.8)})
	line.Add(&Span{Operation: "SELECT", SpanKind: SpanKindClient, Code: "08006", Link: span(1, 3, 2), End: at(0.7)})
	line.to(15)
	if got := summaryOf(t, line.periods[0], "GET").FailureCauses; len(got) != 1 || got[0].Operation != "SELECT" {
		t.Errorf("GET is blamed on %v, want SELECT", got)
	}
}

// Operations of the same name are told apart by service and kind, as they come in turns.
func TestTimelineSameNames(t *testing.T) {
	line := newTape(t, call10s(), noon)
	for range 5 {
		for _, service := range []string{"a", "b", ""} {
			for _, kind := range []SpanKind{SpanKindServer, SpanKindClient} {
				line.Add(&Span{Service: service, Operation: "GET /a/long/name", SpanKind: kind, End: at(1)})
			}
		}
	}
	line.close()
	if got := line.periods[0].Summaries; len(got) != 6 {
		t.Errorf("%d operations, want 6", len(got))
	}
	for _, s := range line.periods[0].Summaries {
		if s.Count != 5 {
			t.Errorf("%v has %d calls, want 5", s.Key(), s.Count)
		}
	}
}

// Calls of an hour ago that come now are counted, and nothing is said of the present by them.
func TestTimelineLateCalls(t *testing.T) {
	c := call10s()
	c.Objective = Objective{MinTraffic: 5}
	line := newTape(t, c, noon)
	line.Add(&Span{Operation: "known", End: at(1)})
	line.to(21)
	for i := range 4 {
		failed := Span{Operation: "known", Code: "500", End: at(-3600), Duration: time.Minute, Link: span(uint64(i), 1, 0), Weight: 2}
		line.Add(&failed)
		failed.Operation = "unknown"
		line.Add(&failed)
	}
	line.Add(&Span{Operation: "known", End: at(20)})
	for now := 22.0; now <= 60; now++ {
		line.to(now)
	}
	var got []string
	for _, p := range line.periods {
		for _, s := range p.Summaries {
			got = append(got, fmt.Sprintf("%s %s: %d calls, %d failed, %d late, at least %d expected, %d causes and %d exemplars, p99 %s",
				s.Start.UTC().Format("05"), s.Operation, s.Count, s.Failure, s.Late, s.Objective.MinTraffic, len(s.FailureCauses), len(s.FailureExemplars), s.Latency.P99))
		}
	}
	want := []string{
		"00 known: 1 calls, 0 failed, 0 late, at least 5 expected, 0 causes and 0 exemplars, p99 0s",
		"10 known: 0 calls, 0 failed, 8 late, at least 5 expected, 0 causes and 0 exemplars, p99 0s",
		"10 unknown: 0 calls, 0 failed, 8 late, at least 0 expected, 0 causes and 0 exemplars, p99 0s",
		"20 known: 1 calls, 0 failed, 0 late, at least 5 expected, 0 causes and 0 exemplars, p99 0s",
		"30 known: 0 calls, 0 failed, 0 late, at least 5 expected, 0 causes and 0 exemplars, p99 0s",
		"40 known: 0 calls, 0 failed, 0 late, at least 5 expected, 0 causes and 0 exemplars, p99 0s",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("summaries (-want +got):\n%s", diff)
	}
}

// In recorded spans a pause is silence: its periods follow each other, and so do slices. One of more than
// an hour is left out.
func TestTimelineRecorded(t *testing.T) {
	for _, tt := range []struct {
		pause   time.Duration
		periods int
		last    time.Time // when the last period begins
	}{
		{10 * time.Second, 3, noon.Add(20 * time.Second)},
		{5 * time.Minute, 32, noon.Add(310 * time.Second)},
		{59 * time.Minute, 356, noon.Add(3550 * time.Second)},
		{24 * time.Hour, 3, noon.Add(24*time.Hour + 10*time.Second)},
	} {
		c := call10s()
		c.Recorded = true
		line := newTape(t, c, noon)
		if !line.Config().Recorded {
			t.Error("it has forgotten what it is")
		}
		end := noon
		line.Sliced(func(s *Slice) {
			if !s.Start.Equal(end) && tt.pause < maxSilence {
				t.Errorf("after a pause of %s a slice begins at %s, want %s", tt.pause, s.Start, end)
			}
			end = s.End
		})
		line.to(12)
		line.Add(&Span{Operation: "op", End: at(11)})
		after := 12 + tt.pause.Seconds()
		line.to(after)
		line.Add(&Span{Operation: "op", End: at(after)})
		line.close()
		partial := 0
		for i := range line.periods {
			if line.periods[i].Partial {
				partial++
			}
		}
		first, last := line.periods[0], line.periods[len(line.periods)-1]
		if !first.Start.Equal(noon) || !last.Start.Equal(tt.last) && !last.Start.Equal(tt.last.Add(2*time.Second)) {
			t.Errorf("after a pause of %s: periods from %s to %s", tt.pause, first.Start, last.Start)
		}
		if n := len(line.periods); n != tt.periods {
			t.Errorf("after a pause of %s there are %d periods, want %d", tt.pause, n, tt.periods)
		}
		if want := 1; tt.pause < maxSilence && partial != want {
			t.Errorf("after a pause of %s %d periods are cut short, want %d", tt.pause, partial, want)
		}
	}
}
