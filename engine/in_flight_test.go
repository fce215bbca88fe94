package engine

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// openSpan is a span that has begun.
type openSpan struct {
	id      [8]byte
	name    string
	kind    SpanKind
	started time.Time
	ended   atomic.Bool
}

func randomSpanID() (id [8]byte) {
	binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	return id
}

func newOpenSpan(name string, kind SpanKind, started time.Time) *openSpan {
	return &openSpan{id: randomSpanID(), name: name, kind: kind, started: started}
}

// describeSpan is what sweep asks in these tests: internal spans are not watched.
func describeSpan(span any) (InFlight, bool) {
	s := span.(*openSpan)
	return InFlight{Service: "shop", Operation: s.name, SpanKind: s.kind, Started: s.started}, s.kind != SpanKindInternal && !s.ended.Load()
}

// begin takes in a span.
func (f *inFlight) begin(s *openSpan) { f.start(s.id, s) }

const inFlightAge = minInFlightAge

func newTable(size int) *inFlight {
	f := newInFlight(size)
	f.expect(0)
	return f
}

// names sweeps and returns the operations in flight, sorted.
func (f *inFlight) names(now time.Time) (names []string, abandoned, untracked uint64) {
	untracked, abandoned = f.sweep(now, describeSpan, func(c InFlight) { names = append(names, c.Operation) })
	slices.Sort(names)
	return names, abandoned, untracked
}

// used returns the number of entries that are not free, and of spans that are held.
func (f *inFlight) used() (entries, spans int) {
	for i := range f.sets {
		for j := range f.sets[i].words {
			if f.sets[i].words[j].Load() != 0 {
				entries++
			}
			if f.sets[i].spans[j] != nil {
				spans++
			}
		}
	}
	return entries, spans
}

func checkUsed(t interface {
	Helper()
	Errorf(string, ...any)
}, f *inFlight, wantEntries, wantSpans int) {
	t.Helper()
	if entries, spans := f.used(); entries != wantEntries || spans != wantSpans {
		t.Errorf("%d entries are used and %d spans held, want %d and %d", entries, spans, wantEntries, wantSpans)
	}
}

func TestInFlightSizes(t *testing.T) {
	for _, tt := range []struct{ size, want int }{
		{-1, 64}, {0, 64}, {1, 64}, {64, 64}, {65, 128}, {1000, 1024}, {8192, 8192}, {8193, 16384},
	} {
		f := newTable(tt.size)
		if got := len(f.sets) * inFlightWays; got != tt.want || len(f.notes) != tt.want {
			t.Errorf("a table for %d spans has %d entries and %d notes, want %d", tt.size, got, len(f.notes), tt.want)
		}
	}
}

// Two ids never have the same key in the same set or in its neighbour: no span is taken
// for another, be the ids random or not.
func TestInFlightTellsIDsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newTable(rapid.SampledFrom([]int{64, 8192}).Draw(t, "size"))
		draw := rapid.Custom(func(t *rapid.T) uint64 {
			// Ids that differ in few bits, and those that the same set would be likely to hold.
			id := rapid.Uint64().Draw(t, "id")
			if rapid.Bool().Draw(t, "inverse") {
				id *= 0xF1DE83E19937733D // undoes the multiplication by place
			}
			return id
		})
		a := draw.Draw(t, "a")
		b := rapid.OneOf(draw, rapid.Map(rapid.IntRange(0, 63), func(bit int) uint64 { return a ^ 1<<bit })).Draw(t, "b")
		if a == b {
			return
		}
		var idA, idB [8]byte
		binary.LittleEndian.PutUint64(idA[:], a)
		binary.LittleEndian.PutUint64(idB[:], b)
		setA, keyA := f.place(idA)
		setB, keyB := f.place(idB)
		if keyA == keyB && setA>>1 == setB>>1 {
			t.Fatalf("%x and %x have the same place", a, b)
		}
		if keyA&entryStates != 0 || setA >= len(f.sets) {
			t.Fatalf("%x: key %x, set %d", a, keyA, setA)
		}
	})
}

