package classify

import (
	"context"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// GaveUp says whether the caller of a call waited to its end. What knows it for sure is the
// context that the span was started with; where there is none, messages have to do.
type GaveUp uint8

const (
	// GaveUpUnknown leaves it to messages and codes.
	GaveUpUnknown GaveUp = iota
	// GaveUpNot says that the caller waited: where a message says something else, it speaks of
	// another caller.
	GaveUpNot
	// GaveUpCanceled says that the caller gave up.
	GaveUpCanceled
	// GaveUpDeadline says that the caller's time ran out.
	GaveUpDeadline
)

// deadlineShare is the part of its time, one fiftieth, that a server's call may end before its
// deadline and still have been given up for it: the caller's clock and the network bring the end
// to the server not quite when the server's own timer fires.
const deadlineShare = 50

// GaveUpOf returns what a context says when a span ends that was started with it. The context of a
// server that was cancelled at its deadline was cancelled for it.
func GaveUpOf(ctx context.Context, kind engine.SpanKind, start, end time.Time) GaveUp {
	if ctx == nil || ctx.Done() == nil {
		return GaveUpUnknown // it can't end
	}
	deadline, hasDeadline := ctx.Deadline()
	switch ctx.Err() {
	case nil:
		if hasDeadline && !end.Before(deadline) {
			return GaveUpDeadline
		}
		return GaveUpNot
	case context.DeadlineExceeded:
		return GaveUpDeadline
	}
	if hasDeadline && kind == engine.SpanKindServer && !end.Add(end.Sub(start)/deadlineShare).Before(deadline) {
		return GaveUpDeadline
	}
	return GaveUpCanceled
}

// Scopes of instrumentation that has ways of its own.
const (
	scopeGRPCGo  = "grpc-go"                    // the spans of grpc-go itself have no codes
	scopeConnect = "connectrpc.com/otelconnect" // its servers are those of net/http
)

// isGRPCGoName reports whether a name is one that grpc-go gives its own spans.
func isGRPCGoName(name string) bool {
	return strings.HasPrefix(name, "Sent.") || strings.HasPrefix(name, "Recv.") || strings.HasPrefix(name, "Attempt.")
}

// Messages and codes that say how a call ended where its context is not known.
const (
	// canceledMessage ends the message of every error that wraps context.Canceled
	// in the usual way.
	canceledMessage = "context canceled"
	// dialCanceledMessage ends what package net says of a connection that it was told not to make.
	dialCanceledMessage = "operation was canceled"
	// queryCanceledMessage is what PostgreSQL says of a statement that its client cancelled, be it
	// that the caller gave up or that its time ran out.
	queryCanceledMessage = "canceling statement due to user request"
	// interruptedMessage is what SQLite says of such a statement.
	interruptedMessage = "interrupted (9)"
)

// gaveUp reports whether the caller gave the call up. A deadline that passed is
// no cancellation but a failure.
func gaveUp(s *Span, e *Exception) bool {
	a := &s.Attributes
	switch {
	case a.grpc == codeCancelled:
		return s.GaveUp != GaveUpDeadline
	case s.SpanKind == engine.SpanKindServer:
		return serverWasLeft(s, e)
	case a.http >= 400, a.grpc != "" && a.grpc != codeOK, a.databaseAnswered():
		// The other side answered before, or with a message of its own.
		return false
	case s.GaveUp == GaveUpDeadline:
		return false
	case s.IsUnanswered() && !s.AttributesDropped:
		return true
	case s.GaveUp == GaveUpNot:
		return wasGivenUpWithin(s, e)
	}
	return s.GaveUp == GaveUpCanceled && s.isFailing() ||
		meansCanceled(s.Message) || meansCanceled(e.Message) ||
		isCanceledType(a.errorType, s.Message) || isCanceledType(e.Type, e.Message)
}

// serverWasLeft reports whether a server's caller had gone. Whatever the server's own messages
// say, its caller may be waiting still.
func serverWasLeft(s *Span, e *Exception) bool {
	a := &s.Attributes
	if a.http == 499 || isCanceledCode(a.errorType) && s.GaveUp != GaveUpDeadline {
		return true
	}
	if s.GaveUp == GaveUpNot || s.GaveUp == GaveUpDeadline {
		return false
	}
	switch {
	case a.grpc == "UNKNOWN" && s.Message == canceledMessage:
		return true // what Connect makes of a context's own error
	case s.Scope == scopeGRPCGo:
		return s.Message == canceledMessage
	case a.grpc != "" && s.Scope != scopeConnect:
		return false // grpc-go ends the context of every call
	case a.http/100 == 4:
		return false // the server answered in time
	}
	return s.GaveUp == GaveUpCanceled && (s.isFailing() || e.IsPanic)
}

// wasGivenUpWithin reports whether a call was given up though its caller waited: by a context that
// was made after the span had been started. What says so must be this process's own error; a message
// alone may be the other side's.
func wasGivenUpWithin(s *Span, e *Exception) bool {
	return isOwnCancellation(s.Attributes.errorType, s.Message) || isOwnCancellation(e.Type, e.Message)
}

func isOwnCancellation(goType, message string) bool {
	switch {
	case strings.HasSuffix(message, dialCanceledMessage), strings.Contains(message, interruptedMessage):
		return true
	case strings.HasSuffix(message, canceledMessage):
		switch goType {
		case "*errors.errorString": // context.Canceled itself
			return message == canceledMessage
		case "*fmt.wrapError", "*fmt.wrapErrors", "*errors.joinError", "*url.Error", "*net.OpError":
			return true
		}
	}
	return isCanceledType(goType, message)
}

// meansCanceled reports whether a message says that the caller gave the call up.
func meansCanceled(message string) bool {
	return strings.HasSuffix(message, canceledMessage) || strings.HasSuffix(message, dialCanceledMessage) ||
		strings.Contains(message, queryCanceledMessage) || strings.Contains(message, interruptedMessage)
}

// isCanceledCode reports whether error.type is a word for a caller that gave up.
func isCanceledCode(errorType string) bool {
	switch errorType {
	case "context_canceled", "context canceled", "canceled", "cancelled", "CANCELED", codeCancelled:
		return true
	}
	return false
}

// isCanceledType reports whether the type of an error is that of a call which was given up. .NET
// uses one for a time-out, too, and says so in the message.
func isCanceledType(errorType, message string) bool {
	switch errorType {
	case "java.util.concurrent.CancellationException",
		"kotlinx.coroutines.JobCancellationException",
		"kotlin.coroutines.cancellation.CancellationException",
		"System.OperationCanceledException", "OperationCanceledException",
		"System.Threading.Tasks.TaskCanceledException", "TaskCanceledException",
		"asyncio.exceptions.CancelledError", "concurrent.futures._base.CancelledError", "CancelledError",
		"AbortError", "CanceledError", "CancellationError",
		"*temporal.CanceledError", "*internal.CanceledError":
		return !strings.Contains(message, "imeout")
	}
	return isCanceledCode(errorType)
}

// databaseAnswered reports whether the call failed with a database's code, other than that of a
// statement which its client cancelled.
func (a *Attributes) databaseAnswered() bool {
	if a.failureRank != dbResponseStatus && a.failureRank != pgxSQLState {
		return false
	}
	switch a.failure {
	case "57014", // PostgreSQL: query_canceled
		"70100", "1317", // MySQL: query interrupted
		"ORA-01013": // Oracle: user requested cancel
		return false
	}
	return true
}
