package engine

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// noon is a multiple of every period that these tests use.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// checkPeriod fails unless p is the given period.
func checkPeriod(t *testing.T, p, want Period) {
	t.Helper()
	if !p.Start.Equal(want.Start) || !p.End.Equal(want.End) || p.Partial != want.Partial || p.Missed != want.Missed {
		t.Errorf("got the period %s to %s (partial %t, missed %d), want %s to %s (partial %t, missed %d)",
			p.Start, p.End, p.Partial, p.Missed, want.Start, want.End, want.Partial, want.Missed)
	}
}

func TestCalendarAlignsToTheWallClock(t *testing.T) {
	const mono = 1000 * time.Hour // the zero of the monotonic clock means nothing
	tests := map[string]struct {
		period   time.Duration
		wall     time.Time
		wantEnd  time.Time
		wantPart bool
	}{
		"on the boundary":       {time.Minute, noon, noon.Add(time.Minute), false},
		"just past it":          {time.Minute, noon.Add(1), noon.Add(time.Minute), true},
		"in the middle":         {time.Minute, noon.Add(37 * time.Second), noon.Add(time.Minute), true},
		"just before it":        {time.Minute, noon.Add(-1), noon, true},
		"an hour":               {time.Hour, noon.Add(59 * time.Minute), noon.Add(time.Hour), true},
		"ten milliseconds":      {10 * ms, noon.Add(13 * ms), noon.Add(20 * ms), true},
		"ten milliseconds even": {10 * ms, noon.Add(20 * ms), noon.Add(30 * ms), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCalendar(tt.period, mono, tt.wall)
			if want := mono + tt.wantEnd.Sub(tt.wall); c.due != want {
				t.Errorf("due at %s, want %s", c.due, want)
			}
			p, _ := c.next(c.due, tt.wantEnd)
			checkPeriod(t, p, Period{Start: tt.wall, End: tt.wantEnd, Partial: tt.wantPart})
			for range 3 {
				want := Period{Start: p.End, End: p.End.Add(tt.period)}
				due := c.due
				var stepped time.Duration
				p, stepped = c.next(due, want.End)
				checkPeriod(t, p, want)
				if c.due != due+tt.period || stepped != 0 {
					t.Errorf("due %s after the last one, stepped %s, want %s and 0s", c.due-due, stepped, tt.period)
				}
			}
		})
	}
}

// Noticing the end of a period late does not shift the ones after it.
func TestCalendarLateness(t *testing.T) {
	c := newCalendar(time.Minute, 0, noon)
	for i := range 100 {
		late := time.Duration(i) * 599 * ms // up to 59.3s
		end := noon.Add(time.Duration(i+1) * time.Minute)
		if want := time.Duration(i+1) * time.Minute; c.due != want {
			t.Fatalf("period %d is due at %s, want %s", i, c.due, want)
		}
		p, stepped := c.next(c.due+late, end.Add(late))
		checkPeriod(t, p, Period{Start: end.Add(-time.Minute), End: end})
		if stepped != 0 {
			t.Errorf("stepped %s", stepped)
		}
	}
}

// A process that stood still gets one long period that says so, and no burst of
// periods that were not.
func TestCalendarStall(t *testing.T) {
	for _, missed := range []int{1, 3, 1000} {
		for _, late := range []time.Duration{0, 1, 30 * time.Second, time.Minute - 1} {
			c := newCalendar(time.Minute, 0, noon)
			mono := time.Duration(missed+1)*time.Minute + late
			p, stepped := c.next(mono, noon.Add(mono))
			end := noon.Add(time.Duration(missed+1) * time.Minute)
			checkPeriod(t, p, Period{Start: noon, End: end, Missed: missed})
			if want := mono - late + time.Minute; c.due != want || stepped != 0 {
				t.Errorf("late by %d periods and %s: due at %s, stepped %s, want %s and 0s", missed, late, c.due, stepped, want)
			}
			p, _ = c.next(c.due, noon.Add(c.due))
			checkPeriod(t, p, Period{Start: end, End: end.Add(time.Minute)})
		}
	}
}

func TestCalendarStallOfAPartialPeriod(t *testing.T) {
	c := newCalendar(time.Minute, 0, noon.Add(45*time.Second))
	p, _ := c.next(c.due+2*time.Minute, noon.Add(3*time.Minute))
	checkPeriod(t, p, Period{Start: noon.Add(45 * time.Second), End: noon.Add(3 * time.Minute), Partial: true, Missed: 2})
}