// The ids of some programs are counted, not drawn.
func TestInFlightSpreadsSequentialIDs(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		f := newTable(8192)
		for i := range 6000 {
			s := &openSpan{}
			order.PutUint64(s.id[:], 1<<40+uint64(i))
			f.begin(s)
		}
		if n := f.untracked.Load(); n != 0 {
			t.Errorf("%v: %d of 6000 spans were not taken into a table of 8192", order, n)
		}
	}
}

// Half full, a table refuses next to nothing.
func TestInFlightLoad(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct{ spans, most int }{{2048, 0}, {4096, 40}, {6144, 400}, {8192, 1500}} {
		f := newTable(8192)
		for range tt.spans {
			s := &openSpan{}
			binary.LittleEndian.PutUint64(s.id[:], r.Uint64())
			f.begin(s)
		}
		n := int(f.untracked.Load())
		t.Logf("%d of %d spans were not taken into a table of 8192", n, tt.spans)
		if n > tt.most {
			t.Errorf("%d of %d spans were not taken into a table of 8192, want at most %d", n, tt.spans, tt.most)
		}
		checkUsed(t, f, tt.spans-n, tt.spans-n)
	}
}

// What a span is called, and for how long it is held.
func TestInFlightDescribesTwice(t *testing.T) {
	f := newTable(64)
	begun := time.Now()
	s := newOpenSpan("GET", SpanKindServer, begun)
	f.begin(s)
	for i, step := range []struct {
		rename, want string
		wantSpans    int
	}{
		{"GET", "GET", 1},
		{"GET /users/{id}", "GET /users/{id}", 0},
		{"too late", "GET /users/{id}", 0},
		{"too late", "GET /users/{id}", 0},
	} {
		s.name = step.rename
		var calls []InFlight
		untracked, abandoned := f.sweep(begun.Add(time.Minute), describeSpan, func(c InFlight) { calls = append(calls, c) })
		want := []InFlight{{Service: "shop", Operation: step.want, SpanKind: SpanKindServer, Started: begun}}
		if !slices.Equal(calls, want) || abandoned != 0 || untracked != 0 {
			t.Errorf("sweep %d: %+v, %d abandoned, %d untracked; want %+v", i, calls, abandoned, untracked, want)
		}
		checkUsed(t, f, 1, step.wantSpans)
	}
	f.end(s.id)
	f.end(s.id)
	checkUsed(t, f, 0, 0)
	if names, _, _ := f.names(begun); names != nil {
		t.Errorf("%q in flight, want nothing", names)
	}
	if i := slices.IndexFunc(f.notes, func(n inFlightNote) bool { return n != inFlightNote{} }); i >= 0 {
		t.Errorf("something is remembered of entry %d", i)
	}
}

func TestInFlightForgets(t *testing.T) {
	begun := time.Now()
	ended := newOpenSpan("ended", SpanKindServer, begun)
	ended.ended.Store(true)
	tests := map[string]struct {
		span          *openSpan
		after         time.Duration
		wantAbandoned uint64
	}{
		"a span of another kind":             {newOpenSpan("inner", SpanKindInternal, begun), 0, 0},
		"a span of another kind, long ago":   {newOpenSpan("inner", SpanKindInternal, begun), 2 * inFlightAge, 0},
		"a span whose end was kept from us":  {ended, 0, 0},
		"a span that is never ended":         {newOpenSpan("leak", SpanKindClient, begun), inFlightAge + 1, 1},
		"a span that began before it was so": {newOpenSpan("replay", SpanKindClient, begun.Add(-2*inFlightAge)), 0, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newTable(64)
			f.begin(tt.span)
			names, abandoned, _ := f.names(begun.Add(tt.after))
			if names != nil || abandoned != tt.wantAbandoned {
				t.Errorf("%q in flight, %d abandoned; want nothing, %d", names, abandoned, tt.wantAbandoned)
			}
			checkUsed(t, f, 0, 0)
			f.end(tt.span.id) // it may come all the same
			if _, abandoned, _ = f.names(begun.Add(tt.after)); abandoned != 0 {
				t.Error("it was counted twice")
			}
		})
	}
}

