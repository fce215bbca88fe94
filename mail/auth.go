package mail

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wneessen/go-mail/smtp"
)

// Auth is a mechanism of SMTP authentication.
type Auth uint8

const (
	// AuthAuto is the best mechanism that the server offers: SCRAM before CRAM-MD5 before
	// PLAIN before LOGIN, the last two only where the password may be sent.
	AuthAuto Auth = iota
	// AuthPlain sends the password.
	AuthPlain
	// AuthLogin sends the password, for old servers.
	AuthLogin
	// AuthCRAMMD5 proves that the password is known, weakly.
	AuthCRAMMD5
	// AuthSCRAMSHA1 proves on both sides that the password is known.
	AuthSCRAMSHA1
	// AuthSCRAMSHA1Plus binds the proof to the TLS connection.
	AuthSCRAMSHA1Plus
	// AuthSCRAMSHA256 proves on both sides that the password is known.
	AuthSCRAMSHA256
	// AuthSCRAMSHA256Plus binds the proof to the TLS connection.
	AuthSCRAMSHA256Plus
	// AuthXOAuth2 sends the password as an OAuth 2 access token.
	AuthXOAuth2
)

var authNames = [...]string{
	AuthAuto: "auto", AuthPlain: "plain", AuthLogin: "login", AuthCRAMMD5: "cram-md5",
	AuthSCRAMSHA1: "scram-sha-1", AuthSCRAMSHA1Plus: "scram-sha-1-plus",
	AuthSCRAMSHA256: "scram-sha-256", AuthSCRAMSHA256Plus: "scram-sha-256-plus",
	AuthXOAuth2: "xoauth2",
}

// bestAuth are the mechanisms of AuthAuto, the best first.
var bestAuth = [...]Auth{
	AuthSCRAMSHA256Plus, AuthSCRAMSHA256, AuthSCRAMSHA1Plus, AuthSCRAMSHA1, AuthCRAMMD5, AuthPlain, AuthLogin,
}

// String returns the name that UnmarshalText reads.
func (a Auth) String() string {
	if int(a) >= len(authNames) {
		return fmt.Sprintf("Auth(%d)", uint8(a))
	}
	return authNames[a]
}

// MarshalText returns the name that UnmarshalText reads.
func (a Auth) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads auto or the name of a mechanism in lower case: plain, login, cram-md5,
// scram-sha-1, scram-sha-1-plus, scram-sha-256, scram-sha-256-plus or xoauth2.
func (a *Auth) UnmarshalText(text []byte) error {
	for i, name := range authNames {
		if name == string(text) {
			*a = Auth(i)
			return nil
		}
	}
	return fmt.Errorf("unknown auth %q, want one of %v", text, authNames)
}

// isClear reports whether the mechanism sends the password itself.
func (a Auth) isClear() bool { return a == AuthPlain || a == AuthLogin || a == AuthXOAuth2 }

// isBound reports whether the mechanism needs a TLS connection to bind to.
func (a Auth) isBound() bool { return a == AuthSCRAMSHA1Plus || a == AuthSCRAMSHA256Plus }

// errUnencrypted says that a password was not sent.
var errUnencrypted = errors.New("the connection is not encrypted, so the password is not sent (allow_unencrypted_password)")

// choose returns the mechanism to use with a server. offered are those of the server,
// separated by spaces; mayTell says that the password may be sent, and encrypted that the
// connection is encrypted.
func (a Auth) choose(offered string, mayTell, encrypted bool) (Auth, error) {
	if a != AuthAuto {
		if a.isClear() && !mayTell {
			return 0, errUnencrypted
		}
		if a.isBound() && !encrypted {
			return 0, fmt.Errorf("%s needs an encrypted connection", a)
		}
		if !a.isAmong(offered) {
			return 0, fmt.Errorf("the server does not offer %s, only %q", a, shown(offered, maxReply))
		}
		return a, nil
	}
	kept := false
	for _, best := range bestAuth {
		switch {
		case !best.isAmong(offered), best.isBound() && !encrypted:
		case best.isClear() && !mayTell:
			kept = true
		default:
			return best, nil
		}
	}
	if kept {
		return 0, errUnencrypted
	}
	return 0, fmt.Errorf("the server offers no mechanism to log in that is supported, only %q", shown(offered, maxReply))
}

func (a Auth) isAmong(offered string) bool {
	return slices.Contains(strings.Fields(strings.ToLower(offered)), a.String())
}

// mechanism returns the implementation of a mechanism.
func (a Auth) mechanism(client *smtp.Client, host, username, password string) (smtp.Auth, error) {
	const mayTell = true // choose has checked that
	switch a {
	case AuthPlain:
		return smtp.PlainAuth("", username, password, host, mayTell), nil
	case AuthLogin:
		return smtp.LoginAuth(username, password, host, mayTell), nil
	case AuthCRAMMD5:
		return smtp.CRAMMD5Auth(username, password), nil
	case AuthSCRAMSHA1:
		return smtp.ScramSHA1Auth(username, password), nil
	case AuthSCRAMSHA256:
		return smtp.ScramSHA256Auth(username, password), nil
	case AuthXOAuth2:
		return smtp.XOAuth2Auth(username, password), nil
	}
	state, err := client.GetTLSConnectionState()
	if err != nil {
		return nil, err
	}
	if a == AuthSCRAMSHA1Plus {
		return smtp.ScramSHA1PlusAuth(username, password, state), nil
	}
	return smtp.ScramSHA256PlusAuth(username, password, state), nil
}
