package rules

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
)

// What the rules can't say, they name, and a name from outside stays one comment line.
func TestNotes(t *testing.T) {
	c := new(gomonitorconnector.Config)
	c.Objective.MinCalls, c.Objective.MinTrafficRatio, c.Objective.AlertFor, c.Objective.RepeatInterval = 5, 0.2, 1e9, 1e9
	text, err := Write(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"- latency: needs metrics.histogram.explicit", "- min_calls: ", "- alert_for: ", "- min_traffic_ratio: ", "- repeat_interval: ", "- cancelled calls: "} {
		if !strings.Contains(string(text), "\n# "+want) {
			t.Errorf("no note %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "gomonitor:latency") {
		t.Error("latency is judged, without buckets")
	}
}

// Hostile names stay inside their quotes.
func TestHostileNames(t *testing.T) {
	c := judged(time.Minute)
	for _, name := range []string{"a\nb: {}", `"} or vector(1) #`, "\\", "日本", "x|.*"} {
		c.Operations[name] = c.Operations["POST /orders"]
		c.Services["s"+name] = c.Services["pay"]
	}
	text, err := Write(c)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "rules.yaml", text)
	if out, err := promtool(t, dir, "check", "rules", "rules.yaml"); err != nil {
		t.Fatalf("%s\n%s", out, text)
	}
}

func TestCommandReadsConfigs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("connectors: {gomonitor: {period: 10s, metrics: {namespace: shop}}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Command()
	var out strings.Builder
	c.SetOut(&out)
	c.SetArgs([]string{"--config", file})
	if err := c.ExecuteContext(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"interval: 10s", "shop_calls_total"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	c.SetArgs([]string{"--config", file + "x"})
	if err := c.ExecuteContext(context.Background()); err == nil {
		t.Error("no error of a file that is not there")
	}
}
