package mail

import (
	"fmt"
	"strings"

	"github.com/blurooo/go-monitor/v2/alert"
)

const (
	maxDetailed = 5    // alerts that a mail shows in full; up to maxDigest others get a line each
	maxBlock    = 8192 // bytes of one alert in the text part
)

// content is what both parts of a mail show. Its strings are printable, but not yet escaped for
// HTML.
type content struct {
	Intro    string
	Alerts   []*alert.Alert // shown in full
	Lines    []*line        // shown in a line each
	Unlisted int            // the number of further alerts
}

// contentOf returns the content of a mail about alerts, which are in the order of
// [alert.Sort]: a few in full; of more than that the overview, the roots in full and a line
// for every other.
func contentOf(alerts []alert.Alert) content {
	var c content
	full := len(alerts)
	if full > maxDetailed {
		full = min(max(1, alert.Roots(alerts)), maxDetailed)
		c.Intro = clip(alert.Overview(alerts), 4*maxName)
	}
	for i := range alerts {
		switch {
		case i < full:
			c.Alerts = append(c.Alerts, &alerts[i])
		case len(c.Lines) < maxDigest:
			l := newLine(&alerts[i])
			l.What = shown(alerts[i].HeadlineBelow(alerts[:full]), 2*maxName)
			c.Lines = append(c.Lines, l)
		default:
			c.Unlisted++
		}
	}
	return c
}

// text writes the text part.
func (c *content) text() string {
	var b strings.Builder
	if c.Intro != "" {
		b.WriteString(c.Intro + "\n\n")
	}
	for i, a := range c.Alerts {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strings.TrimSuffix(clip(alert.Text(a), maxBlock), "\n") + "\n")
	}
	if len(c.Alerts) > 0 && len(c.Lines) > 0 {
		b.WriteByte('\n')
	}
	for _, l := range c.Lines {
		fmt.Fprintf(&b, "%-12s  %s: %s, %s%s, id %s\n", l.State, l.About, l.What, l.Since, l.Changed(), l.ID)
	}
	if c.Unlisted > 0 {
		b.WriteString("\n" + c.Rest() + "\n")
	}
	return b.String()
}

// Changed says how often the state of a line changed, if more than once.
func (l *line) Changed() string {
	if l.Changes < 2 {
		return ""
	}
	return fmt.Sprintf(", the last of %d changes", l.Changes)
}

// Rest says how many alerts are not shown, if any.
func (c *content) Rest() string {
	if c.Unlisted == 0 {
		return ""
	}
	return fmt.Sprintf("And %s, for which there is no room here.", alert.Counted(uint64(c.Unlisted), "more alert"))
}
