package wildcard

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPattern(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", true},
		{"*", "", true},
		{"a", "a", true},
		{"a", "A", true},
		{"a", "b", false},
		{"a", "aa", false},
		{"a*", "a", true},
		{"a*", "ab", true},
		{"a*", "ba", false},
		{"*a", "ba", true},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"a*b*c", "a-b-c", true},
		{"a*b*c", "a-c-b", false},
		{"a**c", "ac", true},
		{"*b*", "abc", true},
		{"*bb*", "abc", false},
		{"*é*", "café!", true},
	} {
		p := New(tt.pattern)
		if got := p.Fits(tt.text); got != tt.want {
			t.Errorf("%q fits %q: %t, want %t", tt.pattern, tt.text, got, tt.want)
		}
	}
}

// A pattern made of a text by putting stars into it fits that text.
func FuzzPattern(f *testing.F) {
	f.Add("client setinfo lib-name", uint32(0b1010))
	f.Add("", uint32(1))
	f.Add("\xff\x80a", uint32(7))
	f.Fuzz(func(t *testing.T, text string, where uint32) {
		if strings.Contains(text, "*") {
			return
		}
		var b strings.Builder
		for i := range len(text) {
			if where>>(i%32)&1 != 0 {
				b.WriteByte('*') // for this byte
				continue
			}
			b.WriteByte(text[i])
		}
		p := New(b.String())
		if !p.Fits(text) {
			t.Errorf("%q does not fit %q", b.String(), text)
		}
	})
}

// A pattern means what the regular expression with .* for each * does.
func TestPatternIsAnExpression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("aB*")), 1, 8, -1).Draw(t, "pattern")
		name := rapid.StringOfN(rapid.SampledFrom([]rune("Ab")), 0, 8, -1).Draw(t, "name")
		expression := "(?i)^" + strings.ReplaceAll(regexp.QuoteMeta(text), `\*`, ".*") + "$"
		p := New(text)
		if got, want := p.Fits(name), regexp.MustCompile(expression).MatchString(name); got != want {
			t.Fatalf("%q fits %q: %t", text, name, got)
		}
	})
}
