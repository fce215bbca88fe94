package learn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestDurations(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var d, halves durations
	var all []time.Duration
	for range 2 {
		var h engine.Histogram
		var half durations
		for range 500 {
			v := time.Duration(math.Exp(2*random.NormFloat64()) * float64(10*time.Millisecond))
			all = append(all, v)
			h.Record(v)
		}
		e := h.Exponential()
		d.add(&e)
		half.add(&e)
		halves.merge(&half)
	}
	slices.Sort(all)
	for rank := 1; rank <= len(all); rank += 37 {
		got, want := d.at(uint64(rank)), all[rank-1]
		if got < want || float64(got) > 1.012*float64(want) {
			t.Errorf("rank %d: got %s, want %s", rank, got, want)
		}
		if other := halves.at(uint64(rank)); other != got {
			t.Errorf("rank %d: in two halves %s, at once %s", rank, other, got)
		}
	}
	if d.count != 1000 || d.at(1000) != all[999] || d.at(2000) != all[999] || d.quantile(1) != all[999] {
		t.Errorf("%d, longest %s", d.count, d.at(1000))
	}
	if got := d.quantile(0.5); got < all[499] || got > all[505] {
		t.Errorf("median %s, want %s", got, all[499])
	}
	var short durations
	var h engine.Histogram
	h.Record(0)
	h.Record(time.Millisecond)
	e := h.Exponential()
	short.add(&e)
	short.add(nil)
	if short.count != 2 || short.at(1) != time.Microsecond || short.at(2) != time.Millisecond {
		t.Errorf("%d: %s, %s", short.count, short.at(1), short.at(2))
	}
	n := uint64(0)
	short.each(func(_ time.Duration, m uint64) { n += m })
	if n != 2 {
		t.Errorf("%d of 2", n)
	}
}
