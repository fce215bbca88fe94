package alertmanager

import (
	"container/list"
	"encoding/json"
	"fmt"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// resolvedFor is how long a resolved alert is sent again, for an Alertmanager that was down.
const resolvedFor = 5 * time.Minute

// entry is an alert in the form in which it is sent. It is immutable.
type entry struct {
	key          string // the labels in order, which identify the alert
	labels       json.RawMessage
	annotations  json.RawMessage
	generatorURL string
	isResolved   bool
	startsAt     time.Time
	endsAt       time.Time // zero while it fires
	expiresAt    time.Time // of an interrupted one
	decided      time.Time // when the judge decided
	came         time.Time // when it came to the notifier first
}

// newEntry returns an entry for an alert that came now.
func newEntry(a *alert.Alert, c *Config, now time.Time) (*entry, error) {
	labels, err := json.Marshal(labelsOf(a, c))
	if err != nil {
		return nil, fmt.Errorf("labels of alert %q: %w", a.ID, err)
	}
	annotations, err := json.Marshal(annotationsOf(a))
	if err != nil {
		return nil, fmt.Errorf("annotations of alert %q: %w", a.ID, err)
	}
	e := &entry{
		key:          string(labels),
		labels:       labels,
		annotations:  annotations,
		generatorURL: c.GeneratorURL,
		isResolved:   a.State == alert.Resolved,
		decided:      orElse(a.DecidedAt, now),
		came:         now,
	}
	e.startsAt = orElse(a.StartsAt, e.decided)
	if a.State == alert.Interrupted {
		e.expiresAt = orElse(a.ExpiresAt, e.decided)
	}
	if e.isResolved {
		e.endsAt = orElse(a.EndsAt, e.decided)
	}
	return e, nil
}

// orElse returns t if JSON can write it, and fallback otherwise.
func orElse(t, fallback time.Time) time.Time {
	if y := t.UTC().Year(); t.IsZero() || y < 1 || y > 9999 {
		return fallback
	}
	return t
}

// outranks reports whether e is newer than other, which is about the same alert and comes now.
// An entry that was decided in the future is from before the clock was set back, and is not.
func (e *entry) outranks(other *entry, now time.Time) bool {
	if e.decided.After(now) {
		return false
	}
	if e.decided.Equal(other.decided) {
		return e.isResolved && !other.isResolved
	}
	return e.decided.After(other.decided)
}

// repeats reports whether e and other are the same decision.
func (e *entry) repeats(other *entry) bool {
	return e.isResolved == other.isResolved && e.decided.Equal(other.decided)
}

// message is an alert in the API's format.
type message struct {
	Labels       json.RawMessage `json:"labels"`
	Annotations  json.RawMessage `json:"annotations"`
	StartsAt     time.Time       `json:"startsAt"`
	EndsAt       time.Time       `json:"endsAt"`
	GeneratorURL string          `json:"generatorURL,omitempty"`
}

// message returns the message to send now. A firing alert ends after three times ResendDelay,
// unless it is sent again; an interrupted one lasts at least until it expires. No alert begins in the future, no resolved one ends there,
// and none ends before it begins: Alertmanager would refuse it.
func (e *entry) message(now time.Time, resendDelay time.Duration) message {
	m := message{
		Labels:       e.labels,
		Annotations:  e.annotations,
		StartsAt:     earlier(e.startsAt, now).UTC(),
		EndsAt:       now.Add(3 * resendDelay).UTC(),
		GeneratorURL: e.generatorURL,
	}
	if e.expiresAt.After(m.EndsAt) {
		m.EndsAt = e.expiresAt.UTC()
	}
	if e.isResolved {
		m.EndsAt = earlier(e.endsAt, now).UTC()
		m.StartsAt = earlier(m.StartsAt, m.EndsAt)
	}
	return m
}

// earlier returns the first of two times.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// held are the alerts that are sent again: those that fire, and those that were resolved in the
// last resolvedFor. It is not safe for concurrent use.
type held struct {
	max     int
	order   *list.List // of *entry, the one that changed longest ago first
	byKey   map[string]*list.Element
	givenUp uint64 // the number of alerts that there was no room for
}

func newHeld(maxAlerts int) *held {
	return &held{max: maxAlerts, order: list.New(), byKey: make(map[string]*list.Element)}
}

// put keeps e unless a newer entry about the same alert is there. If there are too many now, it
// drops the one that changed longest ago.
func (h *held) put(e *entry, now time.Time) {
	if at, ok := h.byKey[e.key]; ok {
		known := at.Value.(*entry)
		if known.outranks(e, now) {
			return
		}
		if known.repeats(e) {
			again := *e
			again.came = known.came // a repetition does not make it last longer
			e = &again
		}
		at.Value = e
		h.order.MoveToBack(at)
		return
	}
	h.byKey[e.key] = h.order.PushBack(e)
	for h.order.Len() > h.max {
		h.remove(h.order.Front())
		h.givenUp++
	}
}

// newest returns the kept entry about the alert of e, or e if there is none.
func (h *held) newest(e *entry) *entry {
	if at, ok := h.byKey[e.key]; ok {
		return at.Value.(*entry)
	}
	return e
}

// forget removes the alerts that were resolved more than resolvedFor ago.
func (h *held) forget(now time.Time) {
	for at := h.order.Front(); at != nil; {
		next := at.Next()
		if e := at.Value.(*entry); e.isResolved && now.Sub(e.came) > resolvedFor {
			h.remove(at)
		}
		at = next
	}
}

func (h *held) remove(at *list.Element) {
	delete(h.byKey, at.Value.(*entry).key)
	h.order.Remove(at)
}

// all returns all entries, the one that changed longest ago first.
func (h *held) all() []*entry {
	entries := make([]*entry, 0, h.order.Len())
	for at := h.order.Front(); at != nil; at = at.Next() {
		entries = append(entries, at.Value.(*entry))
	}
	return entries
}

// len returns the number of entries.
func (h *held) len() int { return h.order.Len() }

// maxBody is the most bytes of a request's body, unless it is a single alert. Proxies refuse
// large ones.
const maxBody = 256 << 10

// bodies returns the bodies of the requests that send entries now.
func bodies(entries []*entry, now time.Time, resendDelay time.Duration) [][]byte {
	var all [][]byte
	var body []byte
	for _, e := range entries {
		text, err := json.Marshal(e.message(now, resendDelay))
		if err != nil { // can't be: orElse checked the times, and the rest is JSON already
			continue
		}
		if len(body) > 0 && len(body)+len(text) > maxBody {
			all = append(all, append(body, ']'))
			body = nil
		}
		if len(body) == 0 {
			body = append(body, '[')
		} else {
			body = append(body, ',')
		}
		body = append(body, text...)
	}
	if len(body) > 0 {
		all = append(all, append(body, ']'))
	}
	return all
}
