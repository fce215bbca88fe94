package engine

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unsafe"
)

// Many causes in turn are all kept, so none of them costs an allocation.
func TestCausesKeepWhatFits(t *testing.T) {
	c := newCauses(everyCall)
	var causes []Cause
	for i := range maxCauses {
		causes = append(causes, Cause{Operation: strconv.Itoa(i)})
	}
	var first []*Cause
	for i := range causes {
		first = append(first, c.known.intern(&causes[i]))
	}
	if n := testing.AllocsPerRun(5, func() {
		for i := range causes {
			if c.known.intern(&causes[i]) != first[i] {
				t.Fatalf("the cause %d is there twice", i)
			}
		}
	}); n != 0 {
		t.Errorf("%d causes that are known allocate %v times", maxCauses, n)
	}
	// One more, and it starts anew; what was given out stays as it is.
	c.known.intern(&Cause{Operation: "one more"})
	for i := range causes {
		if *first[i] != (Cause{Operation: causes[i].Operation}) {
			t.Fatalf("the cause %d became %v", i, *first[i])
		}
	}
	if again := c.known.intern(&causes[0]); again == first[0] {
		t.Error("more causes are kept than there should be")
	}
	for range 10 * maxCauses {
		c.known.intern(&Cause{Operation: strconv.Itoa(rand.Int())})
	}
}

// Causes are named as summaries name operations, and hold on to nothing.
func TestCausesNames(t *testing.T) {
	c := newCauses(everyCall)
	page := strings.Repeat("é", 1<<20)
	for _, self := range []Cause{
		{page, SpanKindClient, page, page},
		{page[:8], SpanKindClient, page[:8], page[:8]},
	} {
		got := c.known.intern(&self)
		want := Cause{TruncateName(self.Service), SpanKindClient, TruncateName(self.Operation), TruncateName(self.Code)}
		if *got != want {
			t.Errorf("got %d, %d and %d bytes", len(got.Service), len(got.Operation), len(got.Code))
		}
		for _, s := range []string{got.Service, got.Operation, got.Code} {
			if unsafe.StringData(s) == unsafe.StringData(page) {
				t.Errorf("a name of %d bytes still is a piece of the buffer", len(s))
			}
		}
		// A call that is tried again is known by its name, cut or not.
		c.end(span(1, 2, 1), self, OutcomeFailure, 0, endTime)
		checkWaiting(t, c, 1)
		c.succeed(span(1, 3, 1), self)
		checkWaiting(t, c, 0)
	}
	if got := c.known.intern(&Cause{}); got.Operation != UnnamedOperation {
		t.Errorf("a call without a name is blamed as %q, want %q", got.Operation, UnnamedOperation)
	}
	for _, other := range []Cause{
		{Service: "shop", SpanKind: SpanKindServer, Operation: "SELECT"}, {Service: "other", SpanKind: SpanKindClient, Operation: "SELECT"}, {Service: "shop", SpanKind: SpanKindClient, Operation: "UPDATE"},
	} {
		c.end(span(1, 2, 1), query, OutcomeFailure, ms, endTime)
		c.succeed(span(1, 3, 1), other)
		checkWaiting(t, c, 1)
	}
}

// However many goroutines meet a new cause, or a full table, each gets what it asked for.
func TestInternConcurrently(t *testing.T) {
	c := newCauses(everyCall)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 3 * maxCauses {
				want := Cause{Operation: strconv.Itoa(i)}
				if got := c.known.intern(&want); *got != want {
					t.Errorf("got %v, want %v", got, want)
				}
			}
		})
	}
	wg.Wait()
}
