package main

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	goleak.VerifyTestMain(m)
}

// tiny is enough to see that everything works, and far too little to learn anything.
var tiny = settings{rounds: 1, trial: 1 << 10, round: time.Millisecond, reports: 1 << 14, perName: 2, paced: 5 * time.Millisecond, idle: 10 * time.Millisecond}

func TestEverythingIsMeasured(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a few seconds")
	}
	table, err := measureAll(tiny, func(string) bool { return true }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(table.groups) != len(groups) {
		t.Errorf("%d groups, want %d", len(table.groups), len(groups))
	}
	for _, g := range table.groups {
		for _, p := range g.probes {
			if len(p.samples) == 0 {
				t.Errorf("%s: %s, %s was not measured", g.title, p.who, p.work)
			}
		}
		if strings.Contains(g.note, "refused") {
			t.Errorf("%s: %s", g.title, g.note)
		}
	}
	text := table.text()
	var results strings.Builder
	if err := table.writeBenchstat(&results); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"go-monitor (2018) is left out", "10,000 names, 2 producers", "targets met"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table does not say %q:\n%s", want, text)
		}
	}
	line := regexp.MustCompile(`^(Benchmark[A-Z][\w/=.]*/who=[a-z0-9_]+-\d+ \d+ [\d.]+ [a-zA-Z/-]+( \d+ B/op \d+ allocs/op)?|(goos|goarch|pkg|cpu|commit): .+)$`)
	for l := range strings.Lines(results.String()) {
		if !line.MatchString(strings.TrimSuffix(l, "\n")) {
			t.Errorf("benchstat can't read %q", l)
		}
	}
}

func TestRunWritesResults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "results.txt")
	var out strings.Builder
	if err := run([]string{"-run", "no such group", "-o", path}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(data), "goos: ") {
		t.Errorf("the file begins with %.20q (%v)", data, err)
	}
	if !strings.Contains(out.String(), path) {
		t.Errorf("the output does not name the file:\n%s", out.String())
	}
}

func TestRunRefusesBadFlags(t *testing.T) {
	for _, args := range [][]string{{"-run", "("}, {"-rounds", "-1"}, {"all"}, {"-no-such-flag"}} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
	if err := run([]string{"-h"}, io.Discard, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}
