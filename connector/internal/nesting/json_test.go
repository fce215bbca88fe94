package nesting

import (
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// nestedJSON returns a request with one span, with one attribute that is a map in a map in a map.
func nestedJSON(maps int) string {
	return `{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"a","value":` +
		strings.Repeat(`{"kvlistValue":{"values":[{"key":"a","value":`, maps) + `{}` + strings.Repeat(`}]}}`, maps) + `}]}]}]}]}`
}

func TestTooMuchJSON(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want bool
	}{
		"empty":                   {"", false},
		"70 maps in each other":   {nestedJSON(70), false},
		"1000":                    {nestedJSON(1000), true},
		"brackets in a text":      {`{"a":"` + strings.Repeat("[", 1000) + `"}`, false},
		"behind an escaped quote": {`{"a":"\"` + strings.Repeat("[", 1000) + `"}`, false},
		"behind a backslash":      {`{"a\\":` + strings.Repeat("[", 1000), true},
		"side by side":            {strings.Repeat("[]", MaxParts), false},
		"one more":                {strings.Repeat("[]", MaxParts+1), true},
		"closed before":           {strings.Repeat("]", 1000) + nestedJSON(1000), true},
	} {
		if got := tooMuchJSON([]byte(tt.text)); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// Whatever is let through is not nested deeper than that, or is refused by the decoder.
func FuzzTooMuchJSON(f *testing.F) {
	f.Add([]byte(nestedJSON(3)), uint16(97))
	f.Add([]byte(`]]]`), uint16(400))
	f.Add([]byte(`"`), uint16(400))
	f.Fuzz(func(t *testing.T, before []byte, maps uint16) {
		for _, text := range []string{string(before), string(before) + nestedJSON(int(maps%512))} {
			if tooMuchJSON([]byte(text)) {
				continue
			}
			request := ptraceotlp.NewExportRequest()
			if err := request.UnmarshalJSON([]byte(text)); err != nil {
				continue
			}
			if deepest := depthOf(request.Traces()); deepest > MaxDepth/4 {
				t.Errorf("nested to %d levels", deepest)
			}
		}
	})
}
