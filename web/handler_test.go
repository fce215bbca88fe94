package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/blurooo/go-monitor/v2/engine"
)

// The page is found wherever it is mounted, with its prefix or without.
func TestMounts(t *testing.T) {
	s := open(t, newSource(t, engine.Config{}), Config{})
	mux := http.NewServeMux()
	mux.Handle("/debug/quality/", s.page)
	mux.Handle("/stripped/", http.StripPrefix("/stripped/", s.page))
	mux.Handle("/bare/", http.StripPrefix("/bare", s.page))
	mux.Handle("/one", http.StripPrefix("/one", s.page))
	root := http.NewServeMux()
	root.Handle("/", s.page)
	for _, test := range []struct {
		handler    http.Handler
		path       string
		code       int
		kind, says string
	}{
		{root, "/", 200, "text/html", "<title>"},
		{root, "/assets/app.js", 200, "text/javascript", "import"},
		{root, "/api/v1/status", 200, "application/json", `"monitor"`},
		{mux, "/debug/quality/", 200, "text/html", "<title>"},
		{mux, "/debug/quality/?incident=1", 200, "text/html", "<title>"},
		{mux, "/debug/quality/assets/style.css", 200, "text/css", "--ink"},
		{mux, "/debug/quality/assets/mark.svg", 200, "image/svg+xml", "<svg"},
		{mux, "/debug/quality/api/v1/incidents", 200, "application/json", `"incidents":[]`},
		{mux, "/stripped/", 307, "", ""}, // the prefix is gone with its slash
		{mux, "/bare/", 200, "text/html", "<title>"},
		{mux, "/bare/api/v1/status", 200, "application/json", `"monitor"`},
		{mux, "/debug/quality/other", 404, "text/plain", "not found"},
		{mux, "/debug/quality/assets/none.js", 404, "text/plain", "not found"},
		{mux, "/debug/quality/assets/", 404, "text/plain", "not found"},
		{mux, "/debug/quality/assets/..%2fhandler.go", 404, "text/plain", "not found"},
		{mux, "/debug/quality/api/v1/nothing", 404, "application/json", "has no"},
	} {
		if test.path == "/stripped/" {
			continue // see TestRedirect
		}
		w := httptest.NewRecorder()
		test.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+test.path, nil))
		if w.Code != test.code || !strings.HasPrefix(w.Header().Get("Content-Type"), test.kind) || !strings.Contains(w.Body.String(), test.says) {
			t.Errorf("%s: %d %s %.80q, want %d %s %q", test.path, w.Code, w.Header().Get("Content-Type"), w.Body, test.code, test.kind, test.says)
		}
	}
}

// Where the whole path was taken away, a browser is sent to the one with the slash, from which
// relative addresses lead somewhere.
func TestRedirect(t *testing.T) {
	s := open(t, newSource(t, engine.Config{}), Config{})
	w := httptest.NewRecorder()
	http.StripPrefix("/a/quality", s.page).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/a/quality?q=x", nil))
	// httptest.NewRequest names the host example.com, which is not allowed.
	if w.Code != http.StatusForbidden {
		t.Errorf("got %d, want 403", w.Code)
	}
	r := httptest.NewRequest(http.MethodGet, "/a/quality?q=x", nil)
	r.Host = "localhost"
	w = httptest.NewRecorder()
	http.StripPrefix("/a/quality", s.page).ServeHTTP(w, r)
	if got := w.Header().Get("Location"); w.Code != http.StatusTemporaryRedirect || !strings.HasSuffix(got, "quality/") || strings.HasPrefix(got, "//") {
		t.Errorf("got %d to %q", w.Code, got)
	}
}

