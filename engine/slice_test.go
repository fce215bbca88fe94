package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// sliced returns an engine's hooks that keep its slices.
func sliced(to *[]Slice) Hooks {
	return Hooks{Sliced: func(s *Slice) { *to = append(*to, *s) }}
}

// boundsOf returns where slices begin and end, in seconds after a time.
func boundsOf(all []Slice, from time.Time) (bounds []string) {
	for _, s := range all {
		bounds = append(bounds, fmt.Sprintf("%.2f-%.2f", s.Start.Sub(from).Seconds(), s.End.Sub(from).Seconds()))
	}
	return bounds
}

func TestSliceLength(t *testing.T) {
	for _, tt := range []struct{ period, slice, want time.Duration }{
		{time.Minute, 0, 3 * time.Second},
		{time.Minute, 5 * time.Second, 5 * time.Second},
		{time.Hour, 0, 3 * time.Second},
		{10 * time.Second, 0, 10 * time.Second / 3},
		{7 * time.Second, 0, 3500 * time.Millisecond},
		{3 * time.Second, 0, 3 * time.Second},
		{2 * time.Second, 0, 2 * time.Second},
		{10 * time.Millisecond, 0, 10 * time.Millisecond},
		{time.Minute, -1, 0},
	} {
		c := Config{Period: tt.period, Slice: tt.slice}.withDefaults()
		if got := c.sliceLength(); got != tt.want {
			t.Errorf("a period of %s with slices of %s has slices of %s, want %s", tt.period, tt.slice, got, tt.want)
		}
	}
}

// Slices follow each other without gaps and end with the period.
func TestEngineSlices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait(51500 * time.Millisecond)
		var got []Slice
		e, err := New(Config{}, sliced(&got))
		if err != nil {
			t.Fatal(err)
		}
		report(t, e, 2, Report{Operation: "a", Duration: 10 * ms})
		report(t, e, 1, Report{Operation: "a", Code: "503", Duration: 100 * ms})
		report(t, e, 1, Report{Operation: "a", Outcome: OutcomeCancelled, Duration: Untimed})
		report(t, e, 5, Report{Operation: "a", Outcome: OutcomeIgnored, Duration: ms})
		wait(5 * time.Second)
		report(t, e, 1, Report{Operation: "b", SpanKind: SpanKindClient, Duration: ms})
		wait(4 * time.Second)
		report(t, e, 3, Report{Operation: "a", Duration: 10 * ms})
		wait(500 * time.Millisecond)
		shutdown(t, e)
		want := []string{"51.50-54.00", "54.00-57.00", "57.00-60.00", "60.00-61.00"}
		if diff := gocmp.Diff(want, boundsOf(got, millennium)); diff != "" {
			t.Fatalf("slices (-want +got):\n%s", diff)
		}
		parts := func(i int) (lines []string) {
			for _, p := range got[i].Parts {
				lines = append(lines, fmt.Sprint(p.Part.Kind, p.Part.Name, p.Calls, p.Failures, p.Times))
			}
			return lines
		}
		around := func(d time.Duration) time.Duration { return timeBucketOf(d).middle() }
		for i, want := range [][]string{
			{fmt.Sprint(PartSelf, "a", 4, 1, []TimeCount{{around(10 * ms), 2}, {around(100 * ms), 1}})},
			{fmt.Sprint(PartRemote, "b", 1, 0, []TimeCount{{around(ms), 1}})},
			nil,
			{fmt.Sprint(PartSelf, "a", 3, 0, []TimeCount{{around(10 * ms), 3}})},
		} {
			if diff := gocmp.Diff(want, parts(i)); diff != "" {
				t.Errorf("slice %d (-want +got):\n%s", i, diff)
			}
		}
	})
}

