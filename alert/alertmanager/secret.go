package alertmanager

import (
	"fmt"
	"io"
)

// Secret is a text that is not shown: it prints as [REDACTED] in every format of package
// fmt, in JSON and wherever else texts are marshalled. fmt can't keep it from showing in an
// unexported field of a struct.
type Secret string

// redacted is what a secret that is set is shown as.
const redacted = "[REDACTED]"

// String returns [REDACTED], or nothing for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format writes what String returns, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText returns what String returns.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
