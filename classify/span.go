package classify

import (
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Span is what the rules read of a finished span. Neither it nor what it holds is kept.
type Span struct {
	SpanKind engine.SpanKind
	Name     string
	Status   Status
	Message  string // the status's description
	Scope    string // the name of the instrumentation scope: the tracer's
	Service  string // service.name of the resource; it may be left out where there is but one

	// HasParent says that the span is part of a call that something else began. It is only read if
	// [Span.MayBePassedOn] says so.
	HasParent bool

	// GaveUp says whether the caller waited to the end, where that is known.
	GaveUp GaveUp
	// AttributesDropped says that the span had more attributes than its limit. It is only read
	// if [Span.IsUnanswered] says so.
	AttributesDropped bool

	Attributes Attributes
}

// succeeded reports whether instrumentation saw the call to its end and found no fault, as most
// often: nothing else can say otherwise.
func (s *Span) succeeded() bool {
	return s.Status == StatusUnset && s.Attributes.failure == "" && s.Attributes.status != ""
}

// isFailing reports whether anything but an exception that was recorded says that the call failed.
func (s *Span) isFailing() bool { return s.Status == StatusError || failedByCode(s) }

// NeedsEvents reports whether the span's events can change what is said of the call. No event
// takes back a status Ok, which is the program's own last word, and those of a server say nothing
// that its code does not say, but for the messages of an RPC.
func (s *Span) NeedsEvents() bool {
	return s.needsException() || s.Attributes.marks&isRPC != 0
}

func (s *Span) needsException() bool {
	return s.Status != StatusOK && (s.SpanKind != engine.SpanKindServer || s.Attributes.failure == "") && !s.succeeded()
}

// IsUnanswered reports whether the span is one of an HTTP client that tells of neither a response
// nor an error. By the semantic conventions that is a call which its caller gave up, unless the
// status code was one of too many attributes.
func (s *Span) IsUnanswered() bool {
	a := &s.Attributes
	return s.SpanKind == engine.SpanKindClient && s.Status == StatusUnset && a.status == "" && a.failure == "" &&
		a.newMethod && a.marks&(isDatabase|isRPC|isMessaging) == 0 && beginsWithMethod(s.Name, a.method)
}

// isPlain reports whether the call is none that may be a long one by design.
func (s *Span) isPlain() bool {
	const special = isEventStream | isReceive | isRPC | isDatabase
	return s.Attributes.marks&special == 0 && s.Attributes.http != switchingProtocols
}

// Status is the status that a program or its instrumentation gave a span, by the numbers of
// the OpenTelemetry protocol.
type Status uint8

const (
	// StatusUnset says nothing: the other rules decide.
	StatusUnset Status = iota
	// StatusOK is the program's own word that the call succeeded.
	StatusOK
	// StatusError says that the call failed.
	StatusError
)

// Exception is what the rules read of a span's last event named [ExceptionEvent]. The zero
// value stands for none.
type Exception struct {
	Type    string // its attribute [ExceptionType], if that is a string
	Message string // its attribute [ExceptionMessage], likewise
	// IsPanic says that the call ended in it; see [IsPanic].
	IsPanic bool
}

// Events is what the rules read of a span's events.
type Events struct {
	Exception Exception // the last one
	// IsStream says that more than one message went one way; see [IsMessage] and [IsLaterMessage].
	IsStream bool
}

// code returns the exception's type where it can be the code of a failure.
func (e *Exception) code() string {
	if meansSuccess(errorType, e.Type) {
		return ""
	}
	return e.Type
}

// The names by which an exception is found among the events of a span.
const (
	ExceptionEvent   = "exception"
	ExceptionType    = "exception.type"
	ExceptionMessage = "exception.message"
	ExceptionStack   = "exception.stacktrace"
)

// IsMessage reports whether an event of this name tells of a message of an RPC.
func IsMessage(name string) bool {
	switch name {
	case "message", "rpc.message", "Inbound message", "Outbound message":
		return true
	}
	return false
}

// IsLaterMessage reports whether an attribute of such an event says that the message was not the
// first one that went its way.
func IsLaterMessage(key string, number int64) bool {
	switch key {
	case "message.id", "rpc.message.id":
		return number > 1
	case "sequence-number": // of grpc-go, from 0 on
		return number > 0
	}
	return false
}

// maxPanicGap bounds the time that an SDK needs from reading the clock for the end of a span
// to adding the exception event of a panic, on a machine that has much else to do.
const maxPanicGap = time.Second

// IsPanic reports whether an exception that is the last of a span's events, and came so long
// after the span's end, is the panic in which the call ended. Such a span has no status, and an
// exception event like that of an error that was recorded and then dealt with. What tells
// the two apart is that the SDK for Go reads the clock for the end of the span before it adds
// the event of a panic that went through a deferred End, and that it adds no event after the
// end otherwise.
func IsPanic(gap time.Duration) bool { return gap > 0 && gap <= maxPanicGap }

// IsPanicAt is [IsPanic] of times in Unix nanoseconds, such as those of the OpenTelemetry
// protocol, whatever they are.
func IsPanicAt(end, exception uint64) bool {
	return exception > end && exception-end <= uint64(maxPanicGap)
}
