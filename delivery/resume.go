package delivery

import "github.com/blurooo/go-monitor/v2/alert"

// resending returns which notifiers send alerts again by themselves.
func resending(notifiers []alert.Notifier) []bool {
	list := make([]bool, len(notifiers))
	for i, n := range notifiers {
		_, list[i] = n.(alert.Resender)
	}
	return list
}

// Resume hands alerts that have fired since before the process started to the notifiers that send
// them again as long as they fire ([alert.Resender]). To all others they are nothing new. It must be
// called before Send.
func (d *Dispatcher) Resume(firing []alert.Alert) {
	if len(firing) == 0 {
		return
	}
	for i, o := range d.notifiers {
		if d.resending[i] {
			o.Put(cloneAll(firing))
		}
	}
}
