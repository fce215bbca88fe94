package delivery

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// maxWaiting is the number of alerts that are remembered for a notifier that does not take them.
const maxWaiting = 256

// waiting remembers for each notifier which alerts it has not taken yet, so that they outlive the process.
// All methods are safe for concurrent use.
type waiting struct {
	names []string // of the notifiers, by their place and type; they never change

	mu     sync.Mutex
	alerts [][]alert.Alert // by notifier, oldest first; they never change
}

func newWaiting(notifiers []alert.Notifier) *waiting {
	w := &waiting{alerts: make([][]alert.Alert, len(notifiers))}
	for i, n := range notifiers {
		w.names = append(w.names, fmt.Sprintf("%d %T", i, n))
	}
	return w
}

// add notes that alerts are for a notifier. Of too many the oldest are forgotten.
func (w *waiting) add(i int, alerts []alert.Alert) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := slices.Concat(w.alerts[i], cloneAll(alerts))
	w.alerts[i] = list[max(0, len(list)-maxWaiting):]
}

// taken notes that a notifier took alerts. Older states of them are superseded.
func (w *waiting) taken(i int, alerts []alert.Alert) {
	latest := make(map[string]time.Time, len(alerts))
	for j := range alerts {
		if a := &alerts[j]; a.DecidedAt.After(latest[a.ID]) {
			latest[a.ID] = a.DecidedAt
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var left []alert.Alert
	for j := range w.alerts[i] {
		a := &w.alerts[i][j]
		if until, ok := latest[a.ID]; !ok || a.DecidedAt.After(until) {
			left = append(left, *a)
		}
	}
	w.alerts[i] = left
}

// Waiting is what notifiers have not taken yet, as plain data.
type Waiting []WaitingFor

// WaitingFor are the alerts that one notifier has not taken yet.
type WaitingFor struct {
	// Notifier is its place and its type.
	Notifier string `json:"notifier"`
	// Alerts are the oldest first.
	Alerts []alert.Alert `json:"alerts"`
}

// Shorten returns a copy whose alerts have only their last evidence.
func (w Waiting) Shorten() any {
	short := make(Waiting, len(w))
	for i, one := range w {
		short[i] = WaitingFor{Notifier: one.Notifier, Alerts: slices.Clone(one.Alerts)}
		for j := range short[i].Alerts {
			a := &short[i].Alerts[j]
			a.Evidence = a.Evidence[max(0, len(a.Evidence)-1):]
		}
	}
	return short
}

// Waiting returns what notifiers have not taken yet. It shares the alerts, which nobody may change.
func (d *Dispatcher) Waiting() Waiting {
	d.waiting.mu.Lock()
	defer d.waiting.mu.Unlock()
	var list Waiting
	for i, alerts := range d.waiting.alerts {
		if len(alerts) > 0 {
			list = append(list, WaitingFor{Notifier: d.waiting.names[i], Alerts: alerts})
		}
	}
	return list
}

// Deliver hands alerts that an earlier process left to the notifiers that they were for. What was for a
// notifier that is not there any more is left out. It must be called before Send.
func (d *Dispatcher) Deliver(left Waiting) {
	for _, one := range left {
		i := slices.Index(d.waiting.names, one.Notifier)
		if i < 0 || len(one.Alerts) == 0 {
			continue
		}
		d.waiting.add(i, one.Alerts)
		for j := range one.Alerts { // one by one, since an alert may fire and be resolved in them
			d.notifiers[i].Put(cloneAll(one.Alerts[j : j+1]))
		}
	}
}