// Every answer forbids what the page does not need, and allows no other site anything.
func TestHeaders(t *testing.T) {
	s := open(t, newSource(t, engine.Config{}), Config{})
	for _, path := range []string{"/", "/assets/app.js", "/api/v1/status", "/api/v1/none", "/none"} {
		h := s.ask(http.MethodGet, path, "Origin", "http://evil.example").Header()
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(h.Get("Content-Security-Policy"), want) {
				t.Errorf("%s: the policy lacks %s", path, want)
			}
		}
		if strings.Contains(h.Get("Content-Security-Policy"), "unsafe") {
			t.Errorf("%s: the policy allows what is unsafe", path)
		}
		for key, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} {
			if got := h.Get(key); got != want {
				t.Errorf("%s: %s is %q, want %q", path, key, got, want)
			}
		}
	}
	index := s.ask(http.MethodGet, "/").Body.String()
	for _, never := range []string{"<style", "style=", "onload", "onerror", "http://", "https://", "javascript:"} {
		if strings.Contains(index, never) {
			t.Errorf("the page has %q", never)
		}
	}
	if got := strings.Count(index, "<script"); got != strings.Count(index, "<script src=") {
		t.Error("the page has an inline script")
	}
}

// The page answers under names of this machine, and those that are allowed.
func TestHosts(t *testing.T) {
	src := newSource(t, engine.Config{})
	s := open(t, src, Config{Hosts: []string{"Quality.example", "10.0.0.7"}})
	for host, want := range map[string]int{
		"localhost": 200, "localhost:8080": 200, "LOCALHOST": 200, "a.localhost:1": 200, "127.0.0.1:9": 200, "127.9.9.9": 200, "[::1]:8080": 200, "[::1]": 200,
		"quality.example": 200, "quality.EXAMPLE:443": 200, "quality.example.": 200, "10.0.0.7:80": 200,
		"evil.example": 403, "quality.example.evil.example": 403, "xquality.example": 403, "localhost.evil.example": 403, "notlocalhost": 403, "10.0.0.8": 403, "": 403, "127.0.0.1.evil.example": 403,
	} {
		for _, path := range []string{"/", "/api/v1/status", "/assets/app.js"} {
			if w := s.ask(http.MethodGet, path, "Host", host); w.Code != want {
				t.Errorf("%s under %q: got %d, want %d", path, host, w.Code, want)
			}
		}
	}
	all := &site{t, &page{config: Config{Hosts: []string{"*"}}}}
	if w := all.ask(http.MethodGet, "/", "Host", "anything"); w.Code != 200 {
		t.Errorf("all are allowed, and the answer is %d", w.Code)
	}
}

// Who may look on is the caller's to say, for the page and all that it is made of.
func TestAuthorize(t *testing.T) {
	s := open(t, newSource(t, engine.Config{}), Config{Authorize: func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") == "Bearer yes" {
			return true
		}
		http.Error(w, "no", http.StatusUnauthorized)
		return false
	}})
	for _, path := range []string{"/", "/assets/app.js", "/api/v1/status", "/api/v1/events"} {
		if w := s.ask(http.MethodGet, path); w.Code != http.StatusUnauthorized || strings.TrimSpace(w.Body.String()) != "no" {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
	}
	if w := s.ask(http.MethodGet, "/api/v1/status", "Authorization", "Bearer yes"); w.Code != 200 {
		t.Errorf("got %d", w.Code)
	}
}

// Nothing can be written, and a method that is not known is told so.
func TestMethods(t *testing.T) {
	s := open(t, newSource(t, engine.Config{}), Config{})
	if w := s.ask(http.MethodHead, "/api/v1/events"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("HEAD events: %d", w.Code)
	}
	if w := s.ask(http.MethodHead, "/api/v1/status"); w.Code != http.StatusOK {
		t.Errorf("HEAD status: %d", w.Code)
	}
	for _, path := range []string{"/", "/assets/app.js", "/api/v1/status", "/api/v1/events", "/api/v1/history"} {
		for _, method := range []string{http.MethodPost, http.MethodDelete, http.MethodOptions} {
			if w := s.ask(method, path); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET" {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for _, test := range []struct {
		config Config
		want   string
	}{
		{Config{}, ""},
		{Config{Hosts: []string{"a.example", "*", "::1", "10.0.0.1"}, TraceURL: "https://j.example/trace/{trace_id}?s={span_id}"}, ""},
		{Config{Hosts: []string{"https://a.example"}}, `hosts[0]: must be a name or an address without a scheme, a port or a path, or "*" for all, got "https://a.example"`},
		{Config{Hosts: []string{"a.example:80"}}, `hosts[0]`},
		{Config{Hosts: []string{""}}, `hosts[0]`},
		{Config{TraceURL: "javascript:alert({trace_id})"}, "trace_url: must be an http or https address"},
		{Config{TraceURL: "https://j.example/trace"}, "trace_url: must say where the trace id goes"},
	} {
		err := test.config.Validate()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want %q", test.config, err, test.want)
		}
	}
}

