package engine

import (
	"cmp"
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
	// wake holds a token when the consumer, which may be asleep, has to come: some ring has
	// filled by another part.
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
	// limit is a position below which there is room for sure: what free was when it was last
	// read, plus the number of slots. It spares the producers most reads of free, which the
	// consumer writes on another processor.
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

const (
	sealed = 1 << 63
	// ringSlots is the number of slots of a default ring: fewer cost time, since
	// the consumer has to be woken more often.
	ringSlots = 2048
	maxRings  = 32
	// batch is the largest number of reports that the consumer takes at once.
	batch = 64
)

// whose returns service and kind of a slot that is ready, of which d is the detail if it has
// one.
func (q *queue) whose(s *slot, d *detail) (service string, kind SpanKind) {
	if s.how.isDetailed() {
		return d.service, d.kind
	}
	return q.serviceAt(s.how.place()), s.how.kind()
}

// serviceAt returns the service at a place.
func (q *queue) serviceAt(place int) string {
	if known := q.services[place].Load(); known != nil {
		return *known
	}
	return ""
}

// place returns the place of a service, or 0 if it has none. A service that is not known yet
// gets a place if one is free. The name is compared by its address and length, as in
// [knownName].
func (q *queue) place(service string) int {
	if service == "" || len(service) > MaxNameBytes {
		return 0
	}
	for place := 1; place < maxServices; place++ {
		known := q.services[place].Load()
		if known == nil {
			known = q.know(place, service)
		}
		if unsafe.StringData(*known) == unsafe.StringData(service) && len(*known) == len(service) {
			return place
		}
	}
	return 0
}

// know gives a service a place, unless another one was faster, and returns whose it is.
func (q *queue) know(place int, service string) *string {
	q.services[place].CompareAndSwap(nil, &service)
	return q.services[place].Load()
}

// initSize makes room for size reports, or for the default number.
func (q *queue) initSize(size int) {
	rings := min(maxRings, 2*ceilPow2(runtime.GOMAXPROCS(0)))
	if size == 0 {
		size = rings * ringSlots
	}
	size = ceilPow2(size)
	rings = max(1, min(rings, size/ringSlots))
	q.initRings(rings, size/rings)
}

// initRings makes so many rings, a power of two, of n slots each, another one.
func (q *queue) initRings(rings, n int) {
	q.last, q.wake = uint64(rings-1), make(chan struct{}, 1)
	q.rings = q.all[:rings]
	for i := range q.rings {
		q.rings[i].init(i, n)
	}
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

// pushPlaced passes on a report whose service is known by its place, which is part of h, or
// counts it as dropped and returns false. As in [Engine.ReportFields] the fields travel in
// registers.
func (q *queue) pushPlaced(name, code string, d time.Duration, h how) bool {
	r := q.pick()
	pos := r.tail.Load()
	s := &r.slots[pos&r.mask]
	if !fits(name, code) || pos >= r.limit.Load() || !r.tail.CompareAndSwap(pos, pos+1) {
		return q.pushAnywhere(r, "", name, code, d, h)
	}
	s.put(name, code, d, h)
	r.pass(s, pos, q)
	return true
}

// pushAnywhere passes a report on where the first try at the ring that was picked failed, the
// service has to be looked for, or the report does not fit into a slot.
//
//go:noinline
func (q *queue) pushAnywhere(first *ring, service, name, code string, d time.Duration, h how) bool {
	if service != "" {
		h = h.at(q.place(service))
	}
	if !fits(name, code) || service != "" && h.place() == 0 {
		return q.pushDetailed(name, code, d, detail{service: cmp.Or(service, q.serviceAt(h.place())), kind: h.kind(), outcome: h.outcome(), less: h.less()})
	}
	r, pos, ok := q.claim(first)
	if !ok {
		return false
	}
	s := &r.slots[pos&r.mask]
	s.put(name, code, d, h)
	r.pass(s, pos, q)
	return true
}

// pushDetailed passes on a report that carries more. It fills in the lengths.
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
// much that was. It waits for slots that are claimed and not yet written: their producers are
// between two instructions. Only the consumer may call it.
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
