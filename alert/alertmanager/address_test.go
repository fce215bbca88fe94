package alertmanager

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// newFor returns a notifier, and closes it in the end.
func newFor(t *testing.T, c Config) *Notifier {
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

func TestJudge(t *testing.T) {
	now := begin
	tests := []struct {
		code    int
		after   string // Retry-After
		body    string
		isOK    bool
		isFinal bool
		wait    time.Duration
		want    string
	}{
		{code: 200, isOK: true},
		{code: 202, body: "ok", isOK: true},
		{code: 301, want: "POST x: 301 Moved Permanently"},
		{code: 304, after: "5", want: "POST x: 304 Not Modified"},
		{code: 400, body: " \"bad\n\x1b[31m\xff\" ", isFinal: true, want: `POST x: 400 Bad Request: "\"bad�` + `�[31m�\""`},
		{code: 401, after: "5", isFinal: true, want: "POST x: 401 Unauthorized"},
		{code: 408, want: "POST x: 408 Request Timeout"},
		{code: 413, isFinal: true, body: strings.Repeat("é", 1000), want: `POST x: 413 Request Entity Too Large: "` + strings.Repeat("é", 128) + `"`},
		{code: 425, want: "POST x: 425 Too Early"},
		{code: 429, want: "POST x: 429 Too Many Requests"},
		{code: 429, after: "120", wait: 2 * time.Minute, want: "POST x: 429 Too Many Requests"},
		{code: 429, after: "99999999999999", wait: 24 * time.Hour, want: "POST x: 429 Too Many Requests"},
		{code: 429, after: "99999999999999999999999", want: "POST x: 429 Too Many Requests"},
		{code: 429, after: "-1", want: "POST x: 429 Too Many Requests"},
		{code: 429, after: "soon", want: "POST x: 429 Too Many Requests"},
		{code: 429, after: now.Add(90 * time.Second).Format(http.TimeFormat), wait: 90 * time.Second, want: "POST x: 429 Too Many Requests"},
		{code: 429, after: now.Add(-time.Hour).Format(http.TimeFormat), want: "POST x: 429 Too Many Requests"},
		{code: 429, after: now.AddDate(1, 0, 0).Format(http.TimeFormat), wait: 24 * time.Hour, want: "POST x: 429 Too Many Requests"},
		{code: 500, want: "POST x: 500 Internal Server Error"},
		{code: 503, after: "3", wait: 3 * time.Second, want: "POST x: 503 Service Unavailable"},
		{code: 599, body: "?", want: `POST x: 599: "?"`},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			a := address{name: "x", secrets: hiding(nil)}
			resp := respond(tt.code, "")
			if tt.after != "" {
				resp.Header.Set("Retry-After", tt.after)
			}
			got := a.judge(resp, []byte(tt.body), now)
			if (got.err == nil) != tt.isOK || got.isFinal != tt.isFinal || got.wait != tt.wait {
				t.Errorf("got %+v", got)
			}
			if got.err != nil && got.err.Error() != tt.want {
				t.Errorf("got %q, want %q", got.err, tt.want)
			}
		})
	}
}

// What goes over the wire: the path below a prefix, the header, the body.
func TestRequest(t *testing.T) {
	const basic = "Basic bWU6czNjcmV0" // me:s3cret
	tests := []struct {
		name   string
		config Config
		user   string // of the URL
		want   string // Authorization
	}{
		{"nobody", Config{}, "", ""},
		{"basic", Config{BasicAuth: BasicAuth{"me", "s3cret"}}, "", basic},
		{"in the URL", Config{}, "me:s3cret@", basic},
		{"bearer", Config{BearerToken: "t0ken"}, "", "Bearer t0ken"},
		{"header", Config{Headers: map[string]alert.Secret{"authorization": "Own x"}}, "", "Own x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				body, _ := io.ReadAll(req.Body)
				_, hasKey := req.Header["X-Idempotency-Key"]
				if req.Method != "POST" || req.URL.String() != "/prefix/api/v2/alerts" || req.Header.Get("Content-Type") != "application/json" ||
					req.Header.Get("Authorization") != tt.want || req.Header.Get("X-Scope") != "7" || req.UserAgent() != "go-monitor" || hasKey || body[0] != '[' {
					t.Errorf("%s %s %v %s", req.Method, req.URL, req.Header, body)
					w.WriteHeader(400)
				}
			}))
			defer server.Close()
			c := tt.config
			if c.Headers == nil {
				c.Headers = make(map[string]alert.Secret)
			}
			c.Headers["X-Scope"] = "7"
			c.URLs = []string{strings.Replace(server.URL, "//", "//"+tt.user, 1) + "/prefix/"}
			notify(t, newFor(t, c), firing("a"))
		})
	}
}

// A redirect is not followed: it would take the password along, or end at a page.
func TestRedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		t.Errorf("%s %s %v", req.Method, req.URL, req.Header)
	}))
	defer elsewhere.Close()
	for _, code := range []int{301, 302, 307, 308} {
		server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, code))
		err := newFor(t, Config{URLs: []string{server.URL}, BearerToken: "t0ken"}).Notify(t.Context(), []alert.Alert{firing("a")})
		server.Close()
		if err == nil || alert.IsFinal(err) {
			t.Errorf("%d: got %v, want an error that may be mended", code, err)
		}
	}
}

