package learn

import (
	"math"
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Settings say what is asked of the proposal.
type Settings struct {
	// Within is the time within which an alert should follow a fault. Default 1m.
	Within time.Duration
	// Share is the share of the calls that must be within the latency target. Default 0.5.
	Share float64
	// Margin is how many times longer than in the recording calls may take. Default 2.
	Margin float64
	// Sure is the confidence of the bounds that are computed from few calls. Default 0.95.
	Sure float64
	// PeerServices tells the calls of clients apart by the service that they reach. Default
	// true.
	PeerServices bool
}

// DefaultSettings returns the default settings.
func DefaultSettings() Settings {
	return Settings{Within: time.Minute, Share: 0.5, Margin: 2, Sure: 0.95, PeerServices: true}
}

const (
	// periodsWithin is the number of periods in Within. It is large, so that a fault that begins
	// in the middle of a period loses little time, and so that the calls of a rare operation fall
	// into different periods.
	periodsWithin = 20
	// Calls must have been bad for one holdsWithin-th of Within.
	holdsWithin = 3
	// alertAfter is the least number of bad periods before an alert.
	alertAfter = 3
	// noiseShare is the quantile of the calls' excess over the typical time that counts as noise.
	noiseShare = 0.975
	// longestFast is the longest typical time of the operations from which noise is measured:
	// the times of longer ones differ by their work.
	longestFast = time.Second
	// stretchCalls is the least number of calls in a stretch for its typical time to count.
	stretchCalls = 20
	// failureMargin is how many times more failures than in the recording are accepted.
	// leastFailures is the share of failures that is always accepted.
	failureMargin = 2
	leastFailures = 0.01
	// An operation has gone quiet with fewer calls in a period than quietShare of the mean and
	// than fewestShare of the least number. At least floorPeriods periods must be known.
	quietShare   = 0.1
	fewestShare  = 0.5
	floorPeriods = 10
	// From a mean of busyCalls a period, no call in all the periods before an alert is no chance,
	// even on a day with half as many. From steadyCalls, fewer than dropShare of the usual number
	// is no chance.
	busyCalls   = 4
	steadyCalls = 10
	dropShare   = 0.2
	// max_operations is roomFor times the number of operations in the recording, if that is more
	// than its default, defaultOperations.
	roomFor           = 2
	defaultOperations = 2000
	// off switches off what is on by default.
	off = -1
)

// proposal is a configuration and what it was found from.
type proposal struct {
	settings Settings
	traffic  *traffic
	config   engine.TimelineConfig // but its services
	// noise is how much longer than typical calls take by chance. noisy is the number of calls
	// from which it was measured.
	noise time.Duration
	noisy uint64
	calls uint64
	// usualCalls and usualFailures are those of the operations that fail no more often than
	// leastFailures.
	usualCalls, usualFailures uint64

	slowest  engine.OperationKey // the operation with the longest target
	inner    map[string]bool     // the services that are called mostly by recorded clients
	services []serviceProposal
}

// serviceProposal is what is proposed for one service.
type serviceProposal struct {
	name       string
	operations []operationProposal
	rare       []rareOperation // those with too few calls for an objective of their own
}

// rareOperation is an operation with too few calls.
type rareOperation struct {
	key     engine.OperationKey
	calls   uint64
	longest time.Duration
}

// operationProposal is what is proposed for the operations with one name.
type operationProposal struct {
	name      string
	objective engine.Objective
	seen      []*observed // usually one; several if they differ only in span kind
	typical   time.Duration
}

// timing returns the part of the configuration that follows from the settings alone.
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
				Confidence:        off,
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

// leastCalls returns the least number of calls of which one may be slow without missing the
// share. It is 1 for a share of one half, where more calls gain nothing.
func leastCalls(share float64) int {
	if share <= 0.5 {
		return 1
	}
	return int(math.Ceil(1/(1-min(share, 0.999)) - 1e-9))
}

// typicalOf returns an upper bound of the typical time of an operation, with the confidence
// asked for. It returns false if there are too few calls.
func (s *Settings) typicalOf(d *durations) (time.Duration, bool) {
	rank := leastRank(d.count, s.Share, s.Sure)
	if rank == 0 {
		return 0, false
	}
	return d.at(rank), true
}

// settleStretch is typicalOf for one stretch of the recording. There may be many stretches, so
// it asks for more calls.
func (s *Settings) settleStretch(d *durations) (time.Duration, bool) {
	if d.count < stretchCalls {
		return 0, false
	}
	return s.typicalOf(d)
}

// propose returns a configuration for healthy traffic.
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
	// Operations that are slower by nature may be among the rare ones.
	for i := range p.services {
		for _, o := range p.services[i].rare {
			if target := p.target(o.longest); target > general.LatencyTarget {
				general.LatencyTarget, p.slowest = target, o.key
			}
		}
	}
	return p
}

