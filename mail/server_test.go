package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	gosmtp "github.com/wneessen/go-mail/smtp"

	"github.com/blurooo/go-monitor/v2/alert"
)

// TestDelivery sends a mail over each kind of connection and reads it back.
func TestDelivery(t *testing.T) {
	cert, file := certificate(t)
	login := func(c *Config) { c.Username, c.Password = testUser, testPassword }
	for _, tc := range []struct {
		name    string
		options serverOptions
		change  func(*Config)
		used    string
	}{
		{"no encryption", serverOptions{}, func(*Config) {}, ""},
		{"starttls", serverOptions{cert: cert}, func(c *Config) { c.Encryption = StartTLS; c.TLS.CAFile = file }, ""},
		{"tls", serverOptions{cert: cert, implicit: true}, func(c *Config) { c.Encryption = ImplicitTLS; c.TLS.CAFile = file }, ""},
		{"server name", serverOptions{cert: cert}, func(c *Config) {
			c.Encryption = StartTLS
			c.TLS = TLS{CAFile: file, ServerName: "mail.test"}
		}, ""},
		{"no verification", serverOptions{cert: cert}, func(c *Config) { c.Encryption = StartTLS; c.TLS.InsecureSkipVerify = true }, ""},
		{"plain", serverOptions{cert: cert, auth: []string{"PLAIN"}}, func(c *Config) {
			login(c)
			c.Encryption, c.Auth, c.TLS.CAFile = StartTLS, AuthPlain, file
		}, "PLAIN"},
		{"login", serverOptions{cert: cert, implicit: true, auth: []string{"LOGIN"}}, func(c *Config) {
			login(c)
			c.Encryption, c.Auth, c.TLS.CAFile = ImplicitTLS, AuthLogin, file
		}, "LOGIN"},
		{"auto", serverOptions{cert: cert, auth: []string{"LOGIN", "PLAIN"}}, func(c *Config) {
			login(c)
			c.Encryption, c.TLS.CAFile = StartTLS, file
		}, "PLAIN"},
		{"cram-md5", serverOptions{auth: []string{"CRAM-MD5", "PLAIN"}, insecure: true}, login, "CRAM-MD5"},
		{"scram", serverOptions{auth: []string{"SCRAM-SHA-256", "PLAIN"}, insecure: true}, login, "SCRAM-SHA-256"},
		{"scram, bound", serverOptions{cert: cert, auth: []string{"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"}}, func(c *Config) {
			login(c)
			c.Encryption, c.TLS.CAFile = StartTLS, file
		}, "SCRAM-SHA-256-PLUS"},
		{"loopback may be told", serverOptions{insecure: true, auth: []string{"LOGIN"}}, login, "LOGIN"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ts := startServer(t, tc.options)
			c := ts.config()
			tc.change(&c)
			n := start(t, c)
			if err := n.Notify(notification("n1"), []alert.Alert{firing("a1", "POST /orders"), firing("a2", "GET /stock")}); err != nil {
				t.Fatal(err)
			}
			got := ts.got()
			if len(got) != 1 || got[0].from != "monitor@example.org" || !slices.Equal(got[0].to, []string{"ops@example.org"}) {
				t.Fatalf("got %+v", got)
			}
			p := mustParse(t, got[0].raw)
			if want := "[go-monitor] [2 FIRING] GET /stock availability"; p.subject != want {
				t.Errorf("subject %q, want %q", p.subject, want)
			}
			if !strings.Contains(p.text, "ALERT     POST /orders  availability: 71 % succeed") || !strings.Contains(p.text, "GET /stock") {
				t.Errorf("text part:\n%s", p.text)
			}
			for _, want := range []string{"POST /orders", "INSERT orders [23505]", "2026-11-22 09:30:00", "71 % succeed (target 95 %)", "09:30:00-09:31:00", "503 unavailable x22", "trace 00000000000000000000000000000001"} {
				if !strings.Contains(p.html, want) {
					t.Errorf("no %q in the HTML part:\n%s", want, p.html)
				}
			}
			if tc.used != "" && !slices.Equal(ts.used, []string{tc.used}) {
				t.Errorf("logged in by %v, want %s", ts.used, tc.used)
			}
		})
	}
}

