package mail

import (
	"fmt"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// maxDigest is the most lines of a digest. Further alerts are only counted.
const maxDigest = 1000

// subject is what an alert is about. A digest holds only the latest alert of each subject.
type subject struct {
	monitor   string
	operation engine.OperationKey
	objective alert.ObjectiveKind
}

func subjectOf(a *alert.Alert) subject {
	return subject{monitor: a.Monitor, operation: a.Key(), objective: a.Objective}
}

// line is an alert in one line. Its strings are bounded and printable, so that a digest can
// keep many of them.
type line struct {
	State   string // FIRING, STILL FIRING or RESOLVED
	Firing  bool
	About   string // the operation and its objective
	What    string // what was measured, and the main cause
	Since   string
	ID      string
	Changes int // how often the state changed while the line waited, the last time included

	alert string      // the id, for threads
	slim  alert.Alert // what [alert.Sort] needs
}

// newLine returns the line of an alert.
func newLine(a *alert.Alert) *line {
	since := "since " + alert.Moment(a.StartsAt)
	if a.State == alert.Resolved {
		since = fmt.Sprintf("from %s to %s", alert.Moment(a.StartsAt), alert.Moment(a.EndsAt))
	}
	return &line{
		State:   stateWord(a),
		Firing:  a.State == alert.Firing,
		About:   shown(a.Operation, maxName) + " " + a.Objective.String() + serviceSuffix(a),
		What:    shown(a.Headline(), 2*maxName),
		Since:   since,
		ID:      shown(a.ID, maxName),
		Changes: 1,
		alert:   clip(a.ID, maxName),
		slim:    slimOf(a),
	}
}

// slimOf returns what [alert.Sort] needs of an alert, with the calls of its evidence as one
// period.
func slimOf(a *alert.Alert) alert.Alert {
	var all engine.Summary
	for i := range a.Evidence {
		s := &a.Evidence[i]
		all.Count, all.Success, all.Failure, all.InFlight = all.Count+s.Count, all.Success+s.Success, all.Failure+s.Failure, all.InFlight+s.InFlight
	}
	return alert.Alert{
		ID: clip(a.ID, maxName), CausedBy: clip(a.CausedBy, maxName), Monitor: a.Monitor, Service: a.Service, Operation: a.Operation, SpanKind: a.SpanKind,
		Objective: a.Objective, State: a.State, Repeat: a.Repeat, StartsAt: a.StartsAt, DecidedAt: a.DecidedAt,
		Target: a.Target, Actual: a.Actual, WorstActual: a.WorstActual, Periods: max(a.Periods, len(a.Evidence)), Evidence: []engine.Summary{all},
	}
}

// serviceSuffix names the service that an alert is about, if any.
func serviceSuffix(a *alert.Alert) string {
	if a.Service == "" {
		return ""
	}
	return " (" + shown(a.Service, maxName) + ")"
}

// digest gathers the latest alert of each subject for which there was no room. The zero value
// is empty. It is not safe for concurrent use.
type digest struct {
	since    time.Time // when the first alert came
	lines    map[subject]*line
	unlisted int // alerts for which there was no line
}

// add takes alerts that came now.
func (d *digest) add(alerts []alert.Alert, now time.Time) {
	if d.size() == 0 {
		d.since = now
	}
	if d.lines == nil {
		d.lines = make(map[subject]*line)
	}
	for i := range alerts {
		key := subjectOf(&alerts[i])
		old := d.lines[key]
		if old == nil && len(d.lines) >= maxDigest {
			d.unlisted++
			continue
		}
		l := newLine(&alerts[i])
		if old != nil {
			l.Changes = old.Changes
			if !alerts[i].Repeat {
				l.Changes++
			}
		}
		d.lines[key] = l
	}
}

// drop removes the lines of alerts of which a later state was sent in a mail of its own.
func (d *digest) drop(alerts []alert.Alert) {
	for i := range alerts {
		delete(d.lines, subjectOf(&alerts[i]))
	}
}

// size returns the number of alerts that wait.
func (d *digest) size() int { return len(d.lines) + d.unlisted }

// list returns the lines in the order of [alert.Sort].
func (d *digest) list() []*line {
	alerts := make([]alert.Alert, 0, len(d.lines))
	for _, l := range d.lines {
		alerts = append(alerts, l.slim)
	}
	alert.Sort(alerts)
	lines := make([]*line, len(alerts))
	for i := range alerts {
		lines[i] = d.lines[subjectOf(&alerts[i])]
	}
	return lines
}
