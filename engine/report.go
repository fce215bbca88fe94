package engine

import "time"

// Report is one finished call as the engine sees it.
//
// The engine keeps the strings until the report is counted, so their bytes must not change
// until then. Ordinary Go strings satisfy this; strings made by unsafe means over a buffer
// that is used again do not.
type Report struct {
	// Service is the service that made the call. Default: [Config.Service].
	Service string
	// Operation names what was called: "GET /users/{id}". A name longer than 256 bytes is
	// cut at a rune; an empty one counts as [UnnamedOperation].
	Operation string
	// SpanKind is the span kind; the zero value means a call without a span.
	SpanKind SpanKind
	// Code is the status code of the call under its own name: "503",
	// "DEADLINE_EXCEEDED", "23505". A code longer than 256 bytes is cut at a rune.
	Code string
	// Outcome says how the call ended. [OutcomeUnset] leaves it to the code: see
	// [OutcomeOf].
	Outcome Outcome
	// Duration is how long the call took, or [Untimed].
	Duration time.Duration
	// End is when the call ended; the zero time means now. A live [Engine] counts a report
	// in the period in which it arrives; there End only dates the exemplar.
	End time.Time
}
