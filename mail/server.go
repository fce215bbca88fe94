package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/blurooo/go-monitor/v2/alert"
)

// maxReply is the most bytes of a server's answer in an error.
const maxReply = 300

// goodbye is the time that a server has to answer QUIT, when the mail is sent already.
const goodbye = time.Second

// server is a mail server. It is immutable and holds no connection.
type server struct {
	host       string
	port       int
	helo       string
	encryption Encryption
	tls        *tls.Config
	auth       Auth
	mayTell    bool                               // the password may be sent unencrypted
	login      func() (username, password string) // a function, so that printing the server shows no password
	timeout    time.Duration
}

func newServer(c *Config) (*server, error) {
	config, err := c.TLS.config()
	if err != nil {
		return nil, err
	}
	username, password := c.Username, string(c.Password)
	return &server{
		host: c.Host, port: c.Port, helo: c.HELO,
		encryption: c.Encryption, tls: config,
		auth: c.Auth, mayTell: c.AllowUnencryptedPassword,
		login:   func() (string, string) { return username, password },
		timeout: c.Timeout,
	}, nil
}

func (s *server) String() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// send makes one try to send m to the recipients in m.left. It removes from m.left those that
// got it and those that are refused for good. An error is marked by [alert.Final] if trying
// again can't mend it; m.left has no meaning then. The connection gets nothing of ctx but its
// end.
func (s *server) send(ctx context.Context, from string, m *message) error {
	own, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	err := s.deliver(own, from, m)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("mail: %s: %w (%w)", s, ctx.Err(), err)
	case own.Err() != nil:
		return fmt.Errorf("mail: %s: not done within %s: %w", s, s.timeout, err)
	case alert.IsFinal(err):
		return alert.Final(fmt.Errorf("mail: %s: %w", s, err))
	}
	return fmt.Errorf("mail: %s: %w", s, err)
}

// deliver is send without the timeout and without naming the server in errors.
func (s *server) deliver(ctx context.Context, from string, m *message) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	// The end of ctx interrupts reading and writing.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	client, err := s.open(ctx, conn)
	if err != nil {
		return err
	}
	err = s.transfer(client, from, m)
	if ctx.Err() == nil {
		_ = conn.SetDeadline(time.Now().Add(goodbye))
		_ = client.Quit() // nothing depends on it
	}
	return err
}

// connect opens a connection, which nothing instruments.
func (s *server) connect(ctx context.Context) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.String())
	if err != nil {
		return nil, s.failed("connect", err)
	}
	return &boundedConn{Conn: conn, left: maxSaid}, nil
}

// open says hello, encrypts the connection and logs in.
func (s *server) open(ctx context.Context, conn net.Conn) (*smtp.Client, error) {
	loopback := isLoopbackAddr(conn.RemoteAddr())
	if s.encryption == ImplicitTLS {
		encrypted := tls.Client(conn, s.tls)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return nil, s.failed("encrypt", err)
		}
		conn = encrypted
	}
	client, err := smtp.NewClient(conn, s.host)
	if err != nil {
		return nil, s.failed("greeting", err)
	}
	if err := client.Hello(s.helo); err != nil {
		return nil, s.failed("hello", err)
	}
	if s.encryption == StartTLS {
		if ok, _ := client.Extension("STARTTLS"); !ok {
			return nil, alert.Final(errors.New("the server does not offer STARTTLS, which encryption requires"))
		}
		if err := client.StartTLS(s.tls); err != nil {
			return nil, s.failed("encrypt", err)
		}
	}
	if username, _ := s.login(); username == "" {
		return client, nil
	}
	return client, s.logIn(client, loopback)
}

// logIn authenticates.
func (s *server) logIn(client *smtp.Client, loopback bool) error {
	username, password := s.login()
	encrypted := s.encryption != NoEncryption
	_, offered := client.Extension("AUTH")
	way, err := s.auth.choose(offered, encrypted || loopback || s.mayTell, encrypted)
	if err != nil {
		return alert.Final(fmt.Errorf("log in: %w", s.scrubbed(err)))
	}
	mechanism, err := way.mechanism(client, s.host, username, password)
	if err != nil {
		return s.failed("log in", err)
	}
	if err := client.Auth(mechanism); err != nil {
		return s.failed("log in by "+way.String(), err)
	}
	return nil
}

