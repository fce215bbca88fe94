package engine

import "time"

// Span is one finished call with its place in its trace, as [Timeline.Add] and
// [Engine.ReportSpan] take it. It is not kept.
type Span struct {
	// Service, Operation, Code, SpanKind, Outcome and Duration are those of a [Report].
	// A Timeline does not keep the strings, an Engine does until the call is counted.
	Service, Operation, Code string
	SpanKind                 SpanKind
	Outcome                  Outcome
	Duration                 time.Duration
	// Untimed says that Duration is no latency, as [Untimed] does. It may explain another call's
	// all the same.
	Untimed bool
	// End is when the call ended, in Unix nanoseconds.
	End int64
	// Covered is how much of Duration the call's children took, as [Engine.Covered] says;
	// negative: not known. A Timeline finds out for itself.
	Covered time.Duration
	// Link is the span's place in its trace. Zero: it has none, so it explains no other call
	// and can't be looked up.
	Link Link
	// Sampled says that the span is kept where it can be looked up.
	Sampled bool
	// Details are what else the span tells; nil unless [Engine.WantsDetails], or
	// [Timeline.WantsDetails], says that they are wanted.
	Details *Details
	// Unwatched says that the call is not counted: what its children did is handed on to its
	// parent.
	Unwatched bool
	// Weight is the number of calls that the span stands for, where others like it were left
	// out by a sampler; 0 means 1, and more than 2^32 count as 2^32. A live Engine counts it
	// once.
	Weight uint64
}

// isSlow reports whether a call with such an outcome took longer than the target.
func (s *Span) isSlow(outcome Outcome, target time.Duration) bool {
	return outcome != OutcomeIgnored && !s.Untimed && isTimed(s.Duration) && s.Duration > target
}
