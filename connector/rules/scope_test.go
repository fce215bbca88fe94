package rules

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// What the rules can't say, they name, and a name from outside stays one comment line.
func TestNotes(t *testing.T) {
	c := new(gomonitorconnector.Config)
	c.Objective.MinCalls, c.Objective.MinTrafficRatio, c.Objective.AlertFor, c.Objective.RepeatInterval = 5, 0.2, 1e9, 1e9
	c.Maintenance = []alert.Maintenance{{From: "01:00", To: "02:00"}}
	text, err := Write(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"- latency: needs metrics.histogram.explicit", "- min_calls: ", "- alert_for: ", "- min_traffic_ratio: ", "- repeat_interval: ", "- end_after_idle: ", "- maintenance: ", "- flapping: ", "- cancelled calls: "} {
		if !strings.Contains(string(text), "\n# "+want) {
			t.Errorf("no note %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "gomonitor:latency") {
		t.Error("latency is judged, without buckets")
	}
}

// fits reports whether an operation has the labels that a scope asks for.
func fits(t *testing.T, s *scope, key engine.OperationKey) bool {
	t.Helper()
	labels := map[string]string{serviceLabel: key.Service, operationLabel: key.Name, kindLabel: spanKind(key.SpanKind)}
	for _, m := range s.matchers {
		parts := regexp.MustCompile(`^([a-z_]+)(=|!~)(".*")$`).FindStringSubmatch(m)
		if parts == nil {
			t.Fatalf("no matcher: %s", m)
		}
		value, err := strconv.Unquote(parts[3])
		if err != nil {
			t.Fatal(err)
		}
		if parts[2] == "=" && labels[parts[1]] != value || parts[2] == "!~" && regexp.MustCompile("^(?:"+value+")$").MatchString(labels[parts[1]]) {
			return false
		}
	}
	return true
}

// Every operation is in one scope, of which the same is expected as the engine expects of it.
func TestScopesAreTheEngines(t *testing.T) {
	c := new(gomonitorconnector.Config)
	c.Objective = engine.Objective{SuccessRatio: 0.9}
	c.Operations = map[string]engine.Objective{
		"a": {AlertAfter: 1}, "client: a": {AlertAfter: 2, MinCalls: 2}, "server: b": {RecoverAfter: 4}, "note: c": {MinCalls: 9}, "x|y": {MinCalls: 7},
	}
	c.Services = map[string]engine.ServiceObjectives{
		"pay":  {Objective: engine.Objective{SuccessRatio: 0.8}, Operations: map[string]engine.Objective{"a": {MinCalls: 3}, "client: a": {AlertAfter: 5}, "consumer: d": {MinCalls: 4}}},
		"shop": {Operations: map[string]engine.Objective{"server: a": {MinCalls: 6}}},
	}
	scopes := scopesOf(c)
	for _, service := range []string{"", "pay", "shop", "other"} {
		for _, name := range []string{"a", "b", "c", "note: c", "d", "x", "x|y", "client: a"} {
			for _, kind := range []engine.SpanKind{engine.SpanKindServer, engine.SpanKindClient, engine.SpanKindConsumer} {
				key := engine.OperationKey{Service: service, Name: name, SpanKind: kind}
				var in []engine.Objective
				for i := range scopes {
					if fits(t, &scopes[i], key) {
						in = append(in, scopes[i].objective)
					}
				}
				if want := objectiveOf(t, c, key); len(in) != 1 || in[0] != want {
					t.Errorf("%+v: %+v, want %+v", key, in, want)
				}
			}
		}
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
