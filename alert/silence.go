package alert

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Silence says that alerts are not sent until a time.
type Silence struct {
	// Match is the name of the operations that are silenced. A * stands for any text, and the name
	// may stand behind a span kind: "client: GET /users/*".
	Match string `json:"match"`
	// Until is when the silence ends.
	Until time.Time `json:"until"`
	// Reason says what it is for.
	Reason string `json:"reason,omitempty"`
}

// Silencing says why an alert was not sent.
type Silencing struct {
	// Held says that the alert is not sent. It goes to a [Recorder] only.
	Held bool `json:"held"`
	// Until is when the silence ends. Without Held, it is when it ended: the alert fires still,
	// and is sent now.
	Until time.Time `json:"until"`
	// Reason is that of the silence.
	Reason string `json:"reason,omitempty"`
}

// IsSilenced reports whether the alert is not sent.
func (a *Alert) IsSilenced() bool { return a.Silenced.Held }

// IsReleased reports whether the alert is sent now since a silence has ended; it fired before.
func (a *Alert) IsReleased() bool { return !a.Silenced.Held && !a.Silenced.Until.IsZero() }

// maxSilences is the number of silences that can be set.
const maxSilences = 1000

// Silencer decides which alerts are sent. Those that fire while they are silenced, by a
// [Maintenance] or a [Silence], are held. What still fires at the end of the silence is sent then;
// of what has ended until then nobody hears. What fired before the silence and ends in it is sent
// to whoever heard that it fired. Repeats are not sent meanwhile.
//
// It is pure: time comes as an argument. Pass, Snapshot and Restore are for one goroutine at a
// time; the other methods are safe for concurrent use. The zero Silencer silences nothing.
type Silencer struct {
	held map[string]Alert // firing alerts that nobody has heard of, by id

	mu       sync.Mutex // guards the fields below
	plans    []plan
	silences []timed
}

// timed is a Silence that was understood.
type timed struct {
	Silence
	who matcher
}

// Plan sets the maintenance; it replaces what was set before. It returns the errors of
// [ValidateMaintenance].
func (s *Silencer) Plan(list []Maintenance) error {
	all, err := plans(list)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plans = all
	return nil
}

// Silence adds a silence, in place of the one with the same Match. One that ends at the zero time,
// or is over when the next period ends, ends that one.
func (s *Silencer) Silence(add Silence) error {
	if add.Match == "" {
		return errors.New(`match: must name operations, "*" for all`)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silences = slices.DeleteFunc(s.silences, func(t timed) bool { return t.Match == add.Match })
	if len(s.silences) >= maxSilences {
		return fmt.Errorf("there are %d silences, and there can't be more", maxSilences)
	}
	if !add.Until.IsZero() {
		s.silences = append(s.silences, timed{add, newMatcher(add.Match)})
	}
	return nil
}

// Silences returns those that were set and are not over at a time.
func (s *Silencer) Silences(now time.Time) []Silence {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Silence
	for _, t := range s.silences {
		if now.Before(t.Until) {
			all = append(all, t.Silence)
		}
	}
	return all
}

// Pass marks those of a period's alerts that are silenced at its end, see [Alert.Silenced], and
// returns the alerts that are sent since their silence is over.
func (s *Silencer) Pass(alerts []Alert, now time.Time) (released []Alert) {
	s.mu.Lock()
	defer s.mu.Unlock()
	on := s.onAt(now)
	for i := range alerts {
		a := &alerts[i]
		held, isHeld := s.held[a.ID]
		if a.State != Firing {
			if isHeld { // nobody has heard that it fired
				a.Silenced = held.Silenced
				delete(s.held, a.ID)
			}
			continue
		}
		silencing, ok := on.silencing(a)
		if !ok && isHeld { // a repeat of what is released below
			silencing, ok = held.Silenced, true
		}
		if !ok {
			continue
		}
		a.Silenced = silencing
		if isHeld || !a.Repeat {
			s.hold(a)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.held)) {
		a := s.held[id]
		if silencing, ok := on.silencing(&a); ok {
			a.Silenced = silencing
			s.held[id] = a
			continue
		}
		delete(s.held, id)
		a.DecidedAt, a.Repeat, a.LastSentAt, a.CallsSince = now, false, time.Time{}, 0
		a.Silenced.Held, a.Silenced.Until = false, now
		released = append(released, a)
	}
	s.silences = slices.DeleteFunc(s.silences, func(t timed) bool { return !now.Before(t.Until) })
	return released
}

// hold keeps a firing alert.
func (s *Silencer) hold(a *Alert) {
	if s.held == nil {
		s.held = make(map[string]Alert)
	}
	s.held[a.ID] = a.Clone()
}

// moment are the silences that there are at one time.
type moment []silenced

type silenced struct {
	silences func(*Alert) bool
	Silencing
}

// onAt returns the silences at a time. s.mu is held.
func (s *Silencer) onAt(now time.Time) (on moment) {
	for i := range s.plans {
		if p := &s.plans[i]; p.isOn(now) {
			on = append(on, silenced{p.silences, Silencing{Held: true, Until: p.until(now), Reason: p.reason}})
		}
	}
	for i := range s.silences {
		if t := &s.silences[i]; now.Before(t.Until) {
			on = append(on, silenced{t.who.fits, Silencing{Held: true, Until: t.Until, Reason: t.Reason}})
		}
	}
	return on
}

// silencing returns why an alert is not sent: of several silences the one that ends last.
func (on moment) silencing(a *Alert) (longest Silencing, ok bool) {
	for i := range on {
		if longest.Until.Before(on[i].Until) && on[i].silences(a) {
			longest, ok = on[i].Silencing, true
		}
	}
	return longest, ok
}

// SilencerState is what outlives the process: plain data.
type SilencerState struct {
	// Silences are those that were set at run time and are not over.
	Silences []Silence `json:"silences,omitempty"`
	// Held are the firing alerts that nobody has heard of.
	Held []Alert `json:"held,omitempty"`
}

// Snapshot returns a copy of what outlives the process.
func (s *Silencer) Snapshot() SilencerState {
	var state SilencerState
	for _, id := range slices.Sorted(maps.Keys(s.held)) {
		a := s.held[id]
		state.Held = append(state.Held, a.Clone())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.silences {
		state.Silences = append(state.Silences, t.Silence)
	}
	return state
}

// Restore takes over what Snapshot returned, in place of what there is. It goes before the first
// Pass. Alerts that are held by a maintenance that is not planned any more are sent with the next
// period.
func (s *Silencer) Restore(state SilencerState) error {
	s.held = nil
	for i := range state.Held {
		s.hold(&state.Held[i])
	}
	var errs []error
	for _, silence := range state.Silences {
		errs = append(errs, s.Silence(silence))
	}
	return errors.Join(errs...)
}

// silencedText says that an alert was silenced: "silenced until 04:00:00: database upkeep". It is
// empty for others.
func (a *Alert) silencedText() string {
	if a.Silenced.Until.IsZero() {
		return ""
	}
	text := "silenced until " + momentAfter(a.DecidedAt, a.Silenced.Until.In(a.DecidedAt.Location()))
	if a.Silenced.Reason != "" {
		text += ": " + a.Silenced.Reason
	}
	return text
}
