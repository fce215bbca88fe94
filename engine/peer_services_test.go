package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// shop returns the spans of one request, to a shop that asks two services under one name.
func shop(trace byte, end float64) []Span {
	span := func(id, parent byte, service, name string, kind SpanKind, end float64, d time.Duration) Span {
		l := Link{Trace: [16]byte{trace, 15: 1}, Span: [8]byte{id}, RemoteParent: kind == SpanKindServer}
		if parent != 0 {
			l.Parent = [8]byte{parent}
		}
		return Span{Service: service, Operation: name, SpanKind: kind, Duration: d, End: at(end), Link: l}
	}
	return []Span{
		span(1, 0, "shop", "/order", SpanKindServer, end, 900*time.Millisecond),
		span(2, 1, "shop", "GET", SpanKindClient, end-0.5, 10*time.Millisecond),
		span(3, 2, "stock", "/stock", SpanKindServer, end-0.5, 9*time.Millisecond),
		span(4, 1, "shop", "GET", SpanKindClient, end-0.1, 800*time.Millisecond),
		span(5, 4, "price", "/price", SpanKindServer, end-0.1, 2*time.Millisecond),
		span(6, 1, "shop", "SELECT", SpanKindClient, end-0.4, time.Millisecond),
		span(7, 1, "shop", "GET", SpanKindClient, end-0.3, time.Millisecond), // whose server nobody sees
		span(8, 7, "shop", "/self", SpanKindServer, end-0.3, time.Millisecond),
	}
}

// countsByName returns the number of calls of each operation in all periods.
func countsByName(periods []Period) map[string]uint64 {
	counts := make(map[string]uint64)
	for _, p := range periods {
		for _, s := range p.Summaries {
			counts[fmt.Sprintf("%s %s %s", s.Service, s.SpanKind, s.Operation)] += s.Count
		}
	}
	return counts
}

func TestPeerServicesTellClientsApart(t *testing.T) {
	named := map[string]uint64{
		"shop server /order": 3, "shop client GET > stock": 3, "shop client GET > price": 3, "shop client GET": 3,
		"shop client SELECT": 3, "shop server /self": 3, "stock server /stock": 3, "price server /price": 3,
	}
	plain := map[string]uint64{
		"shop server /order": 3, "shop client GET": 9,
		"shop client SELECT": 3, "shop server /self": 3, "stock server /stock": 3, "price server /price": 3,
	}
	few := map[string]uint64{ // places for six operations
		"shop server /order": 3, "shop client GET": 9,
		"shop client SELECT": 3, "shop server /self": 3, "stock server /stock": 3, "price server /price": 3,
	}
	tests := []struct {
		name string
		c    TimelineConfig
		want map[string]uint64
	}{
		{"off", TimelineConfig{}, plain},
		{"on", TimelineConfig{PeerServices: true}, named},
		{"no room for more operations", TimelineConfig{PeerServices: true, Config: Config{MaxOperations: 6}}, few},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(20) {
				c := tt.c
				c.Period, c.Grace = 10*time.Second, 5*time.Second
				line := newTape(t, c, noon)
				var spans []Span
				for i, end := range []float64{2, 9, 14} {
					spans = append(spans, shop(byte(i+1), end)...)
				}
				line.to(14.5)
				rand.New(rand.NewPCG(seed, 1)).Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
				for i := range spans {
					line.Add(&spans[i])
				}
				line.close()
				got := countsByName(line.periods)
				if fmt.Sprint(got) != fmt.Sprint(tt.want) {
					t.Fatalf("got  %v\nwant %v", got, tt.want)
				}
				for _, p := range line.periods {
					if p.Overflowed != 0 || p.Late != 0 {
						t.Errorf("%d overflowed, %d late", p.Overflowed, p.Late)
					}
				}
			}
		})
	}
}