// An answer that doesn't end is read to a bound, and one that is late to its timeout.
func TestEndlessAnswer(t *testing.T) {
	var sent atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.WriteHeader(500)
		for req.Context().Err() == nil {
			n, err := io.WriteString(w, strings.Repeat("x", 1<<16))
			if err != nil {
				return
			}
			sent.Add(int64(n))
		}
	}))
	defer server.Close()
	err := newFor(t, Config{URLs: []string{server.URL}}).Notify(t.Context(), []alert.Alert{firing("a")})
	if err == nil || !strings.HasSuffix(err.Error(), `500 Internal Server Error: "`+strings.Repeat("x", 256)+`"`) {
		t.Errorf("got %v", err)
	}
	if n := sent.Load(); n > 64<<20 {
		t.Errorf("%d bytes were sent", n)
	}
}

func TestTimeout(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		<-req.Context().Done()
	}))
	defer server.Close()
	err := newFor(t, Config{URLs: []string{server.URL}, Timeout: 50 * time.Millisecond}).Notify(t.Context(), []alert.Alert{firing("a")})
	if err == nil || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("got %v", err)
	}
}

// A connection that the server has closed meanwhile is no failure.
func TestClosedConnection(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	n := newFor(t, Config{URLs: []string{server.URL}})
	for range 20 {
		notify(t, n, firing("a"))
		server.CloseClientConnections()
	}
}

// A closed notifier keeps no connection open.
func TestCloseClosesConnections(t *testing.T) {
	closed := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateClosed {
			close(closed)
		}
	}
	server.Start()
	defer server.Close()
	n := newFor(t, Config{URLs: []string{server.URL}})
	notify(t, n, firing("a"))
	if err := n.Close(t.Context()); err != nil {
		t.Error(err)
	}
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the connection is open still")
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if len(req.TLS.PeerCertificates) == 0 {
			w.WriteHeader(401)
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()

	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := write("ca.pem", "CERTIFICATE", server.Certificate().Raw)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert := write("cert.pem", "CERTIFICATE", der)
	der, err = x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	keyFile := write("key.pem", "PRIVATE KEY", der)
	empty := write("empty.pem", "NOTHING", nil)

	tests := []struct {
		name    string
		tls     TLS
		wantNew string // what New complains of
		want    string // what Notify complains of
	}{
		{"unknown authority", TLS{}, "", "certificate signed by unknown authority"},
		{"no client certificate", TLS{CAFile: ca}, "", "401 Unauthorized"},
		{"all right", TLS{CAFile: ca, CertFile: cert, KeyFile: keyFile}, "", ""},
		{"another name", TLS{CAFile: ca, CertFile: cert, KeyFile: keyFile, ServerName: "am.example"}, "", "am.example"},
		{"name of the certificate", TLS{CAFile: ca, CertFile: cert, KeyFile: keyFile, ServerName: "example.com"}, "", ""},
		{"trusting", TLS{CertFile: cert, KeyFile: keyFile, InsecureSkipVerify: true}, "", ""},
		{"no file", TLS{CAFile: dir + "/none"}, "alertmanager: tls.ca_file: open " + dir + "/none: no such file or directory", ""},
		{"no certificate", TLS{CAFile: empty}, `alertmanager: tls.ca_file: "` + empty + `" holds no certificate in PEM`, ""},
		{"no key", TLS{CertFile: cert, KeyFile: empty}, "alertmanager: tls.cert_file, tls.key_file: tls: failed to find ", ""},
		{"half a pair", TLS{CertFile: cert}, `alertmanager: tls.cert_file: must be set together with key_file, got "` + cert + `" and ""`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Config{URLs: []string{server.URL}, TLS: tt.tls}
			if tt.wantNew != "" {
				if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), tt.wantNew) {
					t.Errorf("got %v, want %q", err, tt.wantNew)
				}
				return
			}
			err := newFor(t, c).Notify(t.Context(), []alert.Alert{firing("a")})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestNext(t *testing.T) {
	err := io.ErrUnexpectedEOF
	tests := []struct {
		name     string
		outcomes []outcome
		isFinal  bool
		wait     time.Duration
	}{
		{"all final", []outcome{{err, true, 0}, {err, true, 0}}, true, 0},
		{"one final", []outcome{{err, true, 0}, {err, false, 0}}, false, 0},
		{"one asks", []outcome{{err, true, 0}, {err, false, time.Minute}, {err, true, 0}}, false, time.Minute},
		{"both ask", []outcome{{err, false, time.Minute}, {err, false, time.Second}}, false, time.Second},
		{"none final", []outcome{{err, false, time.Minute}, {err, false, 0}}, false, 0},
	}
	for _, tt := range tests {
		isFinal, wait := next(tt.outcomes)
		if isFinal != tt.isFinal || wait != tt.wait {
			t.Errorf("%s: got %v, %s", tt.name, isFinal, wait)
		}
		if got := failure(tt.outcomes); alert.IsFinal(got) != tt.isFinal || !errors.Is(got, err) {
			t.Errorf("%s: got %v, final: %v", tt.name, got, alert.IsFinal(got))
		}
	}
}

// A token may stand where a URL has the user's name: an answer that repeats it shows nothing.
func TestUserOfURLStaysSecret(t *testing.T) {
	c := Config{}
	a, err := newAddress("http://t0ken@am:9093", &c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.judge(respond(403, ""), []byte("no t0ken here"), begin).err.Error(); strings.Contains(got, "t0ken") {
		t.Errorf("got %q", got)
	}
}
