package mail

import (
	"unicode/utf8"

	"github.com/blurooo/go-monitor/v2/alert"
)

// clip returns s, cut at a character and ended by dots if it is longer than n bytes.
func clip(s string, n int) string {
	const dots = "..."
	if len(s) <= n {
		return s
	}
	n -= len(dots)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + dots
}

// shown returns the beginning of s, made printable, in at most n bytes.
func shown(s string, n int) string { return clip(alert.Printable(clip(s, n)), n) }
