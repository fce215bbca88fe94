package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// Every component works in this program: spans go through batches, a queue on disk and both
// protocols to another instance, and are looked at on the way.
func TestComponents(t *testing.T) {
	t.Parallel()
	a, b := newAddresses(t), newAddresses(t)
	pages, queue := unusedAddress(t), t.TempDir()
	to := startDefault(t, b)
	from := startDefault(t, a, fmt.Sprintf(`yaml:
processors: {batch: {timeout: 50ms}}
exporters:
  otlp: {endpoint: %q, tls: {insecure: true}, sending_queue: {storage: file_storage}}
  otlp_http: {endpoint: "http://%s"}
  debug: {verbosity: detailed, use_internal_logger: false}
extensions:
  zpages: {endpoint: %q}
  file_storage: {directory: %q}
service:
  extensions: [gomonitor, health_check, welcome, zpages, file_storage]
  pipelines:
    traces: {processors: [memory_limiter, batch], exporters: [gomonitor, otlp, otlp_http, debug]}
`, b.grpc, b.http, pages, queue))
	byHTTP(a.http).report(t, call{"shop", "GET /cart", 7, 2})
	eventually(t, "the other instance has them", func() error {
		return has("http://"+b.own+"/metrics", `otelcol_connector_gomonitor_spans{connector="gomonitor"} 18`)
	})
	eventually(t, "zpages shows the pipelines", func() error { return has("http://"+pages+"/debug/pipelinez", "memory_limiter") })
	if err := from.stop(); err != nil {
		t.Error(err)
	}
	if err := to.stop(); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]uint64{a.database: 1, b.database: 2} {
		if success, failure := totals(t, path, "GET /cart"); success != 7*want || failure != 2*want {
			t.Errorf("%d succeeded and %d failed, want %d and %d", success, failure, 7*want, 2*want)
		}
	}
	if said := from.out.String(); strings.Count(said, "Name           : GET /cart") != 9 {
		t.Errorf("the debug exporter says\n%s", said)
	}
	if files, err := os.ReadDir(queue); err != nil || len(files) == 0 {
		t.Errorf("the queue on disk has the files %v (%v)", files, err)
	}
}

// has returns an error unless a page holds a text.
func has(url, want string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	var b strings.Builder
	if err := resp.Write(&b); err != nil {
		return err
	}
	if !strings.Contains(b.String(), want) {
		return fmt.Errorf("%s: %s", resp.Status, b.String())
	}
	return nil
}
