package mail

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/blurooo/go-monitor/v2/alert"
)

const (
	// maxSubjectName is the number of bytes of an operation's name in a subject.
	maxSubjectName = 120
	// maxName is the number of bytes of a name elsewhere.
	maxName = 300
)

// stateWord says in capitals what an alert announces.
func stateWord(a *alert.Alert) string {
	switch {
	case a.State == alert.Resolved:
		return "RESOLVED"
	case a.Repeat:
		return "STILL FIRING"
	}
	return "FIRING"
}

// subjectText is the subject of the mail about alerts: the first one that fires, or
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

// digestSubject is the subject of the mail about a digest.
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

// encodeSubject returns text as the value of a header: words of printable ASCII that are
// short enough to fold between, or else encoded words as of RFC 2047. What looks like
// an encoded word itself is encoded, so that it is shown as it was.
func encodeSubject(text string) string {
	text = strings.Join(strings.Fields(inert(text)), " ")
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

// isPlain reports whether a text stands in a header as it is.
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