// TestRefused checks what is final and what is not, and that nothing is sent.
func TestRefused(t *testing.T) {
	cert, file := certificate(t)
	reply := func(code int) func(string) error {
		return func(string) error { return &smtp.SMTPError{Code: code, Message: "no\nnot\x1b[31m here"} }
	}
	for _, tc := range []struct {
		name    string
		options serverOptions
		change  func(*Config)
		final   bool
		want    string
	}{
		{"no starttls", serverOptions{}, func(c *Config) { c.Encryption = StartTLS }, true, "does not offer STARTTLS"},
		{"strange certificate", serverOptions{cert: cert}, func(c *Config) { c.Encryption = StartTLS }, true, "unknown authority"},
		{"strange certificate, tls", serverOptions{cert: cert, implicit: true}, func(c *Config) { c.Encryption = ImplicitTLS }, true, "unknown authority"},
		{"wrong name", serverOptions{cert: cert}, func(c *Config) {
			c.Encryption = StartTLS
			c.TLS = TLS{CAFile: file, ServerName: "other.test"}
		}, true, "other.test"},
		{"wrong password", serverOptions{insecure: true, auth: []string{"PLAIN"}}, func(c *Config) {
			c.Username, c.Password = testUser, testPassword+"!"
		}, true, "log in by plain: the server says 535"},
		{"wrong password, login", serverOptions{insecure: true, auth: []string{"LOGIN"}}, func(c *Config) {
			c.Username, c.Password = testUser, testPassword+"!"
		}, true, "log in by login: the server says 535"},
		{"wrong password, scram", serverOptions{insecure: true, auth: []string{"SCRAM-SHA-256"}}, func(c *Config) {
			c.Username, c.Password = testUser, testPassword+"!"
		}, true, "log in by scram-sha-256: the server says 535"},
		{"not offered", serverOptions{insecure: true, auth: []string{"LOGIN"}}, func(c *Config) {
			c.Username, c.Password, c.Auth = testUser, testPassword, AuthPlain
		}, true, `does not offer plain, only "LOGIN"`},
		{"no login", serverOptions{}, func(c *Config) { c.Username, c.Password = testUser, testPassword }, true, "no mechanism to log in"},
		{"bad recipient", serverOptions{onRcpt: reply(550)}, func(*Config) {}, true, `recipient ops@example.org: the server says 550`},
		{"busy recipient", serverOptions{onRcpt: reply(451)}, func(*Config) {}, false, "451"},
		{"full", serverOptions{onData: func() error { return reply(452)("") }}, func(*Config) {}, false, "data: the server says 452"},
		{"spam", serverOptions{onData: func() error { return reply(554)("") }}, func(*Config) {}, true, "data: the server says 554"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ts := startServer(t, tc.options)
			c := ts.config()
			tc.change(&c)
			err := start(t, c).Notify(notification("n1"), []alert.Alert{firing("a1", "POST /orders")})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want one with %q", err, tc.want)
			}
			if alert.IsFinal(err) != tc.final {
				t.Errorf("final: %t, want %t: %v", alert.IsFinal(err), tc.final, err)
			}
			if text := err.Error(); alert.Printable(strings.ReplaceAll(text, "\n", " ")) != strings.ReplaceAll(text, "\n", " ") {
				t.Errorf("not inert: %q", text)
			}
			for _, form := range []string{"%v", "%+v", "%#v"} {
				if text := fmt.Sprintf(form, err); strings.Contains(text, testPassword) {
					t.Errorf("password in %s", text)
				}
			}
			if got := ts.got(); len(got) != 0 {
				t.Errorf("sent all the same: %d", len(got))
			}
		})
	}
}

