package engine

import (
	"fmt"
	"testing"
)

// Good calls are looked at only after bad ones, and of many calls only some, from the first bad one on.
func TestDetailBudgetLooksAtFewGoodCalls(t *testing.T) {
	looked := func(b *detailBudget) (n int) {
		for d := range int64(1 << 10) {
			if b.wantsGood(d) {
				n++
			}
		}
		return n
	}
	b := newDetailBudget()
	if n := looked(b); n != 0 {
		t.Errorf("%d good calls are looked at though none was bad", n)
	}
	b.next(64 * goodPerPeriod)
	b.take("GET /", failedCall)
	if n := looked(b); n != 1<<10/128 {
		t.Errorf("after a period with many calls %d of 1024 are looked at, want 8", n)
	}
	b.next(100)
	if n := looked(b); n != 1<<10 {
		t.Errorf("after a period with few calls %d of 1024 are looked at, want all", n)
	}
	b.next(100)
	if n := looked(b); n != 0 {
		t.Errorf("%d good calls are looked at though the last period had no bad one", n)
	}
}

// The Details of an operation are bounded, and those of all operations together.
func TestDetailBudgetIsBounded(t *testing.T) {
	b := newDetailBudget()
	if b.take("GET /", goodCall) {
		t.Error("a good call is wanted before a bad one")
	}
	taken := 0
	for range 1000 {
		if b.take("GET /", failedCall) {
			taken++
		}
	}
	if taken != maxCompared || !b.take("GET /", slowCall) || !b.take("GET /", goodCall) {
		t.Errorf("%d failed calls are taken, want %d, and as many slow and good ones", taken, maxCompared)
	}
	for i := range 10_000 {
		for range 100 {
			if b.take(fmt.Sprint("GET /", i), failedCall) {
				taken++
			}
		}
	}
	if taken > maxDetails {
		t.Errorf("%d calls are taken, want %d at most", taken, maxDetails)
	}
}
