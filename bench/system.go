package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
)

// system says where something was measured.
type system struct {
	cpu, commit string
	procs       int
	rounds      int
	peers       []string
}

func describe(s settings) system {
	return system{
		cpu:    cpuModel(),
		commit: commit(),
		procs:  runtime.GOMAXPROCS(0),
		rounds: s.rounds,
		peers:  peerVersions(),
	}
}

func (s system) lines() []string {
	cpu := s.cpu
	if cpu != "" {
		cpu = ", " + cpu
	}
	lines := []string{
		fmt.Sprintf("%s %s/%s, GOMAXPROCS %d%s", runtime.Version(), runtime.GOOS, runtime.GOARCH, s.procs, cpu),
		fmt.Sprintf("commit %s, %d rounds; ratios and targets go by the minimum", s.commit, s.rounds),
		"peers: " + strings.Join(s.peers, ", "),
	}
	if open2018 == nil {
		lines = append(lines, "go-monitor (2018) is left out: make bench GO_MONITOR_2018=<a checkout of github.com/blurooo/go-monitor> adds it")
	}
	return lines
}

// cpuModel returns the name of the processor, where Linux tells it.
func cpuModel() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// commit says what was measured, with "-dirty" behind it if that is not all.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// peerVersions returns the versions of what we are compared with.
func peerVersions() []string {
	names := map[string]string{
		"go.opentelemetry.io/otel/sdk":        "OTel SDK",
		"go.opentelemetry.io/otel/sdk/metric": "OTel metrics",
		"github.com/prometheus/client_golang": "Prometheus",
		"github.com/VictoriaMetrics/metrics":  "VictoriaMetrics",
	}
	var versions []string
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if name, ok := names[dep.Path]; ok {
				versions = append(versions, name+" "+strings.TrimPrefix(dep.Version, "v"))
			}
		}
	}
	return versions
}
