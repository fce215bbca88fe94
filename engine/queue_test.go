package engine

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// testQueue is the queue of an engine that counts nothing.
type testQueue struct {
	*queue
	engine *Engine
}

func newQueue(size int) *testQueue {
	e := new(Engine)
	e.queue.initSize(size)
	return &testQueue{&e.queue, e}
}

// newRings returns a queue of so many rings of n slots each.
func newRings(rings, n int) *testQueue {
	e := new(Engine)
	e.queue.initRings(rings, n)
	return &testQueue{&e.queue, e}
}

func (q *queue) size() int { return len(q.rings) * len(q.rings[0].slots) }

// pushNumber pushes a report that is told from others by its duration.
func (q *testQueue) pushNumber(n int) bool {
	return q.engine.ReportFields("operation", "code", time.Duration(n), SpanKindServer, OutcomeFailure, "service")
}

// numbers drains a queue and returns what pushNumber put in.
func (q *testQueue) numbers() []int {
	var got []int
	q.drain(each(func(s *slot, _ *detail) { got = append(got, int(s.duration)) }))
	return got
}

// each makes a consumer of batches out of one of single reports.
func each(f func(*slot, *detail)) func([]slot, []detail) {
	return func(slots []slot, details []detail) {
		for i := range slots {
			f(&slots[i], &details[i])
		}
	}
}

// reportOf returns what a slot that is ready carries. Time and trace are not part of it.
func (q *queue) reportOf(s *slot, d *detail) Report {
	r := Report{Duration: s.duration, Outcome: s.how.outcome()}
	r.Operation, r.Code = s.names(d)
	r.Service, r.SpanKind = q.whose(s, d)
	if s.how.isDetailed() {
		r.Outcome = d.outcome
	}
	return r
}

// writing is a report whose slot is claimed, and not yet written.
type writing struct {
	slot *slot
	pos  uint64
}

func (q *queue) startWriting(t *testing.T) writing {
	t.Helper()
	r, pos, ok := q.claim(&q.rings[0])
	if !ok {
		t.Fatal("refused")
	}
	return writing{&r.slots[pos&r.mask], pos}
}

func (w writing) finish() { w.slot.round.Store(uint32(w.pos) + 1) }

func checkRefused(t *testing.T, q *testQueue, wantFull, wantLate uint64) {
	t.Helper()
	if full, late := q.refused(); full != wantFull || late != wantLate {
		t.Errorf("refused %d because full and %d because sealed, want %d and %d", full, late, wantFull, wantLate)
	}
}

func TestQueueSizes(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	tests := []struct{ processors, size, wantRings, wantSize int }{
		{1, 0, 2, 4096},
		{2, 0, 4, 8192},
		{3, 0, 8, 16384},
		{8, 0, 16, 32768},
		{16, 0, 32, 65536},
		{64, 0, 32, 65536},
		{8, 16, 1, 16},
		{8, 17, 1, 32},
		{8, 2048, 1, 2048},
		{8, 2049, 2, 4096},
		{8, 8192, 4, 8192},
		{2, 100_000, 4, 131072},
	}
	for _, tt := range tests {
		runtime.GOMAXPROCS(tt.processors)
		q := newQueue(tt.size)
		if len(q.rings) != tt.wantRings || q.size() != tt.wantSize {
			t.Errorf("a queue for %d reports on %d processors has %d rings for %d, want %d for %d",
				tt.size, tt.processors, len(q.rings), q.size(), tt.wantRings, tt.wantSize)
		}
		for range 100 {
			if r := q.pick(); r != &q.rings[r.index] {
				t.Fatalf("a ring was picked that is none of the %d", len(q.rings))
			}
		}
	}
}

