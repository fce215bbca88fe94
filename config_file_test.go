package monitor

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

func yamlFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "monitor.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestFromYAML(t *testing.T) {
	c, err := FromYAML(yamlFile(t, `
name: http
period: 10s
objective: {success_ratio: 0.99, latency_target: 200ms}
operations:
  "GET /users/{id}": {slo: 0.999, alert_after: 1}
codes:
  "404": {success: true, name: not found}
outcomes: {http_server_4xx: success}
kinds: [server, internal]
delivery: {max_attempts: 3}
max_in_flight: 128
maintenance:
  - {from: "22:30", to: "01:00", days: [sat], time_zone: Europe/Berlin, operations: ["GET *"], services: [shop], reason: upkeep}
  - {start: 2026-12-01T22:00:00Z, end: "2026-12-02T04:00:00Z"}
`))
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "http" || c.Period != 10*time.Second || c.Objective.SuccessRatio != 0.99 || c.Objective.LatencyTarget != 200*time.Millisecond ||
		c.Operations["GET /users/{id}"].SLO != 0.999 || c.Codes["404"] != (CodeFeature{Success: true, Name: "not found"}) ||
		c.Outcomes.HTTPServer4xx != engine.OutcomeSuccess || len(c.Kinds) != 2 || c.Kinds[1] != trace.SpanKindInternal ||
		c.Delivery.MaxAttempts != 3 || c.MaxInFlight != 128 {
		t.Errorf("got %+v", c)
	}
	night := time.Date(2026, 12, 1, 22, 0, 0, 0, time.UTC)
	maintenance := []alert.Maintenance{
		{From: "22:30", To: "01:00", Days: []string{"sat"}, TimeZone: "Europe/Berlin", Operations: []string{"GET *"}, Services: []string{"shop"}, Reason: "upkeep"},
		{Start: night, End: night.Add(6 * time.Hour)},
	}
	if diff := cmp.Diff(maintenance, c.Maintenance); diff != "" {
		t.Errorf("maintenance (-want +got):\n%s", diff)
	}
	if empty, err := FromYAML(yamlFile(t, "")); err != nil || empty.Period != 0 || empty.Kinds != nil {
		t.Errorf("an empty file: %+v, %v", empty, err)
	}
}

