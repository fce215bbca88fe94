package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every notifier names everything that fires, the provider first.
func TestRun(t *testing.T) {
	folder := t.TempDir()
	if err := run(folder); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"console.txt", "slack-*.json", "feishu-*.json", "dingtalk-*.json", "wecom-*.json", "mail.eml"} {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil || len(files) == 0 {
			t.Errorf("no %s: %v", pattern, err)
			continue
		}
		var all strings.Builder
		for _, f := range files {
			text, err := os.ReadFile(f) //nolint:gosec // the test's own
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
		// Of the mail the text part, before its lines are wrapped in the other.
		text := strings.ReplaceAll(all.String(), "=\n", "")
		if first, second := strings.Index(text, "api.pay.example/charge"), strings.Index(text, "GET /admin"); first < 0 || first > second {
			t.Errorf("%s: the provider is at %d, a route at %d", pattern, first, second)
		}
		for _, step := range steps {
			for _, name := range []string{"GET /admin/orders/" + step, "POST /v1/carts/{id}/" + step, "GET /search"} {
				if !strings.Contains(text, name) {
					t.Errorf("%s does not name %s", pattern, name)
				}
			}
		}
		if strings.Contains(text, "healthz") {
			t.Errorf("%s names what is well", pattern)
		}
	}
}
