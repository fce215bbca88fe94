//go:build !386 && !arm && !mips && !mipsle && !wasm

package engine

import (
	"testing"
	"unsafe"
)

// What every call touches lies in one pair of cache lines.
func TestOperationLayout(t *testing.T) {
	const pair = 128
	var op operation
	if n := unsafe.Sizeof(op); n%pair != 0 {
		t.Errorf("an operation takes %d bytes, want a multiple of %d", n, pair)
	}
	if end := unsafe.Offsetof(op.success) + unsafe.Offsetof(op.success.place) + unsafe.Sizeof(op.success.place); end > pair {
		t.Errorf("what a call touches ends at %d, want %d at most", end, pair)
	}
	if n := unsafe.Sizeof(knownNames{}); n != 64 {
		t.Errorf("the names that share a place take %d bytes, want 64", n)
	}
	if n := unsafe.Sizeof(slot{}); n != 32 {
		t.Errorf("a slot takes %d bytes, want 32", n)
	}
}
