package exact

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestText(t *testing.T) {
	for text, want := range map[Text]string{
		"GET /users/{id}": `"GET /users/{id}"`,
		"":                `""`,
		"\xff\x00":        `["/wA="]`,
	} {
		if got, err := json.Marshal(text); err != nil || string(got) != want {
			t.Errorf("%q is written as %s, %v, want %s", text, got, err, want)
		}
	}
	for _, bad := range []string{`["a","b"]`, `["!"]`, `{}`, `7`} {
		if err := json.Unmarshal([]byte(bad), new(Text)); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestTextKeepsEveryByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := Text(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))
		data, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var got Text
		if err := json.Unmarshal(data, &got); err != nil || got != text {
			t.Fatalf("%q came back as %q, %v", text, got, err)
		}
	})
}
