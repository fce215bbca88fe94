package engine

import (
	"strings"
	"testing"
	"unsafe"
)

func TestTruncateName(t *testing.T) {
	a := strings.Repeat("a", 300)
	tests := map[string]struct{ s, want string }{
		"empty":                  {"", ""},
		"short":                  {"GET /users/{id}", "GET /users/{id}"},
		"just fits":              {a[:256], a[:256]},
		"one too long":           {a[:257], a[:256]},
		"two-byte rune fits":     {a[:254] + "é" + "b", a[:254] + "é"},
		"two-byte rune halved":   {a[:255] + "é", a[:255]},
		"three-byte rune, 1 of":  {a[:255] + "語", a[:255]},
		"three-byte rune, 2 of":  {a[:254] + "語", a[:254]},
		"four-byte rune, 1 of":   {a[:255] + "😀", a[:255]},
		"four-byte rune, 3 of":   {a[:253] + "😀", a[:253]},
		"four-byte rune fits":    {a[:252] + "😀😀", a[:252] + "😀"},
		"no rune at all":         {strings.Repeat("\x80", 300), strings.Repeat("\x80", 252)},
		"an invalid byte within": {a[:255] + "\xff" + a, a[:255] + "\xff"},
		"ten kilobytes":          {strings.Repeat("語", 4096), strings.Repeat("語", 85)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := TruncateName(tt.s); got != tt.want {
				t.Errorf("got %d bytes ending in %+q, want %d", len(got), got[max(0, len(got)-4):], len(tt.want))
			}
			if got := bounded(tt.s); got != tt.want {
				t.Errorf("bounded is %d bytes, want %d", len(got), len(tt.want))
			}
		})
	}
}

// A name that is a piece of a large buffer must not keep the buffer in memory.
func TestBoundedHoldsOnToNothing(t *testing.T) {
	page := strings.Repeat("x", 1<<20)
	for _, s := range []string{page[:10], page} {
		if got := bounded(s); unsafe.StringData(got) == unsafe.StringData(page) {
			t.Errorf("a name of %d bytes still is a piece of the buffer", len(got))
		}
	}
}
