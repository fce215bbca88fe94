package alert

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
	}{
		{"empty", "", ""},
		{"ordinary", "GET /users/{id}?x=1 \\ \"q\" <b>&amp;", "GET /users/{id}?x=1 \\ \"q\" <b>&amp;"},
		{"of other scripts", "заказ 注文 طلب é ñ 🛒", "заказ 注文 طلب é ñ 🛒"},
		{"colours", "\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"window title", "\x1b]0;owned\a", `\x1b]0;owned\x07`},
		{"line breaks", "a\r\nALERT\nb\tc\vd\fe", `a\x0d\x0aALERT\x0ab\x09c\x0bd\x0ce`},
		{"line breaks of Unicode", "a\u0085b\u2028c\u2029d", `a\x85b\u2028c\u2029d`},
		{"nul, backspace, delete", "a\x00b\bc\x7f", `a\x00b\x08c\x7f`},
		{"C1 controls", "\u009b31m\u009d0;t\u009c", `\x9b31m\x9d0;t\x9c`},
		{"bidi overrides", "a\u202Eb\u202Dc\u2066d\u2069e\u200Ff\u061Cg", `a\u202eb\u202dc\u2066d\u2069e\u200ff\u061cg`},
		{"invisible", "a\u200Bb\u00ADc\uFEFFd\U000E0041e", `a\u200bb\xadc\ufeffd\U000e0041e`},
		{"other spaces", "a\u00A0b\u3000c", `a\xa0b\u3000c`},
		{"not UTF-8", "a\xffb\xc3", `a\xffb\xc3`},
		{"cut in the middle of a rune", "\xf0\x9f\x9b", `\xf0\x9f\x9b`},
		{"a replacement character, and none", "a\uFFFDb\xffc", `a\ufffdb\xffc`},
		{"private and unassigned", "\uE000\U0010FFFF\u0378", `\ue000\U0010ffff\u0378`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Printable(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// hostile are names that try to get out of the place they are put in.
var hostile = []string{
	"\x1b[2J\x1b[H\x1b]0;owned\a",
	"GET /\r\n\nRESOLVED  GET /",
	"\x00\x01\x7f\u009b2J",
	"\u202Egnirts\u2066",
	"\xff\xfe\xc3\x28",
	"\u2028\u2029\u0085",
	strings.Repeat("\x1b[A\xff\n", 2000), // 10 KB
}

// checkInert fails the test if a text could do anything to a terminal but fill lines.
func checkInert(t testing.TB, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("not UTF-8: %.300q", text)
	}
	for _, r := range text {
		if r != '\n' && (!unicode.IsGraphic(r) || unicode.IsSpace(r) && r != ' ') {
			t.Errorf("%U in %.300q", r, text)
			return
		}
	}
}

func FuzzPrintable(f *testing.F) {
	for _, name := range hostile {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := Printable(name)
		checkInert(t, got)
		if strings.Contains(got, "\n") {
			t.Errorf("%q has become %q, of several lines", name, got)
		}
		if again := Printable(got); again != got {
			t.Errorf("what was printable, %q, has become %q", got, again)
		}
	})
}
