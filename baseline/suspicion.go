package baseline

import (
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// The sequential test is a CUSUM: it adds up the evidence of each slice, never below 0. The evidence of
// one slice counts at least -mostDown and at most mostUp, so that one burst does not decide. A change
// begins when the sum is threshold or more, and has been above 0 for the hold.
const (
	threshold = 8.0
	mostUp    = 4.0
	mostDown  = 3.0
	highest   = 2 * threshold
	// suspect is the sum from which on nothing is learned.
	suspect = threshold / 2
)

// sum is the sum of evidence.
type sum struct {
	score float64
	since time.Time // since when it is above 0
	// isSpent says that it raised a change, and has not been 0 since.
	isSpent bool
}

// add adds the evidence of a slice.
func (s *sum) add(evidence float64, slice *engine.Slice) {
	before := s.score
	s.score = min(highest, max(0, before+max(-mostDown, min(mostUp, evidence))))
	switch {
	case s.score == 0:
		s.isSpent = false
	case before == 0:
		s.since = slice.Start
	}
}

// isEnough reports whether a change begins.
func (s *sum) isEnough(now time.Time, hold time.Duration) bool {
	return !s.isSpent && s.score >= threshold && now.Sub(s.since) >= hold
}

// suspicion is that a part is worse than usual. It is kept only while there is evidence.
type suspicion struct {
	sum
	isFiring bool
	fired    time.Time // when the change began
	calm     time.Time // since when all is as usual again; zero: it is not
	// What was seen since the sum rose above 0, or since calm.
	times           tally
	calls, failures uint64
	slowest, failed *engine.Exemplar
}

// count takes what the part did in a slice.
func (s *suspicion) count(c *engine.PartCounts) {
	s.calls += c.Calls
	s.failures += c.Failures
	for _, t := range c.Times {
		s.times.add(bucketOf(t.Duration), t.Count)
	}
	if c.Slowest != nil && (s.slowest == nil || c.Slowest.Duration > s.slowest.Duration) {
		s.slowest = c.Slowest
	}
	if c.Failed != nil {
		s.failed = c.Failed
	}
}

// forget begins to count anew.
func (s *suspicion) forget() {
	s.times, s.calls, s.failures, s.slowest, s.failed = nil, 0, 0, nil, nil
}

// measured returns what was counted.
func (s *suspicion) measured() Measured {
	times := s.times.sketch()
	m := Measured{P50: times.quantile(0.5), P99: times.quantile(0.99), Calls: s.calls, Failures: s.failures}
	if s.calls > 0 {
		m.FailureRatio = float64(s.failures) / float64(s.calls)
	}
	return m
}
