package webhook

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"
)

func TestClassification(t *testing.T) {
	const ok = `{"code":0,"errcode":0}`
	for _, tt := range []struct {
		format     Format
		status     int
		retryAfter string
		body       string
		want       string
	}{
		{Alertmanager, 200, "", "", "ok"},
		{Alertmanager, 204, "", "", "ok"},
		{Alertmanager, 299, "", "", "ok"},
		{Alertmanager, 200, "", `{"code":500}`, "ok"},
		{Alertmanager, 304, "", "", "final"},
		{Alertmanager, 400, "", "", "final"},
		{Alertmanager, 401, "", "", "final"},
		{Alertmanager, 404, "5", "", "final"},
		{Alertmanager, 408, "", "", "retry"},
		{Alertmanager, 410, "", "", "final"},
		{Alertmanager, 413, "", "", "final"},
		{Alertmanager, 429, "", "", "retry"},
		{Alertmanager, 429, "5", "", "after 5s"},
		{Alertmanager, 429, "soon", "", "retry"},
		{Alertmanager, 500, "", "", "retry"},
		{Alertmanager, 501, "", "", "retry"},
		{Alertmanager, 503, "7", "", "after 7s"},
		{Slack, 200, "", "ok", "ok"},
		{Slack, 404, "", "no_service", "final"},
		{Slack, 429, "30", "rate_limited", "after 30s"},
		{Template, 201, "", "no JSON", "ok"},
		{Feishu, 200, "", ok, "ok"},
		{Feishu, 200, "", `{"StatusCode":0,"StatusMessage":"success"}`, "ok"},
		{Feishu, 200, "", `{"StatusCode":0,"code":19021}`, "final"},
		{Feishu, 200, "", `{"code":19024,"msg":"Key Words Not Found"}`, "final"},
		{Feishu, 200, "", `{"code":11232,"msg":"frequency limited"}`, "after 1m0s"},
		{Feishu, 400, "", `{"code":11232}`, "after 1m0s"},
		{Feishu, 429, "120", `{"code":11232}`, "after 2m0s"},
		{Feishu, 429, "9", `{"code":11232}`, "after 1m0s"},
		{Feishu, 400, "", `{"code":9499}`, "final"},
		{Feishu, 400, "", `{"code":9499,"msg":"too many request"}`, "after 1m0s"},
		{Feishu, 400, "", `{"code":11233}`, "after 1m0s"},
		{Feishu, 500, "", `{"code":9499}`, "retry"},
		{Feishu, 429, "9", `{"code":9499}`, "after 9s"},
		{Feishu, 200, "", `{"errcode":0}`, "retry"},
		{DingTalk, 200, "", ok, "ok"},
		{DingTalk, 200, "", `{"errcode":310000,"errmsg":"sign not match"}`, "final"},
		{DingTalk, 200, "", `{"errcode":130101,"errmsg":"send too fast"}`, "after 1m0s"},
		{DingTalk, 200, "", `{"errcode":-1}`, "retry"},
		{WeCom, 200, "", ok, "ok"},
		{WeCom, 200, "", `{"errcode":93000}`, "final"},
		{WeCom, 200, "", `{"errcode":45009}`, "after 1m0s"},
		{WeCom, 200, "", `{"errcode":null}`, "retry"},
		{WeCom, 200, "", `<html>log in first</html>`, "retry"},
		{WeCom, 200, "", ``, "retry"},
		{WeCom, 502, "", `<html></html>`, "retry"},
	} {
		t.Run(fmt.Sprintf("%s %d %s %s", tt.format, tt.status, tt.retryAfter, tt.body), func(t *testing.T) {
			var calls atomic.Int32
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				if tt.retryAfter != "" {
					w.Header().Set("Retry-After", tt.retryAfter)
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			err := notify(t, configFor(tt.format, s.URL))
			if got := verdictOf(err); got != tt.want {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
			if n := calls.Load(); n != 1 {
				t.Errorf("%d requests were made, want one", n)
			}
		})
	}
}

func TestErrorsSayWhatWasAnswered(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(403)
		_, _ = io.WriteString(w, "  channel_is_\u202earchived\n")
	})
	want := fmt.Sprintf("slack webhook %s: 403 Forbidden: %q", s.URL, "channel_is_\ufffdarchived")
	if err := notify(t, Config{URL: s.URL + "/services/T000", Format: Slack}); err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
}

