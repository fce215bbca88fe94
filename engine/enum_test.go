package engine

import (
	"encoding"
	"encoding/json"
	"testing"
)

// enumTest is one value of one of the package's enums.
type enumTest struct {
	value interface {
		String() string
		encoding.TextMarshaler
	}
	into encoding.TextUnmarshaler
	want string
}

func TestEnumsAreTheirNames(t *testing.T) {
	tests := []enumTest{
		{OutcomeUnset, new(Outcome), "unset"},
		{OutcomeSuccess, new(Outcome), "success"},
		{OutcomeFailure, new(Outcome), "failure"},
		{OutcomeCancelled, new(Outcome), "cancelled"},
		{OutcomeIgnored, new(Outcome), "ignored"},
		{SpanKindUnspecified, new(SpanKind), "unspecified"},
		{SpanKindInternal, new(SpanKind), "internal"},
		{SpanKindServer, new(SpanKind), "server"},
		{SpanKindClient, new(SpanKind), "client"},
		{SpanKindProducer, new(SpanKind), "producer"},
		{SpanKindConsumer, new(SpanKind), "consumer"},
		{VerdictNone, new(Verdict), "none"},
		{VerdictGood, new(Verdict), "good"},
		{VerdictBad, new(Verdict), "bad"},
		{VerdictInsufficient, new(Verdict), "insufficient"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			if got := tt.value.String(); got != tt.want {
				t.Errorf("String() = %q, want %q", got, tt.want)
			}
			text, err := tt.value.MarshalText()
			if err != nil || string(text) != tt.want {
				t.Errorf("MarshalText() = %q, %v, want %q", text, err, tt.want)
			}
			if err := tt.into.UnmarshalText(text); err != nil {
				t.Fatalf("UnmarshalText(%q): %v", text, err)
			}
			back, err := tt.into.(encoding.TextMarshaler).MarshalText()
			if err != nil || string(back) != tt.want {
				t.Errorf("%q came back as %q, %v", tt.want, back, err)
			}
		})
	}
}

// The span kinds are handed over from OpenTelemetry by their numbers.
func TestKindsHaveOpenTelemetrysNumbers(t *testing.T) {
	for want, k := range []SpanKind{SpanKindUnspecified, SpanKindInternal, SpanKindServer, SpanKindClient, SpanKindProducer, SpanKindConsumer} {
		if int(k) != want {
			t.Errorf("%v = %d, want %d", k, k, want)
		}
	}
}

func TestEnumsOutsideTheirTable(t *testing.T) {
	for got, want := range map[string]string{
		Outcome(5).String():    "Outcome(5)",
		SpanKind(200).String(): "SpanKind(200)",
		Verdict(255).String():  "Verdict(255)",
	} {
		if got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}

func TestEnumsRefuseOtherNames(t *testing.T) {
	tests := []struct {
		into encoding.TextUnmarshaler
		text string
		want string
	}{
		{new(Outcome), "Success", `unknown outcome "Success", want one of [unset success failure cancelled ignored]`},
		{new(SpanKind), "", `unknown span kind "", want one of [unspecified internal server client producer consumer]`},
		{new(Verdict), "bad\n", `unknown verdict "bad\n", want one of [none good bad insufficient]`},
	}
	for _, tt := range tests {
		err := tt.into.UnmarshalText([]byte(tt.text))
		if err == nil || err.Error() != tt.want {
			t.Errorf("UnmarshalText(%q) = %v, want %s", tt.text, err, tt.want)
		}
	}
}

func TestEnumsInJSON(t *testing.T) {
	type values struct {
		K SpanKind
		V Verdict
		O Outcome
	}
	want := values{SpanKindServer, VerdictBad, OutcomeFailure}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if wantJSON := `{"K":"server","V":"bad","O":"failure"}`; string(data) != wantJSON {
		t.Errorf("got %s, want %s", data, wantJSON)
	}
	var got values
	if err := json.Unmarshal(data, &got); err != nil || got != want {
		t.Errorf("came back as %+v, %v", got, err)
	}
}
