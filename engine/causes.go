package engine

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Cause is what a failed or slow call is blamed on: an operation, and the code with
// which it ended.
type Cause struct {
	Service   string   `json:"service"`
	SpanKind  SpanKind `json:"span_kind"`
	Operation string   `json:"operation"`
	// Code is the code as it was reported: a slow call may have succeeded. [NetworkCode]
	// has a meaning of its own.
	Code string `json:"code,omitempty"`
}

// NetworkCode is the code of a cause that says that the time went by on the way to the
// operation and back, not in it: its client waited for more than twice as long as it took.
const NetworkCode = "_NETWORK"

// IsNetwork reports whether the way to the operation is blamed.
func (c *Cause) IsNetwork() bool { return c.Code == NetworkCode }

// Key returns the operation that is blamed.
func (c *Cause) Key() OperationKey {
	return OperationKey{Service: c.Service, SpanKind: c.SpanKind, Name: c.Operation}
}

// Link places a span in its trace.
type Link struct {
	Trace [16]byte
	Span  [8]byte
	// Parent is the span's parent, zero if it has none.
	Parent [8]byte
	// RemoteParent says that the parent came in with a request: mostly it lives
	// in another process.
	RemoteParent bool
}

const (
	// maxCauseAge is how far apart the ends of a call and of a child that is
	// blamed for it may lie.
	maxCauseAge = 2 * time.Minute
	// maxPending is the number of calls that [Causes] remembers children of.
	maxPending   = causeShards * causeSets * causeWays
	causeShards  = 64
	causeSets    = 8
	causeWays    = 8 // in a set
	maxLockTries = 1000
	// maxCauses is the number of different causes that are kept for use again.
	maxCauses = 1024
)

// Causes finds out which child operation is to blame for a call that failed or was
// slow. Children end before their parents, mostly: so each such call leaves at its
// parent's place what it is blamed on, and finds at its own place what its children have
// left there. A child that ends after its parent is not blamed for anything.
//
// It is a cache, not a record: it holds a fixed number of places, found by a hash of trace
// and span (a set-associative cache: Hennessy and Patterson, Computer Architecture, appendix
// B), and what finds no place, or finds its place locked for long, is lost and counted.
// A call of which that is lost is blamed itself, or on a child less deep.
//
// All methods are safe for concurrent use, from any goroutine: they wait for nobody
// (but for Expire, which is not for the callers' goroutines), and allocate only for causes that are
// new. It must not be copied; use [NewCauses].
type Causes struct {
	// waiting is the number of shards whose waiting is not 0. It changes under the lock of
	// the shard in question; and seldom when much fails, so that all processors can keep a copy.
	waiting atomic.Int64
	_       [56]byte
	lost    atomic.Uint64
	known   atomic.Pointer[causeTable]
	strings maphash.Seed
	spans   uint64 // what the hashes of spans start from
	_       [32]byte
	shards  [causeShards]causeShard
}

// causeShard holds some of the places. A call's place is found by a hash of trace and span,
// with a seed, so that those who choose trace ids can't choose ones that collide.
type causeShard struct {
	mu sync.Mutex
	// waiting is the number of places for which counts is 1.
	waiting int64
	_       [48]byte
	sets    [causeSets]causeSet
}

type causeSet [causeWays]pending

// pending is what the ended children of one call have left for it. The zero value is a free place.
type pending struct {
	span spanID // the call
	end  int64  // of the child that ended last, in Unix nanoseconds
	// failed is what the last failed child is blamed on, and child that child
	// itself; both are nil if none failed.
	failed *Cause
	child  *Cause
	// slow is what the slowest child is blamed on, slowest that child itself, and took how
	// long that took.
	slow    *Cause
	slowest *Cause
	took    time.Duration
	// local says that the call is one of this process: it will be seen to end.
	local bool
}

// spanID is a trace and a span in it, as numbers.
type spanID struct{ high, low, span uint64 }

// NewCauses returns a Causes that knows of no call.
func NewCauses() *Causes {
	c := &Causes{strings: maphash.MakeSeed()}
	c.spans = maphash.Comparable(c.strings, 0)
	return c
}

// IsWaiting reports whether some call that was not yet seen to end has a child
// that failed. Only then Succeeded and Passed have anything to do. It is one atomic load.
func (c *Causes) IsWaiting() bool { return c.waiting.Load() > 0 }