func TestFromYAMLErrors(t *testing.T) {
	for text, want := range map[string]string{
		"periot: 10s":                          "periot: no such key, probably period is meant",
		"period: 10":                           `period: 10 has no unit, probably 10ms or 10s is meant`,
		"period: 1ns":                          "period: must be between 10ms and 1h",
		"notifiers: [{console: {}}]":           "notifiers: set Config.Notifiers in Go",
		"services: {}":                         "services: is for the service",
		"kinds: [servr]":                       "kinds[0]: ",
		"operations: {a: {succes_ratio: 0.5}}": `operations["a"].succes_ratio: no such key, probably success_ratio is meant`,
		"objectve: {}":                         "objectve: no such key, probably objective is meant",
		"objective: {latency_target: 300}":     "objective.latency_target: 300 has no unit, probably 300ms or 300s is meant",
		"objective: {slo: '${env:NOT_SET}'}":   "objective.slo: the environment variable NOT_SET is not set, and ${env:NOT_SET} has no default",
		"name: ${NOT_SET}":                     "name: the environment variable NOT_SET is not set",
		"a: &a [*a]":                           "yaml",
		"- x":                                  "yaml",
		strings.Repeat("#", maxFile+1):         "must be at most 1048576 bytes",
	} {
		if _, err := FromYAML(yamlFile(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
	if _, err := FromYAML("nowhere.yaml"); err == nil {
		t.Error("no error of a file that is not there")
	}
}

// A file may take values from the environment.
func TestFromYAMLVariables(t *testing.T) {
	t.Setenv("THE_PERIOD", "10s")
	t.Setenv("THE_RATIO", "0.9")
	t.Setenv("THE_KINDS", "[server, internal]")
	c, err := FromYAML(yamlFile(t, `
name: ${env:THE_NAME:-shop}-${THE_PERIOD}$$
period: ${env:THE_PERIOD}
objective: {success_ratio: "${THE_RATIO}", latency_target: "${env:NOT_SET:-2s}"}
kinds: ${env:THE_KINDS}
codes: {404: {success: true}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "shop-10s$" || c.Period != 10*time.Second || c.Objective.SuccessRatio != 0.9 || c.Objective.LatencyTarget != 2*time.Second || len(c.Kinds) != 2 || !c.Codes["404"].Success {
		t.Errorf("got %+v", c)
	}
}

// What Go sets wins over the environment, which wins over the defaults.
func TestEnvironment(t *testing.T) {
	t.Setenv("GO_MONITOR_PERIOD", "5s")
	t.Setenv("GO_MONITOR_OBJECTIVE_SUCCESS_RATIO", "0.5")
	t.Setenv("GO_MONITOR_OBJECTIVE_ALERT_AFTER", "7")
	t.Setenv("GO_MONITOR_KINDS", "server, client")
	t.Setenv("GO_MONITOR_GRPC", "127.0.0.1:4317") // the service's, and none of ours
	c := Config{Objective: engine.Objective{AlertAfter: 2}}
	if err := c.fillFromEnv(); err != nil {
		t.Fatal(err)
	}
	if c.Period != 5*time.Second || c.Objective.SuccessRatio != 0.5 || c.Objective.AlertAfter != 2 || len(c.Kinds) != 2 {
		t.Errorf("got %+v", c)
	}
	t.Setenv("GO_MONITOR_PERIOD", "5")
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), `GO_MONITOR_PERIOD: 5 has no unit, probably 5ms or 5s is meant`) {
		t.Errorf("%v", err)
	}
}

// A variable whose name is almost that of a setting is a slip; others belong to others.
func TestEnvironmentSlips(t *testing.T) {
	t.Setenv("GO_MONITOR_OBJECTVE_SUCCESS_RATIO", "0.5")
	t.Setenv("GO_MONITOR_ORIGIN", "http://localhost")
	t.Setenv("GO_MONITOR_NAMED", "x")
	var c Config
	const want = "GO_MONITOR_OBJECTVE_SUCCESS_RATIO: no such variable, probably GO_MONITOR_OBJECTIVE_SUCCESS_RATIO is meant"
	if err := c.fillFromEnv(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// A configuration that was read again changes the objectives of operations, and nothing else.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		c := r.record(Config{Objective: engine.Objective{AlertAfter: 1, MinCalls: 1, Confidence: -1}, Operations: map[string]engine.Objective{"gone": {SuccessRatio: 0.1}, "same": {SuccessRatio: 0.2}}})
		m := start(t, c)
		c.Operations = map[string]engine.Objective{"same": {SuccessRatio: 0.2}, "new": {SuccessRatio: 0.3}}
		c.Notifiers = []alert.Notifier{}
		if err := m.Reload(c); err != nil {
			t.Fatal(err)
		}
		nextMinute()
		for _, name := range []string{"gone", "same", "new", "other"} {
			m.Report(Report{Operation: name})
		}
		nextMinute()
		if err := m.ForceFlush(context.Background()); err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, p := range r.periods {
			for _, s := range p.Summaries {
				got[s.Operation] = s.Objective.SuccessRatio
			}
		}
		for name, want := range map[string]float64{"gone": 0.95, "same": 0.2, "new": 0.3, "other": 0.95} {
			if got[name] != want {
				t.Errorf("%s: %v, want %v", name, got[name], want)
			}
		}
		c.Period, c.Objective.AlertAfter = time.Second, 2
		if err := m.Reload(c); err == nil || err.Error() != "period, objective: can't change while the monitor runs" {
			t.Errorf("%v", err)
		}
		if err := m.Reload(Config{Period: -1}); err == nil {
			t.Error("took a bad configuration")
		}
	})
}
