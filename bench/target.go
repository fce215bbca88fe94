package main

import (
	"fmt"
	"strings"
)

// target is what a value has to be. The targets are those that the project set itself
// from what was measured beforehand.
type target struct {
	kind targetKind
	// limit is the largest value that meets the target, or the least one.
	limit   float64
	atLeast bool
	// against is what a ratio compares with: the ratio is that of the probe's
	// minimum to against's. ofOurs turns the ratio round, for a target that is
	// written beside what we compare with.
	against *probe
	ofOurs  bool
	// name says in the table what a ratio compares with, where that is not plain.
	name string
	// shared says that the value depends on what else the machine does, so that it is
	// never a failure: two producers need two processors at the same time.
	shared bool
}

type targetKind uint8

const (
	absolute    targetKind = iota // the minimum, in the probe's unit
	ratio                         // compared with another probe
	difference                    // what is more than another probe's
	allocations                   // allocations of one operation
)

// verdict says whether a target was met.
type verdict uint8

const (
	leftOut verdict = iota // nothing to compare with
	met
	missed
)

// noAllocations is the target of everything on the caller's way. Flushes and the
// engine's own work happen meanwhile, so that it takes more than one allocation in a
// hundred operations to say that an operation allocates.
func noAllocations() target { return target{kind: allocations, limit: 0.01} }

func atMost(limit float64) target { return target{kind: absolute, limit: limit} }

// timesOurs is the target that a peer takes at least so many times as long as we do.
func timesOurs(limit float64, our *probe) target {
	return target{kind: ratio, limit: limit, atLeast: true, against: our}
}

// value returns what the target looks at.
func (t target) value(p *probe) (float64, bool) {
	if !p.isMeasured() {
		return 0, false
	}
	switch t.kind {
	case ratio:
		if !t.against.isMeasured() {
			return 0, false
		}
		own, other := p.minimum(), t.against.minimum()
		if t.ofOurs {
			own, other = other, own
		}
		return own / other, true
	case difference:
		if !t.against.isMeasured() {
			return 0, false
		}
		return max(0, p.minimum()-t.against.minimum()), true
	case allocations:
		allocs, _, ok := p.memory()
		return allocs, ok
	}
	return p.minimum(), true
}

func (t target) verdict(p *probe) verdict {
	v, ok := t.value(p)
	if !ok {
		return leftOut
	}
	if t.atLeast && v >= t.limit || !t.atLeast && v <= t.limit {
		return met
	}
	return missed
}

// isFarOff reports whether a target is missed by so much that noise is no excuse:
// an allocation, or a ratio worse than half of its target.
func (t target) isFarOff(p *probe) bool {
	v, ok := t.value(p)
	switch {
	case !ok || t.shared || t.kind == absolute || t.kind == difference:
		return false
	case t.kind == allocations:
		return v > t.limit
	case t.atLeast:
		return v < t.limit/2
	}
	return v > t.limit*2
}

// text is the target as the table shows it.
func (t target) text(p *probe) string {
	var b strings.Builder
	sign := "<="
	if t.atLeast {
		sign = ">="
	}
	switch t.kind {
	case allocations:
		b.WriteString("0 allocs")
	case absolute:
		fmt.Fprintf(&b, "%s %s", sign, number(t.limit, p.unit))
	case difference:
		fmt.Fprintf(&b, "%s %s more than %s", sign, number(t.limit, p.unit), t.name)
		if v, ok := t.value(p); ok {
			fmt.Fprintf(&b, " (%s)", number(v, ""))
		}
	case ratio:
		if t.ofOurs {
			b.WriteString(ours + " ")
		}
		fmt.Fprintf(&b, "%s %sx", sign, plain(t.limit))
		if t.name != "" {
			b.WriteString(" " + t.name)
		}
		if v, ok := t.value(p); ok {
			fmt.Fprintf(&b, " (%.2f)", v)
		}
	}
	switch t.verdict(p) {
	case met:
		b.WriteString(" ok")
	case missed:
		b.WriteString(" MISSED")
	case leftOut:
		b.WriteString(" left out")
	}
	return b.String()
}
