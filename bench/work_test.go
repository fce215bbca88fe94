package main

import (
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/blurooo/go-monitor/v2"
)

// Every producer does each of its operations once, in order, and all of them have done a
// chunk before anything is settled.
func TestWork(t *testing.T) {
	for _, producers := range []int{1, 2, 3} {
		var next [3]int
		var done, settled atomic.Int64
		const n, chunk = 1000, 90
		w := &work{
			producers: producers, chunk: chunk,
			settle: func() {
				if d := done.Load(); settled.Add(1)*chunk != d && d != int64(n/producers*producers) {
					t.Errorf("%d producers: settled after %d operations", producers, d)
				}
			},
			do: func(producer, from, to int) {
				if next[producer] != from {
					t.Errorf("%d producers: %d began at %d, want %d", producers, producer, from, next[producer])
				}
				next[producer] = to
				done.Add(int64(to - from))
			},
		}
		got, err := w.measure(n)
		if err != nil {
			t.Fatal(err)
		}
		want := n / producers * producers
		if int(done.Load()) != want || got.n != want {
			t.Errorf("%d producers did %d operations and say %d, want %d", producers, done.Load(), got.n, want)
		}
		if got.value <= 0 || !got.hasMemory {
			t.Errorf("%d producers: %+v", producers, got)
		}
	}
}

func TestTotalMakesUpForInterruptions(t *testing.T) {
	if got, want := total([]time.Duration{10, 14, 1000, 12, 40}), time.Duration(19*5); got != want {
		t.Errorf("total is %d, want %d", got, want)
	}
	if got := total([]time.Duration{7}); got != 7 {
		t.Errorf("total of one chunk is %d", got)
	}
}

func TestLongestLap(t *testing.T) {
	at := func(d time.Duration) time.Time { return time.Unix(0, 0).Add(d) }
	laps := []lap{{start: at(5), end: at(20)}, {start: at(3), end: at(10)}, {start: at(4), end: at(22)}}
	if got := longest(laps); got != 19 {
		t.Errorf("it took %d, want 19", got)
	}
}

// The rounds try both alignments that a stack frame can have.
func TestPlaces(t *testing.T) {
	var at []uintptr
	for _, place := range places {
		place(func() { at = append(at, stackAddress()) })
	}
	if len(at) != 2 || at[0]%16 == at[1]%16 {
		t.Errorf("the places are %#x", at)
	}
}

//go:noinline
func stackAddress() uintptr {
	var here [8]byte
	return uintptr(unsafe.Pointer(&here))
}

func TestNames(t *testing.T) {
	names := makeNames(manyNames)
	if names[0] != "GET /api/resource/000000" || names[9999] != "GET /api/resource/009999" {
		t.Errorf("names are %q to %q", names[0], names[9999])
	}
	for _, n := range names {
		if len(n) != nameBytes {
			t.Fatalf("%q has %d bytes", n, len(n))
		}
	}
}

func TestNameSource(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		s := newNameSource(100, fresh)
		at := 0
		first, other := "", ""
		for i := range 250 {
			got := s.next(i, &at)
			if got != s.names[i%100] {
				t.Fatalf("fresh %t: name %d is %q, want %q", fresh, i, got, s.names[i%100])
			}
			switch i {
			case 5:
				first = got
			case 105:
				other = got
			}
		}
		if same := unsafe.StringData(first) == unsafe.StringData(other); same == fresh {
			t.Errorf("fresh %t: the same string twice is %t", fresh, same)
		}
	}
}

func TestLatencies(t *testing.T) {
	d := typicalLatencies(1 << 14)
	slices.Sort(d)
	if m := d[len(d)/2]; m < 19*time.Millisecond || m > 21*time.Millisecond {
		t.Errorf("typical ones are around %s", m)
	}
	if ratio := float64(d[len(d)*84/100]) / float64(d[len(d)/2]); math.Abs(ratio-math.Exp(0.5)) > 0.05 {
		t.Errorf("a standard deviation is a factor of %.2f", ratio)
	}
	w := worstLatencies(1 << 14)
	slices.Sort(w)
	if w[0] < time.Microsecond || w[len(w)-1] > time.Hour || w[0] > 2*time.Microsecond || w[len(w)-1] < 50*time.Minute {
		t.Errorf("the worst are between %s and %s", w[0], w[len(w)-1])
	}
}

// What is measured as a report is one.
func TestReportEach(t *testing.T) {
	m, err := monitor.New(quietConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer shut(m)
	var refused atomic.Uint64
	report := reportEach(m, makeNames(10), &refused)
	report(0, 0, 500)
	report(1, 500, 1000)
	counted(m)()
	if got := m.Stats().Counted + refused.Load(); got != 1000 {
		t.Errorf("%d reports, want 1000", got)
	}
}
