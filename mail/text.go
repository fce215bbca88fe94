package mail

import (
	"fmt"
	"strings"

	"github.com/blurooo/go-monitor/v2/alert"
)

const (
	// maxDetailed is the number of alerts that a mail tells all about; the others get
	// a line each, maxDigest at most.
	maxDetailed = 20
	// maxBlock is the number of bytes of one alert in the text part.
	maxBlock = 8192
)

// content is what both parts of a mail show. Everything in it is inert, but not yet
// escaped for HTML.
type content struct {
	Intro    string
	Alerts   []*alert.Alert // told in full
	Lines    []*line        // told in a line each
	Unlisted int            // only counted
}

// contentOf returns what a mail about alerts shows.
func contentOf(alerts []alert.Alert) content {
	var c content
	for i := range alerts {
		switch {
		case len(c.Alerts) < maxDetailed:
			c.Alerts = append(c.Alerts, &alerts[i])
		case len(c.Lines) < maxDigest:
			c.Lines = append(c.Lines, newLine(&alerts[i]))
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

// Changed says how often a line changed, if it did.
func (l *line) Changed() string {
	if l.Changes < 2 {
		return ""
	}
	return fmt.Sprintf(", the last of %d changes", l.Changes)
}

// Rest says how much is only counted.
func (c *content) Rest() string {
	if c.Unlisted == 0 {
		return ""
	}
	return fmt.Sprintf("And %s, for which there is no room here.", alert.Counted(uint64(c.Unlisted), "more alert"))
}
