package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"
)

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