func TestPeerServicesHaveObjectivesAndCausesOfTheirOwn(t *testing.T) {
	line := newTape(t, TimelineConfig{
		PeerServices: true, Grace: 5 * time.Second,
		Config: Config{Period: 10 * time.Second, Services: map[string]ServiceObjectives{"shop": {
			Operations: map[string]Objective{"GET > price": {LatencyTarget: 100 * time.Millisecond}, "GET > stock": {LatencyTarget: time.Millisecond}},
		}}},
	}, noon)
	line.to(5)
	for _, s := range shop(1, 4) {
		line.Add(&s)
	}
	line.to(16)
	if len(line.periods) != 1 {
		t.Fatalf("%d periods", len(line.periods))
	}
	var got []string
	for _, s := range line.periods[0].Summaries {
		if s.WithinTarget < s.Success {
			text := s.Service + " " + s.Operation
			for _, c := range s.SlowCauses {
				text += fmt.Sprintf(" by %s %s %s", c.Service, c.Operation, c.Code)
			}
			got = append(got, text)
		}
	}
	want := []string{
		"shop /order by price /price _NETWORK",
		"shop GET > price by price /price _NETWORK",
		"shop GET > stock by stock /stock ",
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A call keeps its name when its trace is looked at again, for a call that ends in a later period.
func TestPeerServicesAreNamedOnce(t *testing.T) {
	line := newTape(t, TimelineConfig{PeerServices: true, Grace: 5 * time.Second, Config: Config{Period: 10 * time.Second}}, noon)
	spans := shop(1, 9.8)
	spans[0].End, spans[0].Outcome, spans[3].Outcome, spans[3].Code = at(10.4), OutcomeFailure, OutcomeFailure, "refused"
	line.to(10.5)
	for i := range spans {
		line.Add(&spans[i])
	}
	line.to(15.5)
	line.to(26)
	if len(line.periods) != 2 || len(line.periods[1].Summaries) != 1 {
		t.Fatalf("%+v", line.periods)
	}
	want := []CauseCount{{Cause: Cause{Service: "shop", SpanKind: SpanKindClient, Operation: "GET > price", Code: "refused"}, Count: 1, Share: 1}}
	if got := line.periods[1].Summaries[0].FailureCauses; !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestPeerServicesWithoutRoomAreNoOverflow(t *testing.T) {
	windows := newTape(t, TimelineConfig{Config: Config{MaxOperations: 1}}, noon).windows
	client, _ := windows.lookup("shop", "GET", SpanKindClient)
	c, s := peerServices{windows: windows}, recentSpan{op: client}
	c.name(&s, &operation{key: OperationKey{Service: "stock", SpanKind: SpanKindServer}}, nil)
	if s.op != client || windows.overflowed != 0 {
		t.Errorf("counted as %v, %d overflowed", s.op.key, windows.overflowed)
	}
}

// Only a server of another service says whom a client reached.
func TestPeerServicesAreServersOfOthers(t *testing.T) {
	for _, tt := range []struct {
		client, server SpanKind
		service        string
		want           string
	}{
		{SpanKindClient, SpanKindServer, "stock", "GET > stock"},
		{SpanKindClient, SpanKindServer, "shop", "GET"},
		{SpanKindClient, SpanKindConsumer, "stock", "GET"},
		{SpanKindClient, SpanKindClient, "stock", "GET"},
		{SpanKindProducer, SpanKindServer, "stock", "GET"},
		{SpanKindServer, SpanKindServer, "stock", "GET"},
	} {
		line := newTape(t, TimelineConfig{PeerServices: true}, noon)
		line.Add(&Span{Service: "shop", Operation: "GET", SpanKind: tt.client, Code: "500", Link: span(1, 1, 0), End: at(1)})
		line.Add(&Span{Service: tt.service, Operation: "/", SpanKind: tt.server, Code: "500", Link: span(1, 2, 1), End: at(1)})
		line.close()
		summaryOf(t, line.periods[0], tt.want)
	}
}

func TestPeerServicesKeepBoundedNames(t *testing.T) {
	windows := newTape(t, TimelineConfig{Config: Config{MaxOperations: 1_000_000}}, noon).windows
	c := peerServices{windows: windows}
	client, _ := windows.lookup("shop", strings.Repeat("é", 200), SpanKindClient)
	for i := range 3 * maxPeerNames {
		s := recentSpan{op: client}
		server := operation{key: OperationKey{Service: fmt.Sprint("s", i), SpanKind: SpanKindServer, Name: "/"}}
		if c.name(&s, &server, nil); len(s.op.key.Name) > MaxNameBytes || len(c.names) > maxPeerNames {
			t.Fatalf("a name of %d bytes, %d names", len(s.op.key.Name), len(c.names))
		}
	}
}

// That all calls of a client count under the names of their callees is no lack of traffic.
func TestPeerServicesAreTheTrafficOfTheirClients(t *testing.T) {
	c := TimelineConfig{PeerServices: true, Grace: 5 * time.Second, Config: Config{Period: 10 * time.Second, IdlePeriods: 2, Objective: Objective{MinTraffic: 1, MinTrafficRatio: 0.5}}}
	line := newTape(t, c, noon)
	for s := 1.0; s < 60; s++ {
		line.to(s)
		spans := shop(byte(s), s-0.1)
		for i := range spans[:6] { // those whose server is seen
			line.Add(&spans[i])
		}
	}
	if len(line.periods) != 5 {
		t.Fatalf("%d periods were closed, want 5", len(line.periods))
	}
	for _, p := range line.periods {
		for _, s := range p.Summaries {
			if o := s.Objective; (s.Count == 0 || s.Operation == "GET") && (o.MinTraffic > 0 || o.MinTrafficRatio > 0) {
				t.Errorf("%s: of %s, which has %d calls, traffic is expected: %+v", p.Start, s.Operation, s.Count, o)
			}
			if o := s.Objective; s.Operation == "GET > stock" && (o.MinTraffic != 1 || o.MinTrafficRatio != 0.5) {
				t.Errorf("of %s is expected: %+v", s.Operation, o)
			}
		}
	}
}

// A span that takes the place of one that was named has no name yet.
func TestPeerServicesAreNamedInPlacesUsedBefore(t *testing.T) {
	line := newTape(t, TimelineConfig{PeerServices: true, RecentSpans: 8, Grace: time.Second, Config: Config{Period: 10 * time.Second}}, noon)
	for i := range 6 {
		line.to(float64(i) + 2)
		spans := shop(byte(i), float64(i)+1)
		for j := range spans {
			line.Add(&spans[j])
		}
		line.to(float64(i) + 2.999)
		line.to(float64(i) + 3)
	}
	line.close()
	if got := countsByName(line.periods)["shop client GET > stock"]; got != 6 {
		t.Errorf("%d calls are named, want 6", got)
	}
}