// transfer sends the message to the recipients that the server accepts.
func (s *server) transfer(client *smtp.Client, from string, m *message) error {
	client.SkipSMTPUTF8(isASCII(from) && !slices.ContainsFunc(m.left, func(to string) bool { return !isASCII(to) }))
	if err := client.Mail("<" + from + ">"); err != nil {
		return s.failed("sender", err)
	}
	var taken, later []string
	var refusals []error
	for _, to := range m.left {
		err := client.Rcpt("<" + to + ">")
		if err == nil {
			taken = append(taken, to)
			continue
		}
		var reply *textproto.Error
		if !errors.As(err, &reply) {
			return s.failed("recipient", err) // the connection broke
		}
		err = s.failed("recipient "+to, err)
		refusals = append(refusals, err)
		if !alert.IsFinal(err) {
			later = append(later, to)
		}
	}
	if len(taken) > 0 {
		if err := s.data(client, m.raw); err != nil {
			if alert.IsFinal(err) && len(later) > 0 {
				m.left = later
				return errors.New(errors.Join(append(refusals, err)...).Error()) // some may get it yet
			}
			return err
		}
	}
	m.left = later
	m.got += len(taken)
	if len(refusals) == 0 {
		return nil
	}
	err := errors.New(errors.Join(refusals...).Error())
	if len(later) == 0 {
		return alert.Final(err)
	}
	return err
}

// data sends the bytes of a mail and waits until the server has accepted them.
func (s *server) data(client *smtp.Client, raw []byte) error {
	w, err := client.Data()
	if err != nil {
		return s.failed("data", err)
	}
	if _, err := w.Write(raw); err != nil {
		_ = client.Close() // a QUIT would end the half mail, which the server would accept
		return s.failed("data", err)
	}
	if err := w.Close(); err != nil {
		return s.failed("data", err)
	}
	return nil
}

// failed returns the error of one step. Refusals with a code of 5xx and certificates that are
// not trusted are final.
func (s *server) failed(step string, err error) error {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		text := strings.Join(strings.Fields(s.scrub(reply.Msg)), " ")
		said := fmt.Errorf("%s: the server says %d %s", step, reply.Code, shown(text, maxReply))
		if reply.Code >= 500 && reply.Code < 600 {
			return alert.Final(said)
		}
		return said
	}
	told := fmt.Errorf("%s: %w", step, s.scrubbed(err))
	if isDistrust(err) {
		return alert.Final(told)
	}
	return told
}

// isDistrust reports whether an error is that a certificate is not trusted.
func isDistrust(err error) bool {
	var (
		unverified *tls.CertificateVerificationError
		unknown    x509.UnknownAuthorityError
	)
	return errors.As(err, &unverified) || errors.As(err, &unknown)
}

// scrubbed returns err, or an error with only its text where that may come from the server: if
// it holds the password, or what is not printable, or is long.
func (s *server) scrubbed(err error) error {
	text := err.Error()
	if clean := shown(s.scrub(text), maxReply); clean != text {
		return errors.New(clean)
	}
	return err
}

// scrub redacts the password in a text that may come from the server, in all forms in which it
// was sent there.
func (s *server) scrub(text string) string {
	username, password := s.login()
	if password == "" {
		return text
	}
	encode := base64.StdEncoding.EncodeToString
	for _, secret := range []string{
		encode([]byte("\x00" + username + "\x00" + password)),
		encode([]byte("user=" + username + "\x01auth=Bearer " + password + "\x01\x01")),
		encode([]byte(password)),
		password,
	} {
		text = strings.ReplaceAll(text, secret, alert.Redacted)
	}
	return text
}

func isLoopbackAddr(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > '~' }) < 0
}
