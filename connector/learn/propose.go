package learn

import (
	"math"
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Settings say what is asked of the proposal.
type Settings struct {
	// Within is the time within which an alert should follow on a fault. Default 1m.
	Within time.Duration
	// Share is the share of the calls that has to be within the target. Default 0.5: half of
	// them.
	Share float64
	// Margin is how many times longer than in the recording calls may take. Default 2.
	Margin float64
	// Sure is how sure the bounds are that are found from few calls. Default 0.95.
	Sure float64
	// PeerServices says that the calls of clients are told apart by the service that they reach. Default
	// true.
	PeerServices bool
}

// DefaultSettings returns the default settings.
func DefaultSettings() Settings {
	return Settings{Within: time.Minute, Share: 0.5, Margin: 2, Sure: 0.95, PeerServices: true}
}

const (
	// periodsWithin is the number of periods in the time within which an alert should come: many,
	// so that what begins in the middle of one costs little, and the calls of an operation that is
	// called seldom come in periods of their own.
	periodsWithin = 20
	// holdsWithin is the share of that time for which calls must have been slow.
	holdsWithin = 3
	// alertAfter is the number of bad periods that an alert stands on, at least.
	alertAfter = 3
	// noiseShare is the share of calls that no noise is expected to hit harder.
	noiseShare = 0.975
	// longestFast is the longest typical time of operations from which is learned what noise there is: the
	// times of longer ones differ by what they have to do.
	longestFast = time.Second
	// stretchCalls is the number of calls from which the typical time of a stretch is told.
	stretchCalls = 20
	// failureMargin is how many times more failures than in the recording are accepted, and
	// leastFailures the share that always is.
	failureMargin = 2
	leastFailures = 0.01
	// quietShare is the share of the usual and of the least number of calls below which an operation
	// has gone quiet, and floorPeriods the number of periods that have to be known for that.
	quietShare   = 0.1
	fewestShare  = 0.5
	floorPeriods = 10
	// busyCalls is the number of calls in a period from which none at all in all the periods that an
	// alert takes is no chance, even if only half as many come on another day; and steadyCalls that from
	// which the usual number is known well enough that less than dropShare of it is none.
	busyCalls   = 4
	steadyCalls = 10
	dropShare   = 0.2
	// roomFor is how many times as many operations as in the recording have room, and
	// defaultOperations the number of those that have if nothing is said.
	roomFor           = 2
	defaultOperations = 2000
)

// proposal is a configuration and what it was found from.
type proposal struct {
	settings Settings
	traffic  *traffic
	config   engine.TimelineConfig // but its services
	// noise is how much longer than typical calls take by chance, and noisy the number of
	// calls from which that was found.
	noise time.Duration
	noisy uint64
	calls uint64
	// usualCalls and usualFailures are those of the operations that don't fail more than is accepted
	// of all.
	usualCalls, usualFailures uint64

	slowest  engine.OperationKey // the operation with the longest target
	inner    map[string]bool     // the services that are called by others that were recorded, too
	services []serviceProposal
}

// serviceProposal is what is proposed for one service.
type serviceProposal struct {
	name       string
	operations []operationProposal
	rare       []rareOperation // those called too seldom to expect something of their own
}

// rareOperation is an operation about which too little is known.
type rareOperation struct {
	key     engine.OperationKey
	calls   uint64
	longest time.Duration
}

// operationProposal is what is proposed for the operations of one name.
type operationProposal struct {
	name      string
	objective engine.Objective
	seen      []*observed // mostly one; several if they differ in kind alone
	typical   time.Duration
}

// timing returns the timing of a configuration for alerts within the given time.
func (s *Settings) timing() engine.TimelineConfig {
	period := nicePeriod(s.Within / periodsWithin)
	hold := (s.Within / holdsWithin).Round(time.Second) + period
	return engine.TimelineConfig{
		Config: engine.Config{
			Period:      period,
			IdlePeriods: int(min(1_000_000, max(60, time.Hour/period))),
			Objective: engine.Objective{
				WithinTargetRatio: s.Share,
				AlertAfter:        alertAfter,
				AlertFor:          hold,
				RecoverAfter:      int(max(alertAfter, min(100, (hold+period-1)/period))),
				MinCalls:          leastCalls(s.Share),
			},
		},
		PeerServices: s.PeerServices,
	}
}

// nicePeriod returns the longest period up to the given one that divides a minute or an hour.
func nicePeriod(most time.Duration) time.Duration {
	nice := time.Second
	for _, seconds := range []time.Duration{1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 300, 360, 600, 900, 1200, 1800, 3600} {
		if p := seconds * time.Second; p <= most {
			nice = p
		}
	}
	return nice
}

// leastCalls returns the number of calls from which a single slow one no longer misses the
// share that has to be fast; 1 for half of them, where there is nothing to be gained.
func leastCalls(share float64) int {
	if share <= 0.5 {
		return 1
	}
	return int(math.Ceil(1/(1-min(share, 0.999)) - 1e-9))
}

// typicalOf returns an upper bound of the typical time of an operation, as surely as asked for;
// false if it was called too seldom for that.
func (s *Settings) typicalOf(d *durations) (time.Duration, bool) {
	rank := leastRank(d.count, s.Share, s.Sure)
	if rank == 0 {
		return 0, false
	}
	return d.at(rank), true
}

// settleStretch is typicalOf for a part of the recording, of which there may be many: fewer calls
// would leave too much to chance.
func (s *Settings) settleStretch(d *durations) (time.Duration, bool) {
	if d.count < stretchCalls {
		return 0, false
	}
	return s.typicalOf(d)
}

// propose finds a configuration for traffic that was healthy.
func (s Settings) propose(t *traffic) *proposal {
	t.endStretch(s.settleStretch)
	p := &proposal{settings: s, traffic: t, config: s.timing()}
	p.measureNoise()
	for _, o := range t.sorted() {
		p.calls += o.success + o.failure
		if !p.failsMore(o) {
			p.usualCalls += o.success + o.failure
			p.usualFailures += o.failure
		}
	}
	if n := roomFor * len(t.operations); n > defaultOperations {
		p.config.MaxOperations = min(1_000_000, (n+999)/1000*1000)
	}
	p.findInner()
	general := &p.config.Objective
	general.SuccessRatio = p.successRatio(p.usualFailures, p.usualCalls)

	for _, o := range t.sorted() {
		if n := len(p.services); n == 0 || p.services[n-1].name != o.key.Service {
			p.services = append(p.services, serviceProposal{name: o.key.Service})
		}
		p.services[len(p.services)-1].add(p, o)
	}
	for i := range p.services {
		for j := range p.services[i].operations {
			if o := &p.services[i].operations[j]; o.objective.LatencyTarget > general.LatencyTarget {
				general.LatencyTarget, p.slowest = o.objective.LatencyTarget, o.seen[0].key
			}
		}
	}
	// What is slower than that by nature may be among what was called too seldom.
	for i := range p.services {
		for _, o := range p.services[i].rare {
			if target := p.target(o.longest); target > general.LatencyTarget {
				general.LatencyTarget, p.slowest = target, o.key
			}
		}
	}
	return p
}

// target returns the latency target for what typically takes so long.
func (p *proposal) target(typical time.Duration) time.Duration {
	return niceTarget(time.Duration(p.settings.Margin*float64(typical)) + p.noise)
}

// measureNoise finds how much longer than typical calls take by chance: pauses, retransmissions,
// cold caches. They hit all operations alike, so they are looked for in all together: single ones are
// called too seldom to know.
func (p *proposal) measureNoise() {
	type excess struct {
		by time.Duration
		n  uint64
	}
	var all []excess
	for _, o := range p.traffic.operations {
		if o.durations.count < fewest(0.5, p.settings.Sure) {
			continue
		}
		typical := o.durations.quantile(0.5)
		if typical > longestFast {
			continue
		}
		o.durations.each(func(d time.Duration, n uint64) {
			all = append(all, excess{max(0, d-typical), n})
			p.noisy += n
		})
	}
	slices.SortFunc(all, func(a, b excess) int { return int(a.by - b.by) })
	passed, rank := uint64(0), uint64(math.Ceil(noiseShare*float64(p.noisy)))
	for _, e := range all {
		if passed += e.n; passed >= rank {
			p.noise = e.by
			return
		}
	}
}

// successRatio returns the least share of successes to expect where so many calls failed of so many.
func (p *proposal) successRatio(failures, calls uint64) float64 {
	_, high := wilson(failures, calls, p.settings.Sure)
	if calls == 0 {
		high = 0
	}
	accepted := min(0.999, max(leastFailures, failureMargin*high))
	return math.Floor((1-accepted)*1000+1e-9) / 1000
}

// failsMore reports whether an operation surely fails more often than is accepted of all, as some
// do that look for what need not be there.
func (p *proposal) failsMore(o *observed) bool {
	low, _ := wilson(o.failure, o.success+o.failure, p.settings.Sure)
	return low > leastFailures
}

// ownRatio returns the least share of successes to expect of an operation; 1 if it failed no more often than is
// accepted of all. Unless it is sure that so many fail, it is one at which an outage shows.
func (p *proposal) ownRatio(o *observed) float64 {
	calls := o.success + o.failure
	if float64(o.failure) <= leastFailures*float64(calls) {
		return 1
	}
	ratio := p.successRatio(o.failure, calls)
	if low, _ := wilson(o.failure, calls, p.settings.Sure); failureMargin*low < 0.5 {
		ratio = max(ratio, 0.5)
	}
	return ratio
}

// add adds an operation to its service.
func (s *serviceProposal) add(p *proposal, o *observed) {
	own := operationProposal{name: o.key.Name, seen: []*observed{o}}
	if typical, ok := p.settings.typicalOf(&o.durations); ok {
		own.typical = max(typical, o.typicalOf())
		own.objective.LatencyTarget = p.target(own.typical)
	} else {
		s.rare = append(s.rare, rareOperation{o.key, o.success + o.failure, o.durations.longest})
	}
	if ratio := p.ownRatio(o); ratio < p.config.Objective.SuccessRatio {
		own.objective.SuccessRatio = ratio
		if ratio < 0.5 {
			// What hardly ever succeeds is bad only if that is sure: no call in a period may be the rule.
			own.objective.Confidence = p.settings.Sure
		}
	}
	own.objective.MinTraffic, own.objective.MinTrafficRatio = p.floor(o)
	switch n := len(s.operations); {
	case own.objective == engine.Objective{}:
	case n > 0 && s.operations[n-1].name == own.name:
		s.operations[n-1].join(&own)
	default:
		s.operations = append(s.operations, own)
	}
}

// join makes one proposal of two for operations of the same name, which differ in kind alone: there is
// one objective for both, the more lenient one.
func (o *operationProposal) join(other *operationProposal) {
	o.seen = append(o.seen, other.seen...)
	o.typical = max(o.typical, other.typical)
	o.objective.LatencyTarget = max(o.objective.LatencyTarget, other.objective.LatencyTarget)
	o.objective.SuccessRatio = lowerRatio(o.objective.SuccessRatio, other.objective.SuccessRatio)
	o.objective.Confidence = max(o.objective.Confidence, other.objective.Confidence)
	o.objective.MinTraffic = min(o.objective.MinTraffic, other.objective.MinTraffic)
	o.objective.MinTrafficRatio = min(o.objective.MinTrafficRatio, other.objective.MinTrafficRatio)
}

// lowerRatio returns the lower one of two ratios of which 0 is none.
func lowerRatio(a, b float64) float64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// floor returns the least number of calls to expect in a period, and the least share of the usual number;
// 0 if that is not known, or if there are so few calls that none comes now and then.
//
// It is about what comes from outside, and about messages. The services inside call each other as often as that takes:
// if they don't, somebody else is to blame, and says so by failures.
func (p *proposal) floor(o *observed) (least int, drop float64) {
	isEntry := o.key.SpanKind == engine.SpanKindServer && !p.inner[o.key.Service]
	if !isEntry && o.key.SpanKind != engine.SpanKindConsumer || p.traffic.periods < floorPeriods || o.with < p.traffic.periods {
		return 0, 0
	}
	mean := leastRate(o.whole, p.settings.Sure) / float64(p.traffic.periods)
	if mean < busyCalls {
		return 0, 0
	}
	if mean >= steadyCalls && float64(o.fewest) >= dropShare*mean {
		drop = dropShare
	}
	return int(max(1, min(quietShare*mean, fewestShare*float64(o.fewest), 1e9))), drop
}

// findInner finds the services most of whose calls come from clients that were recorded, too.
func (p *proposal) findInner() {
	served, asked := make(map[string]uint64), make(map[string]uint64)
	for key, o := range p.traffic.operations {
		calls := o.success + o.failure
		if key.SpanKind == engine.SpanKindServer {
			served[key.Service] += calls
		} else if callee, ok := engine.PeerService(key); ok {
			asked[callee] += calls
		}
	}
	p.inner = make(map[string]bool)
	for service, calls := range served {
		p.inner[service] = 2*asked[service] >= calls && calls > 0
	}
}

// niceTarget rounds a target up to two digits.
func niceTarget(d time.Duration) time.Duration {
	unit := time.Microsecond
	for d >= 100*unit {
		unit *= 10
	}
	return max((d+unit-1)/unit*unit, time.Millisecond)
}
