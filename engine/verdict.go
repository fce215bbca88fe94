package engine

// Verdict says how one period of one operation did against one objective.
type Verdict uint8

const (
	// VerdictNone means that the period was not judged.
	VerdictNone Verdict = iota
	// VerdictGood means that the objective was met.
	VerdictGood
	// VerdictBad means that it was missed.
	VerdictBad
	// VerdictInsufficient means that there were too few calls to tell.
	VerdictInsufficient
)

var verdictNames = [...]string{"none", "good", "bad", "insufficient"}

// String returns the verdict's name in lower case.
func (v Verdict) String() string { return enumName("Verdict", verdictNames[:], v) }

// MarshalText returns the verdict's name in lower case.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads a verdict's name: none, good, bad or insufficient.
func (v *Verdict) UnmarshalText(text []byte) error {
	return parseEnum("verdict", verdictNames[:], text, v)
}

// Verdicts holds the verdict for each objective.
type Verdicts struct {
	Availability Verdict `json:"availability"`
	Latency      Verdict `json:"latency"`
	Traffic      Verdict `json:"traffic,omitzero"`
	Stuck        Verdict `json:"stuck,omitzero"`
	BurnRate     Verdict `json:"burn_rate,omitzero"`
}
