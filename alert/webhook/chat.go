package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/blurooo/go-monitor/v2/alert"
)

// layout says how a chat's message is put together from the texts of alerts.
type layout struct {
	// alerts is the number of alerts that a message has room for, text the number of bytes
	// for all of them, and each that for one.
	alerts, text, each int
	// shape is how lines are escaped, and line what becomes of each then. Line 0 is
	// what an alert is about.
	shape shape
	line  func(i int, escaped string) string
	// title is how the message's title is escaped, and titleRoom the bytes it may have.
	title     shape
	titleRoom int
}

// noteRoom is the number of bytes kept for the note on what was left out.
const noteRoom = 100

// titleOf says in one line what a notification is about.
func (l *layout) titleOf(alerts []alert.Alert) string {
	text := strings.Join(strings.Fields(linesOf(&alerts[0])[0]), " ")
	if len(alerts) > 1 {
		firing := firingOf(alerts)
		text = fmt.Sprintf("%d firing, %d resolved: %s", firing, len(alerts)-firing, text)
	}
	return l.title.escape(text, l.titleRoom)
}

// texts returns a text for each of as many alerts as there is room for, and a note on
// those that are left out, empty if there are none.
func (l *layout) texts(alerts []alert.Alert) (texts []string, note string) {
	room := l.text - noteRoom
	for i := range alerts {
		text := l.textOf(&alerts[i])
		if i == l.alerts || len(text)+1 > room {
			left := alerts[i:]
			firing := firingOf(left)
			return texts, fmt.Sprintf("%d more not shown: %d firing, %d resolved", len(left), firing, len(left)-firing)
		}
		room -= len(text) + 1 // the one may stand between two of them
		texts = append(texts, text)
	}
	return texts, ""
}

// textOf returns the text of one alert: as many of its lines as there is room for.
func (l *layout) textOf(a *alert.Alert) string {
	const cut = "(cut)"
	var b strings.Builder
	lines := linesOf(a)
	for i, line := range lines {
		frame := len(l.line(i, ""))
		room := l.each - b.Len() - frame
		if i < len(lines)-1 {
			room -= len(l.line(i+1, cut))
		}
		if i > 0 && len(l.shape.escape(line, l.each)) > room {
			b.WriteString(l.line(i, cut))
			break
		}
		b.WriteString(l.line(i, l.shape.escape(line, room)))
	}
	return b.String()
}

// linesOf returns the lines of an alert's text.
func linesOf(a *alert.Alert) []string {
	return strings.Split(strings.TrimSuffix(alert.Text(a), "\n"), "\n")
}

// firingOf returns how many of the alerts fire.
func firingOf(alerts []alert.Alert) int {
	n := 0
	for i := range alerts {
		if alerts[i].State == alert.Firing {
			n++
		}
	}
	return n
}

// compact writes JSON without escapes for HTML, which would take room from the text.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
