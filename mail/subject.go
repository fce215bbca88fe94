package mail

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/blurooo/go-monitor/v2/alert"
)

const (
	maxSubjectName = 120 // bytes of an operation's name in a subject
	maxName        = 300 // bytes of a name elsewhere
)

// stateWord returns the state of an alert in capitals.
func stateWord(a *alert.Alert) string {
	switch {
	case a.State == alert.Resolved:
		return "RESOLVED"
	case a.Repeat:
		return "STILL FIRING"
	}
	return "FIRING"
}

// subjectText returns the subject of the mail about alerts: the first one that fires, or else
// the first one, and how many more there are.
func subjectText(prefix string, alerts []alert.Alert) string {
	lead := &alerts[0]
	for i := range alerts {
		if alerts[i].State == alert.Firing {
			lead = &alerts[i]
			break
		}
	}
	text := fmt.Sprintf("%s %s: %s %s %s", prefix, stateWord(lead),
		shown(lead.Operation, maxSubjectName), lead.Objective, lead.ValueText(lead.Actual))
	if more := len(alerts) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// digestSubject returns the subject of a digest.
func digestSubject(prefix string, lines []*line, unlisted int) string {
	firing := 0
	for _, l := range lines {
		if l.Firing {
			firing++
		}
	}
	text := fmt.Sprintf("%s DIGEST: %d firing, %d resolved", prefix, firing, len(lines)-firing)
	if unlisted > 0 {
		text += fmt.Sprintf(", %d more", unlisted)
	}
	return text
}

// encodeSubject returns text as the value of a header: as it is if it consists of short words of
// printable ASCII, which leave room to fold, and in encoded words of RFC 2047 otherwise. Text
// that looks like an encoded word is encoded, too, so that it is shown as it is.
func encodeSubject(text string) string {
	text = strings.Join(strings.Fields(alert.Printable(text)), " ")
	if isPlain(text) {
		return text
	}
	const (
		begin, end = "=?UTF-8?B?", "?="
		most       = (75 - len(begin+end)) / 4 * 3 // bytes in an encoded word of 75 characters
	)
	var words []string
	for text != "" {
		n := min(most, len(text))
		for n < len(text) && !utf8.RuneStart(text[n]) {
			n--
		}
		words = append(words, begin+base64.StdEncoding.EncodeToString([]byte(text[:n]))+end)
		text = text[n:]
	}
	return strings.Join(words, " ")
}

// isPlain reports whether a text can be the value of a header as it is.
func isPlain(text string) bool {
	const longest = 60 // a line with it stays below 78
	for word := range strings.SplitSeq(text, " ") {
		if len(word) > longest {
			return false
		}
	}
	return !strings.Contains(text, "=?") &&
		strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}