// TestSomeRefused checks that the other recipients get the mail, and those who are refused
// for now get the same mail later.
func TestSomeRefused(t *testing.T) {
	busy := true
	ts := startServer(t, serverOptions{onRcpt: func(to string) error {
		switch {
		case to == "gone@example.org":
			return &smtp.SMTPError{Code: 550, Message: "no such user"}
		case to == "busy@example.org" && busy:
			return &smtp.SMTPError{Code: 451, Message: "greylisted"}
		}
		return nil
	}})
	c := ts.config()
	c.To = []string{"a@example.org", "gone@example.org", "busy@example.org", "a@example.org"}
	c.Cc = []string{"b@example.org"}
	n := start(t, c)
	alerts := []alert.Alert{firing("a1", "POST /orders")}

	err := n.Notify(notification("n1"), alerts)
	if err == nil || alert.IsFinal(err) || !strings.Contains(err.Error(), "no such user") || !strings.Contains(err.Error(), "greylisted") {
		t.Fatalf("first try: %v", err)
	}
	if err := n.Notify(notification("n1"), alerts); err == nil || alert.IsFinal(err) || strings.Contains(err.Error(), "no such user") {
		t.Fatalf("second try: %v", err)
	}
	busy = false
	if err := n.Notify(notification("n1"), alerts); err != nil {
		t.Fatalf("third try: %v", err)
	}
	got := ts.got()
	if len(got) != 2 || !slices.Equal(got[0].to, []string{"a@example.org", "b@example.org"}) || !slices.Equal(got[1].to, []string{"busy@example.org"}) {
		t.Fatalf("got %d mails: %v", len(got), got)
	}
	if string(got[0].raw) != string(got[1].raw) {
		t.Error("a later try is another mail")
	}
	c.To, c.Cc = []string{"a@example.org", "gone@example.org"}, nil
	if err := start(t, c).Notify(notification("n2"), alerts); !alert.IsFinal(err) {
		t.Errorf("only final refusals: %v", err)
	}
	if len(ts.got()) != 3 {
		t.Error("the other one did not get it")
	}
}

// TestRetry checks that a mail that was refused for now is the same the next time.
func TestRetry(t *testing.T) {
	tries := 0
	ts := startServer(t, serverOptions{onData: func() error {
		if tries++; tries == 1 {
			return &smtp.SMTPError{Code: 451, Message: "later"}
		}
		return nil
	}})
	for _, ctx := range []context.Context{notification("n1"), context.Background()} {
		tries = 0
		n := start(t, ts.config())
		alerts := []alert.Alert{firing("a1", "POST /orders")}
		err := n.Notify(ctx, alerts)
		if err == nil || alert.IsFinal(err) {
			t.Fatalf("first try: %v", err)
		}
		first := string(n.tries[0].raw)
		if err := n.Notify(ctx, alerts); err != nil {
			t.Fatal(err)
		}
		got := ts.got()
		if string(got[len(got)-1].raw) != first {
			t.Error("the second try is another mail")
		}
		if len(n.tries) != 0 {
			t.Error("a mail that was sent is kept")
		}
	}
}

// TestMessageIDSurvives checks that a notification has the same Message-ID in another life.
func TestMessageIDSurvives(t *testing.T) {
	ts := startServer(t, serverOptions{})
	for range 2 {
		if err := start(t, ts.config()).Notify(notification("n1"), []alert.Alert{firing("a1", "x")}); err != nil {
			t.Fatal(err)
		}
	}
	got := ts.got()
	one, two := mustParse(t, got[0].raw).header.Get("Message-Id"), mustParse(t, got[1].raw).header.Get("Message-Id")
	if one != two || one == "" {
		t.Errorf("%s and %s", one, two)
	}
}

