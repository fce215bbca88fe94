package alert

import (
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

const (
	// typicalPeriods is the number of periods with calls whose median is the usual number
	// of calls of an operation.
	typicalPeriods = 20
	// busyCalls is the least such median from which a period without calls is no chance: of
	// an operation with 10 calls a period in the mean, one period in 22,000 has none, if
	// calls come independently of each other.
	busyCalls = 10
)

// past is what is remembered of one operation for MinTrafficRatio and SLO. Operations without
// either have none.
type past struct {
	calls []uint64 // of the last periods with calls, a ring of at most typicalPeriods
	at    int      // the index of the oldest, once the ring is full
	burn  *burnCounts
	early earlyCounts
}

// earlyCounts are the calls of partial periods before the first whole one, which shows how
// long a period is.
type earlyCounts struct {
	end         time.Time
	good, total uint64
}

// recall fills in TypicalCalls and BurnRates of a summary from the periods before it, and
// remembers its calls. A partial period counts for the error budget only.
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

// spend counts the calls of a period against the error budget and sets the burn rates.
func (p *past) spend(s *engine.Summary) {
	good, total := s.Success, s.Success+s.Failure
	switch length := s.End.Sub(s.Start); {
	case s.Partial && p.burn == nil:
		p.early = earlyCounts{s.End, p.early.good + good, p.early.total + total}
		return
	case s.Partial:
		p.burn.add(s.End, good, total)
		return
	// The first period may be too long, since the process stood still in it. A shorter one
	// after it shows how long a period really is.
	case p.burn == nil || p.burn.width > max(length, time.Minute):
		p.burn = newBurnCounts(length)
		p.burn.add(p.early.end, p.early.good, p.early.total)
	}
	p.burn.add(s.End, good, total)
	s.BurnRates = p.burn.judged(&s.Objective)
}

// isNeeded reports whether the burn rate still depends on calls of the last six hours.
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
