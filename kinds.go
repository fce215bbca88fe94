package monitor

import "go.opentelemetry.io/otel/trace"

// kindSet is a set of span kinds, a bit for each.
type kindSet uint8

func newKindSet(kinds []trace.SpanKind) kindSet {
	var set kindSet
	for _, k := range kinds {
		set |= 1 << k
	}
	return set
}

func (set kindSet) has(k trace.SpanKind) bool { return set>>uint(k)&1 != 0 }
