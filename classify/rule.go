package classify

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/internal/wildcard"
)

// Rule says what to make of the spans that fit all of its conditions, of which an empty one fits
// every span. In a text a * stands for any number of characters, and the case of letters does not
// matter.
type Rule struct {
	// Name is the span's name.
	Name string `mapstructure:"name"`
	// SpanKind is the span's kind.
	SpanKind engine.SpanKind `mapstructure:"span_kind"`
	// Scope is the name of the instrumentation scope: the tracer's.
	Scope string `mapstructure:"scope"`
	// Message is the status's description, or the message of the last exception.
	Message string `mapstructure:"message"`
	// Attributes are attributes of the span by their keys. A number or a bool counts as its text.
	Attributes map[string]string `mapstructure:"attributes"`

	// Outcome is how the call is counted. Default: as without the rule.
	Outcome engine.Outcome `mapstructure:"outcome"`
	// Latency says whether it matters how long the call took. Default: as without the rule.
	Latency Latency `mapstructure:"latency"`
}

// Latency says whether it matters how long a call took.
type Latency uint8

const (
	// LatencyUnset leaves it to the other rules.
	LatencyUnset Latency = iota
	// LatencyJudged says that it matters.
	LatencyJudged
	// LatencyExcluded says that it does not: the call counts, its time doesn't.
	LatencyExcluded
)

var latencyNames = [...]string{"", "judged", "excluded"}

// String returns "", "judged" or "excluded".
func (l Latency) String() string {
	if int(l) < len(latencyNames) {
		return latencyNames[l]
	}
	return fmt.Sprintf("Latency(%d)", uint8(l))
}

// MarshalText returns what String returns.
func (l Latency) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText understands what String returns.
func (l *Latency) UnmarshalText(text []byte) error {
	i := slices.Index(latencyNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("must be judged or excluded, got %q", text)
	}
	*l = Latency(i)
	return nil
}

// maxConditions bounds the conditions on attributes in all rules together.
const maxConditions = 64

// ValidateRules returns one error for each rule that can't be meant so, joined; each begins with
// the rule's place, from 0 on, and names the key.
func ValidateRules(rules []Rule) error {
	var errs []error
	conditions := 0
	for i, r := range rules {
		fail := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("rules[%d]%s", i, fmt.Sprintf(format, args...)))
		}
		if r.Name == "" && r.SpanKind == engine.SpanKindUnspecified && r.Scope == "" && r.Message == "" && len(r.Attributes) == 0 {
			fail(": has no condition: it would fit every span; set name, span_kind, scope, message or attributes")
		}
		if r.Outcome == engine.OutcomeUnset && r.Latency == LatencyUnset {
			fail(": changes nothing; set outcome or latency")
		}
		if r.SpanKind > engine.SpanKindConsumer {
			fail(".span_kind: must be internal, server, client, producer or consumer, got %q", r.SpanKind)
		}
		if r.Outcome > engine.OutcomeIgnored {
			fail(".outcome: must be success, failure, cancelled or ignored, got %q", r.Outcome)
		}
		if r.Latency > LatencyExcluded {
			fail(".latency: must be judged or excluded, got %q", r.Latency)
		}
		for key := range r.Attributes {
			if key == "" {
				fail(".attributes: has an empty key")
			}
		}
		conditions += len(r.Attributes)
	}
	if conditions > maxConditions {
		errs = append(errs, fmt.Errorf("rules: at most %d attributes in all, got %d", maxConditions, conditions))
	}
	return errors.Join(errs...)
}

// rule is a Rule as it is asked.
type rule struct {
	name, scope, message wildcard.Pattern
	kind                 engine.SpanKind
	conditions           uint64 // on attributes: the bits of those that must be fulfilled
	outcome              engine.Outcome
	latency              Latency

	// What only well-known cases ask for.
	statement, exception wildcard.Pattern // of a database, and the type of an exception
	redis                bool             // the database is one
	failing              bool             // the span tells of an error
}

func compile(r *Rule) rule {
	return rule{
		name: wildcard.New(r.Name), scope: wildcard.New(r.Scope), message: wildcard.New(r.Message),
		kind: r.SpanKind, outcome: r.Outcome, latency: r.Latency,
	}
}

// fits reports whether a span fits.
func (r *rule) fits(s *Span, e *Exception) bool {
	return (r.kind == engine.SpanKindUnspecified || r.kind == s.SpanKind) &&
		r.name.Fits(s.Name) &&
		r.conditions&^s.Attributes.conditions == 0 &&
		r.scope.Fits(s.Scope) &&
		(r.message.Fits(s.Message) || e.Message != "" && r.message.Fits(e.Message)) &&
		(!r.failing || s.Status == StatusError) &&
		(!r.redis || isRedis(s.Attributes.system)) &&
		r.statement.Fits(s.Attributes.statement) &&
		r.exception.Fits(e.Type)
}

// condition is one on an attribute.
type condition struct {
	bit  uint64
	want wildcard.Pattern
}

// custom are the rules of a configuration.
type custom struct {
	rules      []rule
	attributes map[string][]condition
	wantsScope bool
}

func newCustom(rules []Rule) custom {
	c := custom{}
	bit := uint64(1)
	for i := range rules {
		compiled := compile(&rules[i])
		for _, key := range slices.Sorted(maps.Keys(rules[i].Attributes)) {
			if c.attributes == nil {
				c.attributes = make(map[string][]condition)
			}
			c.attributes[key] = append(c.attributes[key], condition{bit, wildcard.New(rules[i].Attributes[key])})
			compiled.conditions |= bit
			bit <<= 1
		}
		c.wantsScope = c.wantsScope || rules[i].Scope != ""
		c.rules = append(c.rules, compiled)
	}
	return c
}

// WantsAttributes reports whether a custom rule has conditions on attributes, so that
// [Rules.WantsText] has to be asked about each.
func (r *Rules) WantsAttributes() bool { return r.custom.attributes != nil }

// WantsText reports whether a custom rule has a condition on an attribute.
func (r *Rules) WantsText(key string) bool { return r.custom.attributes[key] != nil }

// SetText tells a span of an attribute that a custom rule has a condition on, whatever its type.
func (r *Rules) SetText(s *Span, key, text string) {
	for _, c := range r.custom.attributes[key] {
		if c.want.Fits(text) {
			s.Attributes.conditions |= c.bit
		}
	}
}
