package mail

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"os"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/settings"
)

// Config says where mails go and by which server. It is plain data; a zero field means its
// default.
type Config struct {
	// Host is the name or address of the mail server. It has no default.
	Host string `mapstructure:"host" json:"host"`
	// Port is its port, 1 to 65535. Default: 587, with [ImplicitTLS] 465, with
	// [NoEncryption] 25.
	Port int `mapstructure:"port" json:"port,omitzero"`
	// Encryption says how the connection is encrypted: starttls, tls or none. Default
	// starttls; if the server does not offer it, no mail is sent.
	Encryption Encryption `mapstructure:"encryption" json:"encryption"`
	// TLS says which servers to trust on an encrypted connection.
	TLS TLS `mapstructure:"tls" json:"tls,omitzero"`
	// HELO is the name by which the client introduces itself. Default: the host's name.
	HELO string `mapstructure:"helo" json:"helo,omitzero"`

	// Username and Password log in to the server. Default: no login.
	Username string       `mapstructure:"username" json:"username,omitzero"`
	Password alert.Secret `mapstructure:"password" json:"password,omitzero"`
	// Auth is the mechanism to log in by. Default auto, the best one that the server offers.
	Auth Auth `mapstructure:"auth" json:"auth"`
	// AllowUnencryptedPassword allows sending the password over an unencrypted connection.
	// Default: over such a connection it is sent only to a loopback address.
	AllowUnencryptedPassword bool `mapstructure:"allow_unencrypted_password" json:"allow_unencrypted_password,omitzero"`

	// From is the sender, "ops@example.org" or "Ops <ops@example.org>". It has no default.
	From string `mapstructure:"from" json:"from"`
	// To are the recipients, one address each: at least one, and at most 100 together with
	// Cc.
	To []string `mapstructure:"to" json:"to"`
	// Cc are further recipients. Default: none.
	Cc []string `mapstructure:"cc" json:"cc,omitzero"`
	// ReplyTo is the address for replies. Default: From.
	ReplyTo string `mapstructure:"reply_to" json:"reply_to,omitzero"`
	// SubjectPrefix begins every subject, up to 64 bytes. Default "[go-monitor]".
	SubjectPrefix string `mapstructure:"subject_prefix" json:"subject_prefix,omitzero"`

	// MaxPerHour is the most mails in any hour, 1 to 1000. One of them is kept for a digest
	// of the alerts for which there is no room; with 1 there are only digests. Default 20.
	MaxPerHour int `mapstructure:"max_per_hour" json:"max_per_hour,omitzero"`
	// Timeout is the time that one try may take, from connecting to the server's last
	// answer, up to 10m. Default 30s.
	Timeout time.Duration `mapstructure:"timeout" json:"timeout_ns,omitzero"`
}

// TLS says which servers to trust.
type TLS struct {
	// CAFile holds the certificates, in PEM, of the authorities to trust instead of the
	// system's. Default: the system's.
	CAFile string `mapstructure:"ca_file" json:"ca_file,omitzero"`
	// ServerName is the name that the server's certificate must be for. Default: Host.
	ServerName string `mapstructure:"server_name" json:"server_name,omitzero"`
	// InsecureSkipVerify trusts every server. It is for tests.
	InsecureSkipVerify bool `mapstructure:"insecure_skip_verify" json:"insecure_skip_verify,omitzero"`
}

// Bounds of [Config].
const (
	maxRecipients = 100
	maxPrefix     = 64
	maxMaxPerHour = 1000
	maxTimeout    = 10 * time.Minute
)

// Validate returns one error for everything in c that can't be, joined; each names the
// key and quotes the value, but never a secret one.
func (c Config) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch {
	case c.Host == "":
		fail("host: must be set")
	case !isWord(c.Host):
		fail("host: must be a name or an address, got %q", c.Host)
	}
	if c.Port < 0 || c.Port > 65535 {
		fail("port: must be between 1 and 65535, got %d", c.Port)
	}
	if int(c.Encryption) >= len(encryptionNames) {
		fail("encryption: must be one of %v, got %q", encryptionNames, c.Encryption)
	}
	if c.HELO != "" && !isWord(c.HELO) {
		fail("helo: must be a name, got %q", c.HELO)
	}
	errs = append(errs, c.validateLogin()...)
	errs = append(errs, c.validateAddresses()...)
	if len(c.SubjectPrefix) > maxPrefix || alert.Printable(c.SubjectPrefix) != c.SubjectPrefix {
		fail("subject_prefix: must be at most %d bytes that can be printed, got %q", maxPrefix, clip(c.SubjectPrefix, 2*maxPrefix))
	}
	if c.MaxPerHour < 0 || c.MaxPerHour > maxMaxPerHour {
		fail("max_per_hour: must be between 1 and %d, got %d", maxMaxPerHour, c.MaxPerHour)
	}
	errs = append(errs, settings.Range{High: maxTimeout}.Check("timeout", c.Timeout))
	return errors.Join(errs...)
}

