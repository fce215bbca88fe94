package engine

import (
	"strings"
	"unicode/utf8"
)

// Names of what did not get a place, or a name, of its own.
const (
	// OverflowName is the operation, the code or the cause under which everything is counted
	// for which there is no room.
	OverflowName = "_OTHER"
	// UnnamedOperation is the operation of reports without a name.
	UnnamedOperation = "_UNNAMED"
)

// MaxNameBytes is the number of bytes that a name or a code may have; longer ones are cut.
const MaxNameBytes = 256

// TruncateName returns s, cut at a rune if it is longer than [MaxNameBytes]. The result
// shares the memory of s.
func TruncateName(s string) string {
	if len(s) <= MaxNameBytes {
		return s
	}
	n := MaxNameBytes
	for n > MaxNameBytes-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// bounded returns a truncated copy of s: it does not keep s in memory.
func bounded(s string) string { return strings.Clone(TruncateName(s)) }

// operationName returns the name under which an operation is counted.
func operationName(name string) string {
	if name == "" {
		return UnnamedOperation
	}
	return TruncateName(name)
}
