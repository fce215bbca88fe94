package alert

import (
	"fmt"
	"strings"
)

// Overview says in one line what alerts are about: "50 firing, 1 root: POST /payments; 12
// resolved". The alerts must be in the order of [Sort]. It is printable. A single alert is
// its own overview, see [Line].
func Overview(alerts []Alert) string {
	if len(alerts) == 1 {
		return Line(&alerts[0])
	}
	firing, roots := FiringCount(alerts), Roots(alerts)
	interrupted := InterruptedCount(alerts)
	resolved := len(alerts) - firing - interrupted
	switch {
	case firing == 0 && interrupted > 0:
		return fmt.Sprintf("%d interrupted: %s", interrupted, names(alerts[:interrupted])) + others(0, resolved)
	case firing == 0:
		return fmt.Sprintf("%d resolved: %s", resolved, names(alerts))
	case roots == 0:
		text := fmt.Sprintf("%d firing, caused by what fired before: %s", firing, names(alerts[:firing]))
		return text + others(interrupted, resolved)
	case roots == 1:
		text := fmt.Sprintf("%d firing, 1 root: %s %s", firing, Printable(alerts[0].Operation), Printable(alerts[0].Measured()))
		return text + others(interrupted, resolved)
	}
	return fmt.Sprintf("%d firing, %d roots: %s", firing, roots, names(alerts[:roots])) + others(interrupted, resolved)
}

// others says how many alerts are interrupted and resolved, if any.
func others(interrupted, resolved int) string {
	text := ""
	if interrupted > 0 {
		text = fmt.Sprintf("; %d interrupted", interrupted)
	}
	if resolved > 0 {
		text += fmt.Sprintf("; %d resolved", resolved)
	}
	return text
}

// names lists the operations of the first few alerts, each once.
func names(alerts []Alert) string {
	const most = 3
	var list []string
	seen := make(map[string]bool)
	for i := range alerts {
		if name := alerts[i].Operation; !seen[name] {
			seen[name] = true
			if len(list) < most {
				list = append(list, Printable(name))
			}
		}
	}
	text := strings.Join(list, ", ")
	if more := len(seen) - len(list); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// FiringCount returns the number of alerts that fire.
func FiringCount(alerts []Alert) int {
	n := 0
	for i := range alerts {
		if alerts[i].State == Firing {
			n++
		}
	}
	return n
}

// Line returns an alert in one line, the first one of its [Text], without a line break. It is
// printable.
func Line(a *Alert) string {
	return fmt.Sprintf("%s  %s  %s: %s", mark(a), Printable(a.Operation), a.Objective, Printable(a.Headline()))
}

// mark says in eight characters how an alert stands.
func mark(a *Alert) string {
	switch {
	case a.EndReason > EndRecovered:
		return "ENDED   "
	case a.State == Resolved:
		return "RESOLVED"
	case a.State == Interrupted:
		return "STOPPED "
	case a.Repeat:
		return "STILL   "
	}
	return "ALERT   "
}
