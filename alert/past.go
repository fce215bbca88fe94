package alert

import (
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

const (
	// typicalPeriods is the number of periods with calls whose median says how many calls
	// an operation usually has.
	typicalPeriods = 20
	// busyCalls is the least such median that tells silence from chance: an operation
	// that has 10 calls in the mean has none in one period of 22,000, if they come
	// independently of each other.
	busyCalls = 10
)

// past is what is remembered of one operation for objectives that are about more than
// one period. Operations without such an objective have none.
type past struct {
	calls []uint64 // of the last periods with calls, at most typicalPeriods, a ring
	at    int      // the place of the oldest, once it is full
	burn  *burnCounts
	early earlyCounts
}

// earlyCounts are the calls of partial periods before the first whole one: how long a period is
// shows only then.
type earlyCounts struct {
	end         time.Time
	good, total uint64
}

// recall completes a summary by what was before it, and remembers it. Of a partial period only
// the calls count, for the error budget.
func (j *Judge) recall(s *engine.Summary) {
	watchesTraffic, watchesBudget := s.Objective.MinTrafficRatio > 0, s.Objective.SLO > 0
	if !watchesTraffic && !watchesBudget {
		delete(j.pasts, s.Key())
		return
	}
	p := j.pasts[s.Key()]
	if p == nil {
		p = &past{}
		j.pasts[s.Key()] = p
	}
	if watchesTraffic && !s.Partial {
		s.TypicalCalls = p.typical()
		if s.Count > 0 {
			p.add(s.Count)
		}
	}
	if watchesBudget {
		p.spend(s)
	}
}

// spend takes the calls of a period from the error budget, and says how fast that burns.
func (p *past) spend(s *engine.Summary) {
	good, total := s.Success, s.Success+s.Failure
	switch length := s.End.Sub(s.Start); {
	case s.Partial && p.burn == nil:
		p.early = earlyCounts{s.End, p.early.good + good, p.early.total + total}
		return
	case s.Partial:
		p.burn.add(s.End, good, total)
		return
	// The first period may be one during which the process stood still: what comes after
	// it is shorter, and tells how long a period is.
	case p.burn == nil || p.burn.width > max(length, time.Minute):
		p.burn = newBurnCounts(length)
		p.burn.add(p.early.end, p.early.good, p.early.total)
	}
	p.burn.add(s.End, good, total)
	s.BurnRates = p.burn.rates(1 - s.Objective.SLO)
}

// isNeeded reports whether the calls of the last six hours still say how fast the budget burns.
func (p *past) isNeeded() bool { return p != nil && p.burn != nil && p.burn.hasCalls() }

// add remembers a period with calls.
func (p *past) add(calls uint64) {
	if len(p.calls) < typicalPeriods {
		p.calls = append(p.calls, calls)
		return
	}
	p.calls[p.at] = calls
	p.at = (p.at + 1) % typicalPeriods
}

// typical returns the median number of calls, 0 while there are too few periods.
func (p *past) typical() uint64 {
	if len(p.calls) < typicalPeriods {
		return 0
	}
	sorted := slices.Sorted(slices.Values(p.calls))
	low, high := sorted[typicalPeriods/2-1], sorted[typicalPeriods/2]
	return low + (high-low)/2
}
