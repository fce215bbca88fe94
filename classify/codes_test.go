package classify

import (
	"strconv"
	"testing"
)

func TestDecimal(t *testing.T) {
	for n := int64(-10); n < 1100; n++ {
		if got, want := decimal(n), strconv.FormatInt(n, 10); got != want {
			t.Fatalf("decimal(%d) = %q", n, got)
		}
	}
}
