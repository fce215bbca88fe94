package gomonitorconnector

import (
	"encoding"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

// keysOf returns the keys of a configuration and of everything in it.
func keysOf(t reflect.Type) (keys []string) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return keysOf(t.Elem())
	case reflect.Struct:
	default:
		return nil
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		switch tag := f.Tag.Get(confmap.MapstructureTag); tag {
		case "-", "":
		case ",squash":
			keys = append(keys, keysOf(f.Type)...)
		default:
			keys = append(append(keys, tag), keysOf(f.Type)...)
		}
	}
	return keys
}

// The tables of the README have every key of the configuration, and its example is one.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(text)
	// What is told by what stands around it.
	untold := []string{"username", "password", "ca_file", "cert_file", "key_file", "server_name", "insecure_skip_verify"}
	// What the Collector never sees: calls that have not ended.
	unseen := []string{"gomonitor.in_flight", "gomonitor.oldest_in_flight", "gomonitor.stuck"}
	keys := keysOf(reflect.TypeFor[Config]())
	if len(keys) < 60 {
		t.Fatalf("only %d keys: %v", len(keys), keys)
	}
	for _, key := range keys {
		if !strings.Contains(readme, "`"+key+"`") && !slices.Contains(untold, key) {
			t.Errorf("the README does not have the key %q", key)
		}
	}

	example := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(readme)
	var config struct {
		Connectors struct{ Gomonitor yaml.Node }
	}
	if err := yaml.Unmarshal([]byte(example[1]), &config); err != nil {
		t.Fatal(err)
	}
	own, err := yaml.Marshal(&config.Connectors.Gomonitor)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, strings.ReplaceAll(string(own), "${env:SLACK_URL}", "https://hooks.example.org/x")); err != nil {
		t.Errorf("the example: %v", err)
	}

	// And what it emits.
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	emitted := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"(gomonitor(?:\.[a-z0-9_]+)+)"`).FindAllStringSubmatch(string(source), -1) {
			emitted++
			group, last := m[1][:strings.LastIndexByte(m[1], '.')], m[1][strings.LastIndexByte(m[1], '.'):]
			isInGroup := strings.Contains(readme, "`"+group+".") && strings.Contains(readme, "`"+last+"`")
			if !strings.Contains(readme, "`"+m[1]+"`") && !isInGroup && !slices.Contains(unseen, m[1]) {
				t.Errorf("the README does not have %q, which %s emits", m[1], file)
			}
		}
	}
	if emitted == 0 {
		t.Error("nothing is emitted")
	}

	// And the metrics of metadata.yaml.
	metadata, err := os.ReadFile("metadata.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^    (connector_gomonitor_\w+):$`).FindAllStringSubmatch(string(metadata), -1) {
		if !strings.Contains(readme, "`otelcol_"+m[1]+"`") {
			t.Errorf("the README does not have the metric %q", m[1])
		}
	}
}
