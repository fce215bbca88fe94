package alertmanager

import (
	"container/list"
	"encoding/json"
	"fmt"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// resolvedFor is how long a resolved alert is sent again, so that an Alertmanager that was
// down hears of it, too.
const resolvedFor = 5 * time.Minute

// entry is an alert as Alertmanager is told about it. It does not change.
type entry struct {
	key          string // what Alertmanager knows the alert by: its labels, in order
	labels       json.RawMessage
	annotations  json.RawMessage
	generatorURL string
	isResolved   bool
	startsAt     time.Time
	endsAt       time.Time // zero while it fires
	decided      time.Time // when the decision fell, on the clock of the judge
	came         time.Time // when it was heard of first
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
	if e.isResolved {
		e.endsAt = orElse(a.EndsAt, e.decided)
	}
	return e, nil
}

// orElse returns t if it is a time that JSON can say, and fallback if not.
func orElse(t, fallback time.Time) time.Time {
	if y := t.UTC().Year(); t.IsZero() || y < 1 || y > 9999 {
		return fallback
	}
	return t
}

// outranks reports whether e says something newer than other, which is about the same
// alert and comes now. What was decided in the future was decided before the clock was set
// back, and outranks nothing.
func (e *entry) outranks(other *entry, now time.Time) bool {
	if e.decided.After(now) {
		return false
	}
	if e.decided.Equal(other.decided) {
		return e.isResolved && !other.isResolved
	}
	return e.decided.After(other.decided)
}

// repeats reports whether e says what other said.
func (e *entry) repeats(other *entry) bool {
	return e.isResolved == other.isResolved && e.decided.Equal(other.decided)
}

// message is an alert in the API's words.
type message struct {
	Labels       json.RawMessage `json:"labels"`
	Annotations  json.RawMessage `json:"annotations"`
	StartsAt     time.Time       `json:"startsAt"`
	EndsAt       time.Time       `json:"endsAt"`
	GeneratorURL string          `json:"generatorURL,omitempty"`
}

// message returns what to send now. An alert that fires ends when nobody has said for
// three times as long as it takes to say it again that it still does. Nothing begins or
// has ended in the future, whatever happens to the clock, nor ends before it begins:
// Alertmanager would not take it.
func (e *entry) message(now time.Time, resendEvery time.Duration) message {
	m := message{
		Labels:       e.labels,
		Annotations:  e.annotations,
		StartsAt:     earlier(e.startsAt, now).UTC(),
		EndsAt:       now.Add(3 * resendEvery).UTC(),
		GeneratorURL: e.generatorURL,
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

// held are the alerts that are to be sent again: what fires, and what was resolved not long
// ago. It is not safe for concurrent use.
type held struct {
	max     int
	order   *list.List // of *entry, the one heard of longest ago first
	byKey   map[string]*list.Element
	givenUp uint64 // number of those that there was no room for
}

func newHeld(maxAlerts int) *held {
	return &held{max: maxAlerts, order: list.New(), byKey: make(map[string]*list.Element)}
}

// put keeps e unless something newer is known about the same alert. If there are
// too many now, it gives up the one heard of longest ago.
func (h *held) put(e *entry, now time.Time) {
	if at, ok := h.byKey[e.key]; ok {
		known := at.Value.(*entry)
		if known.outranks(e, now) {
			return
		}
		if known.repeats(e) {
			again := *e
			again.came = known.came // saying it twice does not make it last longer
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

// newest returns what is known about the alert that e is about: e itself if nothing is.
func (h *held) newest(e *entry) *entry {
	if at, ok := h.byKey[e.key]; ok {
		return at.Value.(*entry)
	}
	return e
}

// forget drops what was resolved long enough ago.
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

// all returns all of them, the one heard of longest ago first.
func (h *held) all() []*entry {
	entries := make([]*entry, 0, h.order.Len())
	for at := h.order.Front(); at != nil; at = at.Next() {
		entries = append(entries, at.Value.(*entry))
	}
	return entries
}

// len returns how many there are.
func (h *held) len() int { return h.order.Len() }

// maxBody is the number of bytes that a request's body has at most, unless it is a single
// alert: proxies refuse large ones.
const maxBody = 256 << 10

// bodies returns the requests' bodies that tell about entries now.
func bodies(entries []*entry, now time.Time, resendEvery time.Duration) [][]byte {
	var all [][]byte
	var body []byte
	for _, e := range entries {
		text, err := json.Marshal(e.message(now, resendEvery))
		if err != nil { // its parts were marshalled before, its times can be
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
