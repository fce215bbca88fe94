package engine

import "time"

// cover is the time that the children of a call took, of which two may have run at once: the union
// of their times, in a fixed room. Children come in the order of their ends, or nearly so.
//
// It holds the last two stretches of the union, b after a, and what lies before them folded: where
// that begins and ends and how much of it is covered. A child that overlaps the last stretches is
// added exactly, and so is one that begins before everything that was folded. So the union is exact
// where children come one after the other, or groups of children that run at once do. Of a child
// that begins amid what was folded, it is taken that what was folded is spread evenly. The zero
// value covers nothing.
type cover struct {
	foldStart, foldEnd, folded int64
	a, b                       stretch
}

func (s stretch) isEmpty() bool { return s.end <= s.start }

// add adds the time of a child.
func (c *cover) add(s stretch) {
	switch {
	case s.isEmpty():
	case c.b.isEmpty():
		c.b = s
	case s.start > c.b.end:
		c.fold(c.a)
		c.a, c.b = c.b, s
	case s.end >= c.b.start:
		c.b = stretch{min(c.b.start, s.start), max(c.b.end, s.end)}
		c.settle()
	case c.a.isEmpty():
		c.a = s
		c.unfold(&c.a)
	case s.start > c.a.end:
		c.fold(c.a)
		c.a = s
	case s.end >= c.a.start:
		c.a = stretch{min(c.a.start, s.start), max(c.a.end, s.end)}
		c.unfold(&c.a)
	default:
		c.fold(s)
	}
}

// settle joins what overlaps b, which has grown.
func (c *cover) settle() {
	if !c.a.isEmpty() && c.a.end >= c.b.start {
		c.b.start = min(c.a.start, c.b.start)
		c.a = stretch{}
	}
	if c.a.isEmpty() {
		c.unfold(&c.b)
	}
}

// fold adds a stretch to what is folded.
func (c *cover) fold(s stretch) {
	if s.isEmpty() {
		return
	}
	if c.folded == 0 {
		c.foldStart, c.foldEnd, c.folded = s.start, s.end, s.end-s.start
		return
	}
	c.folded += s.end - s.start - c.foldedIn(max(s.start, c.foldStart), min(s.end, c.foldEnd))
	c.foldStart, c.foldEnd = min(c.foldStart, s.start), max(c.foldEnd, s.end)
}

// unfold takes out of what is folded what a stretch after it overlaps.
func (c *cover) unfold(s *stretch) {
	if c.folded == 0 || s.start >= c.foldEnd {
		return
	}
	if s.end < c.foldEnd { // children came in another order
		c.fold(*s)
		*s = stretch{}
		return
	}
	if s.start <= c.foldStart {
		c.foldStart, c.foldEnd, c.folded = 0, 0, 0
		return
	}
	c.folded -= c.foldedIn(s.start, c.foldEnd)
	c.foldEnd = s.start
}

// foldedIn returns how much is folded between two times within what is folded.
func (c *cover) foldedIn(start, end int64) int64 {
	if end <= start {
		return 0
	}
	return int64(float64(c.folded) * float64(end-start) / float64(c.foldEnd-c.foldStart))
}

// addAll adds what the children of another span took.
func (c *cover) addAll(more *cover) {
	if c.b.isEmpty() && c.folded == 0 {
		*c = *more
		return
	}
	if more.folded > 0 {
		if c.b.end < more.foldStart {
			c.fold(c.a)
			c.fold(c.b)
			c.a, c.b = stretch{}, stretch{}
			c.folded += more.folded
			c.foldEnd = more.foldEnd
		} else {
			c.add(stretch{more.foldEnd - more.folded, more.foldEnd})
		}
	}
	c.add(more.a)
	c.add(more.b)
}

// within returns how much of a call's time is covered.
func (c *cover) within(call stretch) time.Duration {
	total := int64(0)
	for _, s := range [...]stretch{c.a, c.b} {
		total += max(0, min(s.end, call.end)-max(s.start, call.start))
	}
	if c.folded > 0 {
		total += c.foldedIn(max(c.foldStart, call.start), min(c.foldEnd, call.end))
	}
	return time.Duration(min(total, call.end-call.start))
}