// TestHang checks that a try ends with Timeout, and with ctx, wherever the server falls silent.
func TestHang(t *testing.T) {
	for _, tc := range []struct {
		name  string
		lines []string // answers before the silence
	}{
		{"before greeting", nil},
		{"after greeting", []string{"220 hi"}},
		{"after hello", []string{"220 hi", "250 hi"}},
		{"after sender", []string{"220 hi", "250 hi", "250 ok"}},
		{"after recipient", []string{"220 hi", "250 hi", "250 ok", "250 ok"}},
		{"after data", []string{"220 hi", "250 hi", "250 ok", "250 ok", "354 go"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			port := silent(t, tc.lines)
			c := Config{Host: "127.0.0.1", Port: port, Encryption: NoEncryption, From: "a@x.org", To: []string{"b@x.org"}, Timeout: 50 * time.Millisecond}
			err := start(t, c).Notify(notification("n1"), []alert.Alert{firing("a1", "x")})
			if err == nil || alert.IsFinal(err) || !strings.Contains(err.Error(), "not done within 50ms") {
				t.Errorf("timeout: %v", err)
			}
			c.Timeout = time.Minute
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			err = start(t, c).Notify(ctx, []alert.Alert{firing("a1", "x")})
			if !errors.Is(err, context.DeadlineExceeded) || alert.IsFinal(err) {
				t.Errorf("ctx: %v", err)
			}
		})
	}
	t.Run("after handshake began", func(t *testing.T) {
		for _, e := range []Encryption{StartTLS, ImplicitTLS} {
			port := silent(t, map[Encryption][]string{StartTLS: {"220 hi", "250-hi\r\n250 STARTTLS", "220 go"}}[e])
			c := Config{Host: "127.0.0.1", Port: port, Encryption: e, From: "a@x.org", To: []string{"b@x.org"}, Timeout: 50 * time.Millisecond}
			if err := start(t, c).Notify(notification("n1"), []alert.Alert{firing("a1", "x")}); err == nil || alert.IsFinal(err) {
				t.Errorf("%s: %v", e, err)
			}
		}
	})
	t.Run("after the end", func(t *testing.T) { // QUIT is not answered: the mail is sent all the same
		port := silent(t, []string{"220 hi", "250 hi", "250 ok", "250 ok", "354 go", "250 taken"})
		c := Config{Host: "127.0.0.1", Port: port, Encryption: NoEncryption, From: "a@x.org", To: []string{"b@x.org"}, Timeout: time.Minute}
		begin := time.Now()
		if err := start(t, c).Notify(notification("n1"), []alert.Alert{firing("a1", "x")}); err != nil || time.Since(begin) > 30*time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
}

// silent starts a server that answers with some lines, whatever it is asked, and then says
// nothing more.
func silent(t *testing.T, lines []string) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			talk(conn, lines)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().(*net.TCPAddr).Port
}

// talk answers every command with the next line; after a 354 it waits for the final dot.
func talk(conn net.Conn, lines []string) {
	defer func() { _ = conn.Close() }()
	var seen strings.Builder
	buf := make([]byte, 4096)
	for i, line := range lines {
		if i > 0 {
			end := "\r\n"
			if strings.HasPrefix(lines[i-1], "354") {
				end = "\r\n.\r\n"
			}
			for !strings.HasSuffix(seen.String(), end) {
				n, err := conn.Read(buf)
				if err != nil {
					return
				}
				seen.Write(buf[:n])
			}
			seen.Reset()
		}
		if _, err := io.WriteString(conn, line+"\r\n"); err != nil {
			return
		}
	}
	_, _ = io.Copy(io.Discard, conn) // until the client goes
}

// TestKeptBack checks that a password stays here where anybody could read it.
func TestKeptBack(t *testing.T) {
	for _, tc := range []struct {
		auth      Auth
		offered   string
		mayTell   bool
		encrypted bool
		want      Auth
		err       string
	}{
		{AuthAuto, "LOGIN PLAIN", false, false, 0, "allow_unencrypted_password"},
		{AuthPlain, "LOGIN PLAIN", false, false, 0, "allow_unencrypted_password"},
		{AuthXOAuth2, "XOAUTH2", false, false, 0, "allow_unencrypted_password"},
		{AuthAuto, "LOGIN PLAIN", true, false, AuthPlain, ""},
		{AuthAuto, "LOGIN PLAIN CRAM-MD5", false, false, AuthCRAMMD5, ""},
		{AuthAuto, "SCRAM-SHA-256-PLUS SCRAM-SHA-1 PLAIN", false, false, AuthSCRAMSHA1, ""},
		{AuthAuto, "SCRAM-SHA-256-PLUS SCRAM-SHA-1 PLAIN", true, true, AuthSCRAMSHA256Plus, ""},
		{AuthSCRAMSHA1Plus, "SCRAM-SHA-1-PLUS", true, false, 0, "needs an encrypted connection"},
		{AuthAuto, "GSSAPI", true, true, 0, "no mechanism to log in"},
		{AuthPlain, "XPLAIN", true, true, 0, "does not offer plain"},
	} {
		got, err := tc.auth.choose(tc.offered, tc.mayTell, tc.encrypted)
		if tc.err == "" && (err != nil || got != tc.want) || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
			t.Errorf("%+v: %s, %v", tc, got, err)
		}
	}
}

