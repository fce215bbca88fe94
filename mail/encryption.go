package mail

import "fmt"

// Encryption says how the connection to the server is encrypted.
type Encryption uint8

const (
	// StartTLS begins unencrypted and encrypts before anything else is sent. A server that
	// does not offer it gets no mail.
	StartTLS Encryption = iota
	// ImplicitTLS encrypts from the first byte.
	ImplicitTLS
	// NoEncryption sends everything unencrypted, but passwords only as
	// [Config.AllowUnencryptedPassword] says.
	NoEncryption
)

var encryptionNames = [...]string{StartTLS: "starttls", ImplicitTLS: "tls", NoEncryption: "none"}

// String returns the name that UnmarshalText reads.
func (e Encryption) String() string {
	if int(e) >= len(encryptionNames) {
		return fmt.Sprintf("Encryption(%d)", uint8(e))
	}
	return encryptionNames[e]
}

// MarshalText returns the name that UnmarshalText reads.
func (e Encryption) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads starttls, tls or none.
func (e *Encryption) UnmarshalText(text []byte) error {
	for i, name := range encryptionNames {
		if name == string(text) {
			*e = Encryption(i)
			return nil
		}
	}
	return fmt.Errorf("unknown encryption %q, want one of %v", text, encryptionNames)
}

// port is the port that servers listen on by custom.
func (e Encryption) port() int {
	switch e {
	case ImplicitTLS:
		return 465
	case NoEncryption:
		return 25
	}
	return 587
}
