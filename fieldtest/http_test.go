package fieldtest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/net/http/httptrace/otelhttptrace"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Clients of net/http that succeed, get an error, give up, and trace the phases of their requests.
func TestHTTPClient(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/fail" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	w := watch(t)
	transport := otelhttp.NewTransport(http.DefaultTransport.(*http.Transport).Clone(), otelhttp.WithTracerProvider(w), otelhttp.WithPropagators(propagator))
	client := &http.Client{Transport: transport}
	defer client.CloseIdleConnections()
	get := func(ctx context.Context, path string) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return errors.Join(err, resp.Body.Close())
	}

	ctx := httptrace.WithClientTrace(t.Context(), otelhttptrace.NewClientTrace(t.Context(), otelhttptrace.WithTracerProvider(w)))
	if err := get(ctx, "/"); err != nil {
		t.Error(err)
	}
	if err := get(t.Context(), "/fail"); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := get(ctx, "/"); !errors.Is(err, context.Canceled) {
		t.Errorf("got the error %v", err)
	}

	summaries := w.end(t, engine.SpanKindClient)
	host, _, err := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	check(t, summaries, "HTTP GET "+host, counts{success: 1, failure: 1, cancelled: 1})
	for _, phase := range []string{"http.getconn", "http.connect", "http.send", "http.receive"} {
		if s := summaries[phase]; s.Count != 0 || s.Ignored == 0 {
			t.Errorf("%s: %d calls and %d ignored", phase, s.Count, s.Ignored)
		}
	}
}

// All paths that a server's mux does not know are one operation.
func TestHTTPServer(t *testing.T) {
	w := watch(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(http.ResponseWriter, *http.Request) {})
	byPath := otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + r.URL.Path })
	server := httptest.NewServer(otelhttp.NewHandler(mux, "", otelhttp.WithTracerProvider(w), byPath))
	defer server.Close()
	for _, url := range []string{server.URL + "/.env", server.URL + "/wp-admin/", server.URL + "/a/b"} {
		resp, err := server.Client().Get(url) //nolint:noctx // It is a test's.
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	server.Client().CloseIdleConnections()
	summaries := w.end(t, engine.SpanKindServer)
	check(t, summaries, "GET", counts{success: 3})
}
