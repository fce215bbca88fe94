package baseline

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

const sliceTime = 3 * time.Second

// source is a part of calls with a rate and log-normal times.
type source struct {
	part   engine.Part
	rate   float64 // calls a second
	median time.Duration
	sigma  float64
	fails  float64
}

// world makes slices.
type world struct {
	random  *rand.Rand
	now     time.Time
	sources []*source
}

func newWorld(seed uint64, sources ...*source) *world {
	return &world{random: rand.New(rand.NewPCG(seed, 1)), now: noon, sources: sources}
}

// slice returns the next slice.
func (w *world) slice() *engine.Slice {
	s := &engine.Slice{Start: w.now, End: w.now.Add(sliceTime)}
	for _, from := range w.sources {
		c := engine.PartCounts{Part: from.part}
		for n := w.poisson(from.rate * sliceTime.Seconds()); n > 0; n-- {
			took := time.Duration(float64(from.median) * math.Exp(from.sigma*w.random.NormFloat64()))
			call := &engine.Exemplar{Duration: took, End: s.Start}
			c.Calls++
			c.Times = append(c.Times, engine.TimeCount{Duration: took, Count: 1})
			if c.Slowest == nil || took > c.Slowest.Duration {
				c.Slowest = call
			}
			if w.random.Float64() < from.fails {
				c.Failures++
				c.Failed = call
			}
		}
		if c.Calls > 0 {
			s.Parts = append(s.Parts, c)
		}
	}
	w.now = s.End
	return s
}

func (w *world) poisson(mean float64) (n int) {
	if mean > 50 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*w.random.NormFloat64())))
	}
	for p := w.random.Float64(); p > math.Exp(-mean); n++ {
		p *= w.random.Float64()
	}
	return n
}

// watch lets a detector observe for a time, and returns the changes.
func (w *world) watch(d *Detector, length time.Duration) (changes []Change) {
	for until := w.now.Add(length); w.now.Before(until); {
		changes = append(changes, d.Observe(w.slice(), nil)...)
	}
	return changes
}

func selfOf(service, name string) engine.Part {
	return engine.Part{OperationKey: engine.OperationKey{Service: service, SpanKind: engine.SpanKindServer, Name: name}}
}

func remoteOf(service, name string) engine.Part {
	return engine.Part{OperationKey: engine.OperationKey{Service: service, SpanKind: engine.SpanKindClient, Name: name}, Kind: engine.PartRemote}
}

func edgeOf(from, name, to string) engine.Part {
	p := remoteOf(from, name)
	p.Kind, p.Peer = engine.PartEdge, engine.OperationKey{Service: to, SpanKind: engine.SpanKindServer, Name: "x"}
	return p
}

func ms(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }

func TestSlowerPartBeginsAndEnds(t *testing.T) {
	stock := &source{part: remoteOf("shop", "SELECT stock"), rate: 4, median: ms(5), sigma: 0.3}
	w := newWorld(1, stock, &source{part: selfOf("shop", "GET /"), rate: 4, median: ms(20), sigma: 0.3})
	d := New(Config{})
	if changes := w.watch(d, 20*time.Minute); len(changes) > 0 {
		t.Fatalf("healthy traffic: %+v", changes)
	}
	began := w.now
	stock.median = ms(62)
	changes := w.watch(d, time.Minute)
	if len(changes) != 1 {
		t.Fatalf("got %d changes, want 1: %+v", len(changes), changes)
	}
	c := changes[0]
	if c.Part != stock.part || c.Aspect != AspectTime || c.State != ChangeBegan || c.Score < threshold {
		t.Errorf("got %+v", c)
	}
	if after := c.At.Sub(began); after < 20*time.Second || after > 30*time.Second {
		t.Errorf("it was reported after %s", after)
	}
	if c.Since.Sub(began).Abs() > sliceTime {
		t.Errorf("since %s, want about %s", c.Since, began)
	}
	near(t, "usual p50", c.Usual.P50, ms(5))
	near(t, "p50 now", c.Now.P50, ms(62))
	if c.Usual.High < ms(6) || c.Usual.High > ms(30) {
		t.Errorf("usually within %s", c.Usual.High)
	}
	if c.Slowest == nil || c.Slowest.Duration < ms(62) {
		t.Errorf("slowest %+v", c.Slowest)
	}
	if len(c.Roots) == 0 || c.Roots[0].Service != "shop" || c.Roots[0].Kind != RootRemote || c.Roots[0].Part != stock.part {
		t.Errorf("roots %+v", c.Roots)
	}
	if more := w.watch(d, 10*time.Minute); len(more) > 0 {
		t.Errorf("while it lasts: %+v", more)
	}
	if u, ok := d.Usual(stock.part); !ok || u.P50 > ms(6) {
		t.Errorf("the fault was learned: %+v", u)
	}
	over := w.now
	stock.median = ms(5)
	changes = w.watch(d, 3*time.Minute)
	if len(changes) != 1 || changes[0].State != ChangeEnded {
		t.Fatalf("got %+v, want one that ended", changes)
	}
	if after := changes[0].At.Sub(over); after > 90*time.Second {
		t.Errorf("its end was reported after %s", after)
	}
	near(t, "p50 after it", changes[0].Now.P50, ms(5))
}