// A wall clock that leapt ahead is followed at once: nothing has a period in the
// time between, and the period that begins in its middle is partial.
func TestCalendarWallClockAhead(t *testing.T) {
	for _, step := range []time.Duration{time.Minute, time.Hour + 20*time.Second, 1000 * time.Hour} {
		c := newCalendar(time.Minute, 0, noon)
		p, stepped := c.next(c.due, noon.Add(time.Minute+step))
		checkPeriod(t, p, Period{Start: noon, End: noon.Add(time.Minute)})
		if stepped != step {
			t.Errorf("stepped %s, want %s", stepped, step)
		}
		start := noon.Add(time.Minute + step)
		end := start.Truncate(time.Minute).Add(time.Minute)
		if want := time.Minute + end.Sub(start); c.due != want {
			t.Errorf("after a step of %s the next period is due at %s, want %s", step, c.due, want)
		}
		p, stepped = c.next(c.due, end)
		checkPeriod(t, p, Period{Start: start, End: end, Partial: start.Second() != 0})
		if stepped != 0 {
			t.Errorf("stepped %s once more", stepped)
		}
		p, _ = c.next(c.due, end.Add(time.Minute))
		checkPeriod(t, p, Period{Start: end, End: end.Add(time.Minute)})
	}
}

// A wall clock that was set back does not get its periods twice: the calendar goes on with
// its own time, says so once, and lets the wall clock catch up.
func TestCalendarWallClockBehind(t *testing.T) {
	c := newCalendar(time.Minute, 0, noon)
	wall := func(mono time.Duration) time.Time { return noon.Add(mono - time.Hour) }
	last := noon
	said := 0
	n := 0
	for ; n < 1000 && c.start.After(wall(c.due).Add(-time.Minute)); n++ {
		due := c.due
		p, stepped := c.next(due, wall(due))
		checkPeriod(t, p, Period{Start: last, End: last.Add(time.Minute)})
		last = p.End
		if stepped != 0 {
			said++
			if n > 0 || stepped != -time.Hour {
				t.Errorf("period %d: stepped %s", n, stepped)
			}
		}
		if took := c.due - due; took < time.Minute || took > 66*time.Second {
			t.Fatalf("period %d takes %s, want at most a tenth more than a minute", n+1, took)
		}
	}
	if said != 1 {
		t.Errorf("said %d times that the clock was set back, want once", said)
	}
	// 6 s each minute make up an hour in 600 of them.
	if n < 599 || n > 602 {
		t.Errorf("the wall clock has caught up after %d periods, want 600", n)
	}
	for range 3 {
		due := c.due
		p, stepped := c.next(due, wall(due))
		if !p.End.Equal(wall(due)) || stepped != 0 || c.due-due != time.Minute {
			t.Errorf("at %s a period ended that should at %s, the next is due in %s", wall(due), p.End, c.due-due)
		}
	}
}

// Being set back a second time is said a second time.
func TestCalendarWallClockBehindTwice(t *testing.T) {
	c := newCalendar(time.Minute, 0, noon)
	off := time.Duration(0)
	var got []time.Duration
	for _, step := range []time.Duration{-time.Hour, 0, -time.Hour, 0, 30 * time.Minute, 0} {
		off += step
		due, own := c.due, c.end
		if _, stepped := c.next(due, own.Add(off)); stepped != 0 {
			got = append(got, stepped)
		}
		off += c.due - due - time.Minute // what the longer period made up
	}
	if len(got) != 2 || got[0] != -time.Hour || got[1] > -2*time.Hour+time.Minute {
		t.Errorf("said %v, want an hour, then almost two", got)
	}
}

// A small drift is followed softly, in either direction, without a gap or a partial period.
func TestCalendarDrift(t *testing.T) {
	for _, drift := range []time.Duration{1, -1, 3 * time.Second, -3 * time.Second, 30 * time.Second, -30 * time.Second, time.Minute - 1, -time.Minute + 1} {
		c := newCalendar(time.Minute, 0, noon)
		wall := func(mono time.Duration) time.Time { return noon.Add(mono + drift) }
		last := noon
		for range 12 {
			due := c.due
			p, stepped := c.next(due, wall(due))
			checkPeriod(t, p, Period{Start: last, End: last.Add(time.Minute)})
			last = p.End
			if stepped != 0 {
				t.Errorf("drift %s: stepped %s", drift, stepped)
			}
			if took := c.due - due; took < 54*time.Second || took > 66*time.Second {
				t.Errorf("drift %s: a period takes %s", drift, took)
			}
		}
		if off := wall(c.due).Sub(c.end); off != 0 {
			t.Errorf("drift %s: after 12 periods the calendar is still off by %s", drift, off)
		}
	}
}

