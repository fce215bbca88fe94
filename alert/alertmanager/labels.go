package alertmanager

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blurooo/go-monitor/v2/alert"
)

// ownLabels are the names of the labels that every alert has.
var ownLabels = [...]string{"alertname", "monitor", "objective", "operation", "service_name", "severity", "span_kind"}

// maxLabelBytes is the most bytes of a label's value; longer ones are cut.
const maxLabelBytes = 1024

// labelsOf returns the labels of an alert: those of [alert.Labels] and of the config. They identify it to Alertmanager, so they must be
// the same for the firing and the resolved alert.
func labelsOf(a *alert.Alert, c *Config) map[string]string {
	labels := make(map[string]string, len(ownLabels)+len(c.Labels))
	set := func(name, value string) {
		if value = clean(value, maxLabelBytes); value != "" {
			labels[name] = value
		}
	}
	for name, value := range c.Labels {
		set(labelName(name), value)
	}
	for name, value := range alert.Labels(a) {
		set(name, value)
	}
	if c.Severity != "" {
		set("severity", c.Severity)
	}
	return labels
}

// labelName returns name as the name of a label, [a-zA-Z_][a-zA-Z0-9_]*: service_name for
// service.name.
func labelName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

// clean returns s in UTF-8, cut at a rune if it is longer than so many bytes, and with U+FFFD
// for everything that could move a cursor, break a line or reorder text.
func clean(s string, maxBytes int) string {
	return cleanText(s, maxBytes, unicode.IsGraphic)
}

// cleanLines is clean for a text of several lines.
func cleanLines(s string, maxBytes int) string {
	return cleanText(s, maxBytes, func(r rune) bool { return r == '\n' || unicode.IsGraphic(r) })
}

func cleanText(s string, maxBytes int, isClean func(rune) bool) string {
	return cut(strings.Map(func(r rune) rune {
		if isClean(r) {
			return r
		}
		return unicode.ReplacementChar
	}, cut(s, maxBytes)), maxBytes) // U+FFFD may be longer than what it replaces
}

// cut returns s, cut at a rune if it is longer than so many bytes.
func cut(s string, maxBytes int) string {
	if len(s) <= maxBytes {
		return s
	}
	n := maxBytes
	for n > maxBytes-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
