package baseline

import (
	"math"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// tuning holds what is not in the configuration.
type tuning struct {
	threshold, clip, down, top float64
	shape                      float64 // of the alternative
	cap                        float64
	mergeEdges                 bool
}

var defaultTuning = tuning{threshold: 8, clip: 4, down: 3, top: 16, shape: 0.35, cap: 3, mergeEdges: true}

type engineKey = engine.Part

// Detector learns what is usual for the parts of calls, and finds what no longer is. It is not
// safe for concurrent use, and must not be copied.
type Detector struct {
	config Config
	tuning tuning
	parts  map[engineKey]*part
	pool   pool
	pooled time.Time // when the pool was filled last
	began  time.Time // the start of the first slice
	now    time.Time // the end of the last slice
}

// New returns a detector that has learned nothing yet. The configuration must be valid.
func New(c Config) *Detector {
	return &Detector{config: c.withDefaults(), tuning: defaultTuning, parts: make(map[engineKey]*part)}
}

// part is what is known of one part.
type part struct {
	times    sketch
	calls    float64 // healthy ones, and those of them that failed
	failures float64
	waiting  [2]waiting // not yet learned, the older first
	first    time.Time  // when it was first seen
	last     time.Time
	active   float64 // calls of late; a tenth is forgotten with each slice
	time     cusum
	failure  cusum
	peer     engine.OperationKey // the last one
	ready    bool                // it was restored
}

type waiting struct {
	times           tally
	calls, failures uint64
}

type cusum struct {
	score           float64
	since           time.Time
	firing          bool
	fired           time.Time
	calm            time.Time
	now             tally
	calls, failures uint64
	slowest, failed *engine.Exemplar
}

func (d *Detector) keyOf(p engine.Part) engineKey {
	if d.tuning.mergeEdges && p.Kind == engine.PartEdge {
		p.Peer = engine.OperationKey{Service: p.Peer.Service}
	}
	return p
}

// Observe takes the next slice and returns what changed. firing says whether an alert about an operation fires, so
// that nothing is learned from it; nil: none does.
func (d *Detector) Observe(s *engine.Slice, firing func(engine.OperationKey) bool) []Change {
	if d.began.IsZero() {
		d.began, d.pooled = s.Start, s.Start
	}
	if !d.now.IsZero() && s.Start.Sub(d.now) > time.Minute {
		for _, p := range d.parts {
			p.time, p.failure = cusum{}, cusum{}
		}
	}
	before := d.now
	d.now = s.End
	for _, p := range d.parts {
		p.active *= 0.9
	}
	type group struct {
		p        *part
		evidence float64
		slowest  *engine.Exemplar
	}
	groups := make(map[engineKey]*group, len(s.Parts))
	for i := range s.Parts {
		c := &s.Parts[i]
		key := d.keyOf(c.Part)
		p := d.parts[key]
		if p == nil {
			p = &part{first: s.Start}
			d.parts[key] = p
		}
		p.last = s.End
		p.peer = c.Part.Peer
		g := groups[key]
		if g == nil {
			g = &group{p: p}
			groups[key] = g
		}
		p.active += float64(c.Calls)
		p.waiting[1].calls += c.Calls
		p.waiting[1].failures += c.Failures
		isJudged := d.isJudged(p)
		for _, t := range c.Times {
			if isJudged {
				g.evidence += float64(t.Count) * d.evidence(p, t.Duration)
			}
			b := bucketOf(t.Duration)
			p.waiting[1].times.add(b, t.Count)
			p.time.now.add(b, t.Count)
		}
		if c.Slowest != nil && (g.slowest == nil || c.Slowest.Duration > g.slowest.Duration) {
			g.slowest = c.Slowest
		}
	}
	var changes []Change
	for key, g := range groups {
		u := &g.p.time
		was := u.score
		u.score = min(d.tuning.top, max(0, was+max(-d.tuning.down, min(d.tuning.clip, g.evidence))))
		if was == 0 && u.score > 0 {
			u.since = s.Start
		}
		if u.score == 0 {
			if u.firing {
				u.firing = false
			}
			u.now = nil
		}
		if u.score >= d.tuning.threshold && !u.firing && s.End.Sub(u.since) >= d.config.Hold {
			u.firing, u.fired = true, s.End
			changes = append(changes, Change{Part: key, At: s.End, Since: u.since, Score: u.score})
		}
	}
	if len(changes) > 0 {
		roots := d.roots(changes)
		for i := range changes {
			changes[i].Roots = roots
		}
	}
	// Learn.
	if before.IsZero() || s.End.Unix()/45 != before.Unix()/45 {
		d.learn(firing)
	}
	if s.End.Sub(d.pooled) >= time.Minute {
		d.fillPool()
	}
	return changes
}

func (d *Detector) fillPool() {
	d.pool.fill(d.parts, d.config.Floor)
	d.pooled = d.now
}

func (d *Detector) learn(firing func(engine.OperationKey) bool) {
	for key, p := range d.parts {
		w := p.waiting[0]
		p.waiting[0], p.waiting[1] = p.waiting[1], waiting{}
		isSuspect := p.time.score >= d.tuning.threshold/2 || p.time.firing
		if isSuspect && p.times.total >= leastCalls || firing != nil && firing(key.OperationKey) {
			continue
		}
		p.times.decay(math.Exp2(-45 / d.config.HalfLife.Seconds()))
		for _, x := range w.times {
			p.times.add(int(x.bucket), float64(x.calls))
		}
	}
	for _, p := range d.parts {
		if p.time.firing && d.now.Sub(p.time.fired) > d.config.AcceptAfter && d.config.AcceptAfter > 0 {
			p.times = p.time.now.sketch()
			p.time = cusum{}
		}
	}
}

// Settle learns what waits to be learned, at the end of a recording of healthy traffic.
func (d *Detector) Settle() {
	d.learn(nil)
	d.learn(nil)
	d.fillPool()
	for _, p := range d.parts {
		p.ready = true
		p.time = cusum{}
		p.active = 0
	}
	d.now, d.began = time.Time{}, time.Time{}
}

func (d *Detector) isJudged(p *part) bool {
	if p.times.total < leastCalls {
		return false
	}
	return p.ready || d.now.Sub(p.first) > d.config.WarmUp
}

// evidence returns the logarithm of how much likelier a time is if the part is clearly worse than
// if it is as usual.
func (d *Detector) evidence(p *part, t time.Duration) float64 {
	x := time.Duration(float64(t-d.config.Floor) / d.config.Factor)
	n := p.times.total
	u := p.times.above(x) / n
	if u <= 0 {
		u = 1 / (n + 1)
		median := p.times.quantile(0.5)
		u = min(u, max(1e-3, d.pool.tail(excess(x, median, d.config.Floor))))
		return min(d.tuning.cap, math.Log(d.tuning.shape/u))
	}
	if u > 0.25 {
		return math.Log(.3 / .75)
	}
	if u > 0.05 {
		return 0
	}
	return min(1.5, math.Log(.25/max(u, 0.045)))
}