// A browser that has a file is not sent it again.
func TestETag(t *testing.T) {
	s := open(t, newSource(t, engine.Config{}), Config{})
	tag := s.ask(http.MethodGet, "/assets/app.js").Header().Get("ETag")
	if w := s.ask(http.MethodGet, "/assets/app.js", "If-None-Match", tag); tag == "" || w.Code != http.StatusNotModified {
		t.Errorf("tag %q: %d", tag, w.Code)
	}
}

// The names of hostile operations stay text: JSON holds no markup that a browser would read.
func TestHostileNames(t *testing.T) {
	src := newSource(t, engine.Config{})
	s := open(t, src, Config{})
	names := []string{`"><img src=x onerror=alert(1)>`, "</script><script>alert(1)</script>", "a\r\nX-Evil: 1", "\x1b[31mred", "\u202eevil", strings.Repeat("x", 10<<10)}
	for _, name := range names {
		src.calls(name, 10, 0, 0)
	}
	s.close(src)
	w := s.ask(http.MethodGet, "/api/v1/status")
	body := w.Body.String()
	for _, never := range []string{"<img", "<script", "</script"} {
		if strings.Contains(body, never) {
			t.Errorf("the answer has %q", never)
		}
	}
	if w.Header().Get("X-Evil") != "" || len(body) > 20<<10 {
		t.Errorf("the answer has %d bytes and the headers %v", len(body), w.Header())
	}
	var status object
	s.get("status", &status)
	if got := fmt.Sprint(len(status["operations"].([]any))); got != fmt.Sprint(len(names)) {
		t.Errorf("%s operations", got)
	}
}

// FuzzRequest asks for anything. The answer is never an error of the page's own, and never without the
// headers that keep a browser from running what it holds.
func FuzzRequest(f *testing.F) {
	src := newSource(f, engine.Config{})
	src.calls("GET /cart", 5, 5, 0)
	h := newHistory(src.period)
	h.add(src.judgement(), src.now)
	p := &page{config: Config{Store: &shelf{}}, engine: src.EngineConfig(), history: h, reading: make(chan struct{}, 1)}
	p.routes()
	id := h.sorted()[0].id
	for _, seed := range []string{"/", "/assets/app.js", "/assets/../handler.go", "/api/v1/status", "/api/v1/history?id=" + id, "/api/v1/history?id=total&range=recent", "/api/v1/history?id=" + id + "&from=2026-03-01T00:00:00Z", "/api/v1/operation?id=" + id, "/api/v1/incident?id=x", "//evil.example/", "/a//assets//"} {
		f.Add("GET", seed)
	}
	f.Add("POST", "/api/v1/silence")
	f.Fuzz(func(t *testing.T, method, target string) {
		r, err := http.NewRequest(method, "http://localhost"+target, nil) //nolint:noctx // it is not sent
		if err != nil || strings.HasSuffix(r.URL.Path, "events") {        // these do not end
			return
		}
		r.RequestURI, r.Host = target, "localhost"
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s %q: %d %s", method, target, w.Code, w.Body)
		}
		if to := w.Header().Get("Location"); strings.HasPrefix(to, "//") || strings.Contains(to, "://") {
			t.Errorf("%q leads to %q", target, to)
		}
		if w.Header().Get("Content-Security-Policy") == "" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%q has the headers %v", target, w.Header())
		}
	})
}