func near(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if f := float64(got) / float64(want); f < 0.85 || f > 1.18 {
		t.Errorf("%s: got %s, want about %s", what, got, want)
	}
}

func TestMoreFailuresBeginAndEnd(t *testing.T) {
	for _, test := range []struct {
		before, now float64
		rate        float64
		isWorse     bool
	}{
		{0.001, 0.04, 40, true},
		{0, 1, 0.5, true},
		{0, 0.5, 1, true},
		{0.1, 0.5, 2, true},
		{0.001, 0.002, 40, false},
		{0.05, 0.06, 40, false},
		{0.3, 0.3, 5, false},
	} {
		op := &source{part: selfOf("shop", "GET /"), rate: test.rate, median: ms(20), sigma: 0.3, fails: test.before}
		w := newWorld(2, op)
		d := New(Config{})
		if changes := w.watch(d, 2*time.Hour); len(changes) > 0 {
			t.Errorf("%+v: healthy traffic: %+v", test, changes)
		}
		op.fails = test.now
		changes := w.watch(d, time.Minute)
		if isWorse := len(changes) > 0; isWorse != test.isWorse {
			t.Errorf("%+v: changes %+v", test, changes)
		}
		for _, c := range changes {
			if c.Aspect != AspectFailures || math.Abs(c.Now.FailureRatio-test.now) > test.now/2 || c.Failed == nil {
				t.Errorf("%+v: got %+v", test, c)
			}
		}
		op.fails = test.before
		if changes := w.watch(d, 5*time.Minute); test.isWorse && (len(changes) != 1 || changes[0].State != ChangeEnded) {
			t.Errorf("%+v: afterwards %+v", test, changes)
		}
	}
}

func TestHealthyTrafficIsQuiet(t *testing.T) {
	for _, median := range []time.Duration{50 * time.Microsecond, ms(2), ms(80), 4 * time.Second, 3 * time.Minute} {
		for _, rate := range []float64{0.05, 0.5, 5, 100} {
			for _, sigma := range []float64{0.1, 0.5, 1.2} {
				w := newWorld(3, &source{part: selfOf("a", "x"), rate: rate, median: median, sigma: sigma, fails: 0.01})
				length := 2 * time.Hour
				if rate > 50 {
					length = 20 * time.Minute
				}
				if changes := w.watch(New(Config{}), length); len(changes) > 0 {
					t.Errorf("median %s, %v a second, sigma %v: %+v", median, rate, sigma, changes)
				}
			}
		}
	}
}

func TestSlowerTrafficIsFound(t *testing.T) {
	for _, test := range []struct {
		median, now time.Duration
		rate        float64
	}{
		{100 * time.Microsecond, ms(20), 50},
		{ms(1), ms(60), 1},
		{ms(50), ms(200), 1},
		{ms(900), 4 * time.Second, 0.5},
		{time.Minute, 5 * time.Minute, 0.5},
		{ms(5), ms(60), 300},
	} {
		op := &source{part: selfOf("a", "x"), rate: test.rate, median: test.median, sigma: 0.4}
		w := newWorld(4, op)
		d := New(Config{})
		w.watch(d, 15*time.Minute)
		op.median = test.now
		if changes := w.watch(d, time.Minute); len(changes) != 1 {
			t.Errorf("%+v: %+v", test, changes)
		}
	}
}

func TestChangeThatStaysIsAcceptedOnce(t *testing.T) {
	op := &source{part: selfOf("a", "x"), rate: 3, median: ms(10), sigma: 0.3}
	w := newWorld(5, op)
	d := New(Config{AcceptAfter: 20 * time.Minute})
	w.watch(d, 15*time.Minute)
	op.median = ms(100)
	changes := w.watch(d, 2*time.Hour)
	if len(changes) != 2 || changes[0].State != ChangeBegan || changes[1].State != ChangeAccepted {
		t.Fatalf("got %+v", changes)
	}
	if lasted := changes[1].At.Sub(changes[0].At); lasted < 20*time.Minute || lasted > 22*time.Minute {
		t.Errorf("accepted after %s", lasted)
	}
	u, _ := d.Usual(op.part)
	near(t, "the new normal", u.P50, ms(100))
	op.median = ms(600)
	if changes := w.watch(d, time.Minute); len(changes) != 1 {
		t.Errorf("worse than the new normal: %+v", changes)
	}
}