func TestQueueCarriesReports(t *testing.T) {
	q := newQueue(16)
	want := Report{Service: "s", Operation: "o", SpanKind: SpanKindClient, Code: "c", Outcome: OutcomeFailure, Duration: 5 * ms}
	more := detail{
		trace:      TraceRef{TraceID: [16]byte{1}, SpanID: [8]byte{2}, Sampled: true},
		nameLength: 1, codeLength: 1, service: "s", kind: SpanKindClient, outcome: OutcomeFailure, end: noon.UnixNano(), cause: &Cause{Operation: "db"},
	}
	check := func(wantDetailed bool) {
		t.Helper()
		n := q.drain(each(func(s *slot, d *detail) {
			if got := q.reportOf(s, d); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			wantDetail := detail{}
			if wantDetailed {
				wantDetail = more
			}
			if s.how.isDetailed() != wantDetailed || *d != wantDetail {
				t.Errorf("detailed: %t, %+v; want %t, %+v", s.how.isDetailed(), *d, wantDetailed, wantDetail)
			}
		}))
		if n != 1 {
			t.Fatalf("drained %d reports, want 1", n)
		}
	}
	for range 40 { // more than there are slots
		if !q.pushDetailed("o", "c", 5*ms, more) {
			t.Fatal("refused")
		}
		check(true)
		// The next reports in the same slot have no trace, least of all that one.
		for range 16 {
			if !q.engine.ReportFields("o", "c", 5*ms, SpanKindClient, OutcomeFailure, "s") {
				t.Fatal("refused")
			}
			check(false)
		}
	}
	if n := q.drain(each(func(*slot, *detail) { t.Error("there was something left") })); n != 0 {
		t.Errorf("drained %d reports of an empty queue", n)
	}
}

// A queue for n reports takes n reports, be they all from one goroutine, and one more for
// each that was taken out.
func TestQueueRefusesOnlyWhenFull(t *testing.T) {
	for _, q := range []*testQueue{newQueue(16), newQueue(64), newRings(4, 16), newQueue(0)} {
		t.Run(fmt.Sprintf("%d rings of %d", len(q.rings), len(q.rings[0].slots)), func(t *testing.T) {
			refused := uint64(0)
			for round := range 3 {
				for i := range q.size() {
					if !q.pushNumber(i) {
						t.Fatalf("round %d: report %d of %d was refused", round, i, q.size())
					}
				}
				for range 3 {
					if q.pushNumber(-1) {
						t.Fatalf("round %d: a report too many was taken", round)
					}
					refused++
				}
				checkRefused(t, q, refused, 0)
				for i := range q.rings { // whichever ring has room
					r := &q.rings[i]
					if n := r.drain(r.head+1, each(func(*slot, *detail) {})); n != 1 {
						t.Fatalf("drained %d reports, want 1", n)
					}
					if !q.pushNumber(i) {
						t.Fatalf("round %d: refused, though ring %d had room", round, i)
					}
					if q.pushNumber(-1) {
						t.Fatalf("round %d: two reports were taken into one place", round)
					}
					refused++
				}
				if got := len(q.numbers()); got != q.size() {
					t.Errorf("round %d: drained %d reports, want %d", round, got, q.size())
				}
			}
		})
	}
}

func TestQueueIsFirstInFirstOut(t *testing.T) {
	q := newQueue(32)
	next, want := 0, 0
	for _, batch := range []int{1, 5, 32, 7, 31, 32, 16} {
		for range batch {
			if !q.pushNumber(next) {
				t.Fatalf("report %d was refused", next)
			}
			next++
		}
		for _, got := range q.numbers() {
			if got != want {
				t.Fatalf("got report %d, want %d", got, want)
			}
			want++
		}
	}
	if want != next {
		t.Errorf("got %d reports, want %d", want, next)
	}
}

// A slot tells by 32 bits which position its report is of; positions have 63.
func TestQueueBeyond32Bits(t *testing.T) {
	q := newQueue(16)
	r := &q.rings[0]
	const start uint64 = 1<<32 - 40
	r.tail.Store(start)
	r.free.Store(start)
	r.head = start
	for pos := start - 16; pos < start; pos++ { // what the round before has left
		r.slots[pos&r.mask].round.Store(uint32(pos) + 1)
	}
	if got := q.numbers(); got != nil {
		t.Fatalf("an empty queue holds %v", got)
	}
	for i := range 100 {
		for j := range 16 {
			if !q.pushNumber(16*i + j) {
				t.Fatalf("report %d was refused", 16*i+j)
			}
		}
		if q.pushNumber(-1) {
			t.Fatal("a report too many was taken")
		}
		if got := q.numbers(); len(got) != 16 || got[0] != 16*i || got[15] != 16*i+15 {
			t.Fatalf("got %v, want 16 reports from %d on", got, 16*i)
		}
		if got := q.numbers(); got != nil {
			t.Fatalf("got %v a second time", got)
		}
	}
	if r.head != start+1600 {
		t.Errorf("the ring is at %d, want %d", r.head, start+1600)
	}
}

