package engine

import (
	"encoding/binary"
	"sync/atomic"
)

// traced chooses the traces whose calls are reported with their ids, so that the slowest call of a
// slice can be looked up. Such a report costs more than others. So where there are many, it chooses
// few, whole traces by their ids.
//
// wants is safe for concurrent use. The rest belongs to the engine's goroutine.
type traced struct {
	mask    atomic.Uint64 // traces are chosen whose ids have no bit in common with it
	_       [56]byte
	counted int // reports with ids in this slice
}

const (
	// mostTraced is the number of reports with ids in a slice from which on fewer traces are chosen.
	mostTraced = 512
	// leastTraced is the largest mask.
	leastTraced = 1<<20 - 1
)

// wants reports whether the trace of a span is chosen. The bits that decide are not those by which
// samplers decide.
func (t *traced) wants(l *Link) bool {
	return binary.LittleEndian.Uint64(l.Trace[:])&t.mask.Load() == 0
}

// count counts a report with ids.
func (t *traced) count() {
	if t.counted++; t.counted == mostTraced {
		t.counted = mostTraced / 2 // half of them would not have been chosen
		if mask := t.mask.Load(); mask < leastTraced {
			t.mask.Store(2*mask + 1)
		}
	}
}

// adapt begins the next slice.
func (t *traced) adapt() {
	mask := t.mask.Load()
	for n := max(t.counted, 1); n < mostTraced/4; n *= 2 {
		mask /= 2
	}
	t.mask.Store(mask)
	t.counted = 0
}
