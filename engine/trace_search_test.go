package engine

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// checkout is a trace of four services: the shop asks the stock and the payments, which ask
// their database. The client spans have the numbers of their servers plus 10.
func checkout(trace uint64, end float64) []Span {
	one := func(service, operation string, kind SpanKind, id, parent uint64, d time.Duration, code string, end float64) Span {
		return Span{Service: service, Operation: operation, SpanKind: kind, Link: span(trace, id, parent), Duration: d, Code: code, End: at(end), Sampled: true}
	}
	return []Span{
		one("shop", "POST /orders", SpanKindServer, 1, 0, 800*ms, "200", end),
		one("shop", "GET stock", SpanKindClient, 12, 1, 20*ms, "200", end-0.7),
		one("stock", "/stock", SpanKindServer, 2, 12, 10*ms, "200", end-0.7),
		one("shop", "POST pay", SpanKindClient, 13, 1, 600*ms, "200", end-0.001),
		one("pay", "/pay", SpanKindServer, 3, 13, 590*ms, "200", end-0.002),
		one("pay", "INSERT", SpanKindClient, 14, 3, 580*ms, "", end-0.003),
	}
}

func TestTimelineCauses(t *testing.T) {
	fail := func(spans []Span, codes map[string]string) []Span {
		for i := range spans {
			if code, ok := codes[spans[i].Operation]; ok {
				spans[i].Code = code
			}
		}
		return spans
	}
	took := func(spans []Span, d map[string]time.Duration) []Span {
		for i := range spans {
			if own, ok := d[spans[i].Operation]; ok {
				spans[i].Duration = own
			}
		}
		return spans
	}
	tests := []struct {
		name  string
		spans []Span
		want  map[string]string // operation: its causes
	}{
		{
			"slow database of another service", checkout(1, 5),
			map[string]string{"POST /orders": "slow INSERT of pay", "POST pay": "slow INSERT of pay", "/pay": "slow INSERT of pay", "INSERT": ""},
		},
		{
			"failure two services down",
			fail(checkout(1, 5), map[string]string{"POST /orders": "500", "POST pay": "502", "/pay": "502", "INSERT": "23505"}),
			map[string]string{"POST /orders": "failed INSERT of pay 23505", "POST pay": "failed INSERT of pay 23505", "/pay": "failed INSERT of pay 23505", "INSERT": ""},
		},
		{
			"dealt with on the way",
			fail(checkout(1, 5), map[string]string{"POST /orders": "500", "INSERT": "23505"}),
			map[string]string{"POST /orders": "", "INSERT": "", "POST pay": "", "/pay": ""},
		},
		{
			"on the way to the service",
			took(checkout(1, 5), map[string]time.Duration{"/pay": 5 * ms, "INSERT": 4 * ms}),
			map[string]string{"POST /orders": "slow /pay of pay _NETWORK", "POST pay": "slow /pay of pay _NETWORK"},
		},
	}
	for _, tt := range tests {
		for _, order := range []string{"as given", "turned round", "shuffled", "in two batches"} {
			t.Run(tt.name+", "+order, func(t *testing.T) {
				line := newTape(t, TimelineConfig{Config: Config{Period: 10 * time.Second, Objective: Objective{LatencyTarget: 500 * ms}}}, noon)
				line.to(6)
				spans := slices.Clone(tt.spans)
				switch order {
				case "turned round":
					slices.Reverse(spans)
				case "shuffled":
					rand.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
				}
				for i := range spans {
					if order == "in two batches" && i == 3 {
						line.to(9)
					}
					line.Add(&spans[i])
				}
				line.to(21)
				if len(line.periods) != 1 {
					t.Fatalf("%d periods were closed, want 1", len(line.periods))
				}
				for operation, want := range tt.want {
					s := summaryOf(t, line.periods[0], operation)
					var got []string
					for _, c := range s.FailureCauses {
						got = append(got, strings.TrimSpace("failed "+c.Operation+" of "+c.Service+" "+c.Code))
					}
					for _, c := range s.SlowCauses {
						if c.Code != NetworkCode {
							c.Code = ""
						}
						got = append(got, strings.TrimSpace("slow "+c.Operation+" of "+c.Service+" "+c.Code))
					}
					// Where the failure went, the slowness of the success above stays out of it.
					got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(tt.name, "dealt") && strings.HasPrefix(s, "slow") })
					if strings.Join(got, ", ") != want {
						t.Errorf("%s is blamed on %q, want %q", operation, got, want)
					}
				}
			})
		}
	}
}

// A call that went on after its parent ended is not blamed, except by another service's clock.
func TestTimelineAsync(t *testing.T) {
	for _, tt := range []struct {
		service string
		want    int
	}{{"shop", 0}, {"mailer", 1}} {
		line := newTape(t, call10s(), noon)
		line.to(1)
		line.Add(&Span{Service: "shop", Operation: "POST", SpanKind: SpanKindServer, Code: "500", Link: span(1, 1, 0), End: at(0.5)})
		line.Add(&Span{Service: tt.service, Operation: "send", SpanKind: SpanKindClient, Code: "500", Link: span(1, 2, 1), End: at(0.6)})
		line.to(15)
		if got := summaryOf(t, line.periods[0], "POST").FailureCauses; len(got) != tt.want {
			t.Errorf("child of %s: causes %v, want %d", tt.service, got, tt.want)
		}
	}
}

