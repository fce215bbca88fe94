package replay

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/v2/engine"
)

// file writes a file and returns its name.
func file(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadConfig(t *testing.T) {
	t.Setenv("SLOW_AFTER", "70ms")
	slow := func(d time.Duration) gomonitorconnector.Config {
		return gomonitorconnector.Config{TimelineConfig: engine.TimelineConfig{Config: engine.Config{Objective: engine.Objective{LatencyTarget: d}}}}
	}
	both := slow(70 * time.Millisecond)
	both.Period, both.Objective.AlertAfter = 10*time.Second, 2
	tests := []struct {
		name  string
		files []string
		want  gomonitorconnector.Config
		err   string
	}{
		{name: "none"},
		{name: "empty", files: []string{""}},
		{name: "a block", files: []string{"objective: {latency_target: 70ms}"}, want: slow(70 * time.Millisecond)},
		{name: "a block with a service", files: []string{"service: shop"}, want: gomonitorconnector.Config{TimelineConfig: engine.TimelineConfig{Config: engine.Config{Service: "shop"}}}},
		{name: "a variable", files: []string{"objective: {latency_target: '${env:SLOW_AFTER}'}"}, want: slow(70 * time.Millisecond)},
		{name: "a whole configuration", files: []string{`
receivers: {otlp: {protocols: {grpc: {}}}}
connectors:
  spanmetrics: {histogram: {}}
  gomonitor: {objective: {latency_target: 70ms}}
exporters: {debug: {}}
service: {pipelines: {traces: {receivers: [otlp], exporters: [gomonitor]}}}`}, want: slow(70 * time.Millisecond)},
		{name: "one of another name", files: []string{"connectors: {gomonitor/mine: {objective: {latency_target: 70ms}}}"}, want: slow(70 * time.Millisecond)},
		{name: "without settings", files: []string{"connectors: {gomonitor: }\nservice: {}"}},
		{name: "later ones win", files: []string{"objective: {latency_target: 5ms, alert_after: 2}", "connectors: {gomonitor: {period: 10s, objective: {latency_target: 70ms}}}"}, want: both},

		{name: "none of the type", files: []string{"connectors: {spanmetrics: {}}"}, err: "0: connectors: none of the type gomonitor"},
		{name: "a service without connectors", files: []string{"service: {pipelines: {}}"}, err: "0: connectors: none of the type gomonitor"},
		{name: "two", files: []string{"connectors: {gomonitor/b: {}, gomonitor: {}}"}, err: "0: connectors: there must be one of type gomonitor, got gomonitor, gomonitor/b"},
		{name: "no map", files: []string{"connectors: {gomonitor: 7}"}, err: "0: connectors.gomonitor: must be a map"},
		{name: "an unknown key", files: []string{"objektive: {}"}, err: "objektive: no such key, probably objective is meant"},
		{name: "a number for a duration", files: []string{"objective: {latency_target: 300}"}, err: "objective.latency_target: 300 has no unit, probably 300ms or 300s is meant"},
		{name: "a variable that is not set", files: []string{"name: ${env:NOT_SET_HERE}"}, err: "the environment variable NOT_SET_HERE is not set"},
		{name: "no YAML", files: []string{"a: [\n"}, err: "0: "},
		{name: "no duration", files: []string{"period: fast"}, err: `period: want a duration such as 300ms, got "fast"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var files []string
			for i, content := range tt.files {
				files = append(files, file(t, string(rune('0'+i)), content))
			}
			got, err := LoadConfig(context.Background(), files)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	if _, err := LoadConfig(context.Background(), []string{filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("no error for a file that is not there")
	}
}