// target returns the latency target for a typical time.
func (p *proposal) target(typical time.Duration) time.Duration {
	return niceTarget(time.Duration(p.settings.Margin*float64(typical)) + p.noise)
}

// measureNoise measures how much longer than typical calls take by chance: pauses,
// retransmissions, cold caches. These hit all operations alike, so it looks at all of them
// together: single ones have too few calls.
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

// successRatio returns the success ratio to expect of operations of which so many calls failed.
func (p *proposal) successRatio(failures, calls uint64) float64 {
	_, high := wilson(failures, calls, p.settings.Sure)
	if calls == 0 {
		high = 0
	}
	accepted := min(0.999, max(leastFailures, failureMargin*high))
	return math.Floor((1-accepted)*1000+1e-9) / 1000
}

// failsMore reports whether an operation surely fails more often than leastFailures. Some do in
// healthy times, such as a lookup that rarely finds something.
func (p *proposal) failsMore(o *observed) bool {
	low, _ := wilson(o.failure, o.success+o.failure, p.settings.Sure)
	return low > leastFailures
}

// ownRatio returns the success ratio to expect of one operation, 1 if it failed no more often
// than leastFailures. It is at least 0.5, so that an outage shows, unless more failures than that
// are surely normal.
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
			// Where most calls fail, a period in which all of the few fail is no sign.
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

// join joins the proposals for two operations of the same name, which differ only in span kind
// and share an objective: the more lenient one.
func (o *operationProposal) join(other *operationProposal) {
	o.seen = append(o.seen, other.seen...)
	o.typical = max(o.typical, other.typical)
	o.objective.LatencyTarget = max(o.objective.LatencyTarget, other.objective.LatencyTarget)
	o.objective.SuccessRatio = lowerRatio(o.objective.SuccessRatio, other.objective.SuccessRatio)
	o.objective.Confidence = max(o.objective.Confidence, other.objective.Confidence)
	o.objective.MinTraffic = min(o.objective.MinTraffic, other.objective.MinTraffic)
	o.objective.MinTrafficRatio = min(o.objective.MinTrafficRatio, other.objective.MinTrafficRatio)
}

// lowerRatio returns the lower of two ratios; 0 means there is none.
func lowerRatio(a, b float64) float64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// floor returns the least number of calls to expect in a period, and the least ratio to the usual
// number. They are 0 if too little is known, or if periods without a call are normal.
//
// Only calls from outside and messages have a floor. Calls between services depend on those: if
// they stop, something else is the cause, and its failures show that.
func (p *proposal) floor(o *observed) (least int, ratio float64) {
	isEntry := o.key.SpanKind == engine.SpanKindServer && !p.inner[o.key.Service]
	if !isEntry && o.key.SpanKind != engine.SpanKindConsumer || p.traffic.periods < floorPeriods || o.with < p.traffic.periods {
		return 0, 0
	}
	mean := leastRate(o.whole, p.settings.Sure) / float64(p.traffic.periods)
	if mean < busyCalls {
		return 0, 0
	}
	if mean >= steadyCalls && float64(o.fewest) >= dropShare*mean {
		ratio = dropShare
	}
	return int(max(1, min(quietShare*mean, fewestShare*float64(o.fewest), 1e9))), ratio
}

// findInner finds the services of which at least half of the calls come from recorded clients.
func (p *proposal) findInner() {
	served, asked := make(map[string]uint64), make(map[string]uint64)
	for key, o := range p.traffic.operations {
		calls := o.success + o.failure
		if key.SpanKind == engine.SpanKindServer {
			served[key.Service] += calls
		} else if peer, ok := engine.PeerService(key); ok {
			asked[peer] += calls
		}
	}
	p.inner = make(map[string]bool)
	for service, calls := range served {
		p.inner[service] = 2*asked[service] >= calls && calls > 0
	}
}

// niceTarget rounds a target up to two digits, at least 1 ms.
func niceTarget(d time.Duration) time.Duration {
	unit := time.Microsecond
	for d >= 100*unit {
		unit *= 10
	}
	return max((d+unit-1)/unit*unit, time.Millisecond)
}
