package classify

import (
	"cmp"
	"maps"

	"github.com/blurooo/go-monitor/v2/engine"
)

const (
	codeOK    = "OK"
	codeOther = engine.OverflowOperation
)

// Rules judge finished spans by what instrumentation really leaves in them. Apart from the
// names that they remember they never change, and they are safe for concurrent use. They
// must not be copied.
type Rules struct {
	codes   map[string]engine.CodeFeature
	presets Presets
	names   joinedNames
}

// New returns the rules with a table of codes, which may be nil and is copied, and with what
// was settled of the matters of taste, which must be valid.
func New(codes map[string]engine.CodeFeature, presets Presets) *Rules {
	return &Rules{codes: maps.Clone(codes), presets: presets.withDefaults()}
}

// OutcomeOf decides by the code alone, as [engine.OutcomeOf] does with the table of codes.
func (r *Rules) OutcomeOf(code string) engine.Outcome { return engine.OutcomeOf(r.codes, code) }

// Operation returns the operation that a span stands for: its name, or, where the name of a
// client's span says no more than the method, the server's address, too. It reads nothing
// but the kind, the name and the attributes, so that a span that has not ended will do.
func (r *Rules) Operation(s *Span) string {
	if s.Kind != engine.KindClient {
		return s.Name
	}
	if address := s.Attributes.address(); address != "" && isMethodName(s.Name, s.Attributes.method()) {
		return r.names.join(s.Name, address)
	}
	return s.Name
}

// Classify says with which code the call ended, and how; the code is never empty, and the
// outcome never unset. exception is asked for the span's last exception, at most once and only
// where that can matter; nil means that there is none.
func (r *Rules) Classify(s *Span, exception func() Exception) (code string, outcome engine.Outcome) {
	statusCode, failureCode := s.Attributes.codes()
	if s.Status == StatusUnset && statusCode != "" && failureCode == "" {
		// Instrumentation that saw the call to its end and found no fault, as most
		// often: nothing else can say otherwise.
		code, outcome = statusCode, engine.OutcomeSuccess
	} else {
		c := call{statusCode: statusCode, failureCode: failureCode}
		// No event takes back a status Ok, which is the program's own last word, and
		// those of a server say nothing that its code does not say.
		if exception != nil && s.Status != StatusOK && (s.Kind != engine.KindServer || failureCode == "") {
			c.exception = exception()
		}
		code, outcome = r.judge(s, &c)
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
func (r *Rules) judge(s *Span, c *call) (code string, outcome engine.Outcome) {
	c.grpc, c.http = s.Attributes.grpc(), s.Attributes.http()

	switch {
	case meansSkipped(s.Message), meansSkipped(c.exception.Message):
		outcome = engine.OutcomeIgnored
	case c.cancelled(s):
		outcome = engine.OutcomeCancelled
	case s.Status == StatusOK:
		outcome = engine.OutcomeSuccess
	case c.http/100 == 4 && s.Kind == engine.KindServer:
		outcome = r.presets.HTTPServer4xx
	case c.http/100 == 4 && s.Kind == engine.KindClient:
		outcome = r.presets.HTTPClient4xx
	case c.grpc == "NOT_FOUND" && s.Kind == engine.KindClient:
		outcome = r.presets.GRPCNotFound
	case s.Status == StatusError, c.failedByCode(s), c.exception.IsPanic:
		outcome = engine.OutcomeFailure
	default:
		outcome = engine.OutcomeSuccess
	}

	if outcome == engine.OutcomeSuccess {
		return cmp.Or(c.statusCode, codeOK), outcome
	}
	return cmp.Or(c.failureCode, c.exceptionCode(), codeOther), outcome
}

// call is what the rules know of a finished call beside its span. It does not hold the span,
// which would have to be allocated if it did.
type call struct {
	exception   Exception
	statusCode  string // the first status code, empty if there is none
	failureCode string // the first code that does not mean success, empty if there is none
	grpc        string // the name of the gRPC status code, empty if there is none
	http        int64  // the HTTP status code, 0 if there is none
}

// exceptionCode returns the exception's type where it can be the code of a failure.
func (c *call) exceptionCode() string {
	if t := c.exception.Type; !meansSuccess(errorType, t) {
		return t
	}
	return ""
}

// cancelled reports whether the caller gave the call up. A deadline that passed is
// no cancellation but a failure.
func (c *call) cancelled(s *Span) bool {
	switch {
	case c.grpc == "CANCELLED":
		return true
	case s.Kind == engine.KindServer:
		// Whatever a server's own messages say, its caller may be waiting still.
		return c.http == 499
	case c.grpc != "" && c.grpc != codeOK:
		// The message of a gRPC error is the server's, and the client's library has
		// a code of its own for a caller that gave up.
		return false
	}
	return meansCanceled(s.Message) || meansCanceled(c.exception.Message)
}

// failedByCode reports whether the attributes say failure, for the instrumentation
// that leaves the status unset. 4xx and a client's NOT_FOUND are settled before.
func (c *call) failedByCode(s *Span) bool {
	if !meansSuccess(errorType, s.Attributes.values[errorType]) {
		return true
	}
	switch s.Kind {
	case engine.KindServer:
		if c.http >= 500 {
			return true
		}
		switch c.grpc {
		case "UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS":
			return true
		}
	case engine.KindClient:
		return c.http >= 400 || c.grpc != "" && c.grpc != codeOK
	}
	return false
}
