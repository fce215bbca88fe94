package mail

import (
	"fmt"
	"io"
)

// Secret is a string that is not printed: every verb of package fmt and every encoder
// that knows [encoding.TextMarshaler] write [redacted] in its place.
type Secret string

const redacted = "[redacted]"

// String returns [redacted], or nothing for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format writes what String returns, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, s.String())
}

// MarshalText returns what String returns.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
