package web

import (
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

const (
	// remembered is how far back the memory goes.
	remembered = time.Hour
	// maxSlots is the number of slots of a tier, and so of points in a picture.
	maxSlots = 120
	// minSlots is the least number of them: with a period of an hour, one hour says nothing.
	minSlots = 48
)

// tier is the time that the memory covers, in slots: each a period, or as many periods as are
// merged.
type tier struct {
	width time.Duration // of a slot that merges periods; 0: each period has a slot of its own
	slots []slotTimes   // a ring
	next  uint32        // the number of the slot that comes next
	key   int64         // which width of time the newest slot stands for
}

// slotTimes says which time a slot stands for.
type slotTimes struct{ start, end time.Time }

// newTiers returns the tiers for a period. If an hour is too many of them, the last ones are kept
// one by one, and those of the hour merged.
func newTiers(period time.Duration) []*tier {
	if n := int(remembered / period); n <= maxSlots {
		return []*tier{{slots: make([]slotTimes, max(n, minSlots))}}
	}
	return []*tier{{slots: make([]slotTimes, maxSlots)}, {width: remembered / maxSlots, slots: make([]slotTimes, maxSlots)}}
}

// advance makes p's slot the newest one, and returns its number.
func (t *tier) advance(p *engine.Period) uint32 {
	if t.width > 0 {
		key := p.End.Add(-1).UnixNano() / int64(t.width)
		if t.next > 0 && key == t.key {
			t.slots[(t.next-1)%uint32(len(t.slots))].end = p.End
			return t.next - 1
		}
		t.key = key
	}
	t.slots[t.next%uint32(len(t.slots))] = slotTimes{p.Start, p.End}
	t.next++
	return t.next - 1
}

// first returns the number of the oldest slot.
func (t *tier) first() uint32 { return t.next - min(t.next, uint32(len(t.slots))) }

// times returns the time of a slot that is at hand.
func (t *tier) times(slot uint32) slotTimes { return t.slots[slot%uint32(len(t.slots))] }

// series are the points of an operation in a tier, the oldest first. Slots in which it did nothing
// have none.
type series struct{ points []point }

// add adds a point to its slot, the newest one of t. Of the others it keeps those that t covers.
func (s *series) add(p point, t *tier) {
	n := len(s.points)
	if n > 0 && s.points[n-1].slot == p.slot {
		s.points[n-1].merge(p)
		return
	}
	if n == cap(s.points) {
		gone := 0
		for first := t.first(); gone < n && s.points[gone].slot < first; {
			gone++
		}
		kept := s.points[gone:]
		// A fourth of the room is left for those that are gone, so that they seldom move.
		if most := len(t.slots) * 5 / 4; gone <= n/8 && n < most {
			s.points = append(make([]point, 0, min(max(8, 2*n), most)), kept...)
		} else {
			left := copy(s.points, kept)
			clear(s.points[left:])
			s.points = s.points[:left]
		}
	}
	s.points = append(s.points, p)
}

// each calls f for each point from the slot first on.
func (s *series) each(first uint32, f func(*point)) {
	for i := range s.points {
		if s.points[i].slot >= first {
			f(&s.points[i])
		}
	}
}