// Parents that go round in a circle, or are their own, hang nothing.
func TestTimelineCircle(t *testing.T) {
	line := newTape(t, call10s(), noon)
	line.to(1)
	for i := range uint64(5) {
		line.Add(&Span{Operation: "op", Code: "500", Link: span(1, i+1, (i+1)%5+1), End: at(0.5)})
	}
	line.Add(&Span{Operation: "own", Code: "500", Link: span(1, 9, 9), End: at(0.5)})
	for i := range uint64(3000) {
		line.Add(&Span{Operation: "deep", Code: "500", Link: span(2, i+1, i+2), End: at(0.5)})
	}
	line.to(15)
	if got := line.counts(); !slices.Equal(got, []uint64{3006}) {
		t.Errorf("counted %v, want 3006", got)
	}
}

// To go round and round in a circle would take a second for some 100,000 spans of one trace.
func TestTimelineCircleIsLeftAtOnce(t *testing.T) {
	line := newTape(t, call10s(), noon)
	for i := range uint64(3) {
		line.Add(&Span{Operation: "circle", Code: "500", Link: span(1, i+1, (i+1)%3+1), End: at(0.5)})
		line.Add(&Span{Operation: "own", Code: "500", Link: span(1, i+11, i+11), End: at(0.5)})
		line.Add(&Span{Operation: "same", Code: "500", Link: span(1, 21, 21), End: at(0.5)})
	}
	for i := range uint64(3000) {
		line.Add(&Span{Operation: "deep", Code: "500", Link: span(1, 100+i, 101+i), End: at(0.5)})
	}
	line.search.found = make([]*Cause, len(line.recent.held))
	line.search.gather(&line.recent, line.recent.held, 0)
	family := line.search.family
	line.search.trace(family)
	for _, s := range family {
		if s.depth > 3 && s.op.key.Name != "deep" || s.depth > 1001 {
			t.Errorf("%s is %d deep", s.op.key.Name, s.depth)
		}
	}
}

// A failed try that was followed by a success of the same operation is not to blame.
func TestTimelineRetry(t *testing.T) {
	line := newTape(t, call10s(), noon)
	line.to(1)
	line.Add(&Span{Operation: "POST", SpanKind: SpanKindServer, Code: "500", Link: span(1, 1, 0), End: at(0.9)})
	line.Add(&Span{Operation: "pay", SpanKind: SpanKindClient, Code: "200", Link: span(1, 3, 1), End: at(0.8)})
	line.Add(&Span{Operation: "pay", SpanKind: SpanKindClient, Code: "503", Link: span(1, 2, 1), End: at(0.7)})
	line.to(15)
	if got := summaryOf(t, line.periods[0], "POST").FailureCauses; len(got) != 0 {
		t.Errorf("POST is blamed on %v, want itself", got)
	}
}

// An operation that is called for the first time after a period, while that is still open, was
// not silent in it.
func TestTimelineFirstCall(t *testing.T) {
	c := call10s()
	c.Objective.MinTraffic = 1
	line := newTape(t, c, noon)
	line.to(11)
	line.Add(&Span{Operation: "op", End: at(10.5)})
	for _, now := range []float64{25, 35, 45} {
		line.to(now)
	}
	var got []string
	for _, p := range line.periods {
		got = append(got, fmt.Sprint(len(p.Summaries)))
	}
	if want := []string{"0", "1", "1", "1"}; !slices.Equal(got, want) {
		t.Errorf("the periods have %v summaries, want %v", got, want)
	}
}

// Within a service a client that waits for its own server is not kept by the network.
func TestTimelineOwnServer(t *testing.T) {
	line := newTape(t, call10s(), noon)
	line.to(1)
	line.Add(&Span{Service: "shop", Operation: "GET", SpanKind: SpanKindClient, Duration: time.Second, Link: span(1, 1, 0), End: at(0.9)})
	line.Add(&Span{Service: "shop", Operation: "/", SpanKind: SpanKindServer, Duration: 10 * ms, Link: span(1, 2, 1), End: at(0.8)})
	line.to(15)
	if got := summaryOf(t, line.periods[0], "GET").SlowCauses; len(got) != 0 {
		t.Errorf("GET is blamed on %v, want itself", got)
	}
}