func TestInFlightForgetsAfterMaxAge(t *testing.T) {
	f := newTable(64)
	begun := time.Now()
	f.begin(newOpenSpan("leak", SpanKindServer, begun))
	f.begin(newOpenSpan("young", SpanKindServer, begun.Add(time.Minute)))
	for _, step := range []struct {
		age           time.Duration
		want          []string
		wantAbandoned uint64
	}{
		{0, []string{"leak", "young"}, 0},
		{inFlightAge / 2, []string{"leak", "young"}, 0},
		{inFlightAge, []string{"leak", "young"}, 0},
		{inFlightAge + 1, []string{"young"}, 1},
		{inFlightAge + 2, []string{"young"}, 0},
		{2 * inFlightAge, nil, 1},
		{3 * inFlightAge, nil, 0},
	} {
		names, abandoned, untracked := f.names(begun.Add(step.age))
		if !slices.Equal(names, step.want) || abandoned != step.wantAbandoned || untracked != 0 {
			t.Errorf("after %s: %q in flight, %d abandoned, %d untracked; want %q, %d, 0",
				step.age, names, abandoned, untracked, step.want, step.wantAbandoned)
		}
	}
	checkUsed(t, f, 0, 0)
}

// A full table counts what it can't take in, and works on.
func TestInFlightWhenFull(t *testing.T) {
	f := newTable(64)
	now := time.Now()
	for range 10_000 {
		f.begin(newOpenSpan("leak", SpanKindServer, now))
	}
	checkUsed(t, f, 64, 64)
	names, abandoned, untracked := f.names(now)
	if len(names) != 64 || abandoned != 0 || untracked != 10_000-64 {
		t.Fatalf("%d in flight, %d abandoned, %d untracked; want 64, 0, %d", len(names), abandoned, untracked, 10_000-64)
	}
	if _, _, untracked = f.names(now); untracked != 0 {
		t.Errorf("%d untracked spans were counted twice", untracked)
	}
	late := newOpenSpan("late", SpanKindServer, now)
	f.begin(late)
	f.end(late.id)
	names, abandoned, untracked = f.names(now.Add(inFlightAge + 1))
	if names != nil || abandoned != 64 || untracked != 1 {
		t.Fatalf("%q in flight, %d abandoned, %d untracked; want none, 64, 1", names, abandoned, untracked)
	}
	f.begin(late)
	if names, _, _ = f.names(now); !slices.Equal(names, []string{"late"}) {
		t.Errorf("%q in flight, want late", names)
	}
}

// A span is found again where it was taken in, be it in its set's neighbour.
func TestInFlightEndsInTheNeighbour(t *testing.T) {
	f := newTable(64)
	var taken []*openSpan
	for f.untracked.Load() < 1000 {
		s := newOpenSpan("GET", SpanKindServer, time.Now())
		f.begin(s)
		taken = append(taken, s)
	}
	checkUsed(t, f, 64, 64)
	for _, s := range taken {
		f.end(s.id)
	}
	checkUsed(t, f, 0, 0)
}

// Of a name that was cut nothing but what is left is held.
func TestInFlightHoldsOnToNothingElse(t *testing.T) {
	f := newTable(64)
	name := strings.Repeat("x", 1<<20)
	f.begin(newOpenSpan(name, SpanKindServer, time.Now()))
	for i := range 3 {
		f.sweep(time.Now(), describeSpan, func(c InFlight) {
			if c.Operation != name[:MaxNameBytes] || i == 2 && unsafe.StringData(c.Operation) == unsafe.StringData(name) {
				t.Errorf("sweep %d: %d bytes of the span's own name are held", i, len(c.Operation))
			}
		})
	}
}

