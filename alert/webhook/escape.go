package webhook

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

const (
	// fullwidth is the distance from a printable ASCII character to its fullwidth form.
	fullwidth = '！' - '!'
	// afterAt is put behind every @, so that no chat takes the next word for a person.
	afterAt = "\u200b"
	// more stands where a text was cut.
	more = "…"
)

// shape says how texts are escaped for one chat.
type shape struct {
	// entities says that &, < and > are written as HTML entities.
	entities bool
	// wide are the characters that are replaced by their fullwidth forms. An underscore
	// within a word stays: it has no special meaning there, and many names have some.
	wide string
}

var (
	slackText    = shape{entities: true, wide: "*_~`[]"}
	slackCode    = shape{entities: true, wide: "`"}
	feishuText   = shape{wide: "<>"}
	markdownText = shape{wide: "\\`*_[]<>#|!~&$"}
)

// escape returns a text in one line without characters that are special to the chat, cut to
// at most room bytes.
func (sh shape) escape(s string, room int) string {
	var b strings.Builder
	runes := []rune(s)
	fits := 0
	for i := range runes {
		b.WriteString(sh.escapeRune(runes, i))
		switch {
		case b.Len() > room && room < len(more):
			return ""
		case b.Len() > room:
			return b.String()[:fits] + more
		case b.Len()+len(more) <= room:
			fits = b.Len()
		}
	}
	return b.String()
}

// escapeRune returns the replacement for the i-th rune of a text.
func (sh shape) escapeRune(runes []rune, i int) string {
	r := visible(runes[i])
	switch {
	case r == '@':
		return "@" + afterAt
	case r == '_' && isWord(runes, i-1) && isWord(runes, i+1):
		return "_"
	case strings.ContainsRune(sh.wide, r):
		return string(r + fullwidth)
	case sh.entities && r == '&':
		return "&amp;"
	case sh.entities && r == '<':
		return "&lt;"
	case sh.entities && r == '>':
		return "&gt;"
	}
	return string(r)
}

func isWord(runes []rune, i int) bool {
	return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i]))
}

// visible returns a space for any white space, and U+FFFD for what moves a cursor, reorders
// text or is invisible.
func visible(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case !unicode.IsPrint(r):
		return unicode.ReplacementChar
	}
	return r
}

// oneLine returns a text in one line, with only visible characters.
func oneLine(s string) string { return strings.Map(visible, s) }

// inertJSON returns JSON in which what is not visible is written as an escape, for those who show
// it as a text.
func inertJSON(text []byte) string {
	var b strings.Builder
	for _, r := range string(text) {
		switch high, low := utf16.EncodeRune(r); {
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.String()
}

// bounded returns a copy of an alert in which names and codes are UTF-8 and cut at
// [engine.MaxNameBytes].
func bounded(a *alert.Alert) alert.Alert {
	c := a.Clone()
	for _, s := range []*string{&c.ID, &c.Monitor, &c.Service, &c.Operation, &c.CausedBy, &c.WorstExemplar.Code} {
		*s = name(*s)
	}
	boundCauses(c.Causes)
	for i := range c.Evidence {
		s := &c.Evidence[i]
		s.Monitor, s.Service, s.Operation = name(s.Monitor), name(s.Service), name(s.Operation)
		for j := range s.Failures {
			f := &s.Failures[j]
			f.Code, f.Name = name(f.Code), name(f.Name)
		}
		for _, calls := range [][]engine.Exemplar{s.FailureExemplars, s.SlowExemplars, s.StuckExemplars} {
			for j := range calls {
				calls[j].Code = name(calls[j].Code)
			}
		}
		boundCauses(s.FailureCauses)
		boundCauses(s.SlowCauses)
	}
	return c
}

func boundCauses(causes []engine.CauseCount) {
	for i := range causes {
		c := &causes[i]
		c.Service, c.Operation, c.Code = name(c.Service), name(c.Operation), name(c.Code)
	}
}

// name returns a name or code as UTF-8, cut if it is too long.
func name(s string) string {
	return strings.ToValidUTF8(engine.TruncateName(s), string(unicode.ReplacementChar))
}

// boundedAll is bounded for all alerts of a notification, in the order of [alert.Sort].
func boundedAll(alerts []alert.Alert) []alert.Alert {
	all := slices.Clone(alerts)
	alert.Sort(all)
	for i := range all {
		all[i] = bounded(&all[i])
	}
	return all
}