// The search goes all the way round the ring in which spans are remembered, wherever it began.
func TestTimelineCausesAcrossTheRing(t *testing.T) {
	for shift := range uint64(12) {
		c := call10s()
		c.RecentSpans = 12
		line := newTape(t, c, noon)
		for i := range shift {
			line.Add(&Span{Operation: "other", Link: span(100+i, 1, 0), End: at(0.5)})
		}
		line.to(0.1)
		for i := range uint64(2) {
			line.Add(&Span{Operation: "SELECT", SpanKind: SpanKindClient, Code: "08006", Link: span(i+1, 3, 2), End: at(0.6)})
			line.Add(&Span{Operation: "other", Link: span(200+i, 1, 0), End: at(0.5)})
		}
		for i := range uint64(2) {
			line.Add(&Span{Operation: "render", SpanKind: SpanKindInternal, Unwatched: true, Link: span(i+1, 2, 1), End: at(0.7)})
			line.Add(&Span{Operation: "other", Link: span(300+i, 1, 0), End: at(0.5)})
			line.Add(&Span{Operation: "GET", SpanKind: SpanKindServer, Code: "500", Link: span(i+1, 1, 0), End: at(0.8)})
		}
		line.close()
		if got := summaryOf(t, line.periods[0], "GET").FailureCauses; len(got) != 1 || got[0].Operation != "SELECT" || got[0].Count != 2 {
			t.Errorf("after %d others: GET is blamed on %v, want SELECT", shift, got)
		}
		if got := summaryOf(t, line.periods[0], "SELECT").FailureCauses; len(got) != 0 {
			t.Errorf("after %d others: SELECT is blamed on %v, want itself", shift, got)
		}
	}
}

// What came up to a grace before the first call that is due has a part in the search.
func TestTimelineCausesThatCameBefore(t *testing.T) {
	line := newTape(t, TimelineConfig{Config: Config{Period: time.Minute}, Grace: 8 * time.Second}, noon)
	line.to(1)
	line.Add(&Span{Operation: "render", SpanKind: SpanKindInternal, Unwatched: true, Link: span(1, 2, 1), End: at(0.8)})
	line.to(8)
	line.Add(&Span{Operation: "GET", SpanKind: SpanKindServer, Code: "500", Link: span(1, 1, 0), End: at(0.9)})
	line.Add(&Span{Operation: "SELECT", SpanKind: SpanKindClient, Code: "08006", Link: span(1, 3, 2), End: at(0.7)})
	line.to(16)
	line.close()
	if got := summaryOf(t, line.periods[0], "GET").FailureCauses; len(got) != 1 || got[0].Operation != "SELECT" {
		t.Errorf("GET is blamed on %v, want SELECT", got)
	}
}

// Where nobody said for long what time it is, the calls that are due came long before all that
// is looked at, but for themselves.
func TestTimelineCausesAfterAStall(t *testing.T) {
	line := newTape(t, TimelineConfig{Config: Config{Period: time.Minute}, Grace: 2 * time.Second}, noon)
	line.to(1)
	line.Add(&Span{Operation: "GET", SpanKind: SpanKindServer, Code: "500", Link: span(1, 1, 0), End: at(0.9)})
	line.Add(&Span{Operation: "SELECT", SpanKind: SpanKindClient, Code: "08006", Link: span(1, 3, 1), End: at(0.7)})
	line.to(1.5)
	line.to(20)
	line.close()
	if got := summaryOf(t, line.periods[0], "GET").FailureCauses; len(got) != 1 || got[0].Operation != "SELECT" {
		t.Errorf("GET is blamed on %v, want SELECT", got)
	}
}

// Of several failed children it is the one that ended last, in whatever order they came.
func TestTimelineLastChild(t *testing.T) {
	for _, order := range [][]int{{2, 3, 4}, {4, 3, 2}, {3, 4, 2}, {2, 4, 3}} {
		line := newTape(t, call10s(), noon)
		line.to(1)
		line.Add(&Span{Operation: "GET", SpanKind: SpanKindServer, Code: "500", Link: span(1, 1, 0), End: at(0.9)})
		ends := map[int]float64{2: 0.5, 3: 0.8, 4: 0.3}
		for _, id := range order {
			line.Add(&Span{Operation: fmt.Sprint("child ", id), SpanKind: SpanKindClient, Code: "1", Link: span(1, uint64(id), 1), End: at(ends[id])})
		}
		line.to(15)
		if got := summaryOf(t, line.periods[0], "GET").FailureCauses; len(got) != 1 || got[0].Operation != "child 3" {
			t.Errorf("order %v: GET is blamed on %v, want child 3", order, got)
		}
	}
}

// A search leaves nothing behind for the next one.
func TestTimelineSearchesAnew(t *testing.T) {
	line := newTape(t, call10s(), noon)
	for i := range uint64(20) {
		line.to(float64(i) * 10)
		line.Add(&Span{Operation: "op", Code: "500", Link: span(i+1, 1, 0), End: at(float64(i) * 10)})
	}
	line.close()
	hashes := 0
	for _, word := range line.search.filter {
		hashes += bits.OnesCount64(word)
	}
	if b := &line.search; len(b.traces) != 1 || len(b.isDue) != 1 || hashes != 1 || len(b.places) > 1 {
		t.Errorf("the last search for one call was about %d traces, %d hashes, %d calls and %d spans", len(b.traces), hashes, len(b.isDue), len(b.places))
	}
	for _, s := range line.search.family[:cap(line.search.family)] {
		if s.recentSpan != nil {
			t.Error("the search holds on to a span")
		}
	}
}
