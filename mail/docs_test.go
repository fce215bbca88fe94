package mail

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// The page on notifiers lists every key of mail.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/sinks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n### E-mail\n")
	if !ok {
		t.Fatal("the page has no section on e-mail")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for _, config := range []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[TLS]()} {
		for i := range config.NumField() {
			if key := config.Field(i).Tag.Get("mapstructure"); !strings.Contains(section, "`"+key+"`") {
				t.Errorf("the page does not list the key %s", key)
			}
		}
	}
}
