package engine

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// partTimes counts, by part, calls, failures and the times of calls, as buckets.
type partTimes map[Part]*partSum

type partSum struct {
	calls, failures uint64
	times           map[timeBucket]uint64
}

func (p partTimes) of(part Part) *partSum {
	if p[part] == nil {
		p[part] = &partSum{times: map[timeBucket]uint64{}}
	}
	return p[part]
}

// add adds a slice.
func (p partTimes) add(s *Slice) {
	for _, c := range s.Parts {
		sum := p.of(c.Part)
		sum.calls, sum.failures = sum.calls+c.Calls, sum.failures+c.Failures
		last := time.Duration(-1)
		for _, t := range c.Times {
			if t.Duration <= last || t.Count == 0 {
				panic(fmt.Sprint("times out of order, or none: ", c.Times))
			}
			last = t.Duration
			sum.times[timeBucketOf(t.Duration)] += t.Count
		}
	}
}

// naiveParts takes calls apart, one by one, in the plainest way.
func naiveParts(spans []Span) partTimes {
	parts := partTimes{}
	// below returns the children of a span that count: those of unwatched ones are their parent's.
	// A call is no child of its own, even if its parents go round in a circle.
	var below func(call, of *Span, depth int) []*Span
	below = func(call, of *Span, depth int) (found []*Span) {
		for i := range spans {
			s := &spans[i]
			switch {
			case s == call || s.Link.Trace != of.Link.Trace || s.Link.Trace == [16]byte{} || s.Link.Parent != of.Link.Span || of.Link.Span == [8]byte{}:
			case !s.Unwatched:
				found = append(found, s)
			case depth < deepestUnwatched:
				found = append(found, below(call, s, depth+1)...)
			}
		}
		return found
	}
	for i := range spans {
		s := &spans[i]
		if s.Unwatched || s.Outcome == OutcomeIgnored {
			continue
		}
		part := Part{OperationKey: OperationKey{Service: s.Service, SpanKind: s.SpanKind, Name: s.Operation}}
		own, isKnown := s.Duration, isTimed(s.Duration) && !s.Untimed
		var server *Span
		var within []stretch
		for _, c := range below(s, s, 0) {
			if c.SpanKind == SpanKindConsumer {
				continue
			}
			if server == nil && c.SpanKind == SpanKindServer && s.SpanKind == SpanKindClient {
				server = c
			}
			within = append(within, stretch{c.End - int64(lengthOf(c.Duration)), c.End})
		}
		if server != nil {
			part.Kind, part.Peer = PartEdge, OperationKey{Service: server.Service, SpanKind: server.SpanKind, Name: server.Operation}
			own -= lengthOf(server.Duration)
			isKnown = isKnown && isTimed(server.Duration) && !server.Untimed
		} else {
			if s.SpanKind == SpanKindClient || s.SpanKind == SpanKindProducer {
				part.Kind = PartRemote
			}
			own -= naiveUnion(within, s.End-int64(lengthOf(s.Duration)), s.End)
		}
		sum, weight := parts.of(part), max(s.Weight, 1)
		sum.calls += weight
		if s.Outcome == OutcomeFailure {
			sum.failures += weight
		}
		if isKnown {
			sum.times[timeBucketOf(max(own, 0))] += weight
		}
	}
	return parts
}

// naiveUnion returns for how long some stretch of time lasts, from one bound to the next.
func naiveUnion(of []stretch, start, end int64) (covered time.Duration) {
	bounds := []int64{start, end}
	for _, s := range of {
		bounds = append(bounds, min(max(s.start, start), end), min(max(s.end, start), end))
	}
	slices.Sort(bounds)
	for i := range len(bounds) - 1 {
		for _, s := range of {
			if s.start <= bounds[i] && bounds[i+1] <= s.end {
				covered += time.Duration(bounds[i+1] - bounds[i])
				break
			}
		}
	}
	return covered
}

func diffParts(want, got partTimes) string {
	show := func(p partTimes) map[string]string {
		lines := map[string]string{}
		for part, s := range p {
			times := ""
			for _, b := range slices.Sorted(maps.Keys(s.times)) {
				times += fmt.Sprintf(" %s x%d", b.middle(), s.times[b])
			}
			lines[fmt.Sprint(part)] = fmt.Sprintf("%d calls, %d failed:%s", s.calls, s.failures, times)
		}
		return lines
	}
	return gocmp.Diff(show(want), show(got))
}