func TestChangeNeverAccepted(t *testing.T) {
	op := &source{part: selfOf("a", "x"), rate: 3, median: ms(10), sigma: 0.3}
	w := newWorld(5, op)
	d := New(Config{AcceptAfter: -1})
	w.watch(d, 15*time.Minute)
	op.median = ms(100)
	if changes := w.watch(d, 6*time.Hour); len(changes) != 1 {
		t.Errorf("got %+v", changes)
	}
}

func TestChangeOfWhatNobodyCallsIsForgotten(t *testing.T) {
	op := &source{part: selfOf("a", "x"), rate: 3, median: ms(10), sigma: 0.3}
	w := newWorld(6, op, &source{part: selfOf("a", "y"), rate: 1, median: ms(1)})
	d := New(Config{})
	w.watch(d, 15*time.Minute)
	op.median = ms(100)
	w.watch(d, time.Minute)
	op.rate = 0
	changes := w.watch(d, 15*time.Minute)
	if len(changes) != 1 || changes[0].State != ChangeForgotten {
		t.Errorf("got %+v", changes)
	}
}

func TestShortBurstIsNoChange(t *testing.T) {
	op := &source{part: selfOf("a", "x"), rate: 20, median: ms(10), sigma: 0.3}
	w := newWorld(7, op)
	d := New(Config{})
	w.watch(d, 15*time.Minute)
	for range 20 {
		op.median = 2 * time.Second
		changes := w.watch(d, 12*time.Second)
		op.median = ms(10)
		if changes = append(changes, w.watch(d, 2*time.Minute)...); len(changes) > 0 {
			t.Fatalf("a burst of 12 s: %+v", changes)
		}
	}
}

func TestNothingIsJudgedDuringWarmUp(t *testing.T) {
	op := &source{part: selfOf("a", "x"), rate: 3, median: ms(10), sigma: 0.3}
	w := newWorld(8, op)
	d := New(Config{})
	w.watch(d, 2*time.Minute)
	if d.HasBaseline(op.part.OperationKey) {
		t.Error("it has a baseline after 2 minutes")
	}
	op.median = ms(100)
	if changes := w.watch(d, 2*time.Minute); len(changes) > 0 {
		t.Errorf("got %+v", changes)
	}
	op.median = ms(10)
	w.watch(d, 5*time.Minute)
	if !d.HasBaseline(op.part.OperationKey) {
		t.Error("it has no baseline after 9 minutes")
	}
}

func TestNothingIsLearnedWhileAnotherAlertFires(t *testing.T) {
	op := &source{part: selfOf("a", "x"), rate: 3, median: ms(10), sigma: 0.3}
	w := newWorld(9, op)
	d := New(Config{})
	w.watch(d, 15*time.Minute)
	before, _ := d.Usual(op.part)
	op.median = ms(13) // too little to be worse
	for range 1000 {
		d.Observe(w.slice(), func(k engine.OperationKey) bool { return k == op.part.OperationKey })
	}
	if after, _ := d.Usual(op.part); after.P50 > before.P50 {
		t.Errorf("p50 went from %s to %s", before.P50, after.P50)
	}
}

func TestEveryDaysBusyHourIsUsual(t *testing.T) {
	op := &source{part: selfOf("a", "x"), rate: 1, median: ms(30), sigma: 0.3}
	w := newWorld(10, op)
	d := New(Config{})
	perDay := make([]int, 4)
	for day := range perDay {
		for hour := range 24 {
			op.median = ms(30)
			if hour >= 9 && hour < 17 {
				op.median = ms(75)
			}
			for _, c := range w.watch(d, time.Hour) {
				if c.State == ChangeBegan {
					perDay[day]++
				}
			}
		}
	}
	if perDay[1]+perDay[2]+perDay[3] > 0 {
		t.Errorf("changes by day: %v", perDay)
	}
	op.median = ms(400)
	if changes := w.watch(d, time.Minute); len(changes) == 0 {
		t.Error("a fault after that is not found")
	}
}

func TestSwitchedOff(t *testing.T) {
	op := &source{part: selfOf("a", "x"), rate: 3, median: ms(10), fails: 0.1}
	w := newWorld(11, op)
	d, noFailures := New(Config{Factor: -1}), New(Config{FailureFloor: -1})
	w.watch(d, 15*time.Minute)
	w.watch(noFailures, 15*time.Minute)
	op.median, op.fails = time.Minute, 1
	if changes := w.watch(d, time.Minute); len(changes) > 0 {
		t.Errorf("off: %+v", changes)
	}
	op.median = ms(10)
	if changes := w.watch(noFailures, time.Minute); len(changes) > 0 {
		t.Errorf("failures off: %+v", changes)
	}
}

