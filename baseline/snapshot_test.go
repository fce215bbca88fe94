package baseline

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// learnedDetector has learned, and reports a change.
func learnedDetector() (*Detector, *world) {
	w := newWorld(20)
	for i := range 5 {
		w.sources = append(w.sources, &source{part: selfOf("a", fmt.Sprint(i)), rate: 2, median: ms(float64(1 + 20*i)), sigma: 0.5, fails: 0.01},
			&source{part: edgeOf("a", fmt.Sprint(i), "b"), rate: 2, median: ms(3), sigma: 0.2})
	}
	d := New(Config{})
	w.watch(d, 20*time.Minute)
	w.sources[0].median = time.Second
	w.watch(d, time.Minute)
	return d, w
}

func TestSnapshotKeepsWhatWasLearned(t *testing.T) {
	d, w := learnedDetector()
	snapshot := d.Snapshot()
	again := New(Config{})
	if err := again.Restore(snapshot); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Snapshot(), snapshot) {
		t.Error("a snapshot of what was restored differs")
	}
	for key := range d.parts {
		want, _ := d.Usual(key)
		got, ok := again.Usual(key)
		if !ok || math.Abs(float64(got.P99-want.P99)) > 0.02*float64(want.P99) || math.Abs(got.FailureRatio-want.FailureRatio) > 1e-6 {
			t.Errorf("%v: got %+v, want %+v", key, got, want)
		}
	}
	if len(again.Changes()) != 1 {
		t.Fatalf("changes %+v, want one", again.Changes())
	}
	w.now = w.now.Add(20 * time.Minute) // nothing is known of the time between
	if changes := w.watch(again, time.Minute); len(changes) > 0 {
		t.Errorf("after the restart: %+v", changes)
	}
	w.sources[0].median = ms(1)
	if changes := w.watch(again, 3*time.Minute); len(changes) != 1 || changes[0].State != ChangeEnded {
		t.Errorf("at the end: %+v", changes)
	}
	w.sources[1].median = time.Second
	if changes := w.watch(again, time.Minute); len(changes) != 1 {
		t.Errorf("the next fault: %+v", changes)
	}
}

func TestRestoreRefusesWhatIsNoSnapshot(t *testing.T) {
	d, _ := learnedDetector()
	good := d.Snapshot()
	for name, bad := range map[string][]byte{
		"empty":              {},
		"another version":    append([]byte{9}, good[1:]...),
		"cut":                good[:len(good)-1],
		"more":               append(bytes.Clone(good), 0),
		"too many parts":     {snapshotVersion, 0xff, 0xff, 0xff, 0x7f},
		"a name of a GB":     {snapshotVersion, 1, 0xff, 0xff, 0xff, 0xff, 0x07},
		"no snapshot at all": []byte("<html>"),
	} {
		before := d.Snapshot()
		if err := d.Restore(bad); err == nil || !strings.HasPrefix(err.Error(), "baseline: ") {
			t.Errorf("%s: got error %v", name, err)
		}
		if !bytes.Equal(d.Snapshot(), before) {
			t.Errorf("%s: it changed the detector", name)
		}
	}
}

func FuzzRestore(f *testing.F) {
	d, _ := learnedDetector()
	f.Add(d.Snapshot())
	f.Add([]byte{snapshotVersion, 0})
	f.Fuzz(func(t *testing.T, snapshot []byte) {
		d := New(Config{MaxParts: 50})
		if d.Restore(snapshot) != nil {
			return
		}
		if len(d.parts) > 50 {
			t.Errorf("%d parts", len(d.parts))
		}
		again := New(Config{MaxParts: 50})
		if err := again.Restore(d.Snapshot()); err != nil {
			t.Errorf("its own snapshot: %v", err)
		}
		w := newWorld(1, &source{part: selfOf("a", "1"), rate: 2, median: ms(20)})
		for _, c := range w.watch(d, 2*time.Minute) {
			if math.IsNaN(c.Score) || math.IsNaN(c.Usual.Calls) || c.Usual.P50 < 0 {
				t.Errorf("%+v", c)
			}
		}
	})
}

func TestMergeIsAsIfSeenByOne(t *testing.T) {
	op := func(median float64) *source {
		return &source{part: selfOf("a", "x"), rate: 5, median: ms(median), sigma: 0.3, fails: 0.02}
	}
	one, other := New(Config{}), New(Config{})
	newWorld(1, op(10)).watch(one, 20*time.Minute)
	second := newWorld(2, op(30), &source{part: selfOf("a", "y"), rate: 1, median: ms(1)})
	second.watch(other, 20*time.Minute)
	a, _ := one.Usual(selfOf("a", "x"))
	b, _ := other.Usual(selfOf("a", "x"))
	one.Merge(other)
	u, ok := one.Usual(selfOf("a", "x"))
	if !ok || math.Abs(u.Calls-a.Calls-b.Calls) > 1 || u.P50 < ms(11) || u.P50 > ms(28) {
		t.Errorf("got %+v of %+v and %+v", u, a, b)
	}
	if _, ok := one.Usual(selfOf("a", "y")); !ok {
		t.Error("what only the other knows is missing")
	}
}

func TestLearnerJudgesNothingUntilSettled(t *testing.T) {
	op := &source{part: selfOf("a", "x"), rate: 2, median: ms(10), sigma: 0.3}
	w := newWorld(1, op)
	d := NewLearner(Config{})
	w.watch(d, 40*time.Second)
	op.median = time.Second
	if changes := w.watch(d, 20*time.Second); len(changes) > 0 {
		t.Fatalf("while learning: %+v", changes)
	}
	d = NewLearner(Config{})
	op.median = ms(10)
	w.watch(d, time.Minute)
	d.Settle()
	if u, ok := d.Usual(op.part); !ok || u.Calls < 80 {
		t.Fatalf("learned %+v", u)
	}
	op.median = ms(100)
	if changes := w.watch(d, time.Minute); len(changes) != 1 {
		t.Errorf("got %+v", changes)
	}
}

// TestMemoryOfAPart measures what a part takes, names apart, which it shares with the engine.
func TestMemoryOfAPart(t *testing.T) {
	const parts = 2000
	d := New(Config{})
	w := newWorld(1)
	for i := range parts {
		w.sources = append(w.sources, &source{part: selfOf("a", fmt.Sprint(i)), rate: 2, median: ms(math.Exp(float64(i % 7))), sigma: 0.6})
	}
	w.slice() // so that all names are there
	before := heap()
	for range 200 {
		d.Observe(w.slice(), nil)
	}
	each := (heap() - before) / parts
	t.Logf("%d bytes a part", each)
	if each > 600 {
		t.Errorf("a part takes %d bytes, want at most 600", each)
	}
	runtime.KeepAlive(d)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkObserve(b *testing.B) {
	w := newWorld(1)
	for i := range 1000 {
		w.sources = append(w.sources, &source{part: selfOf("a", fmt.Sprint(i)), rate: 5, median: ms(10), sigma: 0.6})
	}
	d := New(Config{})
	w.watch(d, 6*time.Minute)
	slices := make([]*engine.Slice, 20)
	for i := range slices {
		slices[i] = w.slice()
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		s := *slices[i%len(slices)]
		s.Start, s.End = w.now, w.now.Add(sliceTime)
		w.now = s.End
		d.Observe(&s, nil)
		i++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/part")
}
