package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"
)

func TestOutcomeOfCode(t *testing.T) {
	tests := []struct {
		code string
		want Outcome
	}{
		{"", OutcomeSuccess},
		{"OK", OutcomeSuccess},
		{"0", OutcomeSuccess},
		{"100", OutcomeSuccess},
		{"200", OutcomeSuccess},
		{"204", OutcomeSuccess},
		{"304", OutcomeSuccess},
		{"399", OutcomeSuccess},

		{"099", OutcomeFailure},
		{"400", OutcomeFailure},
		{"404", OutcomeFailure},
		{"499", OutcomeFailure},
		{"500", OutcomeFailure},
		{"999", OutcomeFailure},
		{"1", OutcomeFailure},
		{"9", OutcomeFailure},
		{"00", OutcomeFailure},
		{"20", OutcomeFailure},
		{"000", OutcomeFailure},
		{"2000", OutcomeFailure},
		{"4xx", OutcomeFailure},
		{"2xx", OutcomeFailure},
		{"1e2", OutcomeFailure},
		{"20x", OutcomeFailure},
		{"2 0", OutcomeFailure},
		{"+20", OutcomeFailure},
		{" OK", OutcomeFailure},
		{"ok", OutcomeFailure},
		{"Ok", OutcomeFailure},
		{"NOT_FOUND", OutcomeFailure},
		{"23505", OutcomeFailure},
		{"\uff11\uff10\uff10", OutcomeFailure}, // fullwidth digits
		{"\u0661", OutcomeFailure},             // an Arabic digit
		{OverflowName, OutcomeFailure},
	}
	for _, tt := range tests {
		if got := OutcomeOf(nil, tt.code); got != tt.want {
			t.Errorf("%q is a %s, want %s", tt.code, got, tt.want)
		}
	}
}

func TestCodesWinOverTheDefaultRule(t *testing.T) {
	codes := map[string]CodeFeature{
		"404": {Success: true},
		"200": {Success: false, Name: "in doubt"},
		"":    {Success: false},
		"BUSY": {
			Success: true,
			Name:    "busy",
		},
	}
	for code, want := range map[string]Outcome{
		"404":  OutcomeSuccess,
		"200":  OutcomeFailure,
		"":     OutcomeFailure,
		"BUSY": OutcomeSuccess,
		"201":  OutcomeSuccess,
		"500":  OutcomeFailure,
	} {
		if got := OutcomeOf(codes, code); got != want {
			t.Errorf("%q is a %s, want %s", code, got, want)
		}
	}
}

func TestCut(t *testing.T) {
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

// addCodes counts each code as often as the map says, in a fixed order.
func addCodes(c *codeCounter, limit int, counts map[string]int) {
	codes := make([]string, 0, len(counts))
	for code := range counts {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	for _, code := range codes {
		for range counts[code] {
			c.add(code, 1, limit)
		}
	}
}

func checkCodes(t *testing.T, got, want []CodeCount) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCodesLargestFirst(t *testing.T) {
	var c codeCounter
	addCodes(&c, 64, map[string]int{"500": 2, "503": 3, "23505": 2, "404": 1})
	checkCodes(t, c.take(nil), []CodeCount{{"503", "", 3}, {"23505", "", 2}, {"500", "", 2}, {"404", "", 1}})
	if got := c.take(nil); got == nil || len(got) != 0 {
		t.Errorf("taken twice, it gives %v, want an empty list that is not nil", got)
	}
}

func TestCodesOfOneNameAreAddedUp(t *testing.T) {
	var c codeCounter
	addCodes(&c, 64, map[string]int{"500": 3, "502": 1, "504": 4, "404": 5, "418": 1, "419": 1})
	names := map[string]CodeFeature{
		"500": {Name: "server"},
		"502": {Name: "server"},
		"504": {Name: "server"},
		"404": {Name: "not found"},
	}
	checkCodes(t, c.take(names), []CodeCount{
		{"504", "server", 8},
		{"404", "not found", 5},
		{"418", "", 1}, // codes without a name are not of one name
		{"419", "", 1},
	})
}

// The sum stays exact whatever there is no room for.
func TestCodesBeyondTheLimit(t *testing.T) {
	var c codeCounter
	for round := range 3 {
		for i := range 100 {
			code := fmt.Sprintf("E%03d", i)
			want := code
			if i >= 64 {
				want = OverflowName
			}
			if got := c.add(code, 1, 64); got != want {
				t.Fatalf("round %d: %s was counted under %s, want %s", round, code, got, want)
			}
		}
	}
	got := c.take(nil)
	if len(got) != 65 {
		t.Errorf("%d codes, want 64 and %s", len(got), OverflowName)
	}
	if want := (CodeCount{OverflowName, "", 3 * 36}); got[0] != want {
		t.Errorf("the largest is %v, want %v", got[0], want)
	}
	var sum uint64
	for _, n := range got {
		sum += n.Count
	}
	if sum != 300 {
		t.Errorf("the codes sum to %d, want 300", sum)
	}
}

// Somebody may use the name of the overflow as a code of his own.
func TestCodeWithTheOverflowsName(t *testing.T) {
	var c codeCounter
	for _, code := range []string{"a", OverflowName, "b", "c", "d"} {
		c.add(code, 1, 3)
	}
	checkCodes(t, c.take(nil), []CodeCount{{OverflowName, "", 3}, {"a", "", 1}, {"b", "", 1}})
}

func TestLongCodesAreCutAtARune(t *testing.T) {
	var c codeCounter
	long := strings.Repeat("é", 5<<10)
	c.add(long, 1, 64)
	c.add(long+"!", 1, 64)
	c.add("x"+long, 1, 64)
	got := c.take(nil)
	checkCodes(t, got, []CodeCount{{strings.Repeat("é", 128), "", 2}, {"x" + strings.Repeat("é", 127), "", 1}})
	for _, n := range got {
		if !utf8.ValidString(n.Code) {
			t.Errorf("%q was cut within a rune", n.Code)
		}
	}
}

func TestCodesHoldOnToNothing(t *testing.T) {
	var c codeCounter
	page := strings.Repeat("5", 1<<20)
	for _, code := range []string{page[:3], page} {
		if got := c.add(code, 1, 64); unsafe.StringData(got) == unsafe.StringData(page) {
			t.Errorf("the code of %d bytes still is a piece of the buffer", len(got))
		}
	}
}
