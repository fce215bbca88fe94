package alert

import "github.com/blurooo/go-monitor/v2/internal/human"

// Printable returns s with everything that could move a cursor, break a line or reorder text
// written as an escape. It is for notifiers that show names and codes, which come from
// outside, as text.
func Printable(s string) string { return human.Printable(s) }
