package main

import (
	"os"
	"runtime/debug"
	"strings"

	"go.opentelemetry.io/collector/confmap"
)

// often is the growth of memory, in percent, after which garbage is collected where requests are
// not decoded: they leave next to none, so that collecting costs nothing and memory stays small.
const often = 20

// collectGarbage sets how often garbage is collected in a service with config c, unless the
// environment says so.
func collectGarbage(c *confmap.Conf) {
	if os.Getenv("GOGC") == "" && isUndecoded(c) {
		debug.SetGCPercent(often)
	}
}

// isUndecoded reports whether all spans come in by receivers of go-monitor and go to nobody else.
func isUndecoded(c *confmap.Conf) bool {
	pipelines, _ := c.Get("service::pipelines").(map[string]any)
	found := false
	for name, p := range pipelines {
		if name != "traces" && !strings.HasPrefix(name, "traces/") {
			continue
		}
		found = true
		parts, _ := p.(map[string]any)
		for _, id := range append(strs(parts["receivers"]), strs(parts["exporters"])...) {
			if !isOf(id, "gomonitor") {
				return false
			}
		}
	}
	return found
}
