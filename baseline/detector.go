package baseline

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Detector learns what is usual for the parts of calls, and finds what no longer is. It is pure:
// time comes with the slices. It is not safe for concurrent use, and must not be copied.
//
// The ways from one operation of a client to all operations of one service are one part: the Peer
// of a [engine.PartEdge] in its changes names the service alone.
type Detector struct {
	config    Config
	parts     map[engine.Part]*part
	groups    [aspects]map[group]*sum
	reached   map[engine.OperationKey]string // the service that a client's operation reaches, "" if several
	pool      pool
	pooled    time.Time // when the pool was filled last
	learned   time.Time // when calls were learned last
	now       time.Time // the end of the last slice
	refused   uint64
	touched   []*observed // of the slice that is being looked at
	isLearner bool
}

// observed is what a part did in the slice.
type observed struct {
	key      engine.Part
	part     *part
	counts   []*engine.PartCounts
	evidence [aspects]float64
}

const (
	// pause is the time without slices after which nothing is known about what was suspected.
	pause = time.Minute
	// poolEvery is how often the pool is filled.
	poolEvery = time.Minute
	// silence is the time without calls after which a change counts as over.
	silence = 10 * time.Minute
)

// New returns a detector that has learned nothing yet. The configuration must be valid. One that is
// switched off never reports a change.
func New(c Config) *Detector {
	d := &Detector{config: c.withDefaults(), parts: make(map[engine.Part]*part), reached: make(map[engine.OperationKey]string)}
	for i := range d.groups {
		d.groups[i] = make(map[group]*sum)
	}
	return d
}

// NewLearner returns a detector that only learns. When it has seen all, [Detector.Settle] it.
func NewLearner(c Config) *Detector {
	d := New(c)
	d.isLearner = true
	return d
}

// Config returns the configuration with its defaults filled in.
func (d *Detector) Config() Config { return d.config }

// Observe takes the next slice and returns what changed, the part with the most evidence first. isFiring says
// whether another alert about an operation fires, so that nothing is learned from its calls; nil:
// none does.
func (d *Detector) Observe(s *engine.Slice, isFiring func(engine.OperationKey) bool) []Change {
	if d.config.IsOff() {
		return nil
	}
	d.begin(s)
	d.take(s)
	var changes []Change
	if !d.isLearner {
		changes = d.judge(s)
	}
	clear(d.touched) // they hold on to the slice
	d.touched = d.touched[:0]
	if d.now.Sub(d.learned) >= batchTime {
		d.learned = d.now
		d.learn(isFiring)
		changes = append(changes, d.accept()...)
	}
	if d.now.Sub(d.pooled) >= poolEvery {
		d.fillPool()
	}
	return changes
}

// begin goes on to the time of a slice.
func (d *Detector) begin(s *engine.Slice) {
	switch {
	case d.now.IsZero():
		d.learned, d.pooled = s.Start, s.Start
		for _, p := range d.parts {
			if p.isFiring() { // it was restored: nothing is known of the time between
				p.last = s.Start.UnixNano()
			}
		}
	case s.Start.Sub(d.now) > pause:
		for _, p := range d.parts {
			for i, u := range p.suspicions {
				if u != nil && !u.isFiring {
					p.suspicions[i] = nil
				}
			}
		}
		for i := range d.groups {
			clear(d.groups[i])
		}
	}
	d.now = s.End
	for _, p := range d.parts {
		p.active *= 0.9
	}
}

// take adds what the slice holds to the parts.
func (d *Detector) take(s *engine.Slice) {
	index := make(map[*part]*observed, len(s.Parts))
	for i := range s.Parts {
		c := &s.Parts[i]
		if c.Calls == 0 {
			continue
		}
		key := d.keyOf(c.Part)
		p := d.parts[key]
		if p == nil {
			if len(d.parts) >= d.config.MaxParts && !d.makeRoom() {
				d.refused++
				continue
			}
			p = &part{first: s.Start.UnixNano()}
			d.parts[key] = p
			d.reach(key)
			d.rebound(p)
		}
		p.last = s.End.UnixNano()
		p.count(c)
		o := index[p]
		if o == nil {
			o = &observed{key: key, part: p}
			index[p] = o
			d.touched = append(d.touched, o)
		}
		o.counts = append(o.counts, c)
	}
	// Slices name their parts in no particular order.
	slices.SortFunc(d.touched, func(a, b *observed) int { return comparePart(a.key, b.key) })
}

// keyOf returns the part as which a part of a slice is kept. A call that no server answered belongs to
// the way to the service that others of its operation reach, if it is always the same.
func (d *Detector) keyOf(p engine.Part) engine.Part {
	switch p.Kind {
	case engine.PartEdge:
		p.Peer = engine.OperationKey{Service: p.Peer.Service}
	case engine.PartRemote:
		if service := d.reached[p.OperationKey]; service != "" && d.parts[p] == nil {
			p.Kind, p.Peer = engine.PartEdge, engine.OperationKey{Service: service}
		}
	}
	return p
}

