package mail

import (
	"slices"
	"time"
)

const (
	// gather is how long a digest waits for more after what came first.
	gather = 5 * time.Minute
	// between is the least time between two digests.
	between = time.Hour
	// firstPause and lastPause bound the time after which a digest that could not be
	// sent is tried again; it doubles in between.
	firstPause = time.Minute
	lastPause  = time.Hour
)

// limits says what may go out when. Mails and digests have separate limits, so that in any
// hour there are at most as many as both allow together, and a digest never waits
// for room. It is pure: time is an argument.
type limits struct {
	most     int         // mails in any hour, besides the digest
	begun    []time.Time // the mails of the last hour, when they were last sent, oldest first
	digested time.Time   // when the last digest went out
	failures int         // tries of the digest that failed since
	failed   time.Time   // when the last one did
}

// take reports whether a mail may go out, and counts it if so. One that is tried again
// is not counted again, but see late.
func (l *limits) take(now time.Time) bool {
	gone := 0
	for gone < len(l.begun) && now.Sub(l.begun[gone]) >= time.Hour {
		gone++
	}
	l.begun = append(l.begun[:0], l.begun[gone:]...)
	if len(l.begun) >= l.most {
		return false
	}
	l.begun = append(l.begun, now)
	return true
}

// late counts a mail as of now that was counted before: it went out at another try.
func (l *limits) late(before, now time.Time) {
	if i := slices.Index(l.begun, before); i >= 0 {
		l.begun = slices.Delete(l.begun, i, i+1)
	}
	l.begun = append(l.begun, now)
}

// due returns when a digest may go out for which something has waited since then.
func (l *limits) due(since time.Time) time.Time {
	at := since.Add(gather)
	if next := l.digested.Add(between); !l.digested.IsZero() && next.After(at) {
		at = next
	}
	if l.failures > 0 {
		if next := l.failed.Add(l.pause()); next.After(at) {
			at = next
		}
	}
	return at
}

// pause returns the time to wait after as many failures as there were.
func (l *limits) pause() time.Duration {
	pause := firstPause
	for range l.failures - 1 {
		if pause *= 2; pause >= lastPause {
			return lastPause
		}
	}
	return pause
}

func (l *limits) digestSent(now time.Time)   { l.digested, l.failures = now, 0 }
func (l *limits) digestFailed(now time.Time) { l.failed, l.failures = now, l.failures+1 }
