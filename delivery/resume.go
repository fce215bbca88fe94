package delivery

import (
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// Resume tells notifiers what they were still owed when the process before this one ended. Those that
// send alerts again as long as they fire ([alert.Resender]) get all that fire; to others these are nothing
// new. It must be called before Send.
func (d *Dispatcher) Resume(firing []alert.Alert) {
	for i, o := range d.notifiers {
		l := d.ledgers[i]
		if d.resending[i] && len(firing) > 0 {
			l.owe(firing)
		}
		if what := l.occasion(time.Now()); what != nil {
			o.Put(what)
		}
	}
}

// owe notes that a notifier must hear of alerts that fire, whatever it has heard.
func (l *ledger) owe(firing []alert.Alert) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range firing {
		a := firing[i].Clone()
		delete(l.heard, a.ID)
		l.owed[a.ID] = a
	}
	l.lost = l.knew + 1
}