// The table holds what a map would hold, whatever happens in whatever order.
func TestInFlightIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type known struct {
			span  *openSpan
			seen  int
			taken bool
		}
		f := newTable(64)
		now := time.Now()
		var open []*known
		used := make(map[[8]byte]bool)
		refused, number := uint64(0), 0
		remove := func(i int) { open = slices.Delete(open, i, i+1) }
		t.Repeat(map[string]func(*rapid.T){
			"start": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "spans") {
					number++
					kind := rapid.SampledFrom([]SpanKind{SpanKindServer, SpanKindServer, SpanKindClient, SpanKindInternal}).Draw(t, "kind")
					k := &known{span: &openSpan{name: strconv.Itoa(number), kind: kind, started: now}}
					binary.LittleEndian.PutUint64(k.span.id[:], rapid.Uint64().Draw(t, "id"))
					if used[k.span.id] {
						continue // ids don't repeat
					}
					used[k.span.id] = true
					before := f.untracked.Load()
					f.begin(k.span)
					if k.taken = f.untracked.Load() == before; !k.taken {
						refused++
					}
					open = append(open, k)
				}
			},
			"end": func(t *rapid.T) {
				for range min(len(open), rapid.IntRange(1, 20).Draw(t, "spans")) {
					i := rapid.IntRange(0, len(open)-1).Draw(t, "span")
					f.end(open[i].span.id)
					remove(i)
				}
			},
			"end of an unknown span": func(*rapid.T) { f.end(randomSpanID()) },
			"later": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "minutes")) * time.Minute)
			},
			"sweep": func(t *rapid.T) {
				var want []string
				wantAbandoned, wantUntracked := uint64(0), refused
				refused = 0
				for i := len(open) - 1; i >= 0; i-- {
					switch k := open[i]; {
					case !k.taken:
					case k.span.kind == SpanKindInternal:
						k.taken = false
					case now.Sub(k.span.started) > inFlightAge:
						k.taken = false
						wantAbandoned++
					default:
						k.seen++
						want = append(want, k.span.name)
					}
				}
				slices.Sort(want)
				names, abandoned, untracked := f.names(now)
				if !slices.Equal(names, want) || abandoned != wantAbandoned || untracked != wantUntracked {
					t.Fatalf("%q in flight, %d abandoned, %d untracked; want %q, %d, %d", names, abandoned, untracked, want, wantAbandoned, wantUntracked)
				}
			},
			"": func(t *rapid.T) {
				entries, spans := 0, 0
				for _, k := range open {
					if k.taken {
						entries++
						if k.seen < 2 {
							spans++
						}
					}
				}
				checkUsed(t, f, entries, spans)
			},
		})
	})
}

// Spans begin and end on many goroutines while one sweeps. What it reports of a call is of
// that call alone, and the call was in flight during the sweep. Calls that are in flight all
// the time are always seen.
func TestInFlightConcurrently(t *testing.T) {
	const workers, each, standing = 4, 50_000, 8
	type call struct {
		openSpan
		begun atomic.Bool
		until atomic.Int64 // the number of sweeps that had begun when it had ended; 0: it has not
	}
	f := newTable(256)
	noon := time.Now()
	calls := make([]call, workers*each+standing)
	for i := range calls {
		c := &calls[i]
		c.id, c.name, c.kind, c.started = randomSpanID(), strconv.Itoa(i), SpanKind(2+i%4), noon.Add(time.Duration(i))
	}
	for i := workers * each; i < len(calls); i++ {
		calls[i].begun.Store(true)
		f.begin(&calls[i].openSpan)
	}
	var sweeps atomic.Int64
	var working sync.WaitGroup
	for w := range workers {
		working.Go(func() {
			var open []*call
			for i := range each {
				c := &calls[w*each+i]
				c.begun.Store(true)
				f.begin(&c.openSpan)
				open = append(open, c)
				for len(open) > i%40 { // so that the table is now nearly empty and now nearly full
					c := open[0]
					open = open[1:]
					c.ended.Store(true)
					f.end(c.id)
					c.until.Store(max(1, sweeps.Load()))
				}
			}
			for _, c := range open {
				f.end(c.id)
				c.until.Store(max(1, sweeps.Load()))
			}
		})
	}
	done := make(chan struct{})
	go func() { working.Wait(); close(done) }()
	seen := 0
	for isDone := false; !isDone; {
		select {
		case <-done:
			isDone = true
		default:
		}
		sweep := sweeps.Add(1)
		stood := 0
		_, abandoned := f.sweep(noon, describeSpan, func(got InFlight) {
			i, err := strconv.Atoi(got.Operation)
			if err != nil || i >= len(calls) {
				t.Fatalf("%+v is no call", got)
			}
			c := &calls[i]
			if want := (InFlight{Service: "shop", Operation: c.name, SpanKind: c.kind, Started: c.started}); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
			if until := c.until.Load(); !c.begun.Load() || until != 0 && until < sweep {
				t.Errorf("sweep %d: call %d was not in flight: begun %t, until %d", sweep, i, c.begun.Load(), until)
			}
			if i >= workers*each {
				stood++
			} else {
				seen++
			}
		})
		if abandoned != 0 || stood != standing {
			t.Fatalf("sweep %d: %d abandoned, %d of %d standing calls seen", sweep, abandoned, stood, standing)
		}
	}
	t.Logf("%d sweeps saw %d calls", sweeps.Load(), seen)
	checkUsed(t, f, standing, 0)
	for i := workers * each; i < len(calls); i++ {
		f.end(calls[i].id)
	}
	checkUsed(t, f, 0, 0)
}

