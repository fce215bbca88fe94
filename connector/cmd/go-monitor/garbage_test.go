package main

import (
	"testing"

	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

func TestIsUndecoded(t *testing.T) {
	for text, want := range map[string]bool{
		"{traces: {receivers: [gomonitor/otlp], exporters: [gomonitor]}, metrics: {receivers: [gomonitor], exporters: [prometheus]}}": true,
		"{traces: {receivers: [gomonitor/otlp], exporters: [gomonitor]}, traces/2: {receivers: [gomonitor/otlp], exporters: [otlp]}}": false,
		"{traces: {receivers: [otlp], exporters: [gomonitor]}}":                                                                       false,
		"{traces: {receivers: [gomonitor/otlp, otlp], exporters: [gomonitor]}}":                                                       false,
		"{metrics: {receivers: [otlp], exporters: [otlp]}}":                                                                           false,
		"{}": false,
	} {
		var pipelines map[string]any
		if err := yaml.Unmarshal([]byte(text), &pipelines); err != nil {
			t.Fatal(err)
		}
		c := confmap.NewFromStringMap(map[string]any{"service": map[string]any{"pipelines": pipelines}})
		if got := isUndecoded(c); got != want {
			t.Errorf("%s: %t, want %t", text, got, want)
		}
	}
}
