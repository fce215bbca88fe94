package recording

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestOrderPutsIntoOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ends := rapid.SliceOf(rapid.Int64Range(0, 50)).Draw(t, "ends")
		keep := rapid.IntRange(0, 20).Draw(t, "keep")
		var o order
		var got, late []int64
		newest := int64(0)
		const grace = 10
		last := int64(-1)
		each := func(s *engine.Span) {
			if s.End < last {
				late = append(late, s.End)
			}
			last = max(last, s.End)
			got = append(got, s.End)
		}
		inTime := true
		for _, end := range ends {
			inTime = inTime && end >= newest-grace
			newest = max(newest, end)
			o.add(&engine.Span{End: end})
			if o.release(newest-grace, keep, each); len(o.waiting) > keep && o.waiting[0].end < newest-grace {
				t.Fatalf("%d of more than %d wait that could be released", len(o.waiting), keep)
			}
		}
		o.releaseAll(each)
		if inTime && (len(late) > 0 || o.late > 0) {
			t.Fatalf("ends %v: %v came late, %d counted, though all were in time", ends, late, o.late)
		}
		if len(late) > 0 != (o.late > 0) {
			t.Fatalf("ends %v: %v came late, %d counted", ends, late, o.late)
		}
		slices.Sort(got)
		slices.Sort(ends)
		if !slices.Equal(got, ends) {
			t.Fatalf("got %v of %v", got, ends)
		}
	})
}

func TestOrderOfEqualEnds(t *testing.T) {
	spans := []engine.Span{
		{End: 1, Link: engine.Link{Trace: [16]byte{1}, Span: [8]byte{2}}},
		{End: 1, Link: engine.Link{Trace: [16]byte{2}, Span: [8]byte{1}}},
		{End: 2},
		{End: 2, Service: "a"},
		{End: 2, Service: "a", SpanKind: engine.SpanKindClient},
		{End: 2, Service: "a", SpanKind: engine.SpanKindClient, Operation: "x"},
		{End: 2, Service: "a", SpanKind: engine.SpanKindClient, Operation: "x", Duration: 1},
		{End: 2, Service: "a", SpanKind: engine.SpanKindClient, Operation: "x", Duration: 1, Code: "1"},
		{End: 2, Service: "a", SpanKind: engine.SpanKindClient, Operation: "x", Duration: 1, Code: "1", Outcome: engine.OutcomeFailure},
		{End: 2, Link: engine.Link{Span: [8]byte{1}}},
	}
	for seed := range uint64(50) {
		var o order
		for _, i := range rand.New(rand.NewPCG(seed, 2)).Perm(len(spans)) {
			o.add(&spans[i])
		}
		i := 0
		o.releaseAll(func(s *engine.Span) {
			if *s != spans[i] {
				t.Fatalf("place %d: got %+v, want %+v", i, *s, spans[i])
			}
			i++
		})
		if o.late > 0 {
			t.Errorf("%d late", o.late)
		}
	}
}