func TestRetryAfter(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(503)
	})
	if got := alert.RetryDelay(notify(t, Config{URL: s.URL})); got > time.Hour || got < 59*time.Minute {
		t.Errorf("a date in an hour makes a wait of %s", got)
	}
}

func TestRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	})
	n := newNotifier(t, Config{URL: strings.Replace(s.URL, "//", "//user:pass@", 1) + "/a%2Fb?x=y", Headers: map[string]alert.Secret{"x-key": "value"}})
	alerts := []alert.Alert{incident(), recovery()}
	if err := n.Notify(context.Background(), alerts); err != nil {
		t.Fatal(err)
	}
	if len(received(t, body).Alerts) != 2 {
		t.Errorf("got %s, want both alerts in one request", body)
	}
	user, pass, _ := got.BasicAuth()
	if got.Method != "POST" || got.RequestURI != "/a%2Fb?x=y" || user != "user" || pass != "pass" ||
		got.Header.Get("X-Key") != "value" || got.Header.Get("Content-Type") != "application/json" || got.Header.Get(headerID) == "" || got.Header.Get(headerSignature) != "" {
		t.Errorf("request %s %s with %v", got.Method, got.RequestURI, got.Header)
	}
	got = nil
	if err := n.Notify(context.Background(), nil); err != nil || got != nil {
		t.Errorf("no alerts: error %v, request %v", err, got)
	}
}

// What can't be written won't be the next time either.
func TestUnwritableIsFinal(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was made") })
	a := incident()
	a.Evidence[0].SuccessRatio = math.NaN()
	for _, c := range []Config{
		{URL: s.URL},
		{URL: s.URL, Format: Template, ContentType: "text/plain", Template: `{{.Status}}`},
	} {
		if err := newNotifier(t, c).Notify(context.Background(), []alert.Alert{a}); verdictOf(err) != "final" {
			t.Errorf("%s: error %v, want a final one", c.Format, err)
		}
	}
	for _, template := range []string{`{{if gt (len .Alerts) 2}}{{index .Alerts 9}}{{end}}{}`, `{{if gt (len .Alerts) 2}}no JSON{{end}}{}`} {
		n := newNotifier(t, Config{URL: s.URL, Format: Template, Template: template})
		if err := n.Notify(context.Background(), []alert.Alert{incident(), incident(), incident()}); verdictOf(err) != "final" {
			t.Errorf("%s: error %v, want a final one", template, err)
		}
	}
}

func TestNetworkErrorsAreRetried(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	_ = l.Close()
	hangup := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = c.Close()
		}
	})
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	for name, url := range map[string]string{"refused": closed, "hung up": hangup.URL, "no name": "http://bad..name", "certificate": untrusted.URL} {
		if err := notify(t, Config{URL: url + "/v2?a=b", Timeout: 5 * time.Second}); verdictOf(err) != "retry" || strings.Contains(err.Error(), "v2") {
			t.Errorf("%s: %s (%v), want retry", name, verdictOf(err), err)
		}
	}
}

// hang is a handler that answers nothing until the client is gone.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // the server watches the connection only then
	<-r.Context().Done()
}

func TestHangingReceiver(t *testing.T) {
	s := serve(t, hang)
	err := notify(t, Config{URL: s.URL, Timeout: 20 * time.Millisecond})
	if verdictOf(err) != "retry" || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 20ms") {
		t.Errorf("after the timeout: %s (%v)", verdictOf(err), err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	canceling := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	})
	n := newNotifier(t, Config{URL: canceling.URL, Timeout: maxTimeout})
	if err := n.Notify(ctx, []alert.Alert{incident()}); verdictOf(err) != "retry" || !errors.Is(err, context.Canceled) {
		t.Errorf("after the caller gave up: %s (%v)", verdictOf(err), err)
	}
	if err := n.Notify(ctx, []alert.Alert{incident()}); !errors.Is(err, context.Canceled) {
		t.Errorf("once the caller gave up: %v", err)
	}

	// Whoever answers 200 has taken the notification, but in a chat the code may follow.
	body := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	for f, want := range map[Format]string{Alertmanager: "ok", WeCom: "retry"} {
		if err := notify(t, Config{URL: body.URL, Format: f, Timeout: 50 * time.Millisecond}); verdictOf(err) != want {
			t.Errorf("%s: a body that never ends: %s (%v), want %s", f, verdictOf(err), err, want)
		}
	}
}

