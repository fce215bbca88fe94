package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// A page that has no SDK reports its own load to another origin, in a real browser.
func TestBrowser(t *testing.T) {
	t.Parallel()
	chromium := program(t, "chromium", "chromium")
	page, err := os.ReadFile("examples/browser.html")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for _, path := range []string{"/shop", "/elsewhere"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) })
	}
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write(page)
	})
	mux.HandleFunc("/script", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(append(page, "<script>undefined.price</script>"...))
	})
	site := httptest.NewServer(mux)
	defer site.Close()
	a := newAddresses(t)
	p := startDefault(t, a, fast)

	show := func(host, path string) string {
		u := host + path + "?to=" + url.QueryEscape("http://"+a.http)
		return run(t, t.TempDir(), nil, chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
			"--user-data-dir="+t.TempDir(), "--virtual-time-budget=20000", "--dump-dom", u)
	}
	for _, path := range []string{"/shop", "/broken", "/script"} {
		if dom := show(site.URL, path); !strings.Contains(dom, `<p id="said">reported</p>`) {
			t.Errorf("%s: it didn't report:\n%s", path, dom)
		}
	}
	// A page from elsewhere may not.
	dom := show(strings.Replace(site.URL, "127.0.0.1", "shop.localhost", 1), "/elsewhere")
	if !strings.Contains(dom, `<p id="said">not reported yet</p>`) {
		t.Errorf("a page of an origin that is not allowed reported, or wasn't shown:\n%s", dom)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	for operation, want := range map[string]struct {
		success, failure uint64
		code             string
	}{
		"load /shop": {1, 0, ""}, "load /broken": {0, 1, "503"}, "load /script": {0, 1, "TypeError"},
	} {
		list := summaries(t, a.database, operation)
		if len(list) != 1 {
			t.Errorf("%s: %+v, want one summary", operation, list)
			continue
		}
		s := list[0]
		if s.Service != "shop-web" || s.Success != want.success || s.Failure != want.failure || s.Latency.Max > time.Minute {
			t.Errorf("%s: %+v", operation, s)
		}
		if want.code != "" && (len(s.Failures) != 1 || s.Failures[0].Code != want.code) {
			t.Errorf("%s: failures %v, want %s", operation, s.Failures, want.code)
		}
	}
}
