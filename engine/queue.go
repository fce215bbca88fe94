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
// Each ring is Dmitry Vyukov's bounded queue
// (https://www.1024cores.net/home/lock-free-algorithms/queues/bounded-mpmc-queue)
// with its consumer's side reduced to one consumer: every slot carries a sequence
// number that says whose turn it is. A producer claims the slot at the ring's tail
// with a compare-and-swap, writes it, and passes it on by its sequence number; the
// consumer passes it back the same way. A lost race is tried again, so a ring
// refuses a report only when it is full, and the queue only when all its rings
// are.
//
// The rings are also the gate that makes shutting down exact: seal sets a bit in
// every tail, after which no claim can succeed, and what was claimed before will
// be passed on. So each report is either refused or delivered, and producers pay
// nothing for that.
type queue struct {
	rings []ring
	// shift turns a hash into the index of a ring.
	shift uint
	// wake holds a token when some ring has filled by another part and
	// the consumer may be asleep.
	wake chan struct{}
}

// ring is one of a queue's rings. Its hot parts keep a cache line each.
type ring struct {
	slots   []slot
	details []detail // beside slots, for reports that carry more
	mask    uint64
	// part is a power of two less one: the consumer is woken every part+1 reports.
	part uint64

	_ [64]byte
	// tail counts the claims of producers; sealed is its highest bit.
	tail atomic.Uint64
	_    [56]byte
	// full and late count refused reports, by reason.
	full atomic.Uint64
	late atomic.Uint64
	_    [48]byte
	// head counts what was consumed. It belongs to the consumer.
	head uint64
	_    [56]byte
}

// slot is a report while it waits. Producer and consumer own it in turn: at position
// pos of a ring with n slots, seq is pos when the producer of pos may write it, pos+1 when
// the consumer may read it, and then pos+n.
type slot struct {
	seq      atomic.Uint64
	name     string
	service  string
	code     string
	duration time.Duration
	kind     Kind
	outcome  Outcome
	detailed bool // whether the detail belongs to this report
}

// detail is what only reports of failed and slow calls carry.
type detail struct {
	trace TraceRef
	end   time.Time
}

const (
	sealed = 1 << 63
	// ringSlots is the number of slots of a default ring: fewer cost time, since
	// the consumer has to be woken more often.
	ringSlots = 2048
	maxRings  = 32
)

// refusal says why a report was not taken.
type refusal uint8

const (
	taken refusal = iota
	refusedFull
	refusedSealed
)

// newQueue returns a queue for size reports, or for the default number.
func newQueue(size int) *queue {
	rings := min(maxRings, 2*ceilPow2(runtime.GOMAXPROCS(0)))
	if size == 0 {
		size = rings * ringSlots
	}
	size = ceilPow2(size)
	rings = max(1, min(rings, size/ringSlots))
	q := &queue{
		rings: make([]ring, rings),
		shift: uint(64 - bits.TrailingZeros(uint(rings))),
		wake:  make(chan struct{}, 1),
	}
	for i := range q.rings {
		q.rings[i].init(size / rings)
	}
	return q
}

// ceilPow2 returns the least power of two that is not below n.
func ceilPow2(n int) int { return 1 << bits.Len(uint(n-1)) }

func (r *ring) init(n int) {
	r.slots = make([]slot, n)
	r.details = make([]detail, n)
	r.mask = uint64(n - 1)
	r.part = uint64(n/4 - 1)
	for i := range r.slots {
		r.slots[i].seq.Store(uint64(i))
	}
}

// affinity returns a number that is mostly the same for calls of one goroutine
// and mostly different for different ones: the address of its stack. The address
// is only a number: it is never turned back into a pointer, so it does no harm that
// the stack may move.
func affinity() uint64 {
	var here byte
	return uint64(uintptr(unsafe.Pointer(&here)))
}

// pick returns the index of the ring that the calling goroutine tries first.
func (q *queue) pick() uint64 {
	// A goroutine's frames lie within a few KiB: the low bits say where in its
	// stack it is, the others whose stack it is. Fibonacci hashing spreads them.
	return (affinity() >> 13 * 0x9E3779B97F4A7C15) >> q.shift
}

