package engine

import (
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"
)

// queue carries reports from any number of producers to one consumer. It is
// bounded, lock-free and made of several rings, so that producers on different
// processors mostly touch different memory.
//
// A ring is a bounded array queue in the manner of Dmitry Vyukov's
// (https://www.1024cores.net/home/lock-free-algorithms/queues/bounded-mpmc-queue),
// reduced to one consumer: a producer claims the position at the ring's tail with a
// compare-and-swap, writes the slot there, and passes it on by writing the
// position into the slot. Where Vyukov's consumer passes each slot back through
// the slot itself, this one gives slots back in batches, by one counter: so the
// consumer only reads what the producers write. A lost race is tried again, so a
// ring refuses a report only when it is full, and the queue only when all its
// rings are full at one moment.
//
// The rings are also the gate that makes shutting down exact: seal sets a bit in
// every tail, after which no claim can succeed, and what was claimed before will
// be passed on. So each report is either refused or delivered, and producers pay
// nothing for that.
type queue struct {
	// The rings stand in the queue itself: whoever pushes finds them without asking
	// memory where they are. Those after the last one are not used.
	all   [maxRings]ring
	rings []ring // those that are used
	last  uint64 // index of the last one: their number, a power of two, less one
	// services are those that slots name by their place here; the first place stands for "".
	services [maxServices]atomic.Pointer[string]
	// wake holds a token when some ring has filled by another part and
	// the consumer may be asleep.
	wake chan struct{}
}

// ring is one of a queue's rings. What different processors write lies in different
// cache lines.
type ring struct {
	index   uint64 // its place among the rings
	slots   []slot
	details []detail // beside slots, for reports that carry more
	mask    uint64
	// part is a power of two less one: the consumer is woken every part+1 reports.
	part uint64
	_    [64]byte
	// tail counts the claims of producers; sealed is its highest bit.
	tail atomic.Uint64
	// limit is a position below which there is room for sure: what free was when it was
	// last looked at, plus the number of slots. It spares the producers most looks at free,
	// which the consumer writes on another processor.
	limit atomic.Uint64
	_     [48]byte
	// free counts the slots that the consumer has given back.
	free atomic.Uint64
	_    [56]byte
	// full and late count refused reports, by reason.
	full atomic.Uint64
	late atomic.Uint64
	_    [48]byte
	// head counts what was consumed. It belongs to the consumer.
	head uint64
	_    [56]byte
}

// slot is a report while it waits. It is packed, so that two share a cache line: what a
// report costs is mostly that its line moves from one processor to another and back.
// It belongs to the producer that claimed its position until that has set round, then to
// the consumer until that has moved ring.free past it.
type slot struct {
	name, code *byte // of the strings whose lengths are in how
	duration   time.Duration
	how        How // with the lengths, and whether the slot is detailed
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
	service                string
	end                    int64 // in nanoseconds of Unix time; 0: now
	cause                  *Cause
}

const (
	sealed = 1 << 63
	// ringSlots is the number of slots of a default ring: fewer cost time, since
	// the consumer has to be woken more often.
	ringSlots = 2048
	maxRings  = 32
	// batch is the largest number of reports that the consumer takes at once.
	batch = 64
)

// How says of a call what kind it was of and how it ended, as one number; and, where the caller
// knows it, by which number its service is known ([Intake.Place]).
//
// From the lowest bit on it holds the kind (8 bits), the outcome (8), the lengths of code (5)
// and name (8), the place of the service (2), and whether a slot is detailed.
type How uint32

const (
	outcomeShift = 8
	codeShift    = 16
	nameShift    = 21
	placeShift   = 29
	detailed     = How(1) << 31
	// callers are the bits that are a caller's to set; whatever it may do to the others, they
	// are the slot's.
	callers = How(maxServices-1)<<placeShift | 1<<codeShift - 1

	longestCode = 1<<(nameShift-codeShift) - 1
	longestName = 1<<(placeShift-nameShift) - 1
	// maxServices is the number of places, of which the first one stands for no service.
	maxServices = 1 << 2
)

// HowOf returns kind and outcome as one number.
func HowOf(k SpanKind, o Outcome) How { return How(k) | How(o)<<outcomeShift }

func (h How) kind() SpanKind   { return SpanKind(h) }
func (h How) outcome() Outcome { return Outcome(h >> outcomeShift) }
func (h How) place() int       { return int(h >> placeShift & (maxServices - 1)) }
func (h How) isDetailed() bool { return h&detailed != 0 }

// fits reports whether the lengths of name and code have room in a How.
func fits(name, code string) bool { return len(name) <= longestName && len(code) <= longestCode }

// put writes a report that fits; the place of its service is part of how.
func (s *slot) put(name, code string, d time.Duration, how How) {
	s.name, s.code, s.duration = unsafe.StringData(name), unsafe.StringData(code), d
	s.how = how&callers | How(len(code))<<codeShift | How(len(name))<<nameShift
}

