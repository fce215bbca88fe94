package human

import (
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"
)

func TestPercent(t *testing.T) {
	for _, test := range []struct {
		ratio, target float64
		want          string
	}{
		{1, 1, "100 %"}, {0.9996, 1, "99.96 %"}, {0.07, 1, "7 %"}, {0, 1, "0 %"}, {0.949999, 0.95, "94.9999 %"}, {0.95, 0.95, "95 %"}, {2. / 3, 0.95, "66.7 %"},
	} {
		if got := Percent(test.ratio, test.target); got != test.want {
			t.Errorf("Percent(%v, %v) = %q, want %q", test.ratio, test.target, got, test.want)
		}
	}
}

func TestThreeDigits(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{
		1234567: 1230 * time.Microsecond, 999: 999, 61*time.Second + 600*time.Millisecond: 62 * time.Second, 0: 0,
	} {
		if got := ThreeDigits(d); got != want {
			t.Errorf("ThreeDigits(%s) = %s, want %s", d, got, want)
		}
	}
}

// What comes out has nothing in it that is not shown, and what was printable stays as it was.
func TestPrintable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "s")
		got := Printable(s)
		for _, r := range got {
			if r != ' ' && !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
				t.Fatalf("%q came out as %q", s, got)
			}
		}
		if again := Printable(got); again != got {
			t.Fatalf("%q came out as %q, and that as %q", s, got, again)
		}
	})
}