// TestKeptBackFromOthers checks that it is the address that was reached which decides, and
// not a name.
func TestKeptBackFromOthers(t *testing.T) {
	ts := startServer(t, serverOptions{insecure: true, auth: []string{"PLAIN"}})
	c := ts.config().withDefaults()
	c.Username, c.Password = testUser, testPassword
	s, err := newServer(&c)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	client, err := gosmtp.NewClient(conn, s.host)
	if err != nil {
		t.Fatal(err)
	}
	const loopback = false
	if err := s.logIn(client, loopback); !alert.IsFinal(err) || !strings.Contains(err.Error(), "allow_unencrypted_password") || len(ts.used) > 0 {
		t.Errorf("%v, logged in by %v", err, ts.used)
	}
}

// TestGreeting checks how the client introduces itself, and that it asks for SMTPUTF8 only
// where an address needs it.
func TestGreeting(t *testing.T) {
	for to, wantUTF8 := range map[string]bool{"ops@example.org": false, "ünal@example.org": true} {
		ts := startServer(t, serverOptions{utf8: true})
		c := ts.config()
		c.To, c.HELO = []string{to}, "monitor.example.org"
		if err := start(t, c).Notify(notification("n1"), []alert.Alert{firing("a1", "x")}); err != nil {
			t.Fatal(err)
		}
		got := ts.got()
		if len(got) != 1 || got[0].helo != c.HELO || got[0].utf8 != wantUTF8 || got[0].to[0] != to {
			t.Errorf("%s: got %+v", to, got)
		}
	}
}

// TestNoCaller checks that nothing that watches the caller's connections sees this one.
func TestNoCaller(t *testing.T) {
	seen := false
	ctx := httptrace.WithClientTrace(notification("n1"), &httptrace.ClientTrace{
		ConnectStart: func(string, string) { seen = true },
	})
	if err := start(t, startServer(t, serverOptions{}).config()).Notify(ctx, []alert.Alert{firing("a1", "x")}); err != nil || seen {
		t.Errorf("%v, seen: %t", err, seen)
	}
}

// TestCanceled checks that a caller who is gone gets an answer at once.
func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ts := startServer(t, serverOptions{})
	if err := start(t, ts.config()).Notify(ctx, []alert.Alert{firing("a1", "x")}); !errors.Is(err, context.Canceled) || len(ts.got()) > 0 {
		t.Errorf("%v, %d mails", err, len(ts.got()))
	}
}