// What is packed into a slot comes out as it went in, and what does not fit takes the
// other way: nothing may turn into something else.
func TestQueueCarriesAnything(t *testing.T) {
	q := newRings(2, 16)
	check := func(want Report) {
		t.Helper()
		if !q.engine.ReportFields(want.Operation, want.Code, want.Duration, want.SpanKind, want.Outcome, want.Service) {
			t.Fatalf("%+v was refused", want)
		}
		want.Operation, want.Code = TruncateName(want.Operation), TruncateName(want.Code)
		n := q.drain(each(func(s *slot, d *detail) {
			got := q.reportOf(s, d)
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}))
		if n != 1 {
			t.Fatalf("drained %d reports, want 1", n)
		}
	}
	for kind := range 256 {
		for outcome := range 256 {
			check(Report{Operation: "o", Code: "c", SpanKind: SpanKind(kind), Outcome: Outcome(outcome)})
		}
	}
	for _, n := range []int{0, 1, 31, 32, 33, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 100_000} {
		long := strings.Repeat("é", n/2) + strings.Repeat("x", n%2)
		check(Report{Operation: long, Code: "c"})
		check(Report{Operation: "o", Code: long})
		check(Report{Operation: long, Code: long, Service: long})
		check(Report{Service: long})
	}
	for _, d := range []time.Duration{math.MinInt64, -1, 0, 1, 1 << 48, math.MaxInt64} {
		check(Report{Operation: "o", Duration: d})
	}
	// Far more services than there are places, each of them twice, as the same string
	// and as another one.
	for i := range 1000 {
		service := fmt.Sprint("service", i)
		for range 2 {
			check(Report{Operation: "o", Service: service})
		}
		check(Report{Operation: "o", Service: strings.Clone(service)})
		check(Report{Operation: "o", Service: service[:len(service)-1]})
		check(Report{Operation: "o"})
	}
}

// A service that is reported again and again needs no detail.
func TestQueueKnowsServices(t *testing.T) {
	q := newQueue(16)
	const service = "shop"
	services := []string{"orders", "stock"}
	for range 3 {
		q.engine.ReportFields("o", "c", 0, 0, 0, service)
		q.engine.ReportFields("o", "c", 0, 0, 0, "")
	}
	for _, service := range services { // there is room for some
		q.engine.ReportFields("o", "c", 0, 0, 0, service)
		q.engine.ReportFields("o", "c", 0, 0, 0, service)
	}
	n := q.drain(each(func(s *slot, d *detail) {
		if s.how.isDetailed() {
			t.Errorf("%+v is detailed", q.reportOf(s, d))
		}
	}))
	if n != 10 {
		t.Errorf("drained %d reports, want 10", n)
	}
	// A caller that knows the place says it beside kind and outcome.
	for _, service := range services {
		q.pushPlaced("o", "c", 0, howOf(SpanKindServer, OutcomeFailure).at(q.place(service)))
		q.drain(each(func(s *slot, d *detail) {
			if r := q.reportOf(s, d); s.how.isDetailed() || r.Service != service || r.SpanKind != SpanKindServer || r.Outcome != OutcomeFailure {
				t.Errorf("got %+v, want a report of %s", r, service)
			}
		}))
		// What does not fit into a slot keeps its service.
		name := strings.Repeat("o", longestName+1)
		q.pushPlaced(name, "c", 0, howOf(SpanKindServer, OutcomeFailure).at(q.place(service)))
		q.drain(each(func(s *slot, d *detail) {
			if r := q.reportOf(s, d); !s.how.isDetailed() || r.Service != service || r.Operation != name || r.SpanKind != SpanKindServer || r.Outcome != OutcomeFailure {
				t.Errorf("got %+v, want a report of %s", r, service)
			}
		}))
	}
	if q.place("") != 0 || q.place(strings.Repeat("x", MaxNameBytes+1)) != 0 {
		t.Error("no service, or one of too long a name, has a place")
	}
	// What begins at the same address, and what is too long to be kept, is another service.
	prefixes := newQueue(16)
	long := strings.Repeat("x", MaxNameBytes+1)
	if prefixes.place(long) != 0 || prefixes.place(long[:MaxNameBytes]) == 0 {
		t.Errorf("a name of %d bytes has a place, or one of %d has none", len(long), MaxNameBytes)
	}
	for _, service := range []string{"shop-eu", "shop-eu"[:4], long[:MaxNameBytes], long[:3]} {
		prefixes.engine.ReportFields("o", "c", 0, 0, 0, service)
		prefixes.drain(each(func(s *slot, d *detail) {
			if r := prefixes.reportOf(s, d); r.Service != service {
				t.Errorf("a report of %q is one of %q", service, r.Service)
			}
		}))
	}
	// Of two that come at once, one gets the place, and the other one none.
	rivals := newQueue(16)
	if rivals.know(1, "first"); *rivals.know(1, "second") != "first" {
		t.Errorf("the place of the first is the one of %q now", *rivals.know(1, "second"))
	}
	if rivals.place("third") == 0 || rivals.place("fourth") == 0 || rivals.place("fifth") != 0 {
		t.Error("want room for two more, and no third one")
	}
	// What is remembered of services is short.
	for i := range 1000 {
		q.engine.ReportFields("o", "c", 0, 0, 0, strings.Repeat("x", MaxNameBytes+1+i))
		q.numbers()
	}
	for i := range q.services {
		if s := q.services[i].Load(); s != nil && *s != service && !slices.Contains(services, *s) {
			t.Errorf("a name of %d bytes is remembered", len(*s))
		}
	}
}