// A span that ends while it is described is not reported, and its entry is free again.
func TestInFlightEndWhileDescribed(t *testing.T) {
	now := time.Now()
	for _, kind := range []SpanKind{SpanKindServer, SpanKindInternal} {
		for _, at := range []time.Time{now, now.Add(2 * inFlightAge)} {
			f := newTable(64)
			s := newOpenSpan("GET", kind, now)
			f.begin(s)
			_, abandoned := f.sweep(at, func(span any) (InFlight, bool) {
				f.end(s.id)
				return describeSpan(span)
			}, func(c InFlight) { t.Errorf("%+v has ended", c) })
			if abandoned != 0 {
				t.Errorf("%d abandoned", abandoned)
			}
			checkUsed(t, f, 0, 0)
		}
	}
}

// Ended spans, and those seen twice, are kept alive by nothing here.
func TestInFlightLetsGoOfSpans(t *testing.T) {
	tests := map[string]func(f *inFlight, id [8]byte){
		"ended":             func(f *inFlight, id [8]byte) { f.end(id) },
		"ended after sweep": func(f *inFlight, id [8]byte) { f.names(time.Now()); f.end(id) },
		"swept twice":       func(f *inFlight, _ [8]byte) { f.names(time.Now()); f.names(time.Now()) },
		"abandoned":         func(f *inFlight, _ [8]byte) { f.names(time.Now().Add(2 * inFlightAge)) },
	}
	for name, finish := range tests {
		t.Run(name, func(t *testing.T) {
			f := newTable(64)
			gone := make(chan struct{})
			func() {
				s := newOpenSpan("GET", SpanKindServer, time.Now())
				runtime.AddCleanup(s, func(done chan struct{}) { close(done) }, gone)
				f.begin(s)
				checkUsed(t, f, 1, 1)
				finish(f, s.id)
			}()
			again := time.NewTicker(time.Millisecond) // the runtime runs cleanups some time after
			defer again.Stop()
			for range 100 {
				runtime.GC()
				select {
				case <-gone:
					runtime.KeepAlive(f)
					return
				case <-again.C:
				}
			}
			t.Error("the span is still alive")
		})
	}
}

// A program that never ends its spans can't fill the memory.
func TestInFlightMemory(t *testing.T) {
	const spans = 1_000_000
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	f := newTable(8192)
	now := time.Now()
	seen := 0
	for i := range spans {
		f.begin(newOpenSpan("leak", SpanKindServer, now))
		if i%(spans/4) == 0 {
			names, _, _ := f.names(now)
			seen = len(names)
		}
	}
	names, abandoned, _ := f.names(now)
	if len(names) < seen || len(names) > 8192 || abandoned != 0 {
		t.Errorf("%d in flight after %d, %d abandoned; want at most 8192, 0", len(names), seen, abandoned)
	}
	f.names(now)
	grown := heap() - before
	t.Logf("%d KiB for %d spans that never end", grown>>10, spans)
	if grown > 4<<20 {
		t.Errorf("%d spans that never end hold %d KiB, want at most 4 MiB", spans, grown>>10)
	}
	checkUsed(t, f, 8192, 0)
}

