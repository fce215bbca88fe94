package alert

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that is not shown: a password, a token, a key. Package fmt, log/slog,
// JSON and whatever else marshals text write [Redacted] in its place. Package fmt can't keep it
// from showing in an unexported field of a struct.
type Secret string

// Redacted is what a secret is shown as.
const Redacted = "[REDACTED]"

// String returns [Redacted], or nothing for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return Redacted
}

// Format writes what String returns, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue returns what String returns.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns what String returns.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