// validateLogin is Validate for the fields about logging in.
func (c *Config) validateLogin() (errs []error) {
	switch {
	case int(c.Auth) >= len(authNames):
		return []error{fmt.Errorf("auth: must be one of %v, got %q", authNames, c.Auth)}
	case c.Username == "" && c.Password != "":
		errs = append(errs, errors.New("username: must be set where password is"))
	case c.Username != "" && c.Password == "":
		errs = append(errs, errors.New("password: must be set where username is"))
	case c.Username == "" && c.Auth != AuthAuto:
		errs = append(errs, fmt.Errorf("auth: %q needs username and password", c.Auth))
	}
	if strings.ContainsAny(c.Username+string(c.Password), "\x00\r\n") {
		errs = append(errs, errors.New("username, password: must not hold line breaks or zero bytes"))
	}
	if c.Username != "" && c.Encryption == NoEncryption {
		switch {
		case c.Auth.isBound():
			errs = append(errs, fmt.Errorf("auth: %q needs encryption, which is %q", c.Auth, c.Encryption))
		case c.Auth.isClear() && !c.AllowUnencryptedPassword && !isLoopback(c.Host):
			errs = append(errs, fmt.Errorf("auth: %q would send the password unencrypted, which only allow_unencrypted_password allows", c.Auth))
		}
	}
	return errs
}

// validateAddresses is Validate for senders and recipients.
func (c *Config) validateAddresses() (errs []error) {
	check := func(key, address string) {
		if _, err := parseAddress(address); err != nil {
			errs = append(errs, fmt.Errorf("%s: must be an address, got %q", key, clip(address, maxReply)))
		}
	}
	if c.From == "" {
		errs = append(errs, errors.New("from: must be set"))
	} else {
		check("from", c.From)
	}
	if len(c.To) == 0 {
		errs = append(errs, errors.New("to: must hold an address"))
	}
	if n := len(c.To) + len(c.Cc); n > maxRecipients {
		errs = append(errs, fmt.Errorf("to, cc: must be at most %d together, got %d", maxRecipients, n))
	}
	for i, address := range c.To {
		check(fmt.Sprintf("to[%d]", i), address)
	}
	for i, address := range c.Cc {
		check(fmt.Sprintf("cc[%d]", i), address)
	}
	if c.ReplyTo != "" {
		check("reply_to", c.ReplyTo)
	}
	return errs
}

// parseAddress parses one address. It must be printable and fit into a line.
func parseAddress(s string) (*mail.Address, error) {
	const longest = 320 // 64 bytes before the @ and 255 after it
	a, err := mail.ParseAddress(s)
	if err != nil {
		return nil, err
	}
	if len(s) > longest || alert.Printable(a.Name) != a.Name || !isWord(a.Address) {
		return nil, errors.New("must be printable and at most 320 bytes long")
	}
	return a, nil
}

// isWord reports whether s can be a word in a line of SMTP.
func isWord(s string) bool {
	return len(s) <= 320 && alert.Printable(s) == s && !strings.ContainsAny(s, " <>")
}

// isLoopback reports whether a name or an address is certainly a loopback address.
func isLoopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

// withDefaults returns c with its zero fields set.
func (c Config) withDefaults() Config {
	if c.Port == 0 {
		c.Port = c.Encryption.port()
	}
	if c.TLS.ServerName == "" {
		c.TLS.ServerName = c.Host
	}
	if c.HELO == "" {
		c.HELO = hostname()
	}
	if c.SubjectPrefix == "" {
		c.SubjectPrefix = "[go-monitor]"
	}
	if c.MaxPerHour == 0 {
		c.MaxPerHour = 20
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	return c
}

// hostname returns the host's name, or localhost if that can't be sent to a mail server.
func hostname() string {
	if name, err := os.Hostname(); err == nil && name != "" && isWord(name) {
		return name
	}
	return "localhost"
}

// config returns the configuration of package tls.
func (t *TLS) config() (*tls.Config, error) {
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify, //nolint:gosec // asked for
	}
	if t.CAFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("tls.ca_file: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls.ca_file: no certificate in %q", t.CAFile)
	}
	return c, nil
}
