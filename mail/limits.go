package mail

import (
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
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
	// mailed holds when mails about a subject were sent in the last hour.
	mailed map[subject][]time.Time
}

const (
	// often is the number of mails in an hour from which a subject must leave half of the
	// room to others: a first mail and the one that ends it.
	often = 2
	// maxMailed is the most subjects in mailed. Others count as new.
	maxMailed = 4096
)

// take reports whether a mail about alerts may be sent, and counts it if so. A mail that is
// only about what had mails often in the last hour may use half of the room, so that an
// operation that flaps never takes the room for the first mail about another one. Further
// tries of a mail are not counted, but see late.
func (l *limits) take(alerts []alert.Alert, now time.Time) bool {
	l.forget(now)
	room := l.most
	if l.isOften(alerts) {
		room -= l.most / 2
	}
	if len(l.begun) >= room {
		return false
	}
	l.begun = append(l.begun, now)
	if l.mailed == nil {
		l.mailed = make(map[subject][]time.Time)
	}
	for i := range alerts {
		key := subjectOf(&alerts[i])
		if times, known := l.mailed[key]; (known || len(l.mailed) < maxMailed) && len(times) < l.most {
			l.mailed[key] = append(times, now)
		}
	}
	return true
}

// isOften reports whether there were mails often about each of the alerts.
func (l *limits) isOften(alerts []alert.Alert) bool {
	for i := range alerts {
		if len(l.mailed[subjectOf(&alerts[i])]) < often {
			return false
		}
	}
	return true
}

// forget removes what is older than an hour.
func (l *limits) forget(now time.Time) {
	isOld := func(at time.Time) bool { return now.Sub(at) >= time.Hour }
	gone := 0
	for gone < len(l.begun) && isOld(l.begun[gone]) {
		gone++
	}
	l.begun = append(l.begun[:0], l.begun[gone:]...)
	for key, times := range l.mailed {
		if times = slices.DeleteFunc(times, isOld); len(times) == 0 {
			delete(l.mailed, key)
		} else {
			l.mailed[key] = times
		}
	}
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
