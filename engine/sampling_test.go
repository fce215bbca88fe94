package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// observer is a processor that does nothing but to observe, as a monitor would.
type observer struct {
	sampling sampling
	seen     int // spans until it was decided
}

func (*observer) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (*observer) Shutdown(context.Context) error                  { return nil }
func (*observer) ForceFlush(context.Context) error                { return nil }

func (o *observer) OnEnd(s sdktrace.ReadOnlySpan) {
	if !o.sampling.isDecided() {
		o.seen++
		o.sampling.observeSpan(s.SpanContext(), s.Parent())
	}
}

// observeSpan observes a span by the names of the SDK.
func (s *sampling) observeSpan(sc, parent trace.SpanContext) {
	s.observe(&Link{Trace: sc.TraceID(), Span: sc.SpanID(), Parent: parent.SpanID(), RemoteParent: parent.IsRemote()}, sc.IsSampled())
}

// generator makes ids of which the last eight bytes are what it returns.
type generator func() uint64

func (g generator) NewIDs(ctx context.Context) (id trace.TraceID, span trace.SpanID) {
	binary.BigEndian.PutUint64(id[:], 1)
	binary.BigEndian.PutUint64(id[8:], g())
	return id, g.NewSpanID(ctx, id)
}

func (generator) NewSpanID(context.Context, trace.TraceID) trace.SpanID { return trace.SpanID{1} }

// seeded returns random ids that are the same each time.
func seeded(seed uint64) generator { return rand.New(rand.NewPCG(seed, 0)).Uint64 }

func traceIDOf(id uint64) trace.TraceID {
	traceID, _ := generator(func() uint64 { return id }).NewIDs(context.Background())
	return traceID
}

// consistent is a sampler that lets the traces through whose randomness is not below a
// threshold, as consistent probability samplers do.
type consistent struct{ share float64 }

func (consistent) Description() string { return "consistent" }
func (c consistent) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	randomness := binary.BigEndian.Uint64(p.TraceID[8:]) & (1<<56 - 1)
	if float64(randomness) >= (1-c.share)*(1<<56) {
		return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample}
	}
	return sdktrace.SamplingResult{Decision: sdktrace.Drop}
}

// remoteContext is that of a request whose trace began elsewhere.
func remoteContext(id uint64, sampled bool) context.Context {
	return trace.ContextWithRemoteSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: traceIDOf(id), SpanID: trace.SpanID{2}, TraceFlags: trace.TraceFlags(0).WithSampled(sampled),
	}))
}

func checkShare(t *testing.T, s *sampling, want float64) {
	t.Helper()
	if share := s.ratio(); math.Abs(share-want) > widestGap*want {
		t.Errorf("a share of %v, want %v", share, want)
	}
}

func TestSamplersAreNoticed(t *testing.T) {
	ratio := sdktrace.TraceIDRatioBased
	// remote makes remote parents of which a ratio sampler samples a share.
	remote := func(share float64) func() context.Context {
		random := seeded(1)
		return func() context.Context {
			id := random()
			return remoteContext(id, float64(id>>1) < share*(1<<63))
		}
	}
	tests := map[string]struct {
		sampler  sdktrace.Sampler
		parent   func() context.Context // default: there is none
		want     float64
		wantSeen int // spans that it takes
	}{
		"ratio":                          {sampler: ratio(0.1), want: 0.1, wantSeen: 600},
		"one half":                       {sampler: ratio(0.5), want: 0.5, wantSeen: 600},
		"most":                           {sampler: ratio(0.9), want: 0.9, wantSeen: 600},
		"few":                            {sampler: ratio(0.001), want: 0.001, wantSeen: 600},
		"parent-based ratio":             {sampler: sdktrace.ParentBased(ratio(0.1)), want: 0.1, wantSeen: 600},
		"consistent":                     {sampler: consistent{0.1}, want: 0.1, wantSeen: 600},
		"consistent half":                {sampler: consistent{0.5}, want: 0.5, wantSeen: 600},
		"all":                            {sampler: sdktrace.AlwaysSample(), wantSeen: 600},
		"nearly all":                     {sampler: ratio(0.99), wantSeen: 600},
		"default":                        {sampler: sdktrace.ParentBased(sdktrace.AlwaysSample()), wantSeen: 600},
		"recorded ratio":                 {sampler: sdktrace.AlwaysRecord(ratio(0.1)), wantSeen: 1},
		"recorded parent-based ratio":    {sampler: sdktrace.AlwaysRecord(sdktrace.ParentBased(ratio(0.1))), wantSeen: 1},
		"recorded most":                  {sampler: sdktrace.AlwaysRecord(ratio(0.9)), wantSeen: 55},
		"none recorded":                  {sampler: sdktrace.AlwaysRecord(sdktrace.NeverSample()), wantSeen: 1},
		"remote parents, default":        {sampler: sdktrace.ParentBased(sdktrace.AlwaysSample()), parent: remote(0.1), want: 0.1, wantSeen: 600},
		"remote parents, ratio again":    {sampler: ratio(0.2), parent: remote(0.4), want: 0.2, wantSeen: 600},
		"remote parents, all":            {sampler: sdktrace.AlwaysSample(), parent: remote(0.1), wantSeen: 600},
		"remote parents, recorded":       {sampler: sdktrace.AlwaysRecord(sdktrace.ParentBased(sdktrace.AlwaysSample())), parent: remote(0.1), wantSeen: 30},
		"remote parents, all sampled":    {sampler: sdktrace.ParentBased(sdktrace.AlwaysSample()), parent: remote(1), wantSeen: 600},
		"remote parents, half or 63 bit": {sampler: sdktrace.ParentBased(sdktrace.AlwaysSample()), parent: remote(0.5), wantSeen: 600},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var o observer
			tp := sdktrace.NewTracerProvider(sdktrace.WithSampler(tt.sampler), sdktrace.WithSpanProcessor(&o), sdktrace.WithIDGenerator(seeded(2)))
			tracer := tp.Tracer("test")
			traces := 0
			for ; !o.sampling.isDecided() && traces < 1_000_000; traces++ {
				ctx := context.Background()
				if tt.parent != nil {
					ctx = tt.parent()
				}
				// Three spans a trace, of which the inner ones end first.
				ctx, root := tracer.Start(ctx, "GET")
				for range 2 {
					_, child := tracer.Start(ctx, "SELECT")
					child.End()
				}
				root.End()
			}
			checkShare(t, &o.sampling, tt.want)
			if o.seen > tt.wantSeen || o.seen == 0 {
				t.Errorf("decided after %d spans of %d traces, want at most %d spans", o.seen, traces, tt.wantSeen)
			}
		})
	}
}

