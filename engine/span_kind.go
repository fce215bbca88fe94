package engine

// SpanKind is a span kind. Its values are those of the OpenTelemetry API.
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

var spanKindNames = [...]string{"unspecified", "internal", "server", "client", "producer", "consumer"}

// String returns the span kind's name in lower case.
func (k SpanKind) String() string { return enumName("SpanKind", spanKindNames[:], k) }

// MarshalText returns the span kind's name in lower case.
func (k SpanKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a span kind's name: unspecified, internal, server, client, producer or
// consumer.
func (k *SpanKind) UnmarshalText(text []byte) error {
	return parseEnum("span kind", spanKindNames[:], text, k)
}
