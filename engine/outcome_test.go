package engine

import "testing"

func TestOutcomeOfCode(t *testing.T) {
	tests := []struct {
		code string
		want Outcome
	}{
		{"", OutcomeSuccess},
		{"OK", OutcomeSuccess},
		{"0", OutcomeSuccess},
		{"100", OutcomeSuccess},
		{"200", OutcomeSuccess},
		{"204", OutcomeSuccess},
		{"304", OutcomeSuccess},
		{"399", OutcomeSuccess},

		{"099", OutcomeFailure},
		{"400", OutcomeFailure},
		{"404", OutcomeFailure},
		{"499", OutcomeFailure},
		{"500", OutcomeFailure},
		{"999", OutcomeFailure},
		{"1", OutcomeFailure},
		{"9", OutcomeFailure},
		{"00", OutcomeFailure},
		{"20", OutcomeFailure},
		{"000", OutcomeFailure},
		{"2000", OutcomeFailure},
		{"4xx", OutcomeFailure},
		{"2xx", OutcomeFailure},
		{"1e2", OutcomeFailure},
		{"20x", OutcomeFailure},
		{"2 0", OutcomeFailure},
		{"+20", OutcomeFailure},
		{" OK", OutcomeFailure},
		{"ok", OutcomeFailure},
		{"Ok", OutcomeFailure},
		{"NOT_FOUND", OutcomeFailure},
		{"23505", OutcomeFailure},
		{"\uff11\uff10\uff10", OutcomeFailure}, // fullwidth digits
		{"\u0661", OutcomeFailure},             // an Arabic digit
		{OverflowName, OutcomeFailure},
	}
	for _, tt := range tests {
		if got := OutcomeOf(nil, tt.code); got != tt.want {
			t.Errorf("%q is a %s, want %s", tt.code, got, tt.want)
		}
	}
}

func TestCodesWinOverTheDefaultRule(t *testing.T) {
	codes := map[string]CodeFeature{
		"404": {Success: true},
		"200": {Success: false, Name: "in doubt"},
		"":    {Success: false},
		"BUSY": {
			Success: true,
			Name:    "busy",
		},
	}
	for code, want := range map[string]Outcome{
		"404":  OutcomeSuccess,
		"200":  OutcomeFailure,
		"":     OutcomeFailure,
		"BUSY": OutcomeSuccess,
		"201":  OutcomeSuccess,
		"500":  OutcomeFailure,
	} {
		if got := OutcomeOf(codes, code); got != want {
			t.Errorf("%q is a %s, want %s", code, got, want)
		}
	}
}
