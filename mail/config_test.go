package mail

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

func valid() Config {
	return Config{Host: "mail.example.org", From: "a@example.org", To: []string{"b@example.org"}}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		want   string // "" where it is valid
		change func(*Config)
	}{
		{"", func(*Config) {}},
		{"", func(c *Config) { c.From = "Ops Ä <ops@example.org>" }},
		{"", func(c *Config) { c.Encryption, c.Username, c.Password = NoEncryption, "u", "p" }},
		{"", func(c *Config) {
			c.Encryption, c.Username, c.Password, c.Auth, c.Host = NoEncryption, "u", "p", AuthPlain, "127.0.0.1"
		}},
		{"host: must be set", func(c *Config) { c.Host = "" }},
		{`host: must be a name or an address, got "a b"`, func(c *Config) { c.Host = "a b" }},
		{"port: must be between 1 and 65535, got 70000", func(c *Config) { c.Port = 70000 }},
		{`encryption: must be one of [starttls tls none], got "Encryption(9)"`, func(c *Config) { c.Encryption = 9 }},
		{`helo: must be a name, got "a\r\nb"`, func(c *Config) { c.HELO = "a\r\nb" }},
		{`"Auth(99)"`, func(c *Config) { c.Auth = 99 }},
		{"username: must be set where password is", func(c *Config) { c.Password = "p" }},
		{"password: must be set where username is", func(c *Config) { c.Username = "u" }},
		{`auth: "plain" needs username and password`, func(c *Config) { c.Auth = AuthPlain }},
		{"must not hold line breaks", func(c *Config) { c.Username, c.Password = "u", "p\r\nx" }},
		{`auth: "scram-sha-1-plus" needs encryption, which is "none"`, func(c *Config) {
			c.Encryption, c.Username, c.Password, c.Auth = NoEncryption, "u", "p", AuthSCRAMSHA1Plus
		}},
		{"which only allow_unencrypted_password allows", func(c *Config) {
			c.Encryption, c.Username, c.Password, c.Auth = NoEncryption, "u", "p", AuthLogin
		}},
		{"from: must be set", func(c *Config) { c.From = "" }},
		{`from: must be an address, got "nobody"`, func(c *Config) { c.From = "nobody" }},
		{"from: must be an address", func(c *Config) { c.From = "=?utf-8?q?a=0D=0ABcc:_x?= <a@x.org>" }},
		{"to: must hold an address", func(c *Config) { c.To = nil }},
		{`to[1]: must be an address, got "a@x.org, b@x.org"`, func(c *Config) { c.To = append(c.To, "a@x.org, b@x.org") }},
		{`cc[0]: must be an address, got "a@x.org\r\nBcc: b@x.org"`, func(c *Config) { c.Cc = []string{"a@x.org\r\nBcc: b@x.org"} }},
		{"to, cc: must be at most 100 together, got 101", func(c *Config) { c.To = strings.Split(strings.Repeat("a@x.org ", 100)+"a@x.org", " ") }},
		{`reply_to: must be an address, got "x"`, func(c *Config) { c.ReplyTo = "x" }},
		{`subject_prefix: must be at most 64 bytes that can be printed, got "a\nb"`, func(c *Config) { c.SubjectPrefix = "a\nb" }},
		{"max_per_hour: must be between 1 and 1000, got -1", func(c *Config) { c.MaxPerHour = -1 }},
		{"timeout: must be above 0s and at most 10m, got 1h0m0s", func(c *Config) { c.Timeout = time.Hour }},
	} {
		c := valid()
		tc.change(&c)
		err := c.Validate()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%v, want %q", err, tc.want)
		}
		if n, newErr := New(c); (newErr == nil) != (err == nil) || (n == nil) != (err != nil) {
			t.Errorf("New: %v, Validate: %v", newErr, err)
		}
	}
}

func TestCAFile(t *testing.T) {
	c := valid()
	c.TLS.CAFile = filepath.Join(t.TempDir(), "none.pem")
	if _, err := New(c); err == nil || !strings.Contains(err.Error(), "tls.ca_file") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(c.TLS.CAFile, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(c); err == nil || !strings.Contains(err.Error(), "tls.ca_file: no certificate") {
		t.Errorf("%v", err)
	}
}

func TestDefaults(t *testing.T) {
	for e, port := range map[Encryption]int{StartTLS: 587, ImplicitTLS: 465, NoEncryption: 25} {
		c := valid()
		c.Encryption = e
		if c = c.withDefaults(); c.Port != port || c.TLS.ServerName != c.Host || c.HELO == "" || c.SubjectPrefix != "[go-monitor]" || c.MaxPerHour != 20 || c.Timeout != 30*time.Second {
			t.Errorf("%+v", c)
		}
	}
}

func TestEnums(t *testing.T) {
	for i := range encryptionNames {
		var got Encryption
		text, _ := Encryption(i).MarshalText()
		if err := got.UnmarshalText(text); err != nil || got != Encryption(i) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for i := range authNames {
		var got Auth
		text, _ := Auth(i).MarshalText()
		if err := got.UnmarshalText(text); err != nil || got != Auth(i) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := new(Encryption).UnmarshalText([]byte("ssl")); err == nil || err.Error() != `unknown encryption "ssl", want one of [starttls tls none]` {
		t.Errorf("%v", err)
	}
	if err := new(Auth).UnmarshalText([]byte("ntlm")); err == nil || !strings.HasPrefix(err.Error(), `unknown auth "ntlm"`) {
		t.Errorf("%v", err)
	}
}

// TestSecret prints everything that knows the password, in every way there is.
func TestSecret(t *testing.T) {
	c := valid()
	c.Username, c.Password = "u", testPassword
	n, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(&c)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{c, &c, c.Password, &c.Password, n, s, *s, struct{ C Config }{c}} {
		for _, form := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if text := fmt.Sprintf(form, v); strings.Contains(text, "ter%2") || strings.Contains(text, fmt.Sprintf("%x", testPassword)) {
				t.Errorf("%s of %T: %s", form, v, text)
			}
		}
	}
	text, err := json.Marshal(c)
	if err != nil || strings.Contains(string(text), "ter%2") || !strings.Contains(string(text), alert.Redacted) {
		t.Errorf("%s, %v", text, err)
	}
	var back Config
	if err := json.Unmarshal([]byte(`{"password":"x","encryption":"tls"}`), &back); err != nil || back.Password != "x" || back.Encryption != ImplicitTLS {
		t.Errorf("%#v, %v", back, err)
	}
	c.Password = testPassword + "\n"
	if err := c.Validate(); err == nil || strings.Contains(err.Error(), "ter%2") {
		t.Errorf("%v", err)
	}
}
