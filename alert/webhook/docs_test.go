package webhook

import (
	"bytes"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/blurooo/go-monitor/v2/alert"
)

// The page on notifiers lists every key of a webhook, and its template works.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/sinks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n### Webhooks\n")
	if !ok {
		t.Fatal("the page has no section on webhooks")
	}
	section, _, _ = strings.Cut(section, "\n### ")
	config := reflect.TypeFor[Config]()
	for i := range config.NumField() {
		if key := config.Field(i).Tag.Get("mapstructure"); key != "-" && !strings.Contains(section, "`"+key+"`") {
			t.Errorf("the page does not list the key %s", key)
		}
	}
	snippet := regexp.MustCompile("(?s)```\n(.*?)\n```").FindStringSubmatch(section)
	if snippet == nil {
		t.Fatal("the page has no template")
	}
	n := newNotifier(t, Config{URL: "http://127.0.0.1", Format: Template, Template: snippet[1]})
	bodies, err := n.bodies([]alert.Alert{incident()}, start)
	want := `{"text": "GET /users/{id}: 70 % succeed (target 95 %), 75 % of failures caused by INSERT orders of db [23505]", "state": "firing"}`
	got := bytes.Join(bodies, nil)
	if err != nil || string(got) != want {
		t.Errorf("the page's template makes %s, %v, want %s", got, err, want)
	}
}
