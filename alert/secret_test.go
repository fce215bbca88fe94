package alert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// A secret is shown nowhere: by no verb of fmt, no handler of slog, and no encoder of text.
func TestSecret(t *testing.T) {
	const password = "hunter2"
	type config struct{ Password Secret }
	var shown bytes.Buffer
	for _, v := range []any{Secret(password), config{password}, &config{password}, []Secret{password}, map[string]Secret{"a": password}} {
		before := shown.Len()
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3v"} {
			fmt.Fprintf(&shown, verb+"\n", v)
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(text)
		slog.New(slog.NewTextHandler(&shown, nil)).Info("a", "b", v)
		slog.New(slog.NewJSONHandler(&shown, nil)).Info("a", "b", v)
		if !strings.Contains(shown.String()[before:], Redacted) {
			t.Errorf("%T is shown without a trace of the secret", v)
		}
	}
	for _, form := range []string{password, fmt.Sprintf("%x", password), fmt.Sprintf("%X", password)} {
		if strings.Contains(shown.String(), form) {
			t.Errorf("%s is shown in %s", form, shown.String())
		}
	}
}

// An empty secret shows that it is empty, and one can be read from text.
func TestSecretThatIsEmpty(t *testing.T) {
	if got := fmt.Sprintf("%v|%s", Secret(""), slog.AnyValue(Secret("")).Resolve()); got != "|" {
		t.Errorf("got %q", got)
	}
	var s struct{ Password Secret }
	if err := json.Unmarshal([]byte(`{"password": "hunter2"}`), &s); err != nil || s.Password != "hunter2" {
		t.Errorf("got %q, %v", string(s.Password), err)
	}
}