// Ended takes a call that failed, or that may have been slow, with its end in
// Unix nanoseconds, and returns what it is blamed on. The failure of a failed
// call is blamed on the deepest failed operation known, if it had a failed child; of several
// children, on the last, which is most likely the one that made it fail. The
// slowness is blamed on the deepest operation of which each took more than half of
// its parent's time; that of a client whose server, another service, took less, on the way
// there and back. Nil stands for the call itself.
//
// A call that succeeded has dealt with its children's failures, so its parents are not told
// of them; and it excuses a failed call of the same operation, as Succeeded says. One that was
// given up ([OutcomeCancelled]) has done neither: often it was given up because another
// one failed.
func (c *Causes) Ended(l Link, self Cause, outcome Outcome, d time.Duration, end int64) (failure, slow *Cause) {
	if self.Code == NetworkCode { // a call's own code says nothing of the network
		self.Code = OverflowName
	}
	var own *Cause
	if l.Parent != [8]byte{} && (outcome == OutcomeFailure || d > 0) {
		own = c.intern(&self)
	}
	up := pending{end: end, local: !l.RemoteParent, slow: own, slowest: own, took: d}
	left := c.take(l.span())
	if isNear(left.end, end) {
		switch outcome {
		case OutcomeFailure:
			failure = left.failed
		case OutcomeCancelled:
			up.failed, up.child = left.failed, left.child
		}
		switch {
		case left.took > d/2:
			slow = left.slow
		case isOnTheWay(&self, left.slowest):
			slow = c.intern(&Cause{Service: left.slowest.Service, SpanKind: left.slowest.SpanKind, Operation: left.slowest.Operation, Code: NetworkCode})
		}
	}
	switch {
	case outcome == OutcomeFailure:
		up.failed, up.child = cmp.Or(failure, own), own
	case outcome != OutcomeCancelled && c.IsWaiting():
		c.excuse(&l, self.Key())
	}
	if slow != nil && own != nil {
		up.slow = slow
	}
	if l.Parent != [8]byte{} && !up.isFree() {
		c.leave(l.parent(), &up)
	}
	return failure, slow
}

// isOnTheWay reports whether a call is a client's whose time was not that of its server.
func isOnTheWay(client, server *Cause) bool {
	return client.SpanKind == SpanKindClient && server != nil && server.SpanKind == SpanKindServer && server.Service != TruncateName(client.Service)
}

// Succeeded takes a call that succeeded and was not slow. If the last failed child of its parent was
// a call of the same operation, that was now tried again with success, so nobody is
// blamed for it. What its own children did is forgotten.
func (c *Causes) Succeeded(l Link, key OperationKey) {
	c.take(l.span())
	c.excuse(&l, key)
}

// Passed takes a span that is not watched: what its children did is handed to its
// parent as if it was not there.
func (c *Causes) Passed(l Link) {
	up := c.take(l.span())
	if !up.isFree() && l.Parent != [8]byte{} {
		up.local = !l.RemoteParent
		c.leave(l.parent(), &up)
	}
}

// Expire forgets what is older than two minutes at the given time, in Unix nanoseconds, so
// that IsWaiting becomes false again though calls never end, or do so before their
// children. It visits every place, so it is for the goroutine that closes periods.
func (c *Causes) Expire(now int64) {
	for i := range c.shards {
		s := &c.shards[i]
		for j := range s.sets {
			s.mu.Lock() // for each set anew: callers do not wait for long
			waiting := int64(0)
			for k := range s.sets[j] {
				if p := &s.sets[j][k]; !p.isFree() && !isNear(p.end, now) {
					waiting -= p.counts()
					*p = pending{}
				}
			}
			c.unlock(s, waiting)
		}
	}
}

// isNear reports whether a and b lie within maxCauseAge. What is as far in the future is as
// wrong as what is too old: it would never expire.
func isNear(a, b int64) bool {
	return -int64(maxCauseAge) <= a-b && a-b <= int64(maxCauseAge)
}

// lock returns the shard and the set where a call has its place, locked; or nil, and counts
// that, if others have it locked all the while. They hold it for some dozen nanoseconds,
// unless the system took their processor away: then it may be any time.
func (c *Causes) lock(id spanID) (*causeShard, *causeSet) {
	// Span ids that count up need the last round: after two the hash still follows them.
	hash := mix(mix(mix(id.high^c.spans, id.low), id.span^c.spans), c.spans)
	s := &c.shards[hash%causeShards]
	for range maxLockTries {
		if s.mu.TryLock() {
			return s, &s.sets[hash/causeShards%causeSets]
		}
	}
	c.lost.Add(1)
	return nil, nil
}

// unlock unlocks a shard in which so many more calls count as waiting.
func (c *Causes) unlock(s *causeShard, waiting int64) {
	before := s.waiting
	s.waiting += waiting
	if before == 0 && s.waiting != 0 {
		c.waiting.Add(1)
	} else if before != 0 && s.waiting == 0 {
		c.waiting.Add(-1)
	}
	s.mu.Unlock()
}

// take returns what was left for a call, and frees its place.
func (c *Causes) take(id spanID) (left pending) {
	s, set := c.lock(id)
	if s == nil {
		return left
	}
	if p := set.find(id); p != nil {
		left = *p
		*p = pending{}
	}
	c.unlock(s, -left.counts())
	return left
}

// leave adds to what was left for a call.
func (c *Causes) leave(id spanID, up *pending) {
	s, set := c.lock(id)
	if s == nil {
		return
	}
	p := set.find(id)
	if p == nil {
		p = set.victim()
		if !p.isFree() && isNear(p.end, up.end) {
			c.lost.Add(1)
		}
	}
	before := p.counts()
	if p.span != id || !isNear(p.end, up.end) {
		*p = pending{span: id, end: up.end}
	}
	p.add(up)
	c.unlock(s, p.counts()-before)
}

