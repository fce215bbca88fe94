package mail

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// endless starts a server that begins some answers and never ends the last one. said is the
// number of bytes that it got rid of.
func endless(t *testing.T, lines []string, chunk string) (port int, said *atomic.Int64) {
	t.Helper()
	said = &atomic.Int64{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		_, _ = io.WriteString(conn, strings.Join(lines, "\r\n"))
		for text := []byte(strings.Repeat(chunk, 1000)); ; {
			n, err := conn.Write(text)
			said.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().(*net.TCPAddr).Port, said
}

// TestEndlessAnswer checks that a server that talks without an end is hung up on, wherever it
// does so.
func TestEndlessAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		lines []string
		chunk string
	}{
		"greeting":        {nil, "220 "},
		"line":            {[]string{"220 hi", "250 "}, "endless "},
		"lines":           {[]string{"220 hi", ""}, "250-8BITMIME\r\n"},
		"refusal":         {[]string{"220 hi", "250 hi", "550 "}, "no "},
		"lines, no codes": {nil, "\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			port, said := endless(t, tc.lines, tc.chunk)
			c := Config{Host: "127.0.0.1", Port: port, Encryption: NoEncryption, From: "a@x.org", To: []string{"b@x.org"}, Timeout: time.Minute}
			err := start(t, c).Notify(notification("n1"), []alert.Alert{firing("a1", "x")})
			if err == nil || len(err.Error()) > 2*maxReply {
				t.Errorf("%.1000v", err)
			}
			const buffers = 16 << 20 // what the system takes off the server
			if n := said.Load(); n > maxSaid+buffers {
				t.Errorf("the server got rid of %d bytes", n)
			}
		})
	}
}

// scripted is a connection to a server that says what was settled before, whatever it hears.
type scripted struct {
	net.Conn // the methods that are not below are not called
	says     *bytes.Reader
}

func (c *scripted) Read(p []byte) (int, error)  { return c.says.Read(p) }
func (c *scripted) Write(p []byte) (int, error) { return len(p), nil }
func (c *scripted) Close() error                { return nil }
func (c *scripted) RemoteAddr() net.Addr        { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (c *scripted) SetDeadline(time.Time) error { return nil }

// Whatever a server answers, the try ends, and what is told of it is short and in one line, and
// holds no password.
func FuzzReplies(f *testing.F) {
	const well = "220 hi\r\n250-hi\r\n250-AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256\r\n250 SMTPUTF8\r\n"
	f.Add([]byte(well+"235 in\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n"), uint8(AuthPlain))
	f.Add([]byte(well+"334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n535 no, "+testPassword+"\r\n"), uint8(AuthLogin))
	f.Add([]byte(well+"334 cj1yb3ByLHM9c2FsdCxpPTQwOTY=\r\n"), uint8(AuthSCRAMSHA256))
	f.Add([]byte(well+"334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2U+\r\n535-a\r\n535 b\r\n"), uint8(AuthCRAMMD5))
	f.Add([]byte("421 \x1b[31m\u202e no\r\n"), uint8(AuthAuto))
	f.Add([]byte("220 hi\r\n500 what?\r\n250 hi\r\n250 ok\r\n450 later\r\n"), uint8(0))
	f.Fuzz(func(t *testing.T, says []byte, auth uint8) {
		c := Config{Host: "127.0.0.1", Port: 25, Encryption: NoEncryption, From: "a@x.org", To: []string{"b@x.org"}, Username: testUser, Password: testPassword, Auth: Auth(auth % 12)}
		if c.Validate() != nil {
			c.Auth = AuthAuto
		}
		c = c.withDefaults()
		s, err := newServer(&c)
		if err != nil {
			t.Fatal(err)
		}
		m := &message{raw: []byte("Subject: x\r\n\r\nx\r\n"), left: []string{"b@x.org", "c@x.org"}}
		client, err := s.open(t.Context(), &scripted{says: bytes.NewReader(says)})
		if err == nil {
			err = s.transfer(client, "a@x.org", m)
		}
		if err == nil {
			return
		}
		text := err.Error()
		if len(text) > 4*maxReply || strings.Contains(text, testPassword) || strings.ContainsAny(text, "\x1b\u202e\x00\r") {
			t.Errorf("it says %q", text)
		}
	})
}