func TestLongAnswers(t *testing.T) {
	for size, want := range map[int]int{MaxResponse: 1, 4 << 20: 3} {
		var connections atomic.Int32
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(size))
			w.WriteHeader(500)
			_, _ = w.Write([]byte(strings.Repeat("x", size)))
		}))
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		}
		s.Start()
		n := newNotifier(t, Config{URL: s.URL})
		for range 3 {
			err := n.Notify(context.Background(), []alert.Alert{incident()})
			if verdictOf(err) != "retry" || len(err.Error()) > 1000 {
				t.Errorf("answer of %d bytes: %s, error of %d bytes", size, verdictOf(err), len(err.Error()))
			}
		}
		_ = n.Close()
		s.Close()
		if got := int(connections.Load()); got != want {
			t.Errorf("3 answers of %d bytes took %d connections, want %d", size, got, want)
		}
	}
	long := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"errcode":0,"x":"`+strings.Repeat("x", MaxResponse)+`"}`)
	})
	if err := notify(t, Config{URL: long.URL, Format: WeCom}); verdictOf(err) != "retry" || !strings.Contains(err.Error(), "too long") {
		t.Errorf("a code behind the bound: %s (%v)", verdictOf(err), err)
	}
}

// What an answer claims to hold and what it unpacks to are bounded, too.
func TestHugeAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"packed": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.CopyN(z, zeros{}, 256<<20)
			_ = z.Close()
		}, "too long"},
		"headers": {func(w http.ResponseWriter, _ *http.Request) {
			for i := range 100 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", MaxResponse/100))
			}
		}, "exceeded"},
		"early hints": {func(w http.ResponseWriter, _ *http.Request) {
			for range 100 {
				w.Header().Set("Link", strings.Repeat("x", MaxResponse/100))
				w.WriteHeader(http.StatusEarlyHints)
			}
		}, "exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, tt.answer)
			n := newNotifier(t, Config{URL: s.URL, Format: WeCom})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := n.Notify(context.Background(), []alert.Alert{incident()})
			runtime.ReadMemStats(&after)
			if verdictOf(err) != "retry" || !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 1000 {
				t.Errorf("%s (%.300v), want retry with %q", verdictOf(err), err, tt.want)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
				t.Errorf("it took %d bytes", took)
			}
		})
	}
}

// zeros is a reader of zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// All tries of one notification bear the same id, signed or not, so that a receiver can tell
// a repetition from news; each is signed at its own time.
func TestTriesHaveTheSameID(t *testing.T) {
	for name, secrets := range map[string][]alert.Secret{"signed": {whsec(0)}, "not signed": nil} {
		t.Run(name, func(t *testing.T) {
			var ids []string
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				received(t, body)
				ids = append(ids, r.Header.Get("webhook-id"))
				if len(secrets) > 0 {
					if err := verify(r.Header, body, secrets[0], time.Now()); err != nil {
						t.Error(err)
					}
				}
				if len(ids) < 3 {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			})
			n := newNotifier(t, Config{URL: s.URL, Secrets: secrets})
			d := delivery.New(delivery.Options{
				Config:    delivery.Config{InitialInterval: time.Millisecond, MaxInterval: time.Millisecond},
				Notifiers: []alert.Notifier{n},
			})
			d.Send(&engine.Period{}, []alert.Alert{incident()})
			d.Send(&engine.Period{}, []alert.Alert{recovery()})
			if err := d.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			if len(ids) != 4 || ids[0] == "" || ids[0] != ids[1] || ids[0] != ids[2] || ids[0] == ids[3] {
				t.Errorf("the ids are %q, want three of one notification and one of another", ids)
			}
		})
	}
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRequestsBelongToNoTrace(t *testing.T) {
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: [16]byte{1}, SpanID: [8]byte{1}, TraceFlags: trace.FlagsSampled})
	ctx := trace.ContextWithSpanContext(context.Background(), sc)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { t.Error("the request is watched") }})
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	n := newNotifier(t, Config{URL: s.URL})
	own := n.client.Transport
	if n.transport == nil || own != http.RoundTripper(n.transport) {
		t.Fatalf("the transport is a %T", own)
	}
	called := false
	n.client.Transport = transportFunc(func(r *http.Request) (*http.Response, error) {
		called = true
		if trace.SpanContextFromContext(r.Context()).IsValid() {
			t.Error("the request has the caller's span")
		}
		return own.RoundTrip(r)
	})
	if err := n.Notify(ctx, []alert.Alert{incident()}); err != nil || !called {
		t.Errorf("called %v, error %v", called, err)
	}
}

func TestTransportOfOnesOwn(t *testing.T) {
	var to string
	err := notify(t, Config{URL: "http://example.invalid/x", Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
		to = r.URL.String()
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	})})
	if err != nil || to != "http://example.invalid/x" {
		t.Errorf("posted to %q, error %v", to, err)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) == 0 {
			w.WriteHeader(401)
		}
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	dir := t.TempDir()
	write := func(name string, blocks ...*pem.Block) string {
		path := filepath.Join(dir, name)
		var data []byte
		for _, b := range blocks {
			data = append(data, pem.EncodeToMemory(b)...)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := write("ca.pem", &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	key := write("key.pem", &pem.Block{Type: "PRIVATE KEY", Bytes: privateKey(t, s)})
	for _, tt := range []struct {
		name string
		tls  TLS
		want string
	}{
		{"unknown authority", TLS{}, "retry"},
		{"authority", TLS{CAFile: ca}, "final"},
		{"no verification", TLS{InsecureSkipVerify: true}, "final"},
		{"other name", TLS{CAFile: ca, ServerName: "other.invalid"}, "retry"},
		{"name", TLS{CAFile: ca, ServerName: "example.com"}, "final"},
		{"certificate", TLS{CAFile: ca, CertFile: ca, KeyFile: key}, "ok"},
	} {
		if err := notify(t, Config{URL: s.URL, TLS: tt.tls}); verdictOf(err) != tt.want {
			t.Errorf("%s: %s (%v), want %s", tt.name, verdictOf(err), err, tt.want)
		}
	}
	if c, err := (TLS{}).Client(); err != nil || c.MinVersion != tls.VersionTLS12 {
		t.Errorf("the least version is %x, %v, want that of TLS 1.2", c.MinVersion, err)
	}
	for want, c := range map[string]TLS{
		"tls.ca_file":                 {CAFile: filepath.Join(dir, "none")},
		"holds no certificate in PEM": {CAFile: write("empty.pem")},
		"tls.cert_file, tls.key_file": {CertFile: ca, KeyFile: ca},
	} {
		if _, err := New(Config{URL: s.URL, TLS: c}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want one with %q", err, want)
		}
	}
}

// A notification of several messages goes on where it failed.
func TestSeveralMessagesAreSentOnceEach(t *testing.T) {
	var ids []string
	fails := true
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if len(ids) == 1 && fails {
			fails = false
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		ids = append(ids, r.Header.Get(headerID))
		_, _ = w.Write([]byte(`{"errcode":0}`))
	})
	n := newNotifier(t, Config{URL: s.URL, Format: WeCom})
	ctx := alert.WithNotificationID(context.Background(), "n")
	if err := n.Notify(ctx, storm(49)); err == nil {
		t.Fatal("the failure of the second message is not reported")
	}
	if err := n.Notify(ctx, storm(49)); err != nil {
		t.Fatal(err)
	}
	if len(ids) < 2 || ids[0] != "n" || ids[1] != "n-2" || len(slices.Compact(slices.Sorted(slices.Values(ids)))) != len(ids) {
		t.Errorf("messages %v were taken", ids)
	}
	if len(n.progress.taken) != 0 || len(n.progress.order) != 0 {
		t.Errorf("progress is kept: %v", n.progress.taken)
	}
}
