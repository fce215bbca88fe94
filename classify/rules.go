package classify

import (
	"cmp"
	"maps"

	"github.com/blurooo/go-monitor/v2/engine"
)

const (
	codeOK    = "OK"
	codeOther = engine.OverflowName
)

// Rules judge finished spans by what instrumentation really leaves in them. Apart from the
// names that they remember they never change, and they are safe for concurrent use. They
// must not be copied.
type Rules struct {
	codes    map[string]engine.CodeFeature
	outcomes Outcomes
	names    joinedNames
}

// New returns the rules with a table of codes, which may be nil and is copied, and with what
// was settled of the matters of taste, which must be valid.
func New(codes map[string]engine.CodeFeature, outcomes Outcomes) *Rules {
	return &Rules{codes: maps.Clone(codes), outcomes: outcomes.withDefaults()}
}

// OutcomeOf decides by the code alone, as [engine.OutcomeOf] does with the table of codes.
func (r *Rules) OutcomeOf(code string) engine.Outcome { return engine.OutcomeOf(r.codes, code) }

// Operation returns the operation that a span stands for: its name, or, where the name of a
// client's span says no more than the method, the server's address, too. It reads nothing
// but the kind, the name and the attributes, so that a span that has not ended will do.
func (r *Rules) Operation(s *Span) string {
	if s.SpanKind == engine.SpanKindClient {
		return r.clientOperation(s)
	}
	return s.Name
}

func (r *Rules) clientOperation(s *Span) string {
	if s.Attributes.address != "" && isMethodName(s.Name, s.Attributes.method) {
		return r.names.join(s.Name, s.Attributes.address)
	}
	return s.Name
}

// Quick is [Rules.Classify] for the calls of which most are: instrumentation saw them to their
// end, gave them a status code and found no fault. For all others ok is false. Nobody
// needs it, but it is quicker.
func (r *Rules) Quick(s *Span) (code string, outcome engine.Outcome, ok bool) {
	if !s.succeeded() || len(r.codes) > 0 {
		return "", engine.OutcomeUnset, false
	}
	return s.Attributes.status, engine.OutcomeSuccess, true
}

// QuickHTTP is [Rules.Quick] for a span of any kind but CLIENT of which everything is known that
// matters: its status is unset, and of the attributes that [MayHoldCode] there is none but
// [HTTPResponseStatusCode], which is an integer. Nobody needs it, but it is quicker still.
func (r *Rules) QuickHTTP(status int64) (code string, ok bool) {
	if status < 100 || status >= 400 || len(r.codes) > 0 {
		return "", false
	}
	return decimal(status), true
}

// Classify says with which code the call ended, and how; the code is never empty, and the
// outcome never unset. e is the span's last exception; it is not looked at unless
// [Span.NeedsException] says so.
func (r *Rules) Classify(s *Span, e Exception) (code string, outcome engine.Outcome) {
	if s.succeeded() {
		code, outcome = s.Attributes.status, engine.OutcomeSuccess
	} else {
		if !s.NeedsException() {
			e = Exception{}
		}
		code, outcome = r.judge(s, &e)
	}
	if len(r.codes) > 0 {
		if feature, ok := r.codes[code]; ok {
			outcome = engine.OutcomeFailure
			if feature.Success {
				outcome = engine.OutcomeSuccess
			}
		}
	}
	return code, outcome
}

// judge applies the rules, of which the first that fits decides.
func (r *Rules) judge(s *Span, e *Exception) (code string, outcome engine.Outcome) {
	a := &s.Attributes
	switch {
	case meansSkipped(s.Message), meansSkipped(e.Message):
		outcome = engine.OutcomeIgnored
	case cancelled(s, e):
		outcome = engine.OutcomeCancelled
	case s.Status == StatusOK:
		outcome = engine.OutcomeSuccess
	case a.http/100 == 4 && s.SpanKind == engine.SpanKindServer:
		outcome = r.outcomes.HTTPServer4xx
	case a.http/100 == 4 && s.SpanKind == engine.SpanKindClient:
		outcome = r.outcomes.HTTPClient4xx
	case a.grpc == "NOT_FOUND" && s.SpanKind == engine.SpanKindClient:
		outcome = r.outcomes.GRPCNotFound
	case s.Status == StatusError, failedByCode(s), e.IsPanic:
		outcome = engine.OutcomeFailure
	default:
		outcome = engine.OutcomeSuccess
	}

	if outcome == engine.OutcomeSuccess {
		return cmp.Or(a.status, codeOK), outcome
	}
	return cmp.Or(a.failure, e.code(), codeOther), outcome
}

// cancelled reports whether the caller gave the call up. A deadline that passed is
// no cancellation but a failure.
func cancelled(s *Span, e *Exception) bool {
	switch grpc := s.Attributes.grpc; {
	case grpc == "CANCELLED":
		return true
	case s.SpanKind == engine.SpanKindServer:
		// Whatever a server's own messages say, its caller may be waiting still.
		return s.Attributes.http == 499
	case grpc != "" && grpc != codeOK:
		// The message of a gRPC error is the server's, and the client's library has
		// a code of its own for a caller that gave up.
		return false
	}
	return meansCanceled(s.Message) || meansCanceled(e.Message)
}

// failedByCode reports whether the attributes say failure, for the instrumentation
// that leaves the status unset. 4xx and a client's NOT_FOUND are settled before.
func failedByCode(s *Span) bool {
	a := &s.Attributes
	if a.hasErrorType {
		return true
	}
	switch s.SpanKind {
	case engine.SpanKindServer:
		if a.http >= 500 {
			return true
		}
		switch a.grpc {
		case "UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS":
			return true
		}
	case engine.SpanKindClient:
		return a.http >= 400 || a.grpc != "" && a.grpc != codeOK
	}
	return false
}
