package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

const docsFile = "../../../docs/service.md"

func readDocs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The service takes every config of the docs, on top of the default one.
func TestDocsConfigs(t *testing.T) {
	t.Setenv("SLACK_TOKEN", "T0/B0/x")
	t.Setenv("DB_PASSWORD", "secret")
	blocks := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(readDocs(t), -1)
	if len(blocks) != 3 {
		t.Errorf("%d blocks of YAML, want 3", len(blocks))
	}
	for _, b := range blocks {
		c := newCommand()
		c.SetArgs([]string{"validate", "--config", defaultURI, "--config", "yaml:" + b[1]})
		if err := c.Execute(); err != nil {
			t.Errorf("%s\n%s", readable(err), b[1])
		}
	}
}

// The table of variables holds those of the default config, with their defaults.
func TestDocsVariables(t *testing.T) {
	var got, want []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(GO_MONITOR_\\w+)` \\| `([^`]+)` ").FindAllStringSubmatch(readDocs(t), -1) {
		got = append(got, m[1]+" "+m[2])
	}
	for _, m := range regexp.MustCompile(`\$\{env:(\w+):-([^}]*)\}`).FindAllStringSubmatch(string(defaultConfig), -1) {
		want = append(want, m[1]+" "+m[2])
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Whatever the docs link to is there.
func TestDocsLinks(t *testing.T) {
	for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(readDocs(t), -1) {
		if _, err := os.Stat(filepath.Join(filepath.Dir(docsFile), m[1])); err != nil {
			t.Error(err)
		}
	}
}
