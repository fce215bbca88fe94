package delivery

import (
	"context"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
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

// supersede removes the oldest states of alerts of which a later notification has a newer
// one. As soon as a notification is empty it returns that one's index; -1 if none gets
// empty.
func supersede(waiting []*[]alert.Alert) (empty int) {
	latest := make(map[string]int) // the last notification about an alert, by its id
	for i, alerts := range waiting {
		for j := range *alerts {
			latest[(*alerts)[j].ID] = i
		}
	}
	for i, alerts := range waiting {
		*alerts = slices.DeleteFunc(*alerts, func(a alert.Alert) bool { return latest[a.ID] > i })
		if len(*alerts) == 0 {
			return i
		}
	}
	return -1
}

// merge makes one notification of two, unless it would be too large, or one objective of an
// operation would be resolved and fire anew in it: in the order of [alert.Sort] that reads
// as if it were resolved last.
func merge(first, second []alert.Alert) (both []alert.Alert, ok bool) {
	if len(first)+len(second) > maxMerged {
		return nil, false
	}
	resolved := make(map[subject]bool)
	for i := range first {
		if a := &first[i]; a.State == alert.Resolved {
			resolved[subjectOf(a)] = true
		}
	}
	for i := range second {
		if a := &second[i]; a.State == alert.Firing && resolved[subjectOf(a)] {
			return nil, false
		}
	}
	return slices.Concat(first, second), true
}

// subject is what an alert is about.
type subject struct {
	monitor   string
	operation engine.OperationKey
	objective alert.ObjectiveKind
}

func subjectOf(a *alert.Alert) subject { return subject{a.Monitor, a.Key(), a.Objective} }