// names returns name and code of a slot that is ready, of which d is the detail if it has one.
//
// Both strings are made of a pointer and a length that the producer took from one string,
// and that had room where it put them.
func (s *slot) names(d *detail) (name, code string) {
	if s.how.isDetailed() {
		return unsafe.String(s.name, int(d.nameLength)), unsafe.String(s.code, int(d.codeLength))
	}
	return unsafe.String(s.name, int(s.how>>nameShift&longestName)), unsafe.String(s.code, int(s.how>>codeShift&longestCode))
}

// whose returns service and kind of a slot that is ready, of which d is the detail if it has
// one.
func (q *queue) whose(s *slot, d *detail) (service string, kind SpanKind) {
	if s.how.isDetailed() {
		return d.service, d.kind
	}
	if known := q.services[s.how.place()].Load(); known != nil {
		service = *known
	}
	return service, s.how.kind()
}

// Place returns what a caller adds to the How of reports of a service, to spare [Intake.Push] the
// search for it: the number by which the service is known, or 0 if it has none.
//
// The name is compared by its address and length, as in [recentName]; one that is not known
// yet gets a place if one is free.
func (q *queue) Place(service string) How {
	if service == "" || len(service) > MaxNameBytes {
		return 0
	}
	for place := 1; place < maxServices; place++ {
		known := q.services[place].Load()
		if known == nil {
			known = q.know(place, service)
		}
		if unsafe.StringData(*known) == unsafe.StringData(service) && len(*known) == len(service) {
			return How(place) << placeShift
		}
	}
	return 0
}

// know gives a service a place, unless another one was faster, and returns whose it is.
func (q *queue) know(place int, service string) *string {
	q.services[place].CompareAndSwap(nil, &service)
	return q.services[place].Load()
}

// newQueue returns a queue for size reports, or for the default number.
func newQueue(size int) *queue {
	rings := min(maxRings, 2*ceilPow2(runtime.GOMAXPROCS(0)))
	if size == 0 {
		size = rings * ringSlots
	}
	size = ceilPow2(size)
	rings = max(1, min(rings, size/ringSlots))
	return newRings(rings, size/rings)
}

// newRings returns a queue of so many rings, a power of two, of n slots each, another one.
func newRings(rings, n int) *queue {
	q := &queue{last: uint64(rings - 1), wake: make(chan struct{}, 1)}
	q.rings = q.all[:rings]
	for i := range q.rings {
		q.rings[i].init(i, n)
	}
	return q
}

// init makes the ring of the given index, with n slots.
func (r *ring) init(index, n int) {
	r.index = uint64(index)
	r.slots = make([]slot, n)
	r.details = make([]detail, n)
	r.mask = uint64(n - 1)
	r.part = uint64(n/4 - 1)
	r.limit.Store(uint64(n))
}

// ceilPow2 returns the least power of two that is not below n.
func ceilPow2(n int) int { return 1 << bits.Len(uint(n-1)) }

// affinity returns a number that is mostly the same for calls of one goroutine
// and mostly different for different ones: the address of its stack. The address
// is only a number: it is never turned back into a pointer, so it does no harm that
// the stack may move.
func affinity() uint64 {
	var here byte
	return uint64(uintptr(unsafe.Pointer(&here)))
}

// pick returns the ring that the calling goroutine tries first.
func (q *queue) pick() *ring {
	// A goroutine's frames lie within a few KiB: the low bits say where in its
	// stack it is, the others whose stack it is. Fibonacci hashing (Knuth, The Art
	// of Computer Programming, volume 3, section 6.4) spreads them.
	return &q.all[affinity()>>11*0x9E3779B97F4A7C15>>32&q.last&(maxRings-1)]
}

// Intake is the way into an engine: its queue, of which only Push and Place are for others.
type Intake = queue

// Push passes a report on, or counts it as dropped and returns false, as
// [Engine.Report] does. The fields come one by one, and few enough, so that they travel
// in registers: a struct that was just written to memory stalls whoever copies it.
func (q *queue) Push(service, name, code string, d time.Duration, how How) bool {
	r := q.pick()
	pos := r.tail.Load()
	s := &r.slots[pos&r.mask] // before the claim, which whatever is read after has to wait for
	if !fits(name, code) || service != "" && how < 1<<placeShift || pos >= r.limit.Load() || !r.tail.CompareAndSwap(pos, pos+1) {
		return q.pushAnywhere(r, service, name, code, d, how)
	}
	s.put(name, code, d, how)
	r.pass(s, pos, q)
	return true
}

// pushAnywhere is Push where the first try at the ring that was picked failed, the service
// has to be looked for, or the report does not fit into a slot.
//
//go:noinline
func (q *queue) pushAnywhere(first *ring, service, name, code string, d time.Duration, how How) bool {
	if service != "" && how.place() == 0 {
		how |= q.Place(service)
	}
	if !fits(name, code) || service != "" && how.place() == 0 {
		return q.pushDetailed(name, code, d, detail{service: service, kind: how.kind(), outcome: how.outcome()})
	}
	r, pos, ok := q.claim(first)
	if !ok {
		return false
	}
	s := &r.slots[pos&r.mask]
	s.put(name, code, d, how)
	r.pass(s, pos, q)
	return true
}

