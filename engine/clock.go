package engine

import "time"

// clock tells the time by two clocks: the wall's, and a monotonic one whose zero
// means nothing. Nobody can set the second one.
type clock func() (wall time.Time, mono time.Duration)

// newClock returns the clock of the process.
func newClock() clock {
	began := time.Now()
	return func() (time.Time, time.Duration) {
		now := time.Now()
		return now.Round(0), now.Sub(began)
	}
}