// What is counted is let go.
func TestQueueLetsGoOfStrings(t *testing.T) {
	for _, rep := range []Report{{Operation: "x"}, {Service: strings.Repeat("x", MaxNameBytes+1)}, {Code: "x"}} {
		q := newRings(2, 16)
		for q.engine.ReportFields(rep.Operation, rep.Code, 0, 0, 0, rep.Service) {
			q.pushDetailed(rep.Operation, rep.Code, 0, detail{service: rep.Service, cause: new(Cause)})
		}
		q.drain(each(func(*slot, *detail) {}))
		for i := range q.rings {
			for j := range q.rings[i].slots {
				if s := &q.rings[i].slots[j]; s.name != nil || s.code != nil {
					t.Fatalf("slot %d of ring %d still holds a string", j, i)
				}
				if d := q.rings[i].details[j]; d != (detail{}) {
					t.Fatalf("slot %d of ring %d still holds %+v", j, i, d)
				}
			}
		}
	}
}

// A drain is bounded, so that a period can end while reports keep coming.
func TestQueueDrainIsBounded(t *testing.T) {
	q := newQueue(16)
	for i := range 8 {
		q.pushNumber(i)
	}
	n := q.drain(each(func(*slot, *detail) { q.pushNumber(0) }))
	if n != 16 {
		t.Errorf("drained %d reports of a queue for 16 that was filled all the while", n)
	}
}

func TestQueueWakesItsConsumer(t *testing.T) {
	woken := func(q *testQueue) bool {
		select {
		case <-q.wake:
			return true
		default:
			return false
		}
	}
	q := newQueue(64)
	for round := range 8 {
		for i := range 16 {
			q.pushNumber(i)
			if got, want := woken(q), i == 15; got != want {
				t.Fatalf("round %d: after %d reports, woken: %t", round, i+1, got)
			}
		}
		q.numbers()
	}
	// Reports with a trace count as much.
	for range 16 {
		q.pushDetailed("", "", 0, detail{})
	}
	if !woken(q) {
		t.Error("reports with a trace wake nobody")
	}
	q.numbers()
	// One token is enough for any number of quarters, and nobody waits to leave a second.
	for range q.size() {
		q.pushNumber(0)
	}
	if !woken(q) || woken(q) {
		t.Error("a full queue has no token, or more than one")
	}
	// Who is refused wakes the consumer, too.
	if q.pushNumber(0) || !woken(q) {
		t.Error("a refused report wakes nobody")
	}
}

// A producer that has claimed its slot, and has not written it yet, hides what came
// after it. So whoever has been woken has to come again, or nobody will.
func TestQueueIsBehind(t *testing.T) {
	q := newQueue(64)
	w := q.startWriting(t)
	for i := range 16 {
		q.pushNumber(i)
	}
	if got := q.numbers(); got != nil {
		t.Fatalf("drained %v before a report that is still being written", got)
	}
	if !q.isBehind() {
		t.Error("17 of 64 slots are taken: the next token comes only when it is too late")
	}
	w.finish()
	if got := q.numbers(); len(got) != 17 {
		t.Errorf("drained %d reports, want 17", len(got))
	}
	if q.isBehind() {
		t.Error("an empty queue is behind")
	}
	for i := range 15 {
		q.pushNumber(i)
	}
	if q.isBehind() {
		t.Error("less than a quarter of a ring is reason enough to come again")
	}
	q.seal()
	if q.isBehind() {
		t.Error("being sealed is taken for being full")
	}
}

