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
	alerts    int                                // the most alerts in a message
	text      int                                // the most bytes of all alerts together
	each      int                                // the most bytes of one alert
	shape     shape                              // how lines are escaped
	line      func(i int, escaped string) string // formats an escaped line; line 0 is the first of an alert
	title     shape                              // how the title is escaped
	titleRoom int                                // the most bytes of the title
}

// noteRoom is the number of bytes kept for the note on what was left out.
const noteRoom = 100

// titleOf returns the title of a notification: the first line of its first alert, with the
// numbers of alerts if there are several.
func (l *layout) titleOf(alerts []alert.Alert) string {
	text := strings.Join(strings.Fields(linesOf(&alerts[0])[0]), " ")
	if len(alerts) > 1 {
		firing := firingOf(alerts)
		text = fmt.Sprintf("%d firing, %d resolved: %s", firing, len(alerts)-firing, text)
	}
	return l.title.escape(text, l.titleRoom)
}

// texts returns the texts of as many alerts as there is room for, and a note on those that
// are left out, empty if there are none.
func (l *layout) texts(alerts []alert.Alert) (texts []string, note string) {
	room := l.text - noteRoom
	for i := range alerts {
		text := l.textOf(&alerts[i])
		if i == l.alerts || len(text)+1 > room {
			left := alerts[i:]
			firing := firingOf(left)
			return texts, fmt.Sprintf("%d more not shown: %d firing, %d resolved", len(left), firing, len(left)-firing)
		}
		room -= len(text) + 1 // with a separator
		texts = append(texts, text)
	}
	return texts, ""
}

// textOf returns the text of one alert, with as many of its lines as there is room for.
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

// firingOf returns the number of alerts that fire.
func firingOf(alerts []alert.Alert) int {
	n := 0
	for i := range alerts {
		if alerts[i].State == alert.Firing {
			n++
		}
	}
	return n
}

// compact returns JSON without escapes for HTML, which would use up the room for text.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