// randomSpans returns spans of traces of any shape, that end within so many seconds from noon on.
func randomSpans(t *rapid.T, seconds float64) (spans []Span) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	traces := rapid.IntRange(1, 6).Draw(t, "traces")
	most := rapid.IntRange(1, 25).Draw(t, "spans")
	for trace := range traces {
		n := 1 + r.IntN(most)
		first := len(spans)
		for i := range n {
			s := Span{
				Service:   fmt.Sprint("service", r.IntN(3)),
				Operation: fmt.Sprint("op", r.IntN(3)),
				SpanKind:  SpanKind(r.IntN(6)),
				Outcome:   []Outcome{OutcomeSuccess, OutcomeSuccess, OutcomeFailure, OutcomeCancelled, OutcomeIgnored}[r.IntN(5)],
				Duration:  time.Duration(r.ExpFloat64() * float64(time.Second)),
				End:       at(r.Float64() * seconds),
				Unwatched: r.IntN(4) == 0,
				Untimed:   r.IntN(20) == 0,
				Sampled:   r.IntN(2) == 0,
			}
			s.Link.Trace[0], s.Link.Trace[15] = byte(trace+1), 1
			binary.BigEndian.PutUint32(s.Link.Span[:], uint32(i+1))
			if i > 0 && r.IntN(10) > 0 {
				binary.BigEndian.PutUint32(s.Link.Parent[:], uint32(r.IntN(i)+1))
			}
			switch r.IntN(40) {
			case 0:
				s.Duration = Untimed
			case 1: // nobody's
				s.Link.Parent = [8]byte{9, 9}
			case 2: // a circle, or itself
				binary.BigEndian.PutUint32(s.Link.Parent[:], uint32(r.IntN(n)+1))
			case 3: // without a trace
				s.Link = Link{}
			case 4:
				s.Weight = uint64(r.IntN(100))
			}
			spans = append(spans, s)
		}
		if r.IntN(2) == 0 { // children before their parents, as they mostly come
			slices.Reverse(spans[first:])
		} else {
			r.Shuffle(len(spans)-first, func(i, j int) { spans[first+i], spans[first+j] = spans[first+j], spans[first+i] })
		}
	}
	return spans
}

// With all spans of the traces there, the parts are those that a naive search finds; and every
// call that is counted is in one slice, the one in which it ended.
func TestTimelineSlicesProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := randomSpans(t, 30)
		c := TimelineConfig{
			Config: Config{Period: []time.Duration{10 * time.Second, time.Second, 7 * time.Second}[rapid.IntRange(0, 2).Draw(t, "period")]},
			Grace:  time.Minute, Settle: time.Minute,
		}
		line := newTape(t, c, noon)
		got := partTimes{}
		end := noon
		byPeriod := uint64(0) // calls in the slices since a period was closed
		line.Sliced(func(s *Slice) {
			if !s.Start.Equal(end) || !s.End.After(s.Start) {
				t.Fatalf("a slice from %s to %s follows on %s", s.Start, s.End, end)
			}
			end = s.End
			got.add(s)
			for _, p := range s.Parts {
				byPeriod += p.Calls
				for _, e := range []*Exemplar{p.Slowest, p.Failed} {
					if e != nil && (e.End.Before(s.Start) || !e.End.Before(s.End)) {
						t.Fatalf("%v is not of the slice from %s to %s", e, s.Start, s.End)
					}
				}
			}
		})
		counted := func(p *Period) {
			calls := uint64(0)
			for i := range p.Summaries {
				calls += p.Summaries[i].Count
			}
			if calls != byPeriod || !end.Equal(p.End) {
				t.Fatalf("the period to %s counts %d calls, its slices to %s %d", p.End, calls, end, byPeriod)
			}
			byPeriod = 0
		}
		advance := func(from, to int) {
			for s := from; s <= to; s++ {
				line.Advance(noon.Add(time.Duration(s)*time.Second), nil, counted)
			}
		}
		advance(1, 30)
		for i := range spans {
			line.Add(&spans[i])
		}
		advance(31, 100)
		line.Close(nil, counted)
		if diff := diffParts(naiveParts(spans), got); diff != "" {
			t.Fatalf("parts (-want +got):\n%s\n%+v", diff, spans)
		}
	})
}

// Spans that come after their slice has settled are in none, and late ones neither. With little room
// parts are found before all of a trace is there, but every call stays counted.
func TestTimelineSlicesCountWhatComesInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := newTape(t, TimelineConfig{Config: Config{Period: 10 * time.Second}, Grace: 8 * time.Second, Settle: 2 * time.Second, RecentSpans: rapid.IntRange(1, 40).Draw(t, "room")}, noon)
		got, want := uint64(0), uint64(0)
		settled := noon
		line.Sliced(func(s *Slice) {
			settled = s.End
			parts := map[Part]bool{}
			for _, p := range s.Parts {
				got += p.Calls
				if parts[p.Part] {
					t.Fatalf("%v is there twice", p.Part)
				}
				parts[p.Part] = true
			}
		})
		spans := randomSpans(t, 30)
		slices.SortStableFunc(spans, func(a, b Span) int { return int(a.End/1e9 - b.End/1e9) })
		now := 0.0
		for i := range spans {
			for next := float64(spans[i].End-noon.UnixNano())/1e9 - 1 + rapid.Float64Range(0, 6).Draw(t, "delay"); now < next; {
				now = min(now+1, next)
				line.to(now)
			}
			if s := &spans[i]; !s.Unwatched && s.Outcome != OutcomeIgnored && s.End >= settled.UnixNano() {
				want += max(s.Weight, 1)
			}
			line.Add(&spans[i])
		}
		line.close()
		if got != want {
			t.Fatalf("the slices count %d calls, want %d", got, want)
		}
	})
}

