package engine

import (
	"cmp"
	"slices"
)

// CauseCount says how many calls one cause explains.
type CauseCount struct {
	Cause
	Count uint64 `json:"count"`
	// Share is Count's share of the failures, or of the slow successes, 0..1.
	Share float64 `json:"share"`
}

// maxCauseCounts bounds the causes that are counted one by one for each operation and
// period; further ones are counted together under [OverflowName].
const maxCauseCounts = 16

// causeCounter counts calls by their causes.
type causeCounter []causeTally

type causeTally struct {
	cause *Cause
	count uint64
}

// otherCauses stands for all causes that got no place of their own.
var otherCauses = &Cause{Operation: OverflowName}

// add counts n calls that a cause explains; nil counts none.
func (c *causeCounter) add(cause *Cause, n uint64) {
	if cause == nil {
		return
	}
	for i := range *c {
		// Equal causes mostly are the same one.
		if t := &(*c)[i]; t.cause == cause || *t.cause == *cause {
			t.count += n
			return
		}
	}
	if len(*c) >= maxCauseCounts && cause != otherCauses {
		c.add(otherCauses, n)
		return
	}
	*c = append(*c, causeTally{cause: cause, count: n})
}

// take returns the counts as shares of a whole, largest first, and empties c.
func (c *causeCounter) take(whole uint64) []CauseCount {
	if len(*c) == 0 {
		return nil
	}
	out := make([]CauseCount, 0, len(*c))
	for _, t := range *c {
		out = append(out, CauseCount{Cause: *t.cause, Count: t.count, Share: share(t.count, whole)})
	}
	slices.SortFunc(out, compareCauses)
	clear(*c)
	*c = (*c)[:0]
	return out
}

// compareCauses orders the larger before the smaller, and equal ones by name.
func compareCauses(a, b CauseCount) int {
	return cmp.Or(
		cmp.Compare(b.Count, a.Count),
		cmp.Compare(a.Operation, b.Operation),
		cmp.Compare(a.Code, b.Code),
		cmp.Compare(a.Service, b.Service),
		cmp.Compare(a.SpanKind, b.SpanKind),
	)
}

// MergeCauses adds up the causes of several periods, the largest first. whole is the number of
// all failures, or of all slow calls, in these periods.
func MergeCauses(whole uint64, lists ...[]CauseCount) []CauseCount {
	var merged []CauseCount
	for _, list := range lists {
		for _, one := range list {
			i := slices.IndexFunc(merged, func(c CauseCount) bool { return c.Cause == one.Cause })
			if i < 0 {
				merged = append(merged, CauseCount{Cause: one.Cause})
				i = len(merged) - 1
			}
			merged[i].Count += one.Count
		}
	}
	for i := range merged {
		merged[i].Share = share(merged[i].Count, whole)
	}
	slices.SortFunc(merged, compareCauses)
	return merged
}