// A stopped process makes one long slice of the time in which nobody looked.
func TestEngineSlicesStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := skewed()
		var got []Slice
		e, err := newEngine(Config{}, sliced(&got), c.now)
		if err != nil {
			t.Fatal(err)
		}
		wait(4 * time.Second)
		c.skip(10*time.Second, 10*time.Second)
		wait(4 * time.Second)
		c.skip(time.Minute, time.Minute)
		wait(4 * time.Second)
		shutdown(t, e)
		want := []string{"0.00-3.00", "3.00-15.00", "15.00-18.00", "18.00-60.00", "60.00-82.00"}
		if diff := gocmp.Diff(want, boundsOf(got, millennium)); diff != "" {
			t.Errorf("slices (-want +got):\n%s", diff)
		}
	})
}

// Of many calls some are measured; of few, all. All are counted.
func TestEngineSlicesOfManyCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []Slice
		e, err := New(Config{}, sliced(&got))
		if err != nil {
			t.Fatal(err)
		}
		calls := []int{maxMeasured, maxMeasured + 1, 100_000, 5, 1}
		for _, n := range calls {
			for range n {
				for !e.Report(Report{Operation: "a", Duration: 10 * ms}) {
					flush(t, e)
				}
			}
			wait(3 * time.Second)
		}
		shutdown(t, e)
		for i, n := range calls {
			p := got[i].Parts[0]
			measured := p.Times[0].Count
			if p.Calls != uint64(n) || measured > maxMeasured || measured < min(uint64(n), maxMeasured/2) || n <= maxMeasured && measured != uint64(n) {
				t.Errorf("slice %d: %d of %d calls are counted, %d measured", i, p.Calls, n, measured)
			}
		}
	})
}

// Exemplars are those that can be looked up.
func TestEngineSliceExemplars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []Slice
		e, err := New(Config{}, sliced(&got))
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range []Span{
			{Duration: time.Second, Sampled: true},
			{Duration: 2 * time.Second},
			{Duration: 2 * time.Second, Covered: 1500 * ms, Sampled: true},
			{Code: "503", Duration: ms},
			{Code: "504", Duration: ms, Sampled: true},
			{Code: "503", Duration: ms, Sampled: true},
		} {
			s.Operation, s.SpanKind = "GET /", SpanKindServer
			s.Link = Link{Trace: [16]byte{byte(i + 1)}, Span: [8]byte{1}}
			s.Outcome = OutcomeOf(nil, s.Code)
			e.ReportSpan(&s)
		}
		wait(3 * time.Second)
		shutdown(t, e)
		p := got[0].Parts[0]
		if p.Slowest == nil || p.Slowest.Trace.TraceID[0] != 1 || p.Slowest.Duration != time.Second {
			t.Errorf("the slowest is %+v", p.Slowest)
		}
		if p.Failed == nil || p.Failed.Trace.TraceID[0] != 5 || p.Failed.Code != "504" {
			t.Errorf("the failed one is %+v", p.Failed)
		}
	})
}

// The own times of the successes are in the summaries, from the first call on that made another.
func TestEngineOwnTimeInSummaries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := start(t, Config{})
		end := func(name string, d, covered time.Duration, code string) {
			e.ReportSpan(&Span{Operation: name, SpanKind: SpanKindServer, Duration: d, Covered: covered, Code: code})
		}
		for i := range 10 {
			end("leaf", 10*ms, 0, "")
			end("parent", 100*ms, time.Duration(99-i)*ms, "")
			end("parent", 100*ms, -1, "")
			end("parent", 100*ms, 50*ms, "503")
		}
		wait(time.Minute)
		p := r.takePeriod(t)
		if got := summaryOf(t, p, "leaf").OwnTime; got != (OwnTime{}) {
			t.Errorf("that of a leaf is %+v", got)
		}
		got := summaryOf(t, p, "parent").OwnTime
		near := func(d, want time.Duration) bool { return d > want*97/100 && d < want*103/100 }
		if got.Count != 10 || !near(got.Mean, 5500*time.Microsecond) || !near(got.P50, 5*ms) || !near(got.P99, 10*ms) {
			t.Errorf("that of the parent is %+v", got)
		}
		wait(time.Minute)
		if n := len(r.takePeriod(t).Summaries); n != 0 {
			t.Errorf("%d summaries", n)
		}
	})
}