// The own time of a call is in the summary of its period.
func TestTimelineOwnTimeInSummaries(t *testing.T) {
	line := newTape(t, call10s(), noon)
	line.to(5)
	id := func(n byte) [8]byte { return [8]byte{n} }
	for i := range byte(20) {
		trace := [16]byte{i + 1}
		end := at(1 + float64(i)/10)
		line.Add(&Span{Service: "db", Operation: "query", SpanKind: SpanKindServer, Duration: 60 * ms, End: end - 5e6, Link: Link{Trace: trace, Span: id(3), Parent: id(2)}})
		line.Add(&Span{Service: "shop", Operation: "query", SpanKind: SpanKindClient, Duration: 70 * ms, End: end, Link: Link{Trace: trace, Span: id(2), Parent: id(1)}})
		line.Add(&Span{Service: "shop", Operation: "GET", SpanKind: SpanKindServer, Duration: 90 * ms, End: end + 10e6, Link: Link{Trace: trace, Span: id(1)}})
	}
	line.close()
	for service, want := range map[OperationKey]time.Duration{{"shop", SpanKindClient, "query"}: 10 * ms, {"shop", SpanKindServer, "GET"}: 20 * ms, {"db", SpanKindServer, "query"}: 0} {
		for i := range line.periods[0].Summaries {
			s := &line.periods[0].Summaries[i]
			if s.Key() != service {
				continue
			}
			m := timeBucketOf(want).middle()
			wanted := OwnTime{20, m, m, m}
			if want == 0 { // it is the latency
				wanted = OwnTime{}
			}
			if s.OwnTime != wanted {
				t.Errorf("%v: %+v, want %+v", service, s.OwnTime, wanted)
			}
		}
	}
}

// What own times cost: the same traces with and without slices. A trace is a server's call, which
// makes five calls to other servers, one after the other; each of those asks a database.
func BenchmarkTimelineTraces(b *testing.B) {
	const inTrace, rate = 16, 10_000
	shape := make([]Span, 0, inTrace)
	number := func(n int) (id [8]byte) {
		binary.LittleEndian.PutUint64(id[:], uint64(n))
		return id
	}
	put := func(service, operation string, kind SpanKind, n, parent int, d time.Duration, left time.Duration) {
		s := Span{Service: service, Operation: operation, SpanKind: kind, Code: "200", Outcome: OutcomeSuccess, Duration: d, End: -int64(left), Sampled: true}
		s.Link.Span, s.Link.Parent = number(n), number(parent)
		shape = append(shape, s)
	}
	for i := range 5 {
		n, left := 2+3*i, time.Duration(5-i)*20*ms
		service := fmt.Sprint("service", i)
		put(service, "SELECT", SpanKindClient, n+2, n+1, 5*ms, left+2*ms)
		put(service, fmt.Sprint("GET /", i), SpanKindServer, n+1, n, 10*ms, left+ms)
		put("front", fmt.Sprint("GET /", i), SpanKindClient, n, 1, 12*ms, left)
	}
	put("front", "GET /", SpanKindServer, 1, 0, 110*ms, 0)
	for _, slice := range []time.Duration{0, -1} {
		name := map[time.Duration]string{0: "own=on", -1: "own=off"}[slice]
		b.Run(name, func(b *testing.B) {
			line, err := NewTimeline(TimelineConfig{Config: Config{Period: time.Minute, Slice: slice}}, noon)
			if err != nil {
				b.Fatal(err)
			}
			line.Sliced(func(*Slice) {})
			now, sent := noon, 0
			b.ReportAllocs()
			for i := range b.N {
				s := shape[i%inTrace]
				binary.LittleEndian.PutUint64(s.Link.Trace[:], mix(uint64(i/inTrace), 1))
				s.End += now.UnixNano()
				line.Add(&s)
				if sent++; sent%100 == 0 {
					now = now.Add(100 * time.Second / rate)
					line.Advance(now, nil, func(*Period) {})
				}
			}
		})
	}
}

