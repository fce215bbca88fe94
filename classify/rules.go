package classify

import (
	"cmp"
	"maps"

	"github.com/blurooo/go-monitor/v2/engine"
)

const (
	codeOK        = "OK"
	codeCancelled = "CANCELLED"
	codeOther     = engine.OverflowName
)

// Rules judge finished spans by what instrumentation really leaves in them. Apart from the
// names that they remember they never change, and they are safe for concurrent use. They
// must not be copied.
type Rules struct {
	codes     map[string]engine.CodeFeature
	outcomes  Outcomes
	custom    custom
	addresses joinedNames
	routes    joinedNames
	served    methods
}

// New returns the rules with a table of codes, which may be nil, with what was settled of the
// matters of taste, and with custom rules, of which the first that fits goes before all others.
// The codes and the rules are copied; what was settled and the rules must be valid.
func New(codes map[string]engine.CodeFeature, outcomes Outcomes, rules []Rule) *Rules {
	return &Rules{codes: maps.Clone(codes), outcomes: outcomes.withDefaults(), custom: newCustom(rules)}
}

// Result says how a call ended.
type Result struct {
	Code    string         // never empty
	Outcome engine.Outcome // never unset
	// Untimed says that the call counts, but that how long it took says nothing about latency.
	Untimed bool
}

// OutcomeOf decides by the code alone, as [engine.OutcomeOf] does with the table of codes.
func (r *Rules) OutcomeOf(code string) engine.Outcome { return engine.OutcomeOf(r.codes, code) }

// Quick is [Rules.Classify] for the calls of which most are: instrumentation saw them to their
// end, gave them a status code and found no fault. For all others ok is false. Nobody
// needs it, but it is quicker.
func (r *Rules) Quick(s *Span) (code string, ok bool) {
	if !s.succeeded() || !s.isPlain() || !r.isPlain() {
		return "", false
	}
	return s.Attributes.status, true
}

// QuickHTTP is [Rules.Quick], and [Rules.Operation], for a span of any kind but CLIENT of which
// everything is known that matters: its name, that its status is unset, and that of the attributes
// that [MayMatter] there is none but [HTTPResponseStatusCode], which is an integer. Its operation is
// its name. Nobody needs it, but it is quicker still.
func (r *Rules) QuickHTTP(name string, status int64) (code string, ok bool) {
	if status < 200 || status >= 400 || mayBeMethodName(name) || !r.isPlain() {
		return "", false
	}
	return decimal(status), true
}

// isPlain reports whether there is no table of codes and no custom rule that has to be asked.
func (r *Rules) isPlain() bool { return len(r.codes) == 0 && len(r.custom.rules) == 0 }

// NeedsScope reports whether the name of the span's instrumentation scope may matter.
func (r *Rules) NeedsScope(s *Span) bool {
	return r.custom.wantsScope || s.Status == StatusError || s.Attributes.failure != "" || isGRPCGoName(s.Name)
}

// Classify says with which code the call ended, and how. e is what the span's events say; it is not
// looked at unless [Span.NeedsEvents] says so.
func (r *Rules) Classify(s *Span, e Events) Result {
	if s.succeeded() || !s.needsException() {
		e.Exception = Exception{}
	}
	result := r.judge(s, &e)
	if custom := firstThatFits(r.custom.rules, s, &e.Exception); custom != nil {
		if custom.outcome != engine.OutcomeUnset {
			result.Outcome = custom.outcome
			result.Code = codeOf(s, &e.Exception, custom.outcome)
		}
		if custom.latency != LatencyUnset {
			result.Untimed = custom.latency == LatencyExcluded
		}
		if custom.outcome != engine.OutcomeUnset {
			return result
		}
	}
	if len(r.codes) > 0 {
		if feature, ok := r.codes[result.Code]; ok {
			result.Outcome = engine.OutcomeFailure
			if feature.Success {
				result.Outcome = engine.OutcomeSuccess
			}
		}
	}
	return result
}

// judge applies the rules, of which the first that fits decides.
func (r *Rules) judge(s *Span, e *Events) (result Result) {
	rules := known
	if s.Status != StatusError && e.Exception.Message == "" {
		rules = knownOfSuccess
	}
	well := firstThatFits(rules, s, &e.Exception)
	if well != nil {
		result.Outcome, result.Untimed = well.outcome, well.latency == LatencyExcluded
	}
	if result.Outcome == engine.OutcomeUnset {
		result.Outcome = r.outcomeOf(s, &e.Exception)
	}
	if s.SpanKind == engine.SpanKindServer && result.Outcome == engine.OutcomeSuccess && s.isCallersFault() {
		r.served.add(s)
	}
	result.Code = codeOf(s, &e.Exception, result.Outcome)
	result.Untimed = result.Untimed || isLongLived(s, e)
	return result
}

// outcomeOf applies the rules that hold for calls of all sorts.
func (r *Rules) outcomeOf(s *Span, e *Exception) engine.Outcome {
	a := &s.Attributes
	switch {
	case s.succeeded():
		return engine.OutcomeSuccess
	case gaveUp(s, e):
		return engine.OutcomeCancelled
	case s.Status == StatusOK:
		return engine.OutcomeSuccess
	case a.http/100 == 4 && s.SpanKind == engine.SpanKindServer:
		return r.outcomes.HTTPServer4xx
	case a.http/100 == 4 && s.SpanKind == engine.SpanKindClient:
		return r.outcomes.HTTPClient4xx
	case s.HasParent && s.MayBePassedOn() && r.served.has(s):
		return engine.OutcomeSuccess
	case a.grpc == "NOT_FOUND" && s.SpanKind == engine.SpanKindClient:
		return r.outcomes.GRPCNotFound
	case s.Status == StatusError, failedByCode(s), e.IsPanic, s.GaveUp == GaveUpDeadline && (a.grpc == codeCancelled || s.IsUnanswered()):
		return engine.OutcomeFailure
	}
	return engine.OutcomeSuccess
}

// codeOf returns the code of a call that ended so.
func codeOf(s *Span, e *Exception, outcome engine.Outcome) string {
	a := &s.Attributes
	if outcome == engine.OutcomeSuccess {
		return cmp.Or(a.status, codeOK)
	}
	if outcome == engine.OutcomeFailure && s.GaveUp == GaveUpDeadline && a.failure == codeCancelled {
		return "DEADLINE_EXCEEDED"
	}
	return cmp.Or(a.failure, e.code(), codeOther)
}

// failedByCode reports whether the attributes say failure, for the instrumentation
// that leaves the status unset. 4xx and a client's NOT_FOUND are settled before.
func failedByCode(s *Span) bool {
	a := &s.Attributes
	if a.hasErrorType() {
		return true
	}
	switch s.SpanKind {
	case engine.SpanKindServer:
		if a.http >= 500 {
			return true
		}
		return isServersFault(a.grpc)
	case engine.SpanKindClient:
		return a.http >= 400 || a.grpc != "" && a.grpc != codeOK
	}
	return false
}