// TestChangesAlternate drives a detector with whatever may happen, and checks what must always
// hold: for one part and aspect, beginnings and ends alternate, also across restarts.
func TestChangesAlternate(t *testing.T) {
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 99))
		w := newWorld(seed)
		for i := range 8 {
			service := string(rune('a' + i%3))
			for _, p := range []engine.Part{selfOf(service, fmt.Sprint(i)), remoteOf(service, fmt.Sprint(i)), edgeOf(service, fmt.Sprint(i), "d")} {
				w.sources = append(w.sources, &source{part: p, rate: 0.2 * math.Exp(3*random.Float64()), median: ms(10), sigma: 0.5})
			}
		}
		d := New(Config{AcceptAfter: 10 * time.Minute, MaxParts: 20})
		type what struct {
			part   engine.Part
			aspect Aspect
		}
		isOn := make(map[what]bool)
		began := 0
		for range 300 {
			for _, from := range w.sources {
				if random.Float64() < 0.02 {
					from.median = ms(5 * math.Exp(5*random.Float64()))
					from.fails = max(0, random.Float64()-0.5)
				}
			}
			if random.Float64() < 0.02 {
				w.now = w.now.Add(time.Duration(random.IntN(1200)) * time.Second)
			}
			if random.Float64() < 0.05 {
				again := New(d.Config())
				if err := again.Restore(d.Snapshot()); err != nil {
					t.Fatal(err)
				}
				d = again
			}
			for _, c := range w.watch(d, 30*time.Second) {
				k := what{c.Part, c.Aspect}
				if isBegan := c.State == ChangeBegan; isBegan == isOn[k] {
					t.Fatalf("seed %d: %s twice: %+v", seed, c.State, c)
				}
				isOn[k] = c.State == ChangeBegan
				if c.State == ChangeBegan {
					began++
					if len(c.Roots) == 0 || c.Roots[0].Share <= 0 || c.Roots[0].Share > 1 || c.Score <= 0 {
						t.Errorf("seed %d: %+v", seed, c)
					}
				}
			}
			if len(d.parts) > 20 {
				t.Fatalf("%d parts", len(d.parts))
			}
			on := 0
			for _, is := range isOn {
				if is {
					on++
				}
			}
			if got := len(d.Changes()); got != on {
				t.Fatalf("seed %d: %d changes are on, want %d", seed, got, on)
			}
		}
		if began < 5 {
			t.Errorf("seed %d: only %d changes", seed, began)
		}
	}
}

// withoutExemplars leaves out what is printed as an address.
func withoutExemplars(changes []Change) []Change {
	for i := range changes {
		changes[i].Slowest, changes[i].Failed = nil, nil
	}
	return changes
}

func TestSameSlicesSameChanges(t *testing.T) {
	run := func() (all []Change) {
		w := newWorld(12)
		for i := range 6 {
			w.sources = append(w.sources, &source{part: edgeOf("a", fmt.Sprint(i), "b"), rate: 1, median: ms(10), sigma: 0.5},
				&source{part: selfOf("b", fmt.Sprint(i)), rate: 1, median: ms(10), sigma: 0.5})
		}
		d := New(Config{})
		w.watch(d, 10*time.Minute)
		for _, s := range w.sources {
			s.median = ms(90)
		}
		return withoutExemplars(w.watch(d, time.Minute))
	}
	first := run()
	if len(first) == 0 {
		t.Fatal("no changes")
	}
	for range 5 {
		if again := run(); fmt.Sprint(again) != fmt.Sprint(first) {
			t.Fatalf("got %+v, then %+v", first, again)
		}
	}
}

func TestPartsAreInNoParticularOrder(t *testing.T) {
	w := newWorld(13)
	for i := range 6 {
		w.sources = append(w.sources, &source{part: selfOf(string(rune('a'+i)), "x"), rate: 2, median: ms(10), sigma: 0.5})
	}
	a, b := New(Config{}), New(Config{})
	var left, right []Change
	for i := range 400 {
		if i == 300 {
			w.sources[2].median = ms(100)
			w.sources[4].median = ms(100)
		}
		s := w.slice()
		left = append(left, a.Observe(s, nil)...)
		slices.Reverse(s.Parts)
		right = append(right, b.Observe(s, nil)...)
	}
	if len(left) == 0 || fmt.Sprint(withoutExemplars(left)) != fmt.Sprint(withoutExemplars(right)) {
		t.Errorf("got %+v and %+v", left, right)
	}
}
