package main

import (
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

// The floor only means something if it does the work: what is pushed arrives.
func TestBareRing(t *testing.T) {
	if size := unsafe.Sizeof(bareSlot{}); size != 64 {
		t.Errorf("a slot takes %d bytes, want the 64 of a cache line", size)
	}
	r := newBareRing()
	var refused atomic.Uint64
	w := &work{producers: 2, chunk: bareSlots / 2, settle: r.settle, do: pushEach(r, makeNames(3), &refused)}
	const n = 10 * bareSlots
	if _, err := w.measure(n); err != nil {
		t.Fatal(err)
	}
	r.settle()
	r.close()
	if refused.Load() > 0 {
		t.Errorf("%d reports were refused", refused.Load())
	}
	var want uint64
	for i := range n / 2 {
		want += 2 * uint64(nameBytes+len("200")+int(latencies[i&latencyMask]/time.Nanosecond))
	}
	if r.read != n || r.sum != want {
		t.Errorf("%d reports were read that sum up to %d, want %d and %d", r.read, r.sum, n, want)
	}
}
