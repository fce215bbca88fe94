package engine

import (
	"cmp"
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxCauseAge is how far apart the ends of a call and of the child that explains it may
	// lie.
	maxCauseAge = 2 * time.Minute
	// maxPending is the number of calls whose children are remembered.
	maxPending   = causeShards * causeSets * causeWays
	causeShards  = 64
	causeSets    = 8
	causeWays    = 8 // in a set
	maxLockTries = 1000
)

// causes finds out which child operation explains a call that failed or was slow. Mostly
// children end before their parents. So each such call leaves its own explanation at its
// parent's place, and finds at its own place what its children have left there. A child that
// ends after its parent explains nothing.
//
// It is a cache, not a record: it holds a fixed number of places, found by a hash of trace
// and span (a set-associative cache: Hennessy and Patterson, Computer Architecture, appendix
// B). What finds no place, or finds its place locked for long, is lost and counted. Then a
// call is explained by itself, or by a child that is less deep.
//
// All methods are safe for concurrent use, from any goroutine. None but expire waits for
// anybody, and they allocate only for causes that are new. It must not be copied; use
// newCauses.
type causes struct {
	// waiting is the number of shards whose waiting is not 0. It changes under the lock of
	// the shard in question; and seldom when much fails, so that all processors can keep a copy.
	waiting atomic.Int64
	// quick is the longest duration of a success that cannot make its parent slow.
	quick  atomic.Int64
	_      [48]byte
	lost   atomic.Uint64
	known  causeTable
	spans  uint64 // what the hashes of spans start from
	_      [32]byte
	shards [causeShards]causeShard
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
	// failed is what explains the last failed child, and child that child itself; both
	// are nil if none failed.
	failed *Cause
	child  *Cause
	// slow is what explains the slowest child, slowest that child itself, and took how
	// long that took.
	slow    *Cause
	slowest *Cause
	took    time.Duration
	// local says that the call is one of this process: it will be seen to end.
	local bool
}

// everyCall is a value of causes.quick: no call is too quick to make its parent slow.
const everyCall = -1

// newCauses returns causes that know of no call. quick is the longest duration of a success
// that cannot make its parent slow.
func newCauses(quick time.Duration) *causes {
	c := &causes{known: newCauseTable()}
	c.quick.Store(int64(quick))
	c.spans = maphash.Comparable(c.known.seed, 0)
	return c
}

// isWaiting reports whether some call that was not yet seen to end has a child that
// failed. It is one atomic load.
func (c *causes) isWaiting() bool { return c.waiting.Load() > 0 }

// explain takes a call that has ended, after its children, with its end in Unix nanoseconds.
// It returns what explains it: its failure if it failed, else its slowness. Nil stands for the
// call itself.
func (c *causes) explain(l *Link, self *Cause, outcome Outcome, d time.Duration, end int64) *Cause {
	switch {
	case outcome == OutcomeFailure:
		failure, _ := c.ended(l, self, outcome, d, end)
		return failure
	case outcome != OutcomeIgnored && int64(d) > c.quick.Load():
		_, slow := c.ended(l, self, outcome, d, end)
		return slow
	case outcome != OutcomeSuccess:
		c.passed(l)
	case c.isWaiting():
		c.succeeded(l, self)
	}
	return nil
}

// ended takes a call that failed, or that may be slow, and returns what explains its failure
// and its slowness; nil: the call itself.
//
// The failure of a failed call is explained by the deepest failed operation known, if it had a
// failed child. Of several children it is the last, which is most likely the one that made it
// fail. The slowness is explained by the deepest operation of which each took more than half of
// its parent's time. That of a client is explained by the way to its server, another service,
// if that took less than half.
//
// A call that succeeded has dealt with its children's failures, so its parents are not told
// of them; and it excuses a failed call of the same operation, as succeeded says. One that was
// given up ([OutcomeCancelled]) has done neither: often it was given up because another
// one failed.
func (c *causes) ended(l *Link, self *Cause, outcome Outcome, d time.Duration, end int64) (failure, slow *Cause) {
	if self.Code == NetworkCode { // a call's own code says nothing of the network
		self.Code = OverflowName
	}
	var own *Cause
	if l.hasParent() && (outcome == OutcomeFailure || d > 0) {
		own = c.known.intern(self)
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
		case isOnTheWay(self, left.slowest):
			slow = c.known.intern(&Cause{Service: left.slowest.Service, SpanKind: left.slowest.SpanKind, Operation: left.slowest.Operation, Code: NetworkCode})
		}
	}
	switch {
	case outcome == OutcomeFailure:
		up.failed, up.child = cmp.Or(failure, own), own
	case outcome != OutcomeCancelled && c.isWaiting():
		c.excuse(l, self)
	}
	if slow != nil && own != nil {
		up.slow = slow
	}
	if l.hasParent() && !up.isFree() {
		c.leave(l.parent(), &up)
	}
	return failure, slow
}

// isOnTheWay reports whether a call is a client's whose time was not that of its server.
func isOnTheWay(client, server *Cause) bool {
	return client.SpanKind == SpanKindClient && server != nil && server.SpanKind == SpanKindServer && server.Service != TruncateName(client.Service)
}

// succeeded takes a call that succeeded and was not slow. If the last failed child of its
// parent was a call of the same operation, it was now tried again with success, so it explains
// nothing. What the call's own children did is forgotten.
func (c *causes) succeeded(l *Link, self *Cause) {
	c.take(l.span())
	c.excuse(l, self)
}

// passed takes a span that is not watched: what its children did is handed to its
// parent as if it was not there.
func (c *causes) passed(l *Link) {
	up := c.take(l.span())
	if !up.isFree() && l.hasParent() {
		up.local = !l.RemoteParent
		c.leave(l.parent(), &up)
	}
}

// expire forgets what is older than two minutes at the given time, in Unix nanoseconds, so
// that isWaiting becomes false again though calls never end, or do so before their
// children. It visits every place and waits for locks, so it is for the goroutine that closes
// periods.
func (c *causes) expire(now int64) {
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
func (c *causes) lock(id spanID) (*causeShard, *causeSet) {
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
func (c *causes) unlock(s *causeShard, waiting int64) {
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
func (c *causes) take(id spanID) (left pending) {
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
func (c *causes) leave(id spanID, up *pending) {
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
// if that was a call of the same operation.
func (c *causes) excuse(l *Link, self *Cause) {
	if !l.hasParent() {
		return
	}
	id := l.parent()
	s, set := c.lock(id)
	if s == nil {
		return
	}
	waiting := int64(0)
	if p := set.find(id); p != nil && p.child != nil && p.child.isOf(self) {
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

// counts is 1 if the call is one that isWaiting is about, else 0.
func (p *pending) counts() int64 {
	if p.local && p.failed != nil {
		return 1
	}
	return 0
}

// mix is the mixing step of wyhash (https://github.com/wangyi-fudan/wyhash): both halves of a product.
func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^0xa0761d6478bd642f, b^0xe7037ed1a0b428db)
	return high ^ low
}