// observeAll observes the first spans of so many traces, which began here or elsewhere.
func observeAll(s *sampling, traces int, ids generator, isRemote bool) {
	for range traces {
		traceID := traceIDOf(ids())
		var parent trace.SpanContext
		if isRemote {
			parent = trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true})
		}
		s.observeSpan(trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled}), parent)
	}
}

// Ids may be low without a sampler being to blame.
func TestOtherIDsAreNoSigns(t *testing.T) {
	const nanos = 1_790_000_000_000_000_000
	// Each id is made of its number and of random bits.
	tests := map[string]func(n, random uint64) uint64{
		"sequential":                          func(n, _ uint64) uint64 { return n },
		"sequential from far":                 func(n, _ uint64) uint64 { return 1<<60 + n },
		"sequential, falling":                 func(n, _ uint64) uint64 { return 1<<60 - n },
		"sequential, wide steps":              func(n, _ uint64) uint64 { return 1<<40 + n<<53 },
		"sequential, little-endian":           func(n, _ uint64) uint64 { return bits.ReverseBytes64(n) },
		"sequential, little-endian, falling":  func(n, _ uint64) uint64 { return bits.ReverseBytes64(230 - n) },
		"sequential, in twos swapped":         func(n, _ uint64) uint64 { return (n ^ 1) << 54 },
		"counter before random bits":          func(n, random uint64) uint64 { return n<<54 | random>>10 },
		"counter before random bits, falling": func(n, random uint64) uint64 { return (210-n)<<54 | random>>10 },
		"nanoseconds":                         func(n, random uint64) uint64 { return nanos + n*1e9 + random%1e9 },
		"microseconds":                        func(n, random uint64) uint64 { return nanos/1e3 + n*1e6 + random%1e6 },
		"milliseconds before random bits":     func(n, random uint64) uint64 { return (nanos/1e6+n)<<22 | random>>42 },
		"seconds before random bits":          func(n, random uint64) uint64 { return (nanos/1e9+n)<<32 | random>>32 },
		"32 random bits":                      func(_, random uint64) uint64 { return random >> 32 },
		"32 random bits after a prefix":       func(_, random uint64) uint64 { return 0x1234_5678<<32 | random>>32 },
		"48 random bits after a prefix":       func(_, random uint64) uint64 { return 0x1234<<48 | random>>16 },
		"UUID":                                func(_, random uint64) uint64 { return random>>2 | 1<<63 },
		"decimal digits": func(_, random uint64) uint64 { // as hexadecimal ones
			id, _ := strconv.ParseUint(fmt.Sprintf("%016d", random%1e16), 16, 64)
			return id
		},
	}
	for name, id := range tests {
		for _, isRemote := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				var s sampling
				n, random := uint64(0), seeded(3)
				observeAll(&s, sampledTraces, func() uint64 { n++; return id(n, random()) }, isRemote)
				if !s.isDecided() {
					t.Error("not decided")
				}
				checkShare(t, &s, 0)
			})
		}
	}
	t.Run("63 random bits", func(t *testing.T) {
		random := seeded(3)
		bits63 := func() uint64 { return random() >> 1 }
		var s sampling
		observeAll(&s, leastLocal-1, bits63, false)
		observeAll(&s, sampledTraces, bits63, true)
		checkShare(t, &s, 0)
	})
	t.Run("constant", func(t *testing.T) {
		var s sampling
		observeAll(&s, 10*sampledTraces, func() uint64 { return 1 }, false)
		if s.isDecided() {
			t.Error("decided after one trace")
		}
	})
}

