package main

import (
	"bytes"
	"strings"
	"testing"
)

// What is wrong with a config is said in one line each, which names the key.
func TestErrorsOfConfigs(t *testing.T) {
	const rest = `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
exporters: {debug: }
service: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}
`
	tests := map[string]struct{ config, want string }{
		"fine":     {rest, ""},
		"not YAML": {"receivers: [", "yaml: line 1: did not find expected node content"},
		"two errors": {
			rest + `
processors: {batch: {timeou: 1s}}
extensions: {health_check: {endpoint: [1, 2]}}`,
			`
  'processors' error reading configuration for "batch": 'batchprocessor.Config' has invalid keys: timeou
  'extensions' error reading configuration for "health_check": 'endpoint'`,
		},
		"slips of our own": {
			rest + `
connectors: {gomonitor: {objectve: {}, objective: {latency_target: 300}, period: soon}}`,
			`
  'connectors' error reading configuration for "gomonitor": objective.latency_target: 300 has no unit, probably 300ms or 300s is meant
  objectve: no such key, probably objective is meant
  period: want a duration such as 300ms, got "soon"`,
		},
		"slips of our other components": {
			`
receivers: {otlp: {protocols: {http: }}, gomonitor/x: {protocol: {}}}
exporters: {debug: , gomonitor: {endpoints: ["a:1"], timeout: 30}}
processors: {gomonitor_groupbyoperation: {service: [a]}}
service: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}`,
			`
  'receivers' error reading configuration for "gomonitor/x": protocol: no such key, probably protocols is meant
  'processors' error reading configuration for "gomonitor_groupbyoperation": service: no such key, probably services is meant
  'exporters' error reading configuration for "gomonitor": timeout: 30 has no unit, probably 30ms or 30s is meant`,
		},
		"kinds of values": {
			rest + `
processors: {batch: {timeout: {a: 1}, send_batch_size: 5}}
extensions: {zpages: {endpoint: 5}}`,
			`
  'processors' error reading configuration for "batch": 'timeout' want a duration such as 300ms, got keys below it
  'extensions' error reading configuration for "zpages": 'endpoint' want a text, got a number`,
		},
		"a duration as a text without a unit": {rest + "\nprocessors: {batch: {timeout: '30'}}", `'timeout' want a duration with its unit, such as 300ms`},
		"a variable that is not set":          {strings.Replace(rest, "127.0.0.1:0", "${env:NOT_SET_HERE}", 1), "the environment variable NOT_SET_HERE is not set, and ${env:NOT_SET_HERE} has no default"},
		"unknown component":                   {rest + "processors: {tail: }", `'processors' unknown type: "tail" for id: "tail" (valid values: [`},
		"not configured":                      {strings.Replace(rest, "[debug]", "[file]", 1), `service::pipelines::traces: references exporter "file" which is not configured`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCommand()
			c.SetArgs([]string{"validate", "--config", "yaml:" + tt.config})
			c.SetOut(new(bytes.Buffer))
			var got string
			if err := c.Execute(); err != nil {
				got = readable(err)
			}
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestNoSuchConfig(t *testing.T) {
	c := newCommand()
	c.SetArgs([]string{"validate", "--config", "/nowhere/c.yaml"})
	err := c.Execute()
	const want = "unable to read the file file:/nowhere/c.yaml: open /nowhere/c.yaml: no such file or directory"
	if err == nil || readable(err) != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
