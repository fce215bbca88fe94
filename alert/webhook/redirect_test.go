package webhook

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/blurooo/go-monitor/v2/alert"
)

func TestRedirectsKeepThePost(t *testing.T) {
	for status, want := range map[int]string{301: "final", 302: "final", 303: "final", 307: "ok", 308: "ok"} {
		var got atomic.Int32
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/to" {
				http.Redirect(w, r, "/to", status)
				return
			}
			got.Add(1)
			body, _ := io.ReadAll(r.Body)
			received(t, body)
			if r.Method != "POST" || r.Header.Get("X-Key") != "value" || r.Header.Get(headerSignature) == "" {
				t.Errorf("%d: got a %s with %v", status, r.Method, r.Header)
			}
		})
		err := notify(t, Config{URL: s.URL, Headers: map[string]alert.Secret{"X-Key": "value"}, Secrets: []alert.Secret{whsec(0)}})
		if verdictOf(err) != want || (got.Load() == 1) != (want == "ok") {
			t.Errorf("%d: %s (%v) after %d posts, want %s", status, verdictOf(err), err, got.Load(), want)
		}
		if err != nil && !strings.Contains(err.Error(), fmt.Sprintf("redirect to %s not followed", s.URL)) {
			t.Errorf("%d: error %v does not say where to", status, err)
		}
	}
}

func TestRedirectsAreFollowedThreeTimes(t *testing.T) {
	for hops, want := range map[int]string{3: "ok", 4: "final"} {
		var calls atomic.Int32
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if n := calls.Add(1); int(n) <= hops {
				http.Redirect(w, r, fmt.Sprintf("/%d", n), http.StatusTemporaryRedirect)
			}
		})
		if err := notify(t, Config{URL: s.URL}); verdictOf(err) != want || calls.Load() != 4 {
			t.Errorf("%d redirects: %s (%v) after %d requests, want %s after 4", hops, verdictOf(err), err, calls.Load(), want)
		}
	}
}

func TestRedirectsKeepSecretsAtHome(t *testing.T) {
	var header http.Header
	var back *httptest.Server
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/back" {
			http.Redirect(w, r, back.URL+"/end", http.StatusTemporaryRedirect)
			return
		}
		header = r.Header.Clone()
	})
	back = serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/end":
			header = r.Header.Clone()
		case strings.Contains(r.URL.Path, "back"):
			http.Redirect(w, r, other.URL+"/back", http.StatusTemporaryRedirect)
		default:
			http.Redirect(w, r, other.URL, http.StatusPermanentRedirect)
		}
	})
	for _, path := range []string{"/services/T0/s3cr3t", "/back"} {
		err := notify(t, Config{
			URL: strings.Replace(back.URL, "//", "//user:s3cr3t@", 1) + path + "?token=s3cr3t", Secrets: []alert.Secret{whsec(0)},
			Headers: map[string]alert.Secret{"X-Key": "s3cr3t", "cookie": "s3cr3t"},
		})
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range header {
			if strings.Contains(strings.Join(values, " "), "s3cr3t") || strings.HasPrefix(name, "Webhook-") || name == "Authorization" || name == "Referer" {
				t.Errorf("%s: another host gets %s: %v", path, name, values)
			}
		}
		if header.Get("Content-Type") == "" {
			t.Errorf("%s: headers are %v", path, header)
		}
	}
}

func TestRedirectsStayEncrypted(t *testing.T) {
	var plainCalls, secureCalls atomic.Int32
	plain := serve(t, func(http.ResponseWriter, *http.Request) { plainCalls.Add(1) })
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secureCalls.Add(1)
		if r.URL.Path == "/down" {
			http.Redirect(w, r, plain.URL, http.StatusTemporaryRedirect)
		}
	}))
	t.Cleanup(secure.Close)
	up := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, secure.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{secure.URL + "/down": "final", up.URL: "ok", up.URL + "/down": "final"} {
		if err := notify(t, Config{URL: url, TLS: TLS{CAFile: file}}); verdictOf(err) != want {
			t.Errorf("%s: %s (%v), want %s", url, verdictOf(err), err, want)
		}
	}
	if plainCalls.Load() != 0 || secureCalls.Load() != 3 {
		t.Errorf("%d requests in clear, %d encrypted, want 0 and 3", plainCalls.Load(), secureCalls.Load())
	}
}

func TestRedirectElsewhere(t *testing.T) {
	for _, to := range []string{"ftp://example.com/", "file:///etc/passwd", "http://[::1", "", "http:///"} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Location"] = []string{to}
			w.WriteHeader(307)
		})
		if err := newNotifier(t, Config{URL: s.URL}).Notify(context.Background(), []alert.Alert{incident()}); err == nil {
			t.Errorf("a redirect to %q is taken", to)
		}
	}
}