// Each call that a period counts is in one of its slices, whatever happens in between.
func TestEngineSlicesSumToPeriods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		sums, failed := map[OperationKey]uint64{}, map[OperationKey]uint64{}
		var end time.Time
		periods := 0
		e, err := New(Config{Period: 10 * time.Second, MaxOperations: 5, IdlePeriods: 1}, Hooks{
			Sliced: func(s *Slice) {
				if !end.IsZero() && !s.Start.Equal(end) {
					t.Errorf("a slice begins at %s, the one before ended at %s", s.Start, end)
				}
				end = s.End
				for _, p := range s.Parts {
					times := uint64(0)
					for _, c := range p.Times {
						times += c.Count
					}
					if p.Calls == 0 || p.Failures > p.Calls || times > p.Calls {
						t.Errorf("%v: %d calls, %d failed, %d times", p.Part, p.Calls, p.Failures, times)
					}
					sums[p.Part.OperationKey] += p.Calls
					failed[p.Part.OperationKey] += p.Failures
				}
			},
			Closed: func(p *Period) map[OperationKey]bool {
				periods++
				if !end.Equal(p.End) {
					t.Errorf("the last slice ends at %s, its period at %s", end, p.End)
				}
				for i := range p.Summaries {
					s := &p.Summaries[i]
					if sums[s.Key()] != s.Count || failed[s.Key()] != s.Failure {
						t.Errorf("%v: the slices count %d calls and %d failed, the period %d and %d", s.Key(), sums[s.Key()], failed[s.Key()], s.Count, s.Failure)
					}
					delete(sums, s.Key())
				}
				if len(sums) > 0 {
					t.Errorf("no summary of %v", sums)
				}
				clear(sums)
				clear(failed)
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 300 {
			for range r.IntN(20) {
				s := Span{
					Service: "shop", Operation: fmt.Sprint("op", r.IntN(8)), SpanKind: SpanKind(r.IntN(6)), Duration: time.Duration(r.ExpFloat64() * float64(300*ms)),
					Outcome: Outcome(r.IntN(5)), Code: []string{"200", "503"}[r.IntN(2)], Covered: time.Duration(r.IntN(3)-1) * 10 * ms, Untimed: r.IntN(10) == 0,
					Link: Link{Trace: [16]byte{byte(r.IntN(256)), 1}, Span: [8]byte{1}},
				}
				e.ReportSpan(&s)
				e.Report(Report{Operation: s.Operation, Code: s.Code, SpanKind: SpanKind(200), Outcome: s.Outcome, Duration: s.Duration - 10*ms})
			}
			wait(time.Duration(r.IntN(800)) * ms)
		}
		shutdown(t, e)
		if periods < 10 {
			t.Errorf("%d periods", periods)
		}
	})
}

// What the end of a slice takes of the engine's goroutine.
func BenchmarkSliceEnd(b *testing.B) {
	const operations = 10_000
	w, err := NewWindows(Config{MaxOperations: operations})
	if err != nil {
		b.Fatal(err)
	}
	s := newSlicer(3*time.Second, func(*Slice) {})
	r := rand.New(rand.NewPCG(1, 2))
	var all []*operation
	for i := range operations {
		all = append(all, w.place("shop", fmt.Sprint("op", i), SpanKindServer))
	}
	end := noon
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for _, op := range all {
			for range 40 {
				d := time.Duration(float64(20*ms) * math.Exp(r.NormFloat64()/2))
				op.add(OutcomeSuccess, "", d, 64)
				s.count(op, OutcomeSuccess, d, 16)
			}
		}
		end = end.Add(3 * time.Second)
		b.StartTimer()
		s.cut(w, end)
	}
}