// reach notes which service a client's operation reaches.
func (d *Detector) reach(key engine.Part) {
	if key.Kind != engine.PartEdge {
		return
	}
	service, isKnown := d.reached[key.OperationKey]
	switch {
	case !isKnown:
		d.reached[key.OperationKey] = key.Peer.Service
	case service != key.Peer.Service:
		d.reached[key.OperationKey] = ""
	}
}

// makeRoom forgets the part that was called longest ago, unless that was within the last minute.
func (d *Detector) makeRoom() bool {
	var oldest engine.Part
	at := d.now.Add(-time.Minute).UnixNano()
	found := false
	for key, p := range d.parts {
		if p.last < at && !p.isFiring() {
			oldest, at, found = key, p.last, true
		}
	}
	if found {
		d.forget(oldest)
	}
	return found
}

func (d *Detector) forget(key engine.Part) {
	delete(d.parts, key)
	delete(d.reached, key.OperationKey)
}

// judge adds up the evidence of the slice, and returns what changed.
func (d *Detector) judge(s *engine.Slice) []Change {
	var changes []Change
	for _, o := range d.touched {
		d.weigh(o)
	}
	for aspect := range Aspect(aspects) {
		for _, o := range d.touched {
			if c, ok := d.suspect(o, aspect, s); ok {
				changes = append(changes, c)
			}
		}
		for _, key := range d.observeGroups(s, aspect, d.touched) {
			if u := d.parts[key].suspicions[aspect]; !u.isFiring {
				changes = append(changes, d.fire(key, d.parts[key], aspect))
			}
		}
	}
	changes = append(changes, d.end()...)
	began := slices.ContainsFunc(changes, func(c Change) bool { return c.State == ChangeBegan })
	if !began {
		return changes
	}
	roots := d.roots()
	for i := range changes {
		if c := &changes[i]; c.State == ChangeBegan {
			if c.Roots = slices.Clone(roots); len(roots) == 0 {
				c.Roots = []Root{ownRoot(c.Part)}
			}
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.State, b.State), cmp.Compare(b.Score, a.Score))
	})
	return changes
}

// weigh computes the evidence of what a part did in the slice.
func (d *Detector) weigh(o *observed) {
	if !d.isJudged(o.part) {
		return
	}
	var calls, failures float64
	for _, c := range o.counts {
		calls += float64(c.Calls)
		failures += float64(c.Failures)
		if o.part.times.total >= leastCalls {
			for _, t := range c.Times {
				o.evidence[AspectTime] += float64(t.Count) * d.evidence(o.part, t.Duration)
			}
		}
	}
	if o.part.calls >= leastCalls {
		o.evidence[AspectFailures] = d.failureEvidence(o.part, calls, failures)
	}
}

// suspect adds the evidence of the slice to the suspicion of a part, and reports whether a change begins.
func (d *Detector) suspect(o *observed, aspect Aspect, s *engine.Slice) (Change, bool) {
	u := o.part.suspicions[aspect]
	if u == nil {
		if o.evidence[aspect] <= 0 {
			return Change{}, false
		}
		u = new(suspicion)
		o.part.suspicions[aspect] = u
	}
	u.add(o.evidence[aspect], s)
	for _, c := range o.counts {
		u.count(c)
	}
	switch {
	case u.isFiring:
		return Change{}, false
	case u.score == 0:
		o.part.suspicions[aspect] = nil
	case u.isEnough(d.now, d.config.Hold):
		return d.fire(o.key, o.part, aspect), true
	}
	return Change{}, false
}

// fire returns the change that begins.
func (d *Detector) fire(key engine.Part, p *part, aspect Aspect) Change {
	u := p.suspicions[aspect]
	u.isFiring, u.isSpent, u.fired = true, true, d.now
	return d.change(key, p, aspect, ChangeBegan, u.since)
}

func (d *Detector) change(key engine.Part, p *part, aspect Aspect, state ChangeState, since time.Time) Change {
	u := p.suspicions[aspect]
	return Change{Part: key, Aspect: aspect, State: state, At: d.now, Since: since, Usual: d.usual(p), Now: u.measured(), Score: u.score, Slowest: u.slowest, Failed: u.failed}
}

