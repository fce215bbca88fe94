package delivery

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// Ledger is what one notifier has heard, and what it must still hear. It is plain data, which
// can be kept across restarts: see [Dispatcher.Ledgers] and [Options.Ledgers].
type Ledger struct {
	// Heard are the ids of the alerts that it was told fire, and not yet that they ended.
	Heard []string `json:"heard"`
	// Owed are the latest states of the alerts that it must still hear of: they wait, are
	// being delivered, or were given up. Oldest first.
	Owed []alert.Alert `json:"owed"`
}

// maxHeard bounds the alerts that a notifier is known to have heard of: some may end in silence.
const maxHeard = 10_000

// ledger keeps what one notifier has heard, so that it knows the present as soon as it answers
// again, whatever was given up meanwhile. It is safe for concurrent use.
type ledger struct {
	interval time.Duration // the least time between two tries to catch up

	mu    sync.Mutex
	heard map[string]bool        // the ids of alerts that it knows to fire
	owed  map[string]alert.Alert // the latest state of each alert that it must still hear of, by id
	sent  uint64                 // the number of the last notification that was sent to it
	lost  uint64                 // how many notifications were given up or dropped
	knew  uint64                 // lost, when it knew everything last
	// caughtUp is the number of the last notification whose alerts may be no news any more.
	caughtUp uint64
	next     time.Time // no try to catch up before that
}

// newLedger returns the ledger of a notifier that has the given one.
func newLedger(from Ledger, interval time.Duration) *ledger {
	l := &ledger{interval: interval, heard: make(map[string]bool), owed: make(map[string]alert.Alert)}
	for _, id := range from.Heard {
		l.heard[id] = true
	}
	for i := range from.Owed {
		l.owed[from.Owed[i].ID] = from.Owed[i].Clone()
	}
	if len(l.owed) > 0 {
		l.lost = 1
	}
	return l
}

// data returns what the ledger holds.
func (l *ledger) data() Ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := Ledger{Heard: slices.Sorted(maps.Keys(l.heard)), Owed: make([]alert.Alert, 0, len(l.owed))}
	for _, a := range l.owed {
		out.Owed = append(out.Owed, a.Clone())
	}
	slices.SortFunc(out.Owed, byDecision)
	return out
}

// byDecision puts alerts into the order in which they were decided.
func byDecision(a, b alert.Alert) int {
	return cmp.Or(a.DecidedAt.Compare(b.DecidedAt), cmp.Compare(a.ID, b.ID))
}

// notification is what waits for a notifier: alerts, or an occasion to catch up.
type notification struct {
	number uint64 // in the order in which they were sent; of merged ones, the first
	alerts []alert.Alert
	// catchesUp says that it is an occasion to catch up and nothing else: it is tried once.
	catchesUp bool

	// The fields below are set at the first try.

	isBegun   bool
	says      []alert.Alert // what it tells
	saysAll   bool          // that is all that the notifier must hear
	knewUntil uint64        // ledger.lost then
	until     uint64        // ledger.sent then
}

// send notes alerts that are on their way, and returns their notification. They are the
// ledger's from then on.
func (l *ledger) send(alerts []alert.Alert) *notification {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range alerts {
		l.owed[alerts[i].ID] = alerts[i]
	}
	l.sent++
	return &notification{number: l.sent, alerts: alerts}
}

// occasion returns a notification by which a notifier that is behind catches up; nil if it is
// not behind, or was tried a moment ago.
func (l *ledger) occasion(now time.Time) *notification {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost == l.knew || now.Before(l.next) {
		return nil
	}
	l.next = now.Add(l.interval)
	l.sent++
	return &notification{number: l.sent, catchesUp: true}
}

// begin decides, at the first try, what a notification tells. A notifier that is behind hears at
// once all that it must hear: what fires and it has not heard of, and what ended of what it has
// heard of.
func (l *ledger) begin(n *notification) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n.isBegun {
		return
	}
	n.isBegun = true
	switch {
	case l.lost != l.knew:
		n.saysAll, n.knewUntil, n.until = true, l.lost, l.sent
		for _, a := range l.owed {
			// The last word on what fires is news for all: there may be no other.
			if a.State == alert.Interrupted || (a.State == alert.Firing) != l.heard[a.ID] {
				n.says = append(n.says, a)
			} else {
				delete(l.owed, a.ID) // it knows, or never knew
			}
		}
		slices.SortFunc(n.says, byDecision)
		alert.Sort(n.says)
	case n.number <= l.caughtUp:
		n.says = l.news(n.alerts)
	default:
		n.says = n.alerts
	}
	if len(n.says) == 0 {
		l.settle(n)
	}
}

// news returns those of the alerts that a later notification has not told already. l.mu is held.
func (l *ledger) news(alerts []alert.Alert) (news []alert.Alert) {
	heard := make(map[string]bool)
	for i := range alerts {
		a := &alerts[i]
		knows, isNew := heard[a.ID]
		if !isNew {
			knows = l.heard[a.ID]
		}
		owed, isOwed := l.owed[a.ID]
		switch isFiring := a.State == alert.Firing; {
		case isOwed && (a.State == alert.Interrupted || isFiring != knows || isFiring && a.Repeat):
			news = append(news, *a)
			heard[a.ID] = isFiring
		case isOwed && isSame(a, &owed):
			delete(l.owed, a.ID)
		}
	}
	return news
}

// isSame reports whether two alerts are the same decision.
func isSame(a, b *alert.Alert) bool {
	return a.State == b.State && a.Repeat == b.Repeat && a.DecidedAt.Equal(b.DecidedAt)
}

// superseding notes that states are removed which later ones replace: an end whose beginning is
// removed is no news any more.
func (l *ledger) superseding() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.caughtUp = l.sent
}

// told notes that a notifier took a notification.
func (l *ledger) told(n *notification) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle(n)
}

// settle is told. l.mu is held.
func (l *ledger) settle(n *notification) {
	for i := range n.says {
		a := &n.says[i]
		if a.State == alert.Firing {
			l.hear(a.ID)
		} else {
			delete(l.heard, a.ID)
		}
		if owed, ok := l.owed[a.ID]; ok && isSame(a, &owed) {
			delete(l.owed, a.ID)
		}
	}
	if n.saysAll {
		l.knew, l.caughtUp = n.knewUntil, max(l.caughtUp, n.until)
	}
}

// hear notes that the notifier knows that an alert fires. l.mu is held.
func (l *ledger) hear(id string) {
	for other := range l.heard {
		if len(l.heard) < maxHeard {
			break
		}
		delete(l.heard, other)
	}
	l.heard[id] = true
}

// gaveUp notes that a notification was given up or dropped, so that the notifier is behind.
func (l *ledger) gaveUp(err error, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost++
	l.waitAfter(err, now)
}

// failed notes that a try to catch up failed.
func (l *ledger) failed(err error, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waitAfter(err, now)
}

// waitAfter sets the time of the next try to catch up: later if the notifier refused for good.
// l.mu is held.
func (l *ledger) waitAfter(err error, now time.Time) {
	if alert.IsFinal(err) {
		l.next = now.Add(10 * l.interval)
	}
}
