package baseline

import (
	"math"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// part is what is known of one part of an operation's calls.
type part struct {
	times    sketch  // of healthy calls
	calls    float64 // healthy ones, and those of them that failed; older ones count less
	failures float64
	// spread and chance say how much failures come in bursts: the square of what was more or less than
	// expected in a batch, and the same by chance alone.
	spread, chance float32
	waiting        [batches]batch // not yet learned, the oldest first
	season         season
	first, last    int64 // when it was first and last called, in Unix nanoseconds
	// active is about the number of calls of the last half minute: a tenth of it is forgotten with each slice.
	active float32
	// isKnown says that it is judged without a warm-up: what is usual was restored.
	isKnown bool
	bounds  bounds
	// suspicions, by aspect; nil: there is none.
	suspicions [aspects]*suspicion
}

const (
	// Calls are learned in batches of batchTime, when they are between one and two of them old:
	// by then a fault that they are part of is suspected.
	batches   = 2
	batchTime = 45 * time.Second
	// leastCalls is the number of healthy calls from which on a part is judged. It is a little
	// less than two, since older calls count less.
	leastCalls = 1.5
	// enoughCalls is the number of healthy calls after which half of the warm-up is enough.
	enoughCalls = 1000
	// fewCalls is the number of calls below which their longest time stands for the usual one:
	// their median would say too little.
	fewCalls = 5
)

// batch is what is not yet learned.
type batch struct {
	times           tally
	calls, failures uint32
}

// bounds are times that divide the calls of a part, and what it takes to judge those that are longer.
type bounds struct {
	usual, rare      time.Duration // a healthy call is longer with the probability usualShare, and rareShare
	floor, reference time.Duration
	factor           float64
}

// isJudged reports whether enough is known of the part to judge it.
func (d *Detector) isJudged(p *part) bool {
	if p.times.total < leastCalls && p.calls < leastCalls {
		return false
	}
	age := time.Duration(d.now.UnixNano() - p.first)
	return p.isKnown || age >= d.config.WarmUp || age >= d.config.WarmUp/2 && p.calls >= enoughCalls
}

// floor returns by how much calls of the part may be longer than usual: by its noise, as far as it
// is known from its own calls, and that of all parts; at most the configured floor, and an eighth
// of that at least.
func (d *Detector) floor(p *part) time.Duration {
	own := p.times.quantile(noiseShare) - p.times.quantile(0.5)
	trust := p.times.total / (p.times.total + ownNoise)
	noise := time.Duration(trust*float64(own) + (1-trust)*float64(d.pool.noise))
	if d.pool.noise == 0 {
		noise = d.config.Floor
	}
	return max(d.config.Floor/8, min(noise, d.config.Floor))
}

// ownNoise is the number of calls from which on a part's own noise counts more than that of all parts.
const ownNoise = 50

// rebound computes the bounds of a part.
func (d *Detector) rebound(p *part) {
	b := bounds{floor: d.floor(p), factor: d.config.Factor}
	b.factor *= p.season.wider(d.now, p.times.quantile(0.75))
	b.reference = p.times.quantile(0.5)
	if p.times.total < fewCalls {
		b.reference = p.times.quantile(1)
	}
	if n := p.times.total; n > 0 {
		// By the rule of succession n calls of which a share is longer make it (share*n+1)/(n+2)
		// likely that the next one is.
		at := func(likely float64) time.Duration {
			return b.worse(p.times.quantile(1 - max((likely*(n+2)-1)/n, 0)))
		}
		b.usual, b.rare = at(usualShare), at(rareShare)
	}
	p.bounds = b
}

// worse returns up to where a time counts as no worse than a healthy one.
func (b *bounds) worse(healthy time.Duration) time.Duration {
	return time.Duration(min(b.factor*float64(healthy)+float64(b.floor), math.MaxInt64/2))
}

// better is the inverse of worse.
func (b *bounds) better(t time.Duration) time.Duration {
	return time.Duration(float64(t-b.floor) / b.factor)
}

// count takes what the part did in a slice.
func (p *part) count(c *engine.PartCounts) {
	w := &p.waiting[batches-1]
	w.calls = uint32(min(uint64(w.calls)+c.Calls, math.MaxUint32))
	w.failures = uint32(min(uint64(w.failures)+c.Failures, math.MaxUint32))
	for _, t := range c.Times {
		w.times.add(bucketOf(t.Duration), t.Count)
	}
	p.active += float32(c.Calls)
}
