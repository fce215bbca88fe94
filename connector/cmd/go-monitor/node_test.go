package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// OpenTelemetry's SDK for Node reports as it does to any collector.
func TestNode(t *testing.T) {
	t.Parallel()
	node, npm := program(t, "node", "nodejs"), program(t, "npm", "npm")
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "report.js"} {
		text, err := os.ReadFile(filepath.Join("examples/node", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, nil, npm, "ci", "--no-audit", "--no-fund", "--prefer-offline")

	a := newAddresses(t)
	p := startDefault(t, a, fast)
	said := run(t, dir, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + a.http, "CALLS=40", "FAILING=0.25"}, node, "report.js")
	if !strings.Contains(said, "reported 40 calls") {
		t.Errorf("it said %s", said)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if success, failure := totals(t, a.database, "POST /orders"); success != 30 || failure != 10 {
		t.Errorf("%d succeeded and %d failed, want 30 and 10", success, failure)
	}
	for _, s := range summaries(t, a.database, "POST /orders") {
		if s.Service != "node-shop" || s.SpanKind.String() != "server" || len(s.Failures) != 1 || s.Failures[0].Code != "503" {
			t.Errorf("got %+v", s)
		}
	}
}
