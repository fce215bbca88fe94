package engine

import "time"

// Untimed is the Duration of a call that counts, but whose length says nothing about latency:
// one that lasts as long as there is something to wait for, or whose length is not known. So is
// every negative one, and one of more than 30 days, which no call takes: its start is wrong.
const Untimed time.Duration = -1

// maxDuration is the longest duration that is taken for one.
const maxDuration = 30 * 24 * time.Hour

// isTimed reports whether a duration says something about latency.
func isTimed(d time.Duration) bool { return uint64(d) <= uint64(maxDuration) }

// lengthOf returns a duration if it is one, and else 0.
func lengthOf(d time.Duration) time.Duration {
	if !isTimed(d) {
		return 0
	}
	return d
}
