package delivery

import (
	"context"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/internal/outbox"
)

// maxMerged is the number of alerts up to which notifications are merged.
const maxMerged = 64

// notify makes one try to deliver alerts. The notifier may change what it gets, so each
// try has a copy. It is sorted here, since merged notifications are, too, delivered in one
// order.
func notify(ctx context.Context, n alert.Notifier, alerts []alert.Alert) error {
	own := cloneAll(alerts)
	alert.Sort(own)
	return n.Notify(alert.WithNotificationID(ctx, notificationID(own)), own)
}

// audible returns copies of those alerts that a notifier gets: a recorder also what is silenced, and
// not again what is released from that.
func audible(alerts []alert.Alert, isRecorder bool) []alert.Alert {
	var own []alert.Alert
	for i := range alerts {
		a := &alerts[i]
		if isRecorder && a.IsReleased() || !isRecorder && a.IsSilenced() {
			continue
		}
		own = append(own, a.Clone())
	}
	return own
}

func cloneAll(alerts []alert.Alert) []alert.Alert {
	own := make([]alert.Alert, len(alerts))
	for i := range alerts {
		own[i] = alerts[i].Clone()
	}
	return own
}

// notificationID returns an id made from the alerts' ids, states and times of decision. The
// same alerts have the same id in every process.
func notificationID(alerts []alert.Alert) string {
	h := fnv.New128a()
	for i := range alerts {
		a := &alerts[i]
		h.Write(fmt.Appendf(nil, "%d:%s %s %d\n", len(a.ID), a.ID, a.State, a.DecidedAt.UnixNano()))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// tell makes one try to deliver a notification. fail gets the error of one that is tried only once.
func tell(ctx context.Context, n alert.Notifier, l *ledger, what *notification, fail func(error)) error {
	if l.begin(what); len(what.says) == 0 {
		return outbox.ErrNothing
	}
	err := notify(ctx, n, what.says)
	switch {
	case err == nil:
		l.told(what)
	case what.catchesUp:
		l.failed(err, time.Now())
		fail(fmt.Errorf("%w (it has still to hear of %s)", err, aboutAll(what.says)))
		return outbox.ErrNothing
	}
	return err
}

// lostError says which alerts a notifier was not told of, and why: err, or for want of room.
func lostError(what *notification, err error) error {
	alerts := what.alerts
	if what.isBegun {
		alerts = what.says
	}
	if err == nil {
		return fmt.Errorf("too much waits: dropped %s; it will hear of it when it answers again", aboutAll(alerts))
	}
	return fmt.Errorf("gave up on %s; it will hear of it when it answers again: %w", aboutAll(alerts), err)
}

// aboutAll names alerts, the first few of many: "GET /a availability firing". It is printable.
func aboutAll(alerts []alert.Alert) string {
	const most = 5
	var names []string
	for i := range alerts[:min(len(alerts), most)] {
		a := &alerts[i]
		names = append(names, fmt.Sprintf("%s %s %s", alert.Printable(a.Operation), a.Objective, a.State))
	}
	if more := len(alerts) - most; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// supersede removes the oldest states of alerts of which a later notification has a newer
// one. As soon as a notification is empty it returns that one's index; -1 if none gets
// empty.
func supersede(waiting []**notification) (empty int) {
	latest := make(map[string]int) // the last notification about an alert, by its id
	for i, n := range waiting {
		for j := range (*n).alerts {
			latest[(*n).alerts[j].ID] = i
		}
	}
	for i, n := range waiting {
		(*n).alerts = slices.DeleteFunc((*n).alerts, func(a alert.Alert) bool { return latest[a.ID] > i })
		if len((*n).alerts) == 0 {
			return i
		}
	}
	return -1
}

// merge makes one notification of two, unless it would be too large, or one objective of an
// operation would be resolved and fire anew in it: in the order of [alert.Sort] that reads
// as if it were resolved last.
func merge(first, second *notification) (both *notification, ok bool) {
	if len(first.alerts)+len(second.alerts) > maxMerged {
		return nil, false
	}
	resolved := make(map[subject]bool)
	for i := range first.alerts {
		if a := &first.alerts[i]; a.State == alert.Resolved {
			resolved[subjectOf(a)] = true
		}
	}
	for i := range second.alerts {
		if a := &second.alerts[i]; a.State == alert.Firing && resolved[subjectOf(a)] {
			return nil, false
		}
	}
	return &notification{number: first.number, alerts: slices.Concat(first.alerts, second.alerts)}, true
}

// subject is what an alert is about.
type subject struct {
	monitor   string
	operation engine.OperationKey
	objective alert.ObjectiveKind
}

func subjectOf(a *alert.Alert) subject { return subject{a.Monitor, a.Key(), a.Objective} }
