package web

import (
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// The memory covers the last hour for any period, in a bounded number of slots.
func TestTiers(t *testing.T) {
	for _, test := range []struct {
		period time.Duration
		tiers  int
		covers time.Duration // by the last tier
	}{
		{time.Hour, 1, minSlots * time.Hour},
		{time.Minute, 1, time.Hour},
		{30 * time.Second, 1, time.Hour},
		{29 * time.Second, 2, time.Hour},
		{7 * time.Second, 2, time.Hour},
		{time.Second, 2, time.Hour},
		{10 * time.Millisecond, 2, time.Hour},
	} {
		tiers := newTiers(test.period)
		if len(tiers) != test.tiers {
			t.Errorf("%s: %d tiers, want %d", test.period, len(tiers), test.tiers)
			continue
		}
		all := make([]series, len(tiers))
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		n := 0
		for passed := time.Duration(0); passed < 2*test.covers && n < 400_000; passed += test.period {
			p := engine.Period{Start: now, End: now.Add(test.period)}
			now = p.End
			for i, tier := range tiers {
				all[i].add(point{slot: tier.advance(&p), success: 1}, tier)
			}
			n++
		}
		last := len(tiers) - 1
		tier := tiers[last]
		covered := now.Sub(tier.times(tier.first()).start)
		if n < 400_000 && (covered < test.covers-31*time.Second || covered > test.covers+31*time.Second) {
			t.Errorf("%s: %s are covered, want about %s", test.period, covered, test.covers)
		}
		for i := range tiers {
			if got, most := cap(all[i].points), len(tiers[i].slots)*5/4; got > most {
				t.Errorf("%s: room for %d points, want %d at most", test.period, got, most)
			}
			seen, sum := 0, uint32(0)
			all[i].each(tiers[i].first(), func(p *point) { seen, sum = seen+1, sum+p.success })
			if want := int(tiers[i].next - tiers[i].first()); seen != want {
				t.Errorf("%s: tier %d has %d points, want %d", test.period, i, seen, want)
			}
			if i == 0 && sum != uint32(seen) {
				t.Errorf("%s: %d calls in %d periods of one", test.period, sum, seen)
			}
		}
		if last == 1 && n < 400_000 {
			// Nothing is lost by merging: the slots of an hour hold an hour's calls.
			sum := uint32(0)
			all[1].each(tier.first(), func(p *point) { sum += p.success })
			if want := uint32(covered / test.period); sum != want {
				t.Errorf("%s: the merged slots hold %d calls, want %d", test.period, sum, want)
			}
		}
	}
}

// An operation that is seldom called takes little memory, and forgets what is older than the
// memory.
func TestSparseSeries(t *testing.T) {
	tier := newTiers(time.Minute)[0]
	var s series
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range 10_000 {
		p := engine.Period{Start: now, End: now.Add(time.Minute)}
		now = p.End
		if slot := tier.advance(&p); i%20 == 0 {
			s.add(point{slot: slot}, tier)
		}
	}
	if n := cap(s.points); n > 8 {
		t.Errorf("room for %d points, where 3 are in the last hour", n)
	}
	seen := 0
	s.each(tier.first(), func(*point) { seen++ })
	if seen != 3 {
		t.Errorf("%d points in the last hour, want 3", seen)
	}
}
