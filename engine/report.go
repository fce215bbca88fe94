package engine

import (
	"fmt"
	"time"
)

// Report is one finished call as the engine sees it. It is passed by value and
// holds no reference to whatever it was made from.
//
// The strings must never change after the report was made: the engine keeps
// them until the report is counted. Ordinary Go strings satisfy this; strings
// made by unsafe means over a buffer that is used again do not.
type Report struct {
	// Service is the service that made the call; empty means the engine's
	// default service ([Config.Service]).
	Service string
	// Operation names what was called: "GET /users/{id}". Names longer than 256
	// bytes are cut at a rune, an empty name counts as [UnnamedOperation].
	Operation string
	// Kind is the span kind; the zero value means a call without a span.
	SpanKind SpanKind
	// Code is the status code of the call under its own name: "503",
	// "DEADLINE_EXCEEDED", "23505". Codes longer than 256 bytes are cut at a rune.
	Code string
	// Outcome says how the call ended. [OutcomeUnset] leaves it to the code:
	// [Config.Codes] decides; without an entry there, "", "OK", "0" and 100..399
	// are successes and everything else is a failure.
	Outcome Outcome
	// Duration is how long the call took; a negative one counts as zero.
	Duration time.Duration
	// End is when the call ended; the zero time means now. A running engine counts
	// a report in the period in which it arrives, so End only dates the exemplar.
	End time.Time
}

// TraceRef is the identity of one span, in the W3C sizes.
type TraceRef struct {
	TraceID [16]byte
	SpanID  [8]byte
	// Sampled says that the span is exported, so that it can be looked up.
	Sampled bool
}

// IsZero reports whether r refers to no span.
func (r TraceRef) IsZero() bool { return r.TraceID == [16]byte{} }

// Outcome says how a call ended.
type Outcome uint8

const (
	// OutcomeUnset leaves the decision to the code.
	OutcomeUnset Outcome = iota
	// OutcomeSuccess is a call that did what it was asked to.
	OutcomeSuccess
	// OutcomeFailure is a call that did not.
	OutcomeFailure
	// OutcomeCancelled is a call that its caller gave up: it is counted, but
	// stands outside the success ratio.
	OutcomeCancelled
	// OutcomeIgnored is a call that was none: it is counted apart from all others.
	OutcomeIgnored
)

var outcomeNames = [...]string{"unset", "success", "failure", "cancelled", "ignored"}

// String returns the outcome's name in lower case.
func (o Outcome) String() string { return enumName("Outcome", outcomeNames[:], o) }

// MarshalText returns the outcome's name in lower case.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads an outcome's name: unset, success, failure, cancelled or ignored.
func (o *Outcome) UnmarshalText(text []byte) error {
	return parseEnum("outcome", outcomeNames[:], text, o)
}

// Kind is a span kind. Its values are those of the OpenTelemetry API.
type SpanKind uint8

const (
	// SpanKindUnspecified is a call that was reported by hand, without a span.
	SpanKindUnspecified SpanKind = iota
	// SpanKindInternal is an operation inside the process.
	SpanKindInternal
	// SpanKindServer is the handling of a remote request.
	SpanKindServer
	// SpanKindClient is a request to a remote service.
	SpanKindClient
	// SpanKindProducer is the sending of a message.
	SpanKindProducer
	// SpanKindConsumer is the handling of a message.
	SpanKindConsumer
)

var kindNames = [...]string{"unspecified", "internal", "server", "client", "producer", "consumer"}

// String returns the kind's name in lower case.
func (k SpanKind) String() string { return enumName("Kind", kindNames[:], k) }

// MarshalText returns the kind's name in lower case.
func (k SpanKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a kind's name: unspecified, internal, server, client, producer or consumer.
func (k *SpanKind) UnmarshalText(text []byte) error {
	return parseEnum("span kind", kindNames[:], text, k)
}

// enumName returns the name of v, or Type(v) for a value outside the table.
func enumName[T ~uint8](typeName string, names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("%s(%d)", typeName, uint8(v))
}

// parseEnum sets v to the value whose name is text.
func parseEnum[T ~uint8](what string, names []string, text []byte, v *T) error {
	for i, name := range names {
		if name == string(text) {
			*v = T(i)
			return nil
		}
	}
	return fmt.Errorf("unknown %s %q, want one of %v", what, text, names)
}
