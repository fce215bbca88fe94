package mail

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

const (
	testUser     = "monitor"
	testPassword = `hun"ter%2 <&>` // with what printing could trip over
)

// testServer is a real SMTP server on loopback that keeps what it gets.
type testServer struct {
	*smtp.Server
	port int

	onRcpt func(to string) error
	onData func() error

	mu    sync.Mutex
	mails []received
	used  []string // mechanisms by which somebody logged in
}

// received is a mail as a server got it.
type received struct {
	helo string
	utf8 bool // SMTPUTF8 was asked for
	from string
	to   []string
	raw  []byte
}

// serverOptions say what kind of server a test needs.
type serverOptions struct {
	cert     *tls.Certificate // nil: no encryption
	implicit bool
	auth     []string // mechanisms; nil: none
	insecure bool     // offers AUTH unencrypted
	utf8     bool     // offers SMTPUTF8
	onRcpt   func(to string) error
	onData   func() error
}

func startServer(t *testing.T, o serverOptions) *testServer {
	t.Helper()
	ts := &testServer{onRcpt: o.onRcpt, onData: o.onData}
	ts.Server = smtp.NewServer(smtp.BackendFunc(func(conn *smtp.Conn) (smtp.Session, error) {
		s := &session{server: ts, conn: conn}
		if o.auth == nil {
			return s, nil
		}
		return &authSession{session: s, mechanisms: o.auth}, nil
	}))
	ts.Domain = "localhost"
	ts.MaxRecipients = maxRecipients
	ts.ReadTimeout, ts.WriteTimeout = 10*time.Second, 10*time.Second
	ts.AllowInsecureAuth = o.insecure
	ts.EnableSMTPUTF8 = o.utf8
	ts.ErrorLog = log.New(io.Discard, "", 0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ts.port = l.Addr().(*net.TCPAddr).Port
	if o.cert != nil {
		ts.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*o.cert}}
		if o.implicit {
			l = tls.NewListener(l, ts.TLSConfig)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = ts.Serve(l)
	}()
	t.Cleanup(func() {
		_ = ts.Close()
		_ = l.Close() // Serve may not have begun when nobody came
		<-done
	})
	return ts
}

func (ts *testServer) got() []received {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return append([]received(nil), ts.mails...)
}

// config is one that reaches the server unencrypted.
func (ts *testServer) config() Config {
	return Config{
		Host: "127.0.0.1", Port: ts.port, Encryption: NoEncryption, Timeout: 5 * time.Second,
		From: "Monitor <monitor@example.org>", To: []string{"Ops Ä <ops@example.org>"},
	}
}

type session struct {
	server *testServer
	conn   *smtp.Conn
	mail   received
}

func (s *session) Reset()        { s.mail = received{} }
func (s *session) Logout() error { return nil }
func (s *session) Mail(from string, o *smtp.MailOptions) error {
	s.mail.helo, s.mail.utf8, s.mail.from = s.conn.Hostname(), o.UTF8, from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.server.onRcpt != nil {
		if err := s.server.onRcpt(to); err != nil {
			return err
		}
	}
	s.mail.to = append(s.mail.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.server.onData != nil {
		if err := s.server.onData(); err != nil {
			return err
		}
	}
	s.mail.raw = raw
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, s.mail)
	return nil
}

// authSession is a session to which one can log in, and that says what it was told.
type authSession struct {
	*session
	mechanisms []string
}

func (s *authSession) AuthMechanisms() []string { return s.mechanisms }

