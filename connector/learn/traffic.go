package learn

import (
	"maps"
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// traffic is what was seen of all operations.
type traffic struct {
	operations map[engine.OperationKey]*observed
	first      time.Time // the start of the first period
	last       time.Time // the end of the last one
	periods    uint64    // without those that were cut short
	overflowed uint64
	stretch    time.Duration // the length of a stretch, a part of the recording with typical times of its own
	stretchEnd time.Time
}

// observed is what was seen of one operation.
type observed struct {
	key              engine.OperationKey
	success, failure uint64
	durations        durations
	// stretch holds the durations of the current stretch. typical are the upper bounds of the
	// typical time in the stretches before it that had enough calls.
	stretch durations
	typical []time.Duration
	// Of the periods that were not cut short, whole is the number of calls in them, with the
	// number of those with a call, and fewest the least number of calls in one of those.
	whole, with, fewest uint64
}

func newTraffic(stretch time.Duration) *traffic {
	return &traffic{operations: make(map[engine.OperationKey]*observed), stretch: stretch}
}

// add takes a closed period.
func (t *traffic) add(p *engine.Period, settle func(*durations) (time.Duration, bool)) {
	if t.first.IsZero() {
		t.first, t.stretchEnd = p.Start, p.Start.Add(t.stretch)
	}
	if p.End.After(t.last) {
		t.last = p.End
	}
	if !p.Start.Before(t.stretchEnd) {
		t.endStretch(settle)
		t.stretchEnd = p.Start.Add(t.stretch)
	}
	if !p.Partial {
		t.periods++
	}
	t.overflowed += p.Overflowed
	for i := range p.Summaries {
		s := &p.Summaries[i]
		if s.Count == 0 || s.Operation == engine.OverflowName {
			continue
		}
		o := t.operations[s.Key()]
		if o == nil {
			o = &observed{key: s.Key()}
			t.operations[s.Key()] = o
		}
		o.success += s.Success
		o.failure += s.Failure
		o.durations.add(s.Histogram)
		o.stretch.add(s.Histogram)
		if !p.Partial {
			if o.whole += s.Count; o.with == 0 || s.Count < o.fewest {
				o.fewest = s.Count
			}
			o.with++
		}
	}
}

// endStretch ends the current stretch. settle returns an upper bound of the typical time, if
// there were enough calls.
func (t *traffic) endStretch(settle func(*durations) (time.Duration, bool)) {
	for _, o := range t.operations {
		if typical, ok := settle(&o.stretch); ok {
			o.typical = append(o.typical, typical)
		}
		o.stretch = durations{}
	}
}

// lasted returns for how long traffic was seen.
func (t *traffic) lasted() time.Duration { return t.last.Sub(t.first) }

// sorted returns the operations by service, name and span kind.
func (t *traffic) sorted() []*observed {
	return slices.SortedFunc(maps.Values(t.operations), func(a, b *observed) int { return a.key.Compare(b.key) })
}

// typicalOf returns a bound that the typical times of all but 1 % of the stretches keep to.
func (o *observed) typicalOf() time.Duration {
	if len(o.typical) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(o.typical))
	return sorted[len(sorted)-1-len(sorted)/100]
}
