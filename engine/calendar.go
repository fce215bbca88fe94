package engine

import "time"

// calendar cuts time into periods. It is pure: it is told the time by two
// clocks and reads none.
//
// The wall clock names the periods: they begin and end on multiples of the
// period's length. The monotonic clock, here the time since the calendar was
// made, drives them. The two drift apart when somebody sets the wall clock, and
// the calendar then does three things:
//
//   - a wall clock that is off by less than a period is followed softly, by at
//     most a tenth of a period each time;
//   - one that leapt ahead (a machine that slept) is followed at once: the time
//     between has no periods, and the next one is partial;
//   - one that was set back is never followed by a leap, since its periods would
//     come twice: the calendar keeps its own time and follows softly, so that its
//     periods last a little longer until the wall clock has caught up with it.
//
// In every case periods follow each other without overlap.
type calendar struct {
	period  time.Duration
	start   time.Time     // of the current period, by the calendar's own time
	end     time.Time     // of the current period, by the calendar's own time
	due     time.Duration // when the current period ends, by the monotonic clock
	partial bool          // whether the current period is cut short
	off     time.Duration // how far the wall clock was ahead at the end of the last period
}

// newCalendar starts a calendar at the given monotonic and wall time.
func newCalendar(period, mono time.Duration, wall time.Time) calendar {
	c := calendar{period: period}
	c.openAt(mono, wall)
	return c
}

// openAt begins a period at a wall time that need not be a boundary.
func (c *calendar) openAt(mono time.Duration, wall time.Time) {
	c.start = wall
	c.end = wall.Truncate(c.period).Add(c.period)
	c.due = mono + c.end.Sub(wall)
	c.partial = c.end.Sub(wall) != c.period
}

// next ends the current period, whose time has come (mono >= c.due), and begins
// the one after it. stepped is how far the wall clock is ahead of the calendar
// (negative: behind) if it was set since the last period by a period or more, else 0.
func (c *calendar) next(mono time.Duration, wall time.Time) (done Period, stepped time.Duration) {
	late := mono - c.due
	missed := int(late / c.period)
	done = Period{Start: c.start, End: c.end.Add(time.Duration(missed) * c.period), Partial: c.partial, Missed: missed}

	off, last := wall.Sub(c.end.Add(late)), c.off
	c.off = off
	if off >= c.period {
		c.openAt(mono, wall)
		return done, off
	}
	c.start, c.end = done.End, done.End.Add(c.period)
	c.due += time.Duration(missed+1) * c.period
	c.partial = false
	// A tenth of what is left, not of the period: the new end has to lie ahead even
	// if this one was noticed late.
	tenth := (c.due - mono) / 10
	c.due -= max(-tenth, min(tenth, off))
	if off <= -c.period && off < last {
		return done, off
	}
	return done, 0
}

// cut ends the current period before its time, at the given monotonic time.
func (c *calendar) cut(mono time.Duration) Period {
	end := c.end.Add(mono - c.due)
	if end.Before(c.start) {
		end = c.start
	}
	return Period{Start: c.start, End: end, Partial: true, Final: true}
}
