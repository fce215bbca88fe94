package alert

import (
	"fmt"
	"slices"
	"time"
)

// Flapping says how often an objective was missed anew in one incident. From the fourth firing
// alert within an hour on, alerts about an objective of an operation are one incident: it goes
// on, with one id, until the objective was met for half an hour without a bad period.
type Flapping struct {
	// Count is how often an alert fired, or would have, since Since.
	Count int `json:"count"`
	// Since is when the first of them fired.
	Since time.Time `json:"since"`
}

const (
	// flapsToDamp is the number of firing alerts in flapWindow from which they are one incident.
	flapsToDamp = 4
	flapWindow  = time.Hour
	// calmTime is how long a flapping objective must have been met. What fires four times an
	// hour is bad every 20 minutes.
	calmTime = 30 * time.Minute
	// flapRepeat is the time between two notifications of what flaps, without a RepeatInterval.
	flapRepeat = time.Hour
)

// isFlapping reports whether the incident flaps. It then goes on while the objective is met.
func (m *machine) isFlapping() bool { return m.flapping.Count > 0 }

// isOpen reports whether there is an incident: a firing alert was raised and no resolved one.
func (m *machine) isOpen() bool { return m.alert != nil }

// countFiring remembers that an alert fired, and says so if it was often.
func (m *machine) countFiring(at time.Time) Flapping {
	m.forgetFirings(at)
	if len(m.fired) >= flapsToDamp-1 {
		m.flapping = Flapping{Count: flapsToDamp, Since: m.fired[len(m.fired)-flapsToDamp+1]}
	}
	m.fired = newestTimes(append(m.fired, at))
	return m.flapping
}

// flapOn counts a firing alert that is part of an incident.
func (m *machine) flapOn(at time.Time) {
	m.flapping.Count++
	m.fired = newestTimes(append(m.fired, at))
}

// newestTimes returns as many of the last times as a count needs.
func newestTimes(times []time.Time) []time.Time {
	return slices.Delete(times, 0, max(0, len(times)-(flapsToDamp-1)))
}

// forgetFirings forgets what fired too long ago to count.
func (m *machine) forgetFirings(now time.Time) {
	m.fired = slices.DeleteFunc(m.fired, func(t time.Time) bool { return now.Sub(t) >= flapWindow })
}

// calm returns the resolved alert of an incident that flapped, once it has been calm for long
// enough.
func (m *machine) calm(k ObjectiveKind, now time.Time) (Alert, bool) {
	if !m.isFlapping() || m.isFiring() || m.met == nil {
		return Alert{}, false
	}
	if now.Sub(m.badUntil) < calmTime && k.isSet(&m.objective) {
		return Alert{}, false
	}
	a := *m.met
	a.EndsAt, a.DecidedAt, a.Flapping = m.badUntil, now, m.flapping
	if !k.isSet(&m.objective) {
		a.EndReason = EndSwitchedOff
	}
	a.WorstActual, a.LastActual = m.worst, m.lastBad.total.value(k)
	m.close()
	return a, true
}

// flappingText says how often an alert fired, or would have: "flapping, 7 times since 09:12:00".
func (a *Alert) flappingText() string {
	word := "flapping,"
	if a.State == Resolved {
		word = "flapped"
	}
	return fmt.Sprintf("%s %d times since %s", word, a.Flapping.Count, momentAfter(a.DecidedAt, a.Flapping.Since))
}
