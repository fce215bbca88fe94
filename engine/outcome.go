package engine

// Outcome says how a call ended.
type Outcome uint8

const (
	// OutcomeUnset leaves the decision to the code.
	OutcomeUnset Outcome = iota
	// OutcomeSuccess is a call that did what it was asked to.
	OutcomeSuccess
	// OutcomeFailure is a call that did not.
	OutcomeFailure
	// OutcomeCancelled is a call that its caller gave up. It is counted, but not in the
	// success ratio.
	OutcomeCancelled
	// OutcomeIgnored is no call at all. It is counted apart from all others.
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

// CodeFeature says what a status code means.
type CodeFeature struct {
	// Success says whether a call with this code succeeded.
	Success bool `mapstructure:"success"`
	// Name is the code's name in summaries. Default: the code alone is shown.
	Name string `mapstructure:"name"`
}

// OutcomeOf decides an outcome by the code alone. An entry in codes decides. Without one,
// "", "OK", "0" and 100..399 are successes, and all others failures.
func OutcomeOf(codes map[string]CodeFeature, code string) Outcome {
	f, ok := codes[code]
	if ok && f.Success || !ok && meansSuccess(code) {
		return OutcomeSuccess
	}
	return OutcomeFailure
}

// decided returns the outcome, or that of the code where it is unset.
func (o Outcome) decided(codes map[string]CodeFeature, code string) Outcome {
	if o == OutcomeUnset {
		return OutcomeOf(codes, code)
	}
	return o
}

// meansSuccess is true for "", "OK", "0" and 100..399.
func meansSuccess(code string) bool {
	switch len(code) {
	case 0:
		return true
	case 1:
		return code[0] == '0'
	case 2:
		return code == "OK"
	case 3:
		return '1' <= code[0] && code[0] <= '3' &&
			'0' <= code[1] && code[1] <= '9' &&
			'0' <= code[2] && code[2] <= '9'
	}
	return false
}