// push passes a report on, or counts it as refused. It neither waits nor allocates. The
// fields come one by one so that they travel in registers.
func (q *queue) push(name, service, code string, d time.Duration, kind Kind, outcome Outcome) bool {
	first := q.pick()
	r := &q.rings[first]
	pos, s, why := r.claim()
	if why != taken {
		if r, pos, s, why = q.claimElsewhere(first); why != taken {
			return false
		}
	}
	s.name, s.service, s.code = name, service, code
	s.duration, s.kind, s.outcome, s.detailed = d, kind, outcome, false
	s.seq.Store(pos + 1)
	if pos&r.part == r.part {
		q.wakeConsumer()
	}
	return true
}

// pushDetailed is push for a report that carries more.
func (q *queue) pushDetailed(rep *Report) bool {
	first := q.pick()
	r := &q.rings[first]
	pos, s, why := r.claim()
	if why != taken {
		if r, pos, s, why = q.claimElsewhere(first); why != taken {
			return false
		}
	}
	r.details[pos&r.mask] = detail{trace: rep.Trace, end: rep.End}
	s.name, s.service, s.code = rep.Operation, rep.Service, rep.Code
	s.duration, s.kind, s.outcome, s.detailed = rep.Duration, rep.Kind, rep.Outcome, true
	s.seq.Store(pos + 1)
	if pos&r.part == r.part {
		q.wakeConsumer()
	}
	return true
}

// claim takes the slot at the tail. For a ring that is full it returns the tail.
func (r *ring) claim() (uint64, *slot, refusal) {
	pos := r.tail.Load()
	for {
		s := &r.slots[pos&r.mask]
		switch turn := int64(s.seq.Load() - pos); {
		case pos&sealed != 0:
			return 0, nil, refusedSealed
		case turn == 0:
			if r.tail.CompareAndSwap(pos, pos+1) {
				return pos, s, taken
			}
			pos = r.tail.Load()
		case turn < 0:
			// The slot still holds the report of the round before. If the tail
			// has not moved meanwhile, the ring is full.
			if now := r.tail.Load(); now != pos {
				pos = now
				continue
			}
			return pos, nil, refusedFull
		default:
			pos = r.tail.Load() // somebody else claimed it
		}
	}
}

// claimElsewhere tries all rings after the first one refused, and counts the
// refusal if all of them do.
//
// One round over the rings does not show that the queue is full: one that was full
// may have been emptied while the others were looked at. So there is a second round.
// Tails only grow, and nothing leaves a ring whose tail slot has not been passed back,
// so rings that are full with the same tails in both were all full in between.
func (q *queue) claimElsewhere(first uint64) (*ring, uint64, *slot, refusal) {
	for last := uint64(0); ; {
		tails, why := uint64(0), refusedFull
		for i := range uint64(len(q.rings)) {
			r := &q.rings[(first+i)&uint64(len(q.rings)-1)]
			pos, s, not := r.claim()
			if not == taken {
				return r, pos, s, taken
			}
			if not == refusedSealed {
				why = refusedSealed
			}
			tails += pos
		}
		switch {
		case why == refusedSealed:
			q.rings[first].late.Add(1)
		case tails == last || len(q.rings) == 1:
			q.rings[first].full.Add(1)
		default:
			last = tails
			continue
		}
		q.wakeConsumer()
		return nil, 0, nil, why
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

// drain passes what waits to f, at most a queueful, and returns how much that was.
// Only the consumer may call it.
func (q *queue) drain(f func(*slot, *detail)) int {
	n := 0
	for i := range q.rings {
		r := &q.rings[i]
		n += r.drain(r.head+uint64(len(r.slots)), f)
	}
	return n
}

// drainAll passes on everything that was claimed before the call. A slot that
// a producer has claimed and not yet written is waited for: the producer is between
// two instructions. Only the consumer may call it.
func (q *queue) drainAll(f func(*slot, *detail)) {
	for i := range q.rings {
		r := &q.rings[i]
		end := r.tail.Load() &^ sealed
		for r.drain(end, f); r.head < end; r.drain(end, f) {
			runtime.Gosched()
		}
	}
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
func (r *ring) drain(end uint64, f func(*slot, *detail)) int {
	from := r.head
	for r.head < end {
		i := r.head & r.mask
		s := &r.slots[i]
		if s.seq.Load() != r.head+1 {
			break
		}
		f(s, &r.details[i])
		// What the slot points to is not kept alive while it waits for its next report.
		s.name, s.service, s.code = "", "", ""
		s.seq.Store(r.head + uint64(len(r.slots)))
		r.head++
	}
	return int(r.head - from)
}