func TestCalendarClockOutOfThisWorld(t *testing.T) {
	for _, wall := range []time.Time{{}, time.Unix(math.MaxInt32, 0), time.Unix(1<<40, 0), time.Unix(-1<<40, 0)} {
		c := newCalendar(time.Minute, 0, noon)
		p, stepped := c.next(c.due, wall)
		checkPeriod(t, p, Period{Start: noon, End: noon.Add(time.Minute)})
		if stepped == 0 {
			t.Errorf("nobody noticed that it is %s", wall)
		}
		if c.due <= time.Minute || c.due > 126*time.Second {
			t.Errorf("at %s the next period is due at %s", wall, c.due)
		}
	}
}

func TestCalendarCut(t *testing.T) {
	c := newCalendar(time.Minute, time.Hour, noon.Add(10*time.Second))
	checkPeriod(t, c.cut(time.Hour), Period{Start: noon.Add(10 * time.Second), End: noon.Add(10 * time.Second), Partial: true})
	checkPeriod(t, c.cut(time.Hour+20*time.Second), Period{Start: noon.Add(10 * time.Second), End: noon.Add(30 * time.Second), Partial: true})
	c.next(c.due, noon.Add(time.Minute))
	checkPeriod(t, c.cut(c.due-time.Minute+1), Period{Start: noon.Add(time.Minute), End: noon.Add(time.Minute + 1), Partial: true})

	// A period that lasts longer, because the wall clock is behind, does not end before it began.
	c.next(c.due, noon.Add(90*time.Second))
	checkPeriod(t, c.cut(c.due-65*time.Second), Period{Start: noon.Add(2 * time.Minute), End: noon.Add(2 * time.Minute), Partial: true})
}

// Whatever the clocks do: periods follow each other in time, none comes twice or
// overlaps another, no more of them come than fit into the time, and the next one's
// end always lies ahead.
func TestCalendarProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		period := time.Duration(rapid.SampledFrom([]int64{int64(10 * ms), int64(time.Second), int64(7 * time.Second), int64(time.Minute), int64(time.Hour)}).Draw(t, "period"))
		around := func(label string, low, high float64) time.Duration {
			return time.Duration(rapid.Float64Range(low, high).Draw(t, label) * float64(period))
		}
		skew := around("phase", 0, 1) // of the wall clock against the monotonic one
		mono := around("began", 0, 5)
		wall := func() time.Time { return noon.Add(mono + skew) }
		c := newCalendar(period, mono, wall())

		last := Period{End: c.start}
		began, whole := c.due, 0 // whole periods since the last partial one
		var latest time.Duration
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if c.due <= latest {
					t.Fatalf("at %s the next period is due at %s", latest, c.due)
				}
			},
			"close": func(t *rapid.T) {
				late := time.Duration(0)
				if rapid.Bool().Draw(t, "is late") {
					late = around("late", 0, 4)
				}
				mono = c.due + late
				partial := c.partial
				p, stepped := c.next(mono, wall())
				latest = mono

				if !p.End.After(p.Start) || p.Start.Before(last.End) {
					t.Fatalf("%s to %s comes after %s to %s", p.Start, p.End, last.Start, last.End)
				}
				if !p.Start.Equal(last.End) && !p.Partial && !p.Start.Truncate(period).Equal(p.Start) {
					t.Fatalf("%s to %s follows a gap and is not partial", p.Start, p.End)
				}
				if !p.End.Truncate(period).Equal(p.End) {
					t.Fatalf("the end %s is no multiple of %s", p.End, period)
				}
				if want := time.Duration(p.Missed+1) * period; !p.Partial && p.End.Sub(p.Start) != want || p.Partial && p.End.Sub(p.Start) >= want {
					t.Fatalf("%s to %s, partial %t, missed %d", p.Start, p.End, p.Partial, p.Missed)
				}
				if p.Missed != int(late/period) || p.Partial != partial {
					t.Fatalf("partial %t, missed %d, want %t and %d", p.Partial, p.Missed, partial, late/period)
				}
				whole += p.Missed + 1
				if stepped > 0 {
					began, whole = c.due, 0
				} else if fits := float64(c.due-began) / (0.9 * float64(period)); float64(whole) > fits+1e-6 {
					t.Fatalf("%d periods in the time of %v", whole, fits)
				}
				last = p
			},
			"drift":  func(*rapid.T) { skew += around("drift", -0.05, 0.05) },
			"step":   func(*rapid.T) { skew += around("step", -3, 3) },
			"stride": func(*rapid.T) { skew += around("stride", -100, 100) },
			"cut": func(t *rapid.T) {
				p := c.cut(max(latest, c.due-around("early", 0, 1)))
				if p.Start.Before(last.End) || p.End.Before(p.Start) || !p.Partial {
					t.Fatalf("cut to %s to %s, partial %t, after %s", p.Start, p.End, p.Partial, last.End)
				}
			},
		})
	})
}