func TestEachTraceCountsOnce(t *testing.T) {
	var s sampling
	ids := seeded(4)
	for range sampledTraces - 1 {
		id := ids()
		observeAll(&s, 3, func() uint64 { return id }, true)
	}
	again := seeded(4)
	observeAll(&s, sampledTraces-1, again, true)
	if s.isDecided() {
		t.Fatalf("decided after %d traces", sampledTraces-1)
	}
	checkShare(t, &s, 0)
	observeAll(&s, 1, ids, true)
	if !s.isDecided() {
		t.Fatalf("not decided after %d traces", sampledTraces)
	}
	if s.ids != nil {
		t.Error("ids are kept after the decision")
	}
}

// What was decided stays.
func TestDecisionIsFinal(t *testing.T) {
	low := seeded(5)
	lowIDs := func() uint64 { return low() / 10 }
	unsampled := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}})

	var s sampling
	observeAll(&s, sampledTraces, lowIDs, false)
	checkShare(t, &s, 0.1)
	s.observeSpan(unsampled, trace.SpanContext{})
	checkShare(t, &s, 0.1)

	var other sampling
	observeAll(&other, sampledTraces-1, lowIDs, false)
	other.observeSpan(unsampled, unsampled) // an inner span says so as well
	if !other.isDecided() {
		t.Error("a span that is recorded and not sampled decides nothing")
	}
	observeAll(&other, 2*sampledTraces, lowIDs, false)
	checkShare(t, &other, 0)
}

// No program without a sampler is told that it has one.
func TestNoFalseAlarms(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 0))
	ids := make([]uint64, sampledTraces)
	for i := range 20_000 {
		for j := range ids {
			ids[j] = r.Uint64()
		}
		if share := sampledShare(ids, sampledTraces); share != 0 {
			t.Fatalf("program %d: a share of %v", i, share)
		}
	}
}

// Nearly every program with a sampler is told so, and what share that lets through.
func TestFewSamplersAreMissed(t *testing.T) {
	const programs = 2000
	r := rand.New(rand.NewPCG(7, 0))
	ids := make([]uint64, sampledTraces)
	for _, want := range []float64{0.0005, 0.01, 0.25, 0.5, 0.9} {
		missed, sum := 0, 0.0
		for range programs {
			for j := range ids {
				ids[j] = uint64(r.Float64()*want*(1<<32))<<32 | uint64(r.Uint32())
			}
			share := sampledShare(ids, sampledTraces)
			if share == 0 {
				missed++
			}
			sum += share
		}
		if mean := sum / float64(programs-missed); missed > 0 || math.Abs(mean-want) > 0.001*want {
			t.Errorf("a share of %v: %d of %d missed, estimated as %v", want, missed, programs, mean)
		}
	}
}

func TestSamplingConcurrently(t *testing.T) {
	const observers, each = 4, observedSpans / 5 // so that it is not given up, whoever waits for whom
	var s sampling
	var observing sync.WaitGroup
	for i := range uint64(observers) {
		observing.Go(func() {
			ids := seeded(8 + i)
			for range each {
				if s.isDecided() {
					checkShare(t, &s, 0.1)
					return
				}
				observeAll(&s, 1, func() uint64 { return ids() / 10 }, i%2 == 0)
			}
		})
	}
	observing.Wait()
	checkShare(t, &s, 0.1)
}

// The user is told once, by a sentence that says what to do.
func TestEngineSaysThatCallsAreKept(t *testing.T) {
	for share, want := range map[float64]string{0.1004: "about 10 %", 0.5: "about 50 %", 0.9299: "about 93 %", 0.00123: "about 0.12 %"} {
		var said []string
		e := &Engine{hooks: Hooks{OnError: func(err error) { said = append(said, err.Error()) }}}
		for range 3 {
			e.reportSampled(&Period{SampledRatio: share})
			e.reportSampled(&Period{})
		}
		if len(said) != 1 || !strings.Contains(said[0], want) || !strings.Contains(said[0], "sdktrace.WithSampler(sdktrace.AlwaysRecord(sampler))") {
			t.Errorf("%v: %q; want %s, once", share, said, want)
		}
	}
}

// A program whose spans are all of a few traces does not pay for the question for ever.
func TestSamplingGivesUp(t *testing.T) {
	var s sampling
	root := trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceIDOf(1), SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled})
	for i := range observedSpans {
		if s.isDecided() {
			t.Fatalf("decided after %d spans of one trace", i)
		}
		parent := root
		if i%2 == 0 {
			parent = trace.SpanContext{}
		}
		s.observeSpan(root, parent)
	}
	if share := s.ratio(); !s.isDecided() || share != 0 {
		t.Errorf("decided: %t, share %v", s.isDecided(), share)
	}
}
