package gomonitorextension

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
)

// host is a Collector with one extension.
type host struct {
	component.Host
	extensions map[component.ID]component.Component
}

func (h host) GetExtensions() map[component.ID]component.Component { return h.extensions }

// served is a page with connectors, all of which end with the test.
type served struct {
	t    *testing.T
	url  string
	host host
}

// serve starts the extension with what is to be different from its defaults.
func serve(t *testing.T, changes map[string]any) *served {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	f := NewFactory()
	c := f.CreateDefaultConfig()
	settings := map[string]any{"endpoint": address}
	for key, v := range changes {
		settings[key] = v
	}
	if err := confmap.NewFromStringMap(settings).Unmarshal(c); err != nil {
		t.Fatal(err)
	}
	e, err := f.Create(t.Context(), extensiontest.NewNopSettings(gomonitorconnector.Type), c)
	if err != nil {
		t.Fatal(err)
	}
	s := &served{t, "http://" + address, host{componenttest.NewNopHost(), map[component.ID]component.Component{component.NewID(gomonitorconnector.Type): e}}}
	if err := e.Start(t.Context(), s.host); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := e.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// connect starts a connector.
func (s *served) connect(name string) connector.Traces {
	s.t.Helper()
	f := gomonitorconnector.NewFactory()
	c := f.CreateDefaultConfig()
	conf := confmap.NewFromStringMap(map[string]any{"period": "100ms", "grace": "50ms"})
	if err := conf.Unmarshal(c); err != nil {
		s.t.Fatal(err)
	}
	set := connectortest.NewNopSettings(gomonitorconnector.Type)
	set.ID = component.NewIDWithName(gomonitorconnector.Type, name)
	traces, err := f.CreateTracesToLogs(s.t.Context(), set, c, consumertest.NewNop())
	if err != nil {
		s.t.Fatal(err)
	}
	if err := traces.Start(s.t.Context(), s.host); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := traces.Shutdown(context.Background()); err != nil {
			s.t.Error(err)
		}
	})
	return traces
}

// report reports a call that ends now.
func report(t *testing.T, to connector.Traces, operation string) {
	t.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName(operation)
	span.SetKind(ptrace.SpanKindServer)
	span.SetTraceID(pcommon.TraceID{1})
	span.SetSpanID(pcommon.SpanID{1})
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-time.Millisecond)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	if err := to.ConsumeTraces(t.Context(), td); err != nil {
		t.Fatal(err)
	}
}

// get returns an answer.
func (s *served) get(path string) (code int, body string) {
	s.t.Helper()
	resp, err := http.Get(s.url + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// eventually waits until a path's answer holds a text.
func (s *served) eventually(path, text string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		_, body := s.get(path)
		if strings.Contains(body, text) {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			s.t.Fatalf("%s has no %q: %s", path, text, body)
		}
	}
}

// What a connector judges is on the page of the extension.
func TestPage(t *testing.T) {
	s := serve(t, map[string]any{"trace_url": "https://traces.example/{trace_id}"})
	if code, _ := s.get("/"); code != http.StatusServiceUnavailable {
		t.Errorf("without a connector the answer is %d", code)
	}
	c := s.connect("")
	if code, body := s.get("/"); code != http.StatusOK || !strings.Contains(body, "assets/app.js") {
		t.Errorf("got %d %s", code, body)
	}
	report(t, c, "GET /cart")
	s.eventually("/api/v1/status", `"operation":"GET /cart"`)
	s.eventually("/api/v1/status", `"trace_url":"https://traces.example/{trace_id}"`)
	s.eventually("/api/v1/status", `"monitor":"gomonitor"`)
}

// Several connectors have a page each.
func TestSeveral(t *testing.T) {
	s := serve(t, nil)
	a, b := s.connect("a"), s.connect("b")
	report(t, a, "GET /a")
	report(t, b, "GET /b")
	s.eventually("/gomonitor/a/api/v1/status", `"operation":"GET /a"`)
	s.eventually("/gomonitor/b/api/v1/status", `"operation":"GET /b"`)
	_, body := s.get("/")
	for _, want := range []string{`href="gomonitor/a/"`, `href="gomonitor/b/"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the root has no %s: %s", want, body)
		}
	}
	for path, want := range map[string]int{"/gomonitor/b/": 200, "/gomonitor/c/": 404, "/api/v1/status": 404} {
		if code, _ := s.get(path); code != want {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
	}
}

// The page is for this machine, unless the config allows more.
func TestHosts(t *testing.T) {
	s := serve(t, map[string]any{"hosts": []any{"quality.example"}})
	s.connect("")
	for host, want := range map[string]int{"quality.example": 200, "evil.example": 403} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", host, resp.StatusCode, want)
		}
	}
}

func TestConfig(t *testing.T) {
	c := NewFactory().CreateDefaultConfig()
	if err := componenttest.CheckConfigStruct(c); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(c.(*Config).Server.NetAddr.Endpoint); got != "localhost:8890" {
		t.Errorf("by default it listens on %s", got)
	}
	c.(*Config).TraceURL = "ftp://x/{trace_id}"
	if err := c.(*Config).Validate(); err == nil || !strings.Contains(err.Error(), `trace_url: must be an http or https address, got "ftp://x/{trace_id}"`) {
		t.Errorf("got %v", err)
	}
}
