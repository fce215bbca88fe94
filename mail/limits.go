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
	// firstPause and lastPause bound the time after which a digest that could not be sent is
	// tried again. It doubles each time.
	firstPause = time.Minute
	lastPause  = time.Hour
)

// limits says when mails and digests may be sent. They have separate limits, so that a digest
// never waits for room. It is pure: time is an argument.
type limits struct {
	most     int         // the most mails in any hour, besides the digest
	begun    []time.Time // when the mails of the last hour were last sent, oldest first
	digested time.Time   // when the last digest was sent
	failures int         // failed tries of the digest since then
	failed   time.Time   // when the last of these tries failed
}

// take reports whether a mail may be sent, and counts it if so. Further tries of a mail are not
// counted, but see late.
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

// late counts a mail as sent now instead of before, since a later try succeeded.
func (l *limits) late(before, now time.Time) {
	if i := slices.Index(l.begun, before); i >= 0 {
		l.begun = slices.Delete(l.begun, i, i+1)
	}
	l.begun = append(l.begun, now)
}

// due returns when a digest may be sent whose first alert came at since.
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

// pause returns the time to wait after the last failure.
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
