package mail

import (
	"unicode/utf8"

	"github.com/blurooo/go-monitor/v2/alert"
)

// inert returns s with everything that could break a line, move a cursor or reorder
// text written as an escape.
func inert(s string) string { return alert.Printable(s) }

// clip returns s, or as many of its first bytes as leave it at most n bytes long with
// dots at its end. It does not cut a character in two.
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

// shown returns the beginning of s, made inert, in at most n bytes.
func shown(s string, n int) string { return clip(inert(clip(s, n)), n) }
