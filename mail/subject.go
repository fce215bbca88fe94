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
	case a.EndReason > alert.EndRecovered:
		return "ENDED"
	case a.State == alert.Resolved:
		return "RESOLVED"
	case a.State == alert.Interrupted:
		return "INTERRUPTED"
	case a.Repeat:
		return "STILL FIRING"
	}
	return "FIRING"
}

// subjectText returns the subject of the mail about alerts, which are in the order of
// [alert.Sort]: in brackets how they stand, then what the first one is about. Mail programs
// that thread by subjects leave out brackets at the front, so that the mails that an alert
// fires and is resolved are one thread; what was measured would tear them apart.
func subjectText(prefix string, alerts []alert.Alert) string {
	lead := &alerts[0]
	state := stateWord(lead)
	if firing := alert.FiringCount(alerts); len(alerts) > 1 {
		state = counts(firing, alert.InterruptedCount(alerts), len(alerts))
	}
	return fmt.Sprintf("%s [%s] %s %s", prefix, state, shown(lead.Operation, maxSubjectName), lead.Objective)
}

// counts says how many of all alerts fire, how many are interrupted, and how many are resolved.
func counts(firing, interrupted, all int) string {
	var parts []string
	add := func(n int, state string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	add(firing, "FIRING")
	add(interrupted, "INTERRUPTED")
	add(all-firing-interrupted, "RESOLVED")
	return strings.Join(parts, ", ")
}

// digestSubject returns the subject of a digest, which names the first of its lines.
func digestSubject(prefix string, lines []*line, unlisted int) string {
	firing := 0
	for _, l := range lines {
		if l.Firing {
			firing++
		}
	}
	text := fmt.Sprintf("%s [DIGEST: %d firing, %d resolved", prefix, firing, len(lines)-firing)
	if unlisted > 0 {
		text += fmt.Sprintf(", %d more", unlisted)
	}
	text += "]"
	if len(lines) > 0 {
		text += fmt.Sprintf(" %s %s", shown(lines[0].slim.Operation, maxSubjectName), lines[0].slim.Objective)
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
