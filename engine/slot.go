package engine

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// slot is a report while it waits. It is packed, so that two share a cache line: what a
// report costs is mostly that its line moves from one processor to another and back.
// It belongs to the producer that claimed its position until that has set round, then to
// the consumer until that has moved ring.free past it.
type slot struct {
	name, code *byte // of the strings whose lengths are in how
	duration   time.Duration
	how        how // with the lengths, and whether the slot is detailed
	// round is the low half of the position, plus one. It is set last.
	round atomic.Uint32
}

// detail is what only few reports carry: those of calls that can be looked up, and those
// that don't fit into a slot. Their slots hold name and code, and all the rest is here.
type detail struct {
	trace                  TraceRef
	nameLength, codeLength uint16
	kind                   SpanKind
	outcome                Outcome
	untimed                bool // the duration in the slot is no latency
	less                   less
	service                string
	end                    int64 // in nanoseconds of Unix time; 0: now
	cause                  *Cause
	details                *Details
}

// how says of a call what span kind it had and how it ended, as one number; and, where the
// caller knows it, how much shorter its own time was, and at which place of the queue its
// service stands.
//
// From the lowest bit on it holds the kind (3 bits), the outcome (3), less (10), the lengths of
// code (5) and name (8), the place of the service (2), and whether the slot is detailed.
type how uint32

const (
	outcomeShift = 3
	lessShift    = 6
	codeShift    = 16
	nameShift    = 21
	placeShift   = 29
	detailed     = how(1) << 31

	// mostKinds is the number of span kinds, and of outcomes, that have room in a slot: more than
	// there are.
	mostKinds   = 1 << outcomeShift
	longestCode = 1<<(nameShift-codeShift) - 1
	longestName = 1<<(placeShift-nameShift) - 1
	// maxServices is the number of places, of which the first one stands for no service.
	maxServices = 1 << 2
)

// howOf returns kind and outcome as one number. Both must be usual.
func howOf(k SpanKind, o Outcome) how { return how(k) | how(o)<<outcomeShift }

// isUsual reports whether kind and outcome have room in a slot. All that have a name do.
func isUsual(k SpanKind, o Outcome) bool { return uint8(k)|uint8(o) < mostKinds }

// lessBy returns h with how much shorter the call's own time was.
func (h how) lessBy(l less) how { return h | how(l&lessUnknown)<<lessShift }

// at returns h with the place of the call's service.
func (h how) at(place int) how { return h | how(place)<<placeShift }

func (h how) kind() SpanKind   { return SpanKind(h & (mostKinds - 1)) }
func (h how) outcome() Outcome { return Outcome(h >> outcomeShift & (mostKinds - 1)) }
func (h how) less() less       { return less(h>>lessShift) & lessUnknown }
func (h how) place() int       { return int(h >> placeShift & (maxServices - 1)) }
func (h how) isDetailed() bool { return h&detailed != 0 }

// fits reports whether the lengths of name and code have room in a slot.
func fits(name, code string) bool { return len(name) <= longestName && len(code) <= longestCode }

// put writes a report that fits; the place of its service is part of h.
func (s *slot) put(name, code string, d time.Duration, h how) {
	s.name, s.code, s.duration = unsafe.StringData(name), unsafe.StringData(code), d
	s.how = h | how(len(code))<<codeShift | how(len(name))<<nameShift
}

// names returns name and code of a slot that is ready, of which d is the detail if it has one.
//
// Pointer and length of each were taken from one string by the producer.
func (s *slot) names(d *detail) (name, code string) {
	if s.how.isDetailed() {
		return unsafe.String(s.name, int(d.nameLength)), unsafe.String(s.code, int(d.codeLength))
	}
	return unsafe.String(s.name, int(s.how>>nameShift&longestName)), unsafe.String(s.code, int(s.how>>codeShift&longestCode))
}