// drainAll waits for the reports that were claimed before it was called, and for no others.
func TestQueueDrainAllWaitsForWriters(t *testing.T) {
	q := newQueue(16)
	q.pushNumber(1)
	w := q.startWriting(t)
	q.pushNumber(3)

	var seen atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		q.drainAll(each(func(*slot, *detail) {
			if seen.Add(1) < 10 {
				q.pushNumber(0) // what comes meanwhile is somebody else's
			}
		}))
	}()
	for seen.Load() == 0 {
		runtime.Gosched()
	}
	for range 100 {
		runtime.Gosched()
	}
	select {
	case <-done:
		t.Fatal("a report that was still being written was left behind")
	default:
	}
	w.finish()
	<-done
	if got := seen.Load(); got != 3 {
		t.Errorf("drained %d reports, want the 3 that were claimed before", got)
	}
	if got := len(q.numbers()); got != 3 {
		t.Errorf("%d reports came meanwhile, want 3", got)
	}
}

func TestQueueSealed(t *testing.T) {
	q := newRings(2, 16)
	for i := range 20 {
		q.pushNumber(i)
	}
	q.seal()
	q.seal()
	for range 3 {
		if q.pushNumber(0) {
			t.Error("a sealed queue took a report")
		}
		if q.pushDetailed("", "", 0, detail{}) {
			t.Error("a sealed queue took a report with a trace")
		}
	}
	checkRefused(t, q, 0, 6)
	n := 0
	q.drainAll(each(func(*slot, *detail) { n++ }))
	if n != 20 {
		t.Errorf("drained %d reports after the seal, want 20", n)
	}
	if q.pushNumber(0) {
		t.Error("a sealed queue that was drained took a report")
	}
	checkRefused(t, q, 0, 7)
}

func TestQueuePushAllocatesNothing(t *testing.T) {
	q := newQueue(16)
	long := strings.Repeat("x", 1000)
	discard := each(func(*slot, *detail) {})
	run := func() {
		for range 10 {
			q.pushNumber(1)
			q.pushDetailed("a", "", 0, detail{trace: TraceRef{TraceID: [16]byte{1}}, end: 1})
			q.engine.ReportFields(long, long, 1, 200, 200, long)
		}
		q.drain(discard)
	}
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("30 pushes of which 14 are refused, and a drain, allocate %v times", n)
	}
}

// checksum is what a producer and the consumer must agree on.
type checksum struct{ count, sum, xor uint64 }

func (c *checksum) add(payload uint64) {
	c.count++
	c.sum += payload
	c.xor ^= payload*0x9E3779B97F4A7C15 ^ payload>>7
}

// Several producers hammer on small rings: nothing is lost, doubled, torn or, within a
// ring, out of order, and every refusal is counted.
func TestQueueHammer(t *testing.T) {
	const producers, reports = 4, 20_000
	for _, q := range []*testQueue{newQueue(16), newRings(4, 16), newQueue(1024)} {
		t.Run(fmt.Sprintf("%d rings of %d", len(q.rings), len(q.rings[0].slots)), func(t *testing.T) {
			var names, services [producers]string
			for p := range producers {
				names[p], services[p] = fmt.Sprintf("operation %d", p), fmt.Sprintf("service %d", p)
			}
			var sent [producers]checksum
			var refusals atomic.Uint64
			var wg sync.WaitGroup
			for p := range producers {
				wg.Go(func() {
					for i := range reports {
						payload := uint64(p)<<32 | uint64(i)
						for !pushPayload(q, names[p], services[p], payload) {
							refusals.Add(1)
							runtime.Gosched()
						}
						sent[p].add(payload)
					}
				})
			}
			finished := make(chan struct{})
			go func() { wg.Wait(); close(finished) }()

			var got [producers]checksum
			var last [producers]int64
			receive := func(s *slot, d *detail) {
				payload := uint64(s.duration)
				p := payload >> 32
				r := q.reportOf(s, d)
				if r.Operation != names[p] || r.Service != services[p] || r.SpanKind != SpanKind(payload%6) || r.Outcome != Outcome(payload%5) {
					t.Errorf("torn: payload %x came with %+v", payload, r)
				}
				wantEnd := int64(0)
				if payload%3 == 0 {
					wantEnd = int64(payload)
				}
				if d.end != wantEnd {
					t.Errorf("torn: payload %x came with the detail of %x", payload, d.end)
				}
				if i := int64(payload & 0xffffffff); len(q.rings) == 1 && i != last[p] {
					t.Errorf("producer %d: report %d came, %d was next", p, i, last[p])
				}
				last[p]++
				got[p].add(payload)
			}
			for running := true; running; {
				select {
				case <-finished:
					running = false
				default:
				}
				if q.drain(each(receive)) == 0 {
					runtime.Gosched()
				}
			}
			q.drainAll(each(receive))

			if got != sent {
				t.Errorf("received %v, sent %v", got, sent)
			}
			checkRefused(t, q, refusals.Load(), 0)
		})
	}
}