func TestInFlightAllocatesNothing(t *testing.T) {
	s := newOpenSpan("GET", SpanKindServer, time.Now())
	f := newTable(64)
	if n := testing.AllocsPerRun(100, func() {
		f.begin(s)
		f.end(s.id)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	for range 1000 {
		f.begin(newOpenSpan("leak", SpanKindServer, time.Now()))
	}
	if n := testing.AllocsPerRun(100, func() {
		f.begin(s)
		f.end(s.id)
	}); n != 0 {
		t.Errorf("%v allocations when full", n)
	}
	f.names(time.Now())
	f.names(time.Now())
	if n := testing.AllocsPerRun(100, func() {
		f.sweep(time.Now(), describeSpan, func(InFlight) {})
	}); n != 0 {
		t.Errorf("%v allocations by a sweep that sees nothing new", n)
	}
}

// Whichever objective has a StuckAfter: calls are tracked, and for long enough.
func TestEngineTracksCallsInFlight(t *testing.T) {
	for name, tt := range map[string]struct {
		config Config
		want   time.Duration
	}{
		"nobody asks for it":        {Config{}, 0},
		"MaxInFlight":               {Config{MaxInFlight: 64}, time.Hour},
		"for all operations":        {Config{Objective: Objective{StuckAfter: time.Minute}}, time.Hour},
		"for two operations":        {Config{Operations: map[string]Objective{"a": {StuckAfter: 3 * time.Hour}, "b": {StuckAfter: time.Minute}}}, 6 * time.Hour},
		"for a service":             {Config{Services: map[string]ServiceObjectives{"shop": {Objective: Objective{StuckAfter: 3 * time.Hour}}}}, 6 * time.Hour},
		"for a service's operation": {Config{Services: map[string]ServiceObjectives{"shop": {Operations: map[string]Objective{"a": {StuckAfter: 3 * time.Hour}}}}}, 6 * time.Hour},
		"the longest counts":        {Config{Objective: Objective{StuckAfter: 2 * time.Hour}, Operations: map[string]Objective{"a": {StuckAfter: time.Hour}}}, 4 * time.Hour},
		"switched off everywhere":   {Config{Objective: Objective{StuckAfter: -1}, Operations: map[string]Objective{"a": {StuckAfter: -1}}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := New(tt.config, Hooks{Describe: describeSpan})
			if err != nil {
				t.Fatal(err)
			}
			defer shutdown(t, e)
			if (e.inFlight != nil) != (tt.want > 0) || (e.Config().MaxInFlight > 0) != (tt.want > 0) {
				t.Fatalf("tracked: %t, at most %d", e.inFlight != nil, e.Config().MaxInFlight)
			}
			if tt.want > 0 && e.inFlight.maxAge() != tt.want {
				t.Errorf("given up after %s, want %s", e.inFlight.maxAge(), tt.want)
			}
		})
	}
}

func TestEngineSetObjectiveStuckAfter(t *testing.T) {
	untracked, err := New(Config{}, Hooks{Describe: describeSpan})
	if err != nil {
		t.Fatal(err)
	}
	defer shutdown(t, untracked)
	if err := untracked.SetObjective("a", Objective{StuckAfter: time.Minute}); err == nil || !strings.HasPrefix(err.Error(), "stuck_after: ") {
		t.Errorf("got %v, want an error that names stuck_after", err)
	}
	tracked, err := New(Config{MaxInFlight: 64}, Hooks{Describe: describeSpan})
	if err != nil {
		t.Fatal(err)
	}
	defer shutdown(t, tracked)
	if err := tracked.SetObjective("a", Objective{StuckAfter: 5 * time.Hour}); err != nil {
		t.Error(err)
	}
	if age := tracked.inFlight.maxAge(); age != 10*time.Hour {
		t.Errorf("calls are given up after %s, before they can be stuck for long", age)
	}
}

// openSpans returns spans that have begun.
func openSpans(n int) (spans []*openSpan) {
	for range n {
		spans = append(spans, newOpenSpan("GET", SpanKindServer, time.Now()))
	}
	return spans
}

func BenchmarkInFlight(b *testing.B) {
	for _, standing := range []int{0, 1000, 4000} {
		b.Run(fmt.Sprintf("%d in flight", standing), func(b *testing.B) {
			f := newTable(8192)
			for range standing {
				f.begin(newOpenSpan("leak", SpanKindServer, time.Now()))
			}
			started := openSpans(256)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f.begin(started[i%256])
				f.end(started[i%256].id)
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		f := newTable(8192)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			started := openSpans(256)
			for i := 0; pb.Next(); i++ {
				f.begin(started[i%256])
				f.end(started[i%256].id)
			}
		})
	})
	b.Run("sweep of 4000", func(b *testing.B) {
		f := newTable(8192)
		for range 4000 {
			f.begin(newOpenSpan("leak", SpanKindServer, time.Now()))
		}
		for b.Loop() {
			f.sweep(time.Now(), describeSpan, func(InFlight) {})
		}
	})
}
