package main

import (
	"strings"
	"testing"
	"time"
)

func TestText(t *testing.T) {
	our := measured(ours, 14, 10, 12)
	our.targets = []target{atMost(15)}
	old := allocating(2)
	old.who, old.work, old.key = who2018, our.work, our.key
	old.samples[0].value = 150
	old.baseline = our
	old.targets = []target{timesOurs(20, our)}
	other := measured("other", 0.5, 1)
	other.work, other.note = "other work", "as noted"
	table := &table{
		system: system{cpu: "a processor", commit: "abc", procs: 2, rounds: 3, peers: []string{"Peer 1.0"}},
		groups: []*group{{title: "1. Title", probes: []*probe{our, old, other}, note: "a note"}},
		took:   90 * time.Second,
	}
	text := table.text()
	_, got, _ := strings.Cut(text, "\n\n")
	want := `1. Title                                                            min    median  allocs      B  x ours  target
  work
    go-monitor                                          ns/op        10        12                         <= 15 ns ok
    go-monitor (2018)                                   ns/op       150       150       2     16   15.00  >= 20x (15.00) MISSED
  other work
    other                                               ns/op      0.50      0.75                         as noted
  (a note)

1 of 2 targets met; measured in 1m30s
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, want := range []string{"GOMAXPROCS 2, a processor\n", "commit abc, 3 rounds;", "peers: Peer 1.0\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("the head does not say %q:\n%s", want, text)
		}
	}
	if err := table.failures(); err != nil {
		t.Errorf("a ratio that is not worse than half of its target fails: %v", err)
	}
	old.samples[0].value = 99
	if err := table.failures(); err == nil || !strings.Contains(err.Error(), "1. Title: work: go-monitor (2018): >= 20x (9.90) MISSED") {
		t.Errorf("a ratio worse than half of its target: %v", err)
	}
}

func TestWriteBenchstat(t *testing.T) {
	old := allocating(2)
	old.who, old.key = who2018, "Report/names=1/producers=1"
	table := &table{system: system{commit: "abc", procs: 2}, groups: []*group{{probes: []*probe{old, measured(ours, 12.5, 1e-7)}}}}
	var b strings.Builder
	if err := table.writeBenchstat(&b); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(b.String(), "cpu: unknown\ncommit: abc\n")
	want := `BenchmarkReport/names=1/producers=1/who=go_monitor_2018-2 1 1 ns/op 16 B/op 2 allocs/op
BenchmarkWork/who=go_monitor-2 1000 12.5 ns/op
BenchmarkWork/who=go_monitor-2 1000 0.0000001 ns/op
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestNumber(t *testing.T) {
	tests := []struct {
		v    float64
		unit string
		want string
	}{
		{0, "", "0"}, {0.041, "", "0.04"}, {9.876, "ns/op", "9.88 ns"}, {12.34, "", "12.3"},
		{123.4, "B/name", "123 B/name"}, {1536, "B/name", "1536 B/name"}, {2585711, "", "2585711"},
	}
	for _, tt := range tests {
		if got := number(tt.v, tt.unit); got != tt.want {
			t.Errorf("number(%v, %q) is %q, want %q", tt.v, tt.unit, got, tt.want)
		}
	}
}

func TestSlug(t *testing.T) {
	for s, want := range map[string]string{
		ours:                                   "go_monitor",
		who2018:                                "go_monitor_2018",
		"Prometheus WithLabelValues().Observe": "prometheus_withlabelvalues_observe",
		"(x) ":                                 "x",
		"":                                     "",
	} {
		if got := slug(s); got != want {
			t.Errorf("slug(%q) is %q, want %q", s, got, want)
		}
	}
}