// pushPayload pushes a report of which every part follows from the payload.
func pushPayload(q *testQueue, name, service string, payload uint64) bool {
	d, kind, outcome := time.Duration(payload), SpanKind(payload%6), Outcome(payload%5)
	if payload%3 == 0 {
		return q.pushDetailed(name, "", d, detail{service: service, kind: kind, outcome: outcome, end: int64(payload)})
	}
	return q.engine.ReportFields(name, "", d, kind, outcome, service)
}

// As long as no more reports are under way than the queue has room for, none is
// refused: no lost race and no full ring among others with room is a reason.
func TestQueueHammerNeverRefusesWhenThereIsRoom(t *testing.T) {
	const producers, reports = 8, 10_000
	for _, q := range []*testQueue{newRings(1, 4), newQueue(16), newRings(2, 4), newRings(4, 4), newRings(8, 4)} {
		t.Run(fmt.Sprintf("%d rings of %d", len(q.rings), len(q.rings[0].slots)), func(t *testing.T) {
			room := int64(q.size())
			var underWay, left, refusals atomic.Int64
			left.Store(producers)
			for range producers {
				go func() {
					defer left.Add(-1)
					for i := 0; i < reports; {
						if underWay.Add(1) > room {
							underWay.Add(-1)
							runtime.Gosched()
							continue
						}
						if !q.pushNumber(i) {
							refusals.Add(1)
							underWay.Add(-1)
						}
						i++
					}
				}()
			}
			discard := each(func(*slot, *detail) {})
			total := 0
			for left.Load() > 0 || underWay.Load() > 0 {
				n := q.drain(discard)
				underWay.Add(int64(-n))
				if total += n; n == 0 {
					runtime.Gosched()
				}
			}
			if n := refusals.Load(); n > 0 || total != producers*reports {
				t.Errorf("%d reports were refused, %d came through, want none and %d", n, total, producers*reports)
			}
		})
	}
}

// Sealing while producers are at work: what was taken is drained by the one
// drainAll after the seal, and nothing else is.
func TestQueueSealLosesNothing(t *testing.T) {
	const rounds, producers = 300, 4
	discard := each(func(*slot, *detail) {})
	late := uint64(0)
	for round := range rounds {
		q := newRings(1<<(round%3), 16<<(round%2*3))
		var accepted, refused atomic.Uint64
		var wg sync.WaitGroup
		var atWork atomic.Int64
		for p := range producers {
			wg.Go(func() {
				atWork.Add(1)
				for after := 0; after < 20; {
					if pushPayload(q, "a", "b", uint64(p)) {
						accepted.Add(1)
					} else if refused.Add(1); q.rings[0].tail.Load()&sealed != 0 {
						after++
					} else {
						runtime.Gosched()
					}
				}
			})
		}
		for atWork.Load() < producers {
			runtime.Gosched()
		}
		drained := 0
		for range round % 50 {
			drained += q.drain(discard)
		}
		q.seal()
		q.drainAll(each(func(*slot, *detail) { drained++ }))
		wg.Wait()

		full, sealed := q.refused()
		late += sealed
		if uint64(drained) != accepted.Load() || full+sealed != refused.Load() {
			t.Fatalf("round %d: accepted %d, drained %d; refused %d, counted %d + %d",
				round, accepted.Load(), drained, refused.Load(), full, sealed)
		}
		if n := q.drain(discard); n != 0 {
			t.Fatalf("round %d: %d reports were in the queue after the last drain", round, n)
		}
	}
	if late < rounds*producers {
		t.Errorf("only %d reports came after the seal: the test shows nothing", late)
	}
}

func BenchmarkQueue(b *testing.B) {
	q := newQueue(0)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		discard := each(func(*slot, *detail) {})
		for {
			select {
			case <-q.wake:
				q.drain(discard)
			case <-stop:
				return
			}
		}
	}()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			q.pushNumber(1)
		}
	})
	close(stop)
	<-stopped
	full, _ := q.refused()
	b.ReportMetric(float64(full)/float64(b.N), "refused/op")
}