func (s *authSession) Auth(mech string) (sasl.Server, error) {
	check := func(_, username, password string) error {
		if username != testUser || password != testPassword {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no " + password + " is not it"}
		}
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		s.server.used = append(s.server.used, mech)
		return nil
	}
	switch mech {
	case sasl.Plain:
		return sasl.NewPlainServer(check), nil
	case "LOGIN":
		return &loginServer{check: check}, nil
	case "CRAM-MD5":
		return &cramServer{check: check}, nil
	case "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS":
		state, _ := s.conn.TLSConnectionState()
		return &scramServer{check: check, bound: strings.HasSuffix(mech, "PLUS"), tls: state}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

// loginServer is the LOGIN mechanism, which package sasl has for clients only.
type loginServer struct {
	check    func(identity, username, password string) error
	step     int
	username string
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	l.step++
	switch l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.username = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check("", l.username, string(response))
}

// cramServer is the CRAM-MD5 mechanism, as of RFC 2195.
type cramServer struct {
	check func(identity, username, password string) error
	sent  bool
}

func (c *cramServer) Next(response []byte) (challenge []byte, done bool, err error) {
	const text = "<1.2@localhost>"
	if !c.sent {
		c.sent = true
		return []byte(text), false, nil
	}
	mac := hmac.New(md5.New, []byte(testPassword))
	_, _ = mac.Write([]byte(text))
	password := "wrong"
	if string(response) == fmt.Sprintf("%s %x", testUser, mac.Sum(nil)) {
		password = testPassword
	}
	return nil, true, c.check("", testUser, password)
}

// scramServer is the SCRAM-SHA-256 mechanism, as of RFC 5802 and RFC 7677.
type scramServer struct {
	check func(identity, username, password string) error
	bound bool
	tls   tls.ConnectionState
	first string // what both have said so far
	salty []byte
	done  bool
}

func (s *scramServer) Next(response []byte) (challenge []byte, done bool, err error) {
	const salt, rounds = "salt", 4096
	sign := func(key []byte, text string) []byte {
		mac := hmac.New(sha256.New, key)
		_, _ = mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	text := string(response)
	switch {
	case s.done:
		return nil, true, s.check("", testUser, testPassword)
	case text == "":
		return []byte{}, false, nil // the client begins
	case s.first == "":
		_, bare, _ := strings.Cut(text, ",,")
		_, nonce, _ := strings.Cut(bare, ",r=")
		answer := fmt.Sprintf("r=%sserver,s=%s,i=%d", nonce, base64.StdEncoding.EncodeToString([]byte(salt)), rounds)
		s.first = bare + "," + answer
		return []byte(answer), false, nil
	}
	binding := []byte("n,,")
	if s.bound {
		material, err := s.tls.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
		if err != nil {
			return nil, false, err
		}
		binding = append([]byte("p=tls-exporter,,"), material...)
	}
	if !strings.HasPrefix(text, "c="+base64.StdEncoding.EncodeToString(binding)+",") {
		return nil, false, s.check("", testUser, "not bound")
	}
	without, proof, _ := strings.Cut(text, ",p=")
	all := s.first + "," + without
	if s.salty, err = pbkdf2.Key(sha256.New, testPassword, []byte(salt), rounds, sha256.Size); err != nil {
		return nil, false, err
	}
	key := sign(s.salty, "Client Key")
	stored := sha256.Sum256(key)
	for i, b := range sign(stored[:], all) {
		key[i] ^= b
	}
	if proof != base64.StdEncoding.EncodeToString(key) {
		return nil, false, s.check("", testUser, "wrong")
	}
	s.done = true
	return []byte("v=" + base64.StdEncoding.EncodeToString(sign(sign(s.salty, "Server Key"), all))), false, nil
}

// certificate makes a certificate for 127.0.0.1 and a file that holds it.
func certificate(t *testing.T) (cert *tls.Certificate, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"mail.test"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// start makes a notifier that is closed when the test ends.
func start(t *testing.T, c Config) *Notifier {
	t.Helper()
	n, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return n
}

// notification is the context of one try of a notification.
func notification(id string) context.Context {
	return alert.WithNotificationID(context.Background(), id)
}

// parsed is a mail, read as a mail program does.
type parsed struct {
	header     mail.Header
	subject    string
	text, html string
}

func parse(raw []byte) (parsed, error) {
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return parsed{}, err
	}
	p := parsed{header: msg.Header}
	if p.subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		return p, err
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		return p, errors.Join(err, errors.New("media type "+kind))
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for i := range 3 {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) && i == 2 {
			return p, nil
		}
		if err != nil {
			return p, err
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			return p, err
		}
		switch kind := part.Header.Get("Content-Type"); {
		case i == 0 && kind == "text/plain; charset=UTF-8":
			p.text = strings.ReplaceAll(string(body), "\r\n", "\n")
		case i == 1 && kind == "text/html; charset=UTF-8":
			p.html = string(body)
		default:
			return p, errors.New("unexpected part " + kind)
		}
	}
	return p, errors.New("too many parts")
}

func mustParse(t *testing.T, raw []byte) parsed {
	t.Helper()
	p, err := parse(raw)
	if err != nil {
		t.Fatalf("%v in\n%s", err, raw)
	}
	return p
}

var testStart = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

// firing returns an alert with everything in it.
func firing(id, operation string) alert.Alert {
	a := alert.Alert{
		ID: id, Monitor: "http", Service: "shop", Operation: operation, SpanKind: engine.SpanKindServer,
		Objective: alert.Availability, State: alert.Firing,
		StartsAt: testStart, DecidedAt: testStart.Add(3 * time.Minute),
		Target: 0.95, Actual: 0.71, WorstActual: 0.64, LastActual: 0.7,
		Causes: []engine.CauseCount{
			{Cause: engine.Cause{Operation: "INSERT orders", Code: "23505"}, Count: 80, Share: 0.92},
			{Cause: engine.Cause{Operation: "GET /stock", Code: "503"}, Count: 7, Share: 0.08},
		},
		CausedBy: "f00d",
	}
	for i := range 3 {
		s := engine.Summary{
			Monitor: "http", Service: "shop", Operation: operation, SpanKind: engine.SpanKindServer,
			Start: testStart.Add(time.Duration(i) * time.Minute), End: testStart.Add(time.Duration(i+1) * time.Minute),
			Count: 100, Success: 71, Failure: 29, SuccessRatio: 0.71, WithinTargetRatio: 1, WithinTarget: 71,
			Failures:         []engine.CodeCount{{Code: "503", Name: "unavailable", Count: 22}, {Code: "500", Count: 7}},
			FailureExemplars: []engine.Exemplar{{Code: "503", Duration: 132 * time.Millisecond, End: testStart, Trace: engine.TraceRef{TraceID: [16]byte{15: byte(i + 1)}, SpanID: [8]byte{7: byte(i + 1)}, Sampled: true}}},
			Objective:        engine.DefaultObjective(),
		}
		s.Latency.P50, s.Latency.P99 = 12*time.Millisecond, 431*time.Millisecond
		a.Evidence = append(a.Evidence, s)
	}
	return a
}

// resolved returns the alert that ends a firing one.
func resolved(a alert.Alert) alert.Alert {
	a.State = alert.Resolved
	a.EndsAt = a.DecidedAt.Add(2 * time.Minute)
	a.DecidedAt = a.DecidedAt.Add(5 * time.Minute)
	a.Actual = 0.998
	return a
}
