package main

import (
	"fmt"
	"strings"
)

// target is a bound that a value must keep. The project set the targets from earlier
// measurements.
type target struct {
	kind targetKind
	// limit is the largest value that meets the target; with atLeast, the smallest.
	limit   float64
	atLeast bool
	// against is the probe to compare with. A ratio is the probe's minimum divided by
	// against's; ofOurs inverts it, for a target that stands in the line of a peer.
	against *probe
	ofOurs  bool
	// name says in the table what is compared with, where that is not obvious.
	name string
	// shared says that the value depends on what else the machine does, so that missing it is
	// never a failure.
	shared bool
}

type targetKind uint8

const (
	absolute    targetKind = iota // the minimum, in the probe's unit
	ratio                         // compared with another probe
	difference                    // the excess over another probe's
	allocations                   // allocations of one operation
)

// verdict says whether a target was met.
type verdict uint8

const (
	leftOut verdict = iota // there is nothing to compare with
	met
	missed
)

// noAllocations is the target of everything on the caller's path. Flushes and the engine's own
// work run meanwhile, so up to one allocation in a hundred operations is not the
// operation's.
func noAllocations() target { return target{kind: allocations, limit: 0.01} }

func atMost(limit float64) target { return target{kind: absolute, limit: limit} }

// timesOurs is the target that a peer takes at least limit times as long as ours.
func timesOurs(limit float64, our *probe) target {
	return target{kind: ratio, limit: limit, atLeast: true, against: our}
}

// value returns the value that the target bounds, false if it was not measured.
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

// isFarOff reports whether a target is missed by more than noise explains: by an allocation, or
// by a ratio worse than half of the target.
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
