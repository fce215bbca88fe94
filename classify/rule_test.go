package classify

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestRule(t *testing.T) {
	none := Exception{}
	for _, tt := range []struct {
		test string
		rule Rule
		e    Exception
		fits bool
	}{
		{"name", Rule{Name: "charge"}, none, true},
		{"name in capitals", Rule{Name: "CHARGE"}, none, true},
		{"another name", Rule{Name: "charg"}, none, false},
		{"the beginning of a name", Rule{Name: "ch*"}, none, true},
		{"the end of a name", Rule{Name: "*ge"}, none, true},
		{"kind", Rule{SpanKind: client}, none, true},
		{"another kind", Rule{SpanKind: server}, none, false},
		{"scope", Rule{Scope: "example.com/*"}, none, true},
		{"another scope", Rule{Scope: "example.org/*"}, none, false},
		{"message", Rule{Message: "*declined*"}, none, true},
		{"message of the exception", Rule{Message: "no*money"}, Exception{Message: "no more money"}, true},
		{"another message", Rule{Message: "*refused*"}, none, false},
		{"attributes", Rule{Attributes: map[string]string{"shop": "one", "tries": "3"}}, none, true},
		{"one of them is another", Rule{Attributes: map[string]string{"shop": "one", "tries": "4"}}, none, false},
		{"one of them is not there", Rule{Attributes: map[string]string{"shop": "one", "city": "*"}}, none, false},
		{"an attribute that the rules ask for, too", Rule{Attributes: map[string]string{"error.type": "dec*"}}, none, true},
		{"everything", Rule{Name: "charge", SpanKind: client, Scope: "example.com/pay", Message: "card declined", Attributes: map[string]string{"shop": "*"}}, none, true},
	} {
		t.Run(tt.test, func(t *testing.T) {
			tt.rule.Outcome, tt.rule.Latency = ignored, LatencyExcluded
			if err := ValidateRules([]Rule{tt.rule}); err != nil {
				t.Error(err)
			}
			// A rule before it that does not fit, and one after it that comes too late.
			r := New(map[string]engine.CodeFeature{"declined": {}}, Outcomes{}, []Rule{
				{Name: "other", Attributes: map[string]string{"shop": "one"}, Outcome: success}, tt.rule, {Name: "*", SpanKind: client, Outcome: given},
			})
			s := Span{SpanKind: client, Name: "charge", Status: StatusError, Message: "card declined", Scope: "example.com/pay"}
			for key, value := range map[string]string{"shop": "one", "tries": "3", "error.type": "declined"} {
				s.Attributes.SetString(key, value)
				if r.WantsText(key) {
					r.SetText(&s, key, value)
				}
			}
			want := Result{Code: "declined", Outcome: given}
			if tt.fits {
				want = Result{Code: "declined", Outcome: ignored, Untimed: true}
			}
			if got := r.Classify(&s, Events{Exception: tt.e}); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

// A rule changes what it names and nothing else.
func TestRuleOfLatency(t *testing.T) {
	rules := []Rule{{Name: "export", Latency: LatencyExcluded}, {Name: "sql.rows", Latency: LatencyJudged}}
	r := New(map[string]engine.CodeFeature{"503": {Success: true}}, Outcomes{}, rules)
	for _, tt := range []struct {
		name   string
		status int
		want   Result
	}{
		{"export", 200, Result{Code: "200", Outcome: success, Untimed: true}},
		{"export", 500, Result{Code: "500", Outcome: failure, Untimed: true}},
		{"export", 503, Result{Code: "503", Outcome: success, Untimed: true}},
		{"sql.rows", 200, Result{Code: "200", Outcome: success}},
		{"other", 200, Result{Code: "200", Outcome: success}},
	} {
		s := spanWith(client, StatusUnset, "", attributes{"http.response.status_code": tt.status})
		s.Name = tt.name
		if got := r.Classify(s, Events{}); got != tt.want {
			t.Errorf("%s %d: %+v, want %+v", tt.name, tt.status, got, tt.want)
		}
	}
}

func TestValidateRules(t *testing.T) {
	many := make(map[string]string)
	for i := range maxConditions {
		many[fmt.Sprint(i)] = "x"
	}
	for _, tt := range []struct {
		test  string
		rules []Rule
		want  string
	}{
		{"none", nil, ""},
		{"as many conditions as can be", []Rule{{Attributes: many, Outcome: ignored}}, ""},
		{"no condition", []Rule{{Name: "a", Outcome: ignored}, {Outcome: ignored}}, "rules[1]: has no condition: it would fit every span; set name, span_kind, scope, message or attributes"},
		{"no effect", []Rule{{Name: "a"}}, "rules[0]: changes nothing; set outcome or latency"},
		{"values that there are not", []Rule{{Name: "a", SpanKind: 9, Outcome: 9, Latency: 9}}, `rules[0].span_kind: must be internal, server, client, producer or consumer, got "` + engine.SpanKind(9).String() + `"
rules[0].outcome: must be success, failure, cancelled or ignored, got "Outcome(9)"
rules[0].latency: must be judged or excluded, got "Latency(9)"`},
		{"an empty key", []Rule{{Attributes: map[string]string{"": "x"}, Outcome: ignored}}, "rules[0].attributes: has an empty key"},
		{"too many conditions", []Rule{{Attributes: many, Outcome: ignored}, {Attributes: map[string]string{"a": "b"}, Outcome: ignored}}, "rules: at most 64 attributes in all, got 65"},
	} {
		t.Run(tt.test, func(t *testing.T) {
			got := ""
			if err := ValidateRules(tt.rules); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLatencyText(t *testing.T) {
	for _, l := range []Latency{LatencyUnset, LatencyJudged, LatencyExcluded} {
		text, err := l.MarshalText()
		var again Latency
		if err := errors.Join(err, again.UnmarshalText(text)); err != nil || again != l {
			t.Errorf("%d is %q, and that is %d (%v)", l, text, again, err)
		}
	}
	err := new(Latency).UnmarshalText([]byte("off"))
	if want := `must be judged or excluded, got "off"`; fmt.Sprint(err) != want {
		t.Errorf("got the error %v, want %s", err, want)
	}
}