// However much comes, what a slice remembers is bounded, and all is counted. Of so many calls some are
// taken apart; of an operation with few calls, and of the next slice with few, all are.
func TestTimelineSlicesOfManyCalls(t *testing.T) {
	line := newTape(t, TimelineConfig{RecentSpans: 1000}, noon)
	var got []Slice
	line.Sliced(func(s *Slice) { got = append(got, *s) })
	line.to(1)
	const calls = 16 * mostHeld
	for i := range uint64(calls) {
		s := Span{Service: "shop", Operation: "GET", SpanKind: SpanKindServer, Outcome: OutcomeSuccess, Duration: time.Duration(i) * time.Microsecond, End: at(0.5), Link: span(i+1, 1, 0)}
		if i%4 == 0 {
			s.Outcome = OutcomeFailure
		}
		line.Add(&s)
		if i%(calls/fewHeld) == 0 {
			s.Operation = "seldom"
			line.Add(&s)
		}
		for j := range line.slices.open {
			o := &line.slices.open[j]
			if len(o.calls) > 2*1000 || len(o.tally.times) > mostTimes {
				t.Fatalf("%d calls and %d times wait", len(o.calls), len(o.tally.times))
			}
		}
	}
	for second := 2.0; second < 9; second++ {
		line.to(second)
		for i := range uint64(1000) {
			line.Add(&Span{Service: "shop", Operation: "GET", SpanKind: SpanKindServer, Outcome: OutcomeSuccess, Duration: ms, End: at(second - 0.5), Link: span(i+1, 1, 0)})
		}
	}
	line.close()
	sum := func(p PartCounts) (sum uint64) {
		for _, c := range p.Times {
			sum += c.Count
		}
		return sum
	}
	p := got[0].Parts[0]
	if n := sum(p); p.Calls != calls+2000 || p.Failures != calls/4 || n < mostHeld || n > 8*mostHeld {
		t.Errorf("%d calls, %d failed, %d times", p.Calls, p.Failures, n)
	}
	if p := got[0].Parts[1]; p.Part.Name != "seldom" || p.Calls != fewHeld || sum(p) != fewHeld {
		t.Errorf("of the operation that is seldom called %d of %d calls are taken apart", sum(p), p.Calls)
	}
	if p := got[2].Parts[0]; p.Calls != 2000 || sum(p) != 2000 {
		t.Errorf("at last %d of %d calls are taken apart", sum(p), p.Calls)
	}
}

// Spans that all have the same id, each a child of all others, can't make the search take for ever. Of
// those that it leaves out no time is known.
func TestTimelineSlicesOfHostileIDs(t *testing.T) {
	const calls = 5000
	line := newTape(t, TimelineConfig{}, noon)
	var got []Slice
	line.Sliced(func(s *Slice) { got = append(got, *s) })
	line.to(1)
	for range calls {
		line.Add(&Span{Service: "shop", Operation: "GET", SpanKind: SpanKindServer, Outcome: OutcomeSuccess, Duration: ms, End: at(0.5), Link: span(1, 2, 2)})
	}
	line.close()
	times := uint64(0)
	for _, c := range got[0].Parts[0].Times {
		times += c.Count
	}
	if n := got[0].Parts[0].Calls; n != calls || times > 10 {
		t.Errorf("%d calls, of which %d times are known", n, times)
	}
}

// Also where clients are named by the services that they reach, a slice counts calls under the name of
// the period.
func TestTimelineSlicesOfPeerServices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		c := call10s()
		c.PeerServices, c.RecentSpans = true, rapid.SampledFrom([]int{8, 64, 1 << 12}).Draw(t, "room")
		line := newTape(t, c, noon)
		got := map[OperationKey]uint64{}
		line.Sliced(func(s *Slice) {
			for _, p := range s.Parts {
				got[p.Part.OperationKey] += p.Calls
			}
		})
		for i := range uint64(200) {
			now := float64(i) / 10
			line.to(now)
			peer := fmt.Sprint("peer", r.IntN(3))
			server := Span{Service: peer, Operation: "GET /", SpanKind: SpanKindServer, Outcome: OutcomeSuccess, Duration: 5 * ms, End: at(now), Link: span(i+1, 2, 1)}
			client := Span{Service: "shop", Operation: "GET", SpanKind: SpanKindClient, Outcome: Outcome(1 + r.IntN(2)), Duration: 10 * ms, End: at(now), Link: span(i+1, 1, 0)}
			if r.IntN(2) == 0 {
				line.Add(&client)
			}
			if r.IntN(4) > 0 {
				line.Add(&server)
			}
			if r.IntN(2) == 0 {
				line.Add(&client)
			}
		}
		line.close()
		want := map[OperationKey]uint64{}
		for i := range line.periods {
			for j := range line.periods[i].Summaries {
				s := &line.periods[i].Summaries[j]
				if s.Count > 0 {
					want[s.Key()] += s.Count
				}
			}
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("calls (-want +got):\n%s", diff)
		}
	})
}