// end returns the changes that are over: the evidence is gone, and has been for the hold.
func (d *Detector) end() (changes []Change) {
	for key, p := range d.parts {
		for aspect, u := range p.suspicions {
			if u == nil || !u.isFiring {
				continue
			}
			state := ChangeEnded
			switch {
			case d.now.UnixNano()-p.last >= int64(silence):
				state = ChangeForgotten
			case u.score >= suspect:
				u.calm = time.Time{}
				continue
			case u.score == 0 && u.calm.IsZero():
				u.calm = d.now
				u.forget()
				continue
			case u.calm.IsZero() || d.now.Sub(u.calm) < d.config.Hold || d.isGroupSuspect(key, Aspect(aspect)):
				continue
			}
			since := u.calm
			if since.IsZero() {
				since = time.Unix(0, p.last).In(d.now.Location())
			}
			changes = append(changes, d.change(key, p, Aspect(aspect), state, since))
			p.suspicions[aspect] = nil
		}
	}
	slices.SortFunc(changes, compareChange)
	return changes
}

func compareChange(a, b Change) int {
	return cmp.Or(comparePart(a.Part, b.Part), cmp.Compare(a.Aspect, b.Aspect))
}

// isGroupSuspect reports whether a group of the part is suspect.
func (d *Detector) isGroupSuspect(key engine.Part, aspect Aspect) bool {
	return slices.ContainsFunc(groupsOf(key), func(g group) bool {
		s := d.groups[aspect][g]
		return s != nil && s.score >= suspect
	})
}

// isSuspect reports whether calls of the part are under suspicion.
func (p *part) isSuspect() bool {
	return slices.ContainsFunc(p.suspicions[:], func(u *suspicion) bool { return u != nil && (u.isFiring || u.score >= suspect) })
}

func (p *part) isFiring() bool {
	return slices.ContainsFunc(p.suspicions[:], func(u *suspicion) bool { return u != nil && u.isFiring })
}

// learn learns the oldest calls that wait, unless they are under suspicion.
func (d *Detector) learn(isFiring func(engine.OperationKey) bool) {
	decay := math.Exp2(-batchTime.Seconds() / d.config.HalfLife.Seconds())
	for key, p := range d.parts {
		oldest := p.waiting[0]
		copy(p.waiting[:], p.waiting[1:])
		p.waiting[0].times = slices.Clip(slices.Clone(p.waiting[0].times)) // it grows no more
		p.waiting[batches-1] = batch{}
		isBad := p.isSuspect() && (p.isKnown || p.times.total >= fewCalls) || isFiring != nil && isFiring(key.OperationKey)
		if !isBad {
			d.learnBatch(p, &oldest, decay)
		}
		d.rebound(p)
	}
}

// learnBatch learns healthy calls.
func (d *Detector) learnBatch(p *part, b *batch, decay float64) {
	if b.calls == 0 {
		return
	}
	p.times.decay(decay)
	times := b.times.sketch()
	p.times.merge(&times)
	p.season.learn(d.now, &times)
	calls, failures := float64(b.calls), float64(b.failures)
	if usual := d.failureRatio(p); p.calls >= fewCalls {
		off := failures - calls*usual
		p.spread = p.spread*burstMemory + float32(off*off)
		p.chance = p.chance*burstMemory + float32(calls*usual*(1-usual))
	}
	p.calls = p.calls*decay + calls
	p.failures = p.failures*decay + failures
}

// burstMemory is what is left, after a batch, of what is known of bursts of failures.
const burstMemory = 0.99

// accept takes changes that have stayed as the new normal.
func (d *Detector) accept() (changes []Change) {
	if d.config.AcceptAfter < 0 {
		return nil
	}
	for key, p := range d.parts {
		for i, u := range p.suspicions {
			if u == nil || !u.isFiring || !u.calm.IsZero() || d.now.Sub(u.fired) < d.config.AcceptAfter {
				continue
			}
			changes = append(changes, d.change(key, p, Aspect(i), ChangeAccepted, u.since))
			p.suspicions[i] = nil
			if Aspect(i) == AspectTime {
				p.times = u.times.sketch()
			} else {
				p.calls, p.failures = float64(u.calls), float64(u.failures)
			}
			d.rebound(p)
		}
	}
	slices.SortFunc(changes, compareChange)
	return changes
}

// Changes returns what is worse than usual now, without roots, in the order of the parts.
func (d *Detector) Changes() (changes []Change) {
	for key, p := range d.parts {
		for i, u := range p.suspicions {
			if u != nil && u.isFiring {
				changes = append(changes, d.change(key, p, Aspect(i), ChangeBegan, u.since))
			}
		}
	}
	slices.SortFunc(changes, compareChange)
	return changes
}

// Refused returns the number of times that a part was left out since there was no room for it.
func (d *Detector) Refused() uint64 { return d.refused }

// Settle learns all that waits to be learned, at the end of a recording of healthy traffic. From
// then on each part that was seen is judged without a warm-up.
func (d *Detector) Settle() {
	for range batches {
		d.learn(nil)
	}
	for _, p := range d.parts {
		p.isKnown = true
		p.active, p.suspicions = 0, [aspects]*suspicion{}
	}
	d.fillPool()
	d.now = time.Time{}
	d.isLearner = false
}
