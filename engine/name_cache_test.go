package engine

import (
	"fmt"
	"strings"
	"testing"
)

func TestWindowsSameNameInOtherMemory(t *testing.T) {
	w := newWindows(t, Config{})
	for i := range 1000 {
		w.Add(Report{Operation: string([]byte("GET /users/{id}")), SpanKind: SpanKindServer})
		w.Add(Report{Operation: fmt.Sprintf("op %d", i%3), SpanKind: SpanKindServer})
	}
	p := w.Close(Period{}, nil)
	checkOperations(t, p, "GET /users/{id}", "op 0", "op 1", "op 2")
	if got := p.Summaries[0].Count; got != 1000 {
		t.Errorf("%d calls of one name, want 1000", got)
	}
}

// Names that share memory are no less different: one may be the beginning of the other.
func TestWindowsNamesWithinNames(t *testing.T) {
	w := newWindows(t, Config{})
	name := strings.Repeat("x", 40)
	for range 3 {
		for n := range 40 {
			w.Add(Report{Operation: name[:n+1]})
		}
	}
	p := w.Close(Period{}, nil)
	if len(p.Summaries) != 40 {
		t.Fatalf("%d operations, want 40", len(p.Summaries))
	}
	for _, s := range p.Summaries {
		if s.Count != 3 {
			t.Errorf("%q was called %d times, want 3", s.Operation, s.Count)
		}
	}
}

// Strings at one address differ by their lengths, and strings that are equal need not be at
// one address: all are told apart by their bytes, however they share places.
func TestWindowsTellNamesApart(t *testing.T) {
	const n = 50
	long := strings.Repeat("abcdefgh", 8)
	w := newWindows(t, Config{})
	for round := range 3 {
		for i := 1; i <= n; i++ {
			for _, name := range []string{long[:i], strings.Clone(long[:i]), long[:i]} {
				w.Add(Report{Operation: name, Duration: ms})
				w.Add(Report{Operation: name, SpanKind: SpanKindClient, Duration: ms})
				w.Add(Report{Operation: name, Service: "other", Duration: ms})
			}
		}
		p := w.Close(Period{}, nil)
		if len(p.Summaries) != 3*n {
			t.Fatalf("round %d: %d operations, want %d", round, len(p.Summaries), 3*n)
		}
		for _, s := range p.Summaries {
			if s.Count != 3 {
				t.Errorf("round %d: %d calls of %q, want 3", round, s.Count, s.Operation)
			}
		}
	}
}

// It is found out whether names are the same strings each time, which are remembered all, or
// built anew, of which it is then hardly tried.
func TestWindowsNoticeNamesBuiltAnew(t *testing.T) {
	for _, n := range []int{1, 100, 3000} {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprint("operation ", i)
		}
		w := newWindows(t, Config{MaxOperations: n})
		add := func(calls int, made func(string) string) (tried int) {
			for i := range calls {
				if w.names.skip == 0 {
					tried++
				}
				w.Add(Report{Operation: made(names[i%n]), Duration: ms})
			}
			return tried
		}
		same := func(name string) string { return name }
		const calls = 100_000
		add(calls, same)
		if tried := add(calls, same); tried != calls {
			t.Errorf("%d names that stay the same: %d of %d tried", n, tried, calls)
		}
		add(calls, strings.Clone)
		if tried := add(calls, strings.Clone); tried == 0 || tried > calls/50 {
			t.Errorf("%d names that are built anew: %d of %d tried, want some", n, tried, calls)
		}
		if w.names.skip > mostSkipped || w.names.nextSkip > mostSkipped {
			t.Errorf("%d names that are built anew: none of %d is tried, and then of %d, want %d at most", n, w.names.skip, w.names.nextSkip, mostSkipped)
		}
		if isFew, hasTable := n <= builtOperations/2, w.names.built != nil; isFew != hasTable {
			t.Errorf("%d names that are built anew: a table for them: %t", n, hasTable)
		}
		add(calls, same)
		if tried := add(calls, same); tried != calls {
			t.Errorf("%d names that stay the same again: %d of %d tried", n, tried, calls)
		}
		if p := w.Close(Period{}, nil); len(p.Summaries) != n || p.Received != 6*calls {
			t.Errorf("%d operations with %d calls, want %d with %d", len(p.Summaries), p.Received, n, 6*calls)
		}
	}
}

// A name that was remembered must not lead to an operation that has left: what
// would be counted there would never be seen.
func TestWindowsNamesUsedAgainAfterLeaving(t *testing.T) {
	names := make([]string, 300)
	for i := range names {
		names[i] = fmt.Sprintf("operation %d", i)
	}
	w := newWindows(t, Config{MaxOperations: 200, IdlePeriods: 1})
	for round := range 6 {
		// Each round uses other names, in the same memory as before.
		used := names[round%3*100 : round%3*100+100]
		for range 3 {
			for _, name := range used {
				w.Add(Report{Operation: name, SpanKind: SpanKindServer})
			}
		}
		p := w.Close(Period{}, nil)
		if len(p.Summaries) != 100 || p.Received != 300 || p.Overflowed != 0 {
			t.Fatalf("round %d: %d operations with %d reports, %d overflowed, want 100 with 300 and none", round, len(p.Summaries), p.Received, p.Overflowed)
		}
		if round > 0 && len(p.Evicted) != 100 {
			t.Errorf("round %d: %d operations left, want 100", round, len(p.Evicted))
		}
	}
	w.Close(Period{}, nil)
	if len(w.operations) != 0 || len(w.groups) != 0 {
		t.Errorf("%d operations and %d groups are still there", len(w.operations), len(w.groups))
	}
	for i, r := range w.names.known {
		if r != (knownNames{}) {
			t.Fatalf("entry %d still remembers %v", i, r)
		}
	}
}
