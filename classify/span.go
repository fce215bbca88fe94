package classify

import (
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Span is what the rules read of a finished span. Neither it nor what it holds is kept.
type Span struct {
	SpanKind engine.SpanKind
	Name     string
	Status   Status
	Message  string // the status's description

	Attributes Attributes
}

// succeeded reports whether instrumentation saw the call to its end and found no fault, as most
// often: nothing else can say otherwise.
func (s *Span) succeeded() bool {
	return s.Status == StatusUnset && s.Attributes.failure == "" && s.Attributes.status != ""
}

// NeedsException reports whether the span's last exception can change how the call is
// classified. No event takes back a status Ok, which is the program's own last word, and
// those of a server say nothing that its code does not say.
func (s *Span) NeedsException() bool {
	return s.Status != StatusOK && (s.SpanKind != engine.SpanKindServer || s.Attributes.failure == "") && !s.succeeded()
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
)

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

// Messages that say how a call ended where no code does.
const (
	// skippedMessage is the whole message of driver.ErrSkip: database/sql asked a
	// driver for a short cut, the driver has none, and the call goes another way.
	skippedMessage = "driver: skip fast-path; continue as if unimplemented"
	// canceledMessage ends the message of every error that wraps context.Canceled
	// in the usual way.
	canceledMessage = "context canceled"
)

// meansSkipped reports whether a message is that of driver.ErrSkip. It must be the whole of
// it: an error that only wraps driver.ErrSkip is not understood by database/sql and fails
// the call.
func meansSkipped(message string) bool { return message == skippedMessage }

// meansCanceled reports whether a message says that the caller gave the call up.
func meansCanceled(message string) bool { return strings.HasSuffix(message, canceledMessage) }
