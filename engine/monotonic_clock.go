package engine

import "time"

// MonotonicClock tells a [Timeline] the time. It follows the wall clock, at once where that
// leaps ahead, but it never goes back: where the wall clock was set back, it goes on by the
// monotonic one, a tenth slower, until the wall clock has caught up. So no period comes
// twice, and none takes as long as the clock was set back. The zero value is ready to use. It
// is not safe for concurrent use.
type MonotonicClock struct {
	last time.Time // with its monotonic reading
	own  time.Time
}

// Now returns the time.
func (c *MonotonicClock) Now() time.Time {
	now := time.Now()
	if c.last.IsZero() {
		c.own = now.Round(0)
	} else {
		c.own = steady(c.own, now.Sub(c.last), now.Round(0))
	}
	c.last = now
	return c.own
}

// steady returns what follows on own after some time, when the wall clock shows wall.
func steady(own time.Time, elapsed time.Duration, wall time.Time) time.Time {
	next := own.Add(elapsed)
	ahead := next.Sub(wall)
	if ahead <= 0 {
		return wall
	}
	return next.Add(-min(elapsed/10, ahead))
}