// pushDetailed is Push for a report that carries more. It fills in the lengths.
func (q *queue) pushDetailed(name, code string, d time.Duration, more detail) bool {
	r, pos, ok := q.claim(q.pick())
	if !ok {
		return false
	}
	name, code = TruncateName(name), TruncateName(code)
	more.nameLength, more.codeLength = uint16(len(name)), uint16(len(code))
	r.details[pos&r.mask] = more
	s := &r.slots[pos&r.mask]
	s.name, s.code, s.duration, s.how = unsafe.StringData(name), unsafe.StringData(code), d, detailed
	r.pass(s, pos, q)
	return true
}

// pass passes the slot at a claimed position, which is written, on to the consumer.
func (r *ring) pass(s *slot, pos uint64, q *queue) {
	s.round.Store(uint32(pos) + 1)
	if pos&r.part == r.part {
		q.wakeConsumer()
	}
}

// claim takes the position at the tail of ring first or, where that is full, of
// another one. It counts the refusal if all are.
//
// One round over the rings does not show that the queue is full: one that was full
// may have been emptied while the others were looked at. So there is a second
// round. Tails only grow, and a full ring stays full until free grows: rings that
// are full with the same tails in two rounds, and with the same counts of
// free slots, were all full in between.
func (q *queue) claim(first *ring) (*ring, uint64, bool) {
	for before := uint64(0); ; {
		now := uint64(0)
		for i := range uint64(len(q.rings)) {
			r := &q.rings[(first.index+i)&q.last]
			for {
				pos := r.tail.Load()
				if free := r.free.Load(); pos-free <= r.mask { // a sealed tail looks far too large
					if r.tail.CompareAndSwap(pos, pos+1) {
						// Whoever was slower sets it back a little, which does no harm.
						r.limit.Store(free + uint64(len(r.slots)))
						return r, pos, true
					}
					continue // somebody else was faster
				}
				if pos&sealed != 0 {
					first.late.Add(1)
					return nil, 0, false
				}
				if r.tail.Load() == pos { // else what free was held against is too old
					now += pos
					break
				}
			}
		}
		if now == before || len(q.rings) == 1 {
			first.full.Add(1)
			q.wakeConsumer()
			return nil, 0, false
		}
		before = now
	}
}

// wakeConsumer leaves a token for the consumer, if there is none yet.
func (q *queue) wakeConsumer() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// refused returns how many reports were refused because the queue was full,
// and because it was sealed.
func (q *queue) refused() (full, late uint64) {
	for i := range q.rings {
		full += q.rings[i].full.Load()
		late += q.rings[i].late.Load()
	}
	return full, late
}

// seal makes every later push fail.
func (q *queue) seal() {
	for i := range q.rings {
		q.rings[i].tail.Or(sealed)
	}
}

// drain passes what waits to f in batches, at most a queueful, and returns how much
// that was. Only the consumer may call it.
func (q *queue) drain(f func([]slot, []detail)) int {
	n := 0
	for i := range q.rings {
		r := &q.rings[i]
		n += r.drain(r.head+uint64(len(r.slots)), f)
	}
	return n
}

// drainAll passes on everything that was claimed before the call, and returns how
// much that was. A slot that a producer has claimed and not yet written is
// waited for: the producer is between two instructions. Only the consumer may call it.
func (q *queue) drainAll(f func([]slot, []detail)) int {
	n := 0
	for i := range q.rings {
		r := &q.rings[i]
		end := r.tail.Load() &^ sealed
		for n += r.drain(end, f); r.head < end; n += r.drain(end, f) {
			runtime.Gosched()
		}
	}
	return n
}

// isBehind reports whether a ring holds so much that its next token may
// come too late. Only the consumer may call it.
func (q *queue) isBehind() bool {
	for i := range q.rings {
		r := &q.rings[i]
		if r.tail.Load()&^sealed-r.head > r.part {
			return true
		}
	}
	return false
}

// drain passes on the slots before end that are ready, and returns their number.
//
// It clears the strings of what was consumed. So the queue keeps nothing alive; and the
// slots are then in the consumer's cache alone, which lets the producer's processor fetch
// them ahead of their use. Slots that both had read would cost the producer three
// times as much, since it had to ask for each of them when it writes it.
func (r *ring) drain(end uint64, f func([]slot, []detail)) int {
	from := r.head
	for r.head < end {
		i := r.head & r.mask
		ready := r.slots[i:min(i+batch, i+end-r.head, uint64(len(r.slots)))]
		n := 0
		for n < len(ready) && ready[n].round.Load() == uint32(r.head)+uint32(n)+1 {
			n++
		}
		if n == 0 {
			break
		}
		ready = ready[:n]
		f(ready, r.details[i:])
		for i := range ready {
			s := &ready[i]
			s.name, s.code = nil, nil
			if s.how.isDetailed() {
				r.details[r.head&r.mask+uint64(i)] = detail{}
			}
		}
		r.head += uint64(n)
		r.free.Store(r.head)
	}
	return int(r.head - from)
}