// excuse takes back what the last failed child of the span's parent has left as its failure,
// if that was a call of the given operation.
func (c *Causes) excuse(l *Link, key OperationKey) {
	if l.Parent == [8]byte{} {
		return
	}
	id := l.parent()
	s, set := c.lock(id)
	if s == nil {
		return
	}
	waiting := int64(0)
	if p := set.find(id); p != nil && p.child != nil && p.child.isOf(key) {
		waiting = -p.counts()
		p.failed, p.child = nil, nil
		if p.slow == nil {
			*p = pending{}
		}
	}
	c.unlock(s, waiting)
}

// find returns the place of a call, or nil if nothing was left for it.
func (s *causeSet) find(id spanID) *pending {
	for i := range s {
		if s[i].span == id && !s[i].isFree() {
			return &s[i]
		}
	}
	return nil
}

// victim returns the place to use for another call: a free one if there is one. Of the
// others, those whose call is likely to live elsewhere go first: a server under heavy load
// leaves one with every failed request, while the calls inside it take their time.
func (s *causeSet) victim() *pending {
	v := &s[0]
	for i := range s {
		p := &s[i]
		if p.isFree() {
			return p
		}
		if p.local != v.local {
			if v.local {
				v = p
			}
		} else if p.end < v.end {
			v = p
		}
	}
	return v
}

// add adds what another child did, or what the children of another span did.
func (p *pending) add(up *pending) {
	p.end = max(p.end, up.end)
	p.local = p.local || up.local
	if up.failed != nil {
		p.failed, p.child = up.failed, up.child
	}
	if up.took > p.took {
		p.slow, p.slowest, p.took = up.slow, up.slowest, up.took
	}
}

// isFree reports whether the place holds nothing.
func (p *pending) isFree() bool { return p.failed == nil && p.slow == nil }

// counts is 1 if the call is one that IsWaiting is about, else 0.
func (p *pending) counts() int64 {
	if p.local && p.failed != nil {
		return 1
	}
	return 0
}

func (l *Link) span() spanID {
	return spanID{binary.LittleEndian.Uint64(l.Trace[:]), binary.LittleEndian.Uint64(l.Trace[8:]), binary.LittleEndian.Uint64(l.Span[:])}
}

func (l *Link) parent() spanID {
	id := l.span()
	id.span = binary.LittleEndian.Uint64(l.Parent[:])
	return id
}

// mix is the mixing step of wyhash (https://github.com/wangyi-fudan/wyhash): both halves of a product.
func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^0xa0761d6478bd642f, b^0xe7037ed1a0b428db)
	return high ^ low
}

// isOf reports whether c, which is interned, is a call of the given operation.
func (c *Cause) isOf(key OperationKey) bool {
	return c.SpanKind == key.SpanKind && c.Operation == operationName(key.Name) && c.Service == TruncateName(key.Service)
}

// causeTable is a set of causes, for any number of goroutines. It only grows, by at most
// maxCauses: then a new one takes its place. It is a hash table with linear
// probing (Knuth, The Art of Computer Programming, volume 3, section 6.4), at most half full.
type causeTable struct {
	size  atomic.Int64 // slots that were granted; some of them may not be used
	slots [2 * maxCauses]atomic.Pointer[Cause]
}

// intern returns a cause that equals self, with its names cut as [TruncateName] does, and that
// holds on to nothing else in memory. Mostly that is one that was returned before.
func (c *Causes) intern(self *Cause) *Cause {
	cut := Cause{TruncateName(self.Service), self.SpanKind, operationName(self.Operation), TruncateName(self.Code)}
	hash := maphash.Comparable(c.strings, cut)
	t := c.known.Load()
	if t != nil {
		if found := t.find(hash, &cut); found != nil {
			return found
		}
	}
	own := &Cause{strings.Clone(cut.Service), cut.SpanKind, strings.Clone(cut.Operation), strings.Clone(cut.Code)}
	if t == nil || t.size.Add(1) > maxCauses {
		fresh := new(causeTable)
		fresh.size.Store(1)
		if !c.known.CompareAndSwap(t, fresh) {
			return own // somebody else was faster; the next call of this kind will be interned
		}
		t = fresh
	}
	return t.put(hash, own)
}

// find returns the cause that equals want, or nil if there is none yet.
func (t *causeTable) find(hash uint64, want *Cause) *Cause {
	for i := hash; ; i++ {
		c := t.slots[i%uint64(len(t.slots))].Load()
		if c == nil || *c == *want {
			return c
		}
	}
}

// put adds a cause, for which a slot was granted, and returns it; or the one that equals it
// and was there first.
func (t *causeTable) put(hash uint64, own *Cause) *Cause {
	for i := hash; ; i++ {
		slot := &t.slots[i%uint64(len(t.slots))]
		if slot.CompareAndSwap(nil, own) {
			return own
		}
		if c := slot.Load(); *c == *own {
			return c
		}
	}
}
