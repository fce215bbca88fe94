package rules

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/v2/engine"
)

// scope is a set of operations of which the same is expected.
type scope struct {
	matchers  []string
	objective engine.Objective // with its defaults
}

// selector returns the series of a metric that belong to the scope.
func (s *scope) selector(metric string) string {
	if len(s.matchers) == 0 {
		return metric
	}
	return metric + "{" + strings.Join(s.matchers, ",") + "}"
}

const (
	serviceLabel   = "service_name"
	operationLabel = "span_name"
	kindLabel      = "span_kind"
)

// is, isNoneOf return matchers of a label.
func is(label, value string) string { return label + "=" + strconv.Quote(value) }

func isNoneOf(label string, values []string) []string {
	if len(values) == 0 {
		return nil
	}
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = regexp.QuoteMeta(v)
	}
	return []string{label + "!~" + strconv.Quote(strings.Join(quoted, "|"))}
}

// scopesOf returns disjoint scopes that cover all operations.
func scopesOf(c *gomonitorconnector.Config) []scope {
	all := c.Objective.Inherit(engine.DefaultObjective())
	services := slices.Sorted(maps.Keys(c.Services))
	scopes := scopesIn(isNoneOf(serviceLabel, services), all, nil, c.Operations)
	for _, service := range services {
		s := c.Services[service]
		scopes = append(scopes, scopesIn([]string{is(serviceLabel, service)}, s.Objective.Inherit(all), s.Operations, c.Operations)...)
	}
	return scopes
}

// scopesIn returns disjoint scopes that cover the operations of some services, of which all expect
// something, of own operations more, and, where that leaves something open, of those that are set for every
// service.
func scopesIn(services []string, all engine.Objective, own, everywhere map[string]engine.Objective) (scopes []scope) {
	// The kinds of which something special is expected, by name.
	special := make(map[string][]engine.SpanKind)
	for _, operations := range []map[string]engine.Objective{own, everywhere} {
		for key := range operations {
			kind, name, ok := kindOf(key)
			kinds := special[name]
			if ok && !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
				slices.Sort(kinds)
			}
			special[name] = kinds
		}
	}
	of := func(operations map[string]engine.Objective, name string, kind engine.SpanKind) engine.Objective {
		return operations[kind.String()+kindSeparator+name].Inherit(operations[name])
	}
	names := slices.Sorted(maps.Keys(special))
	for _, name := range names {
		matchers := append(slices.Clone(services), is(operationLabel, name))
		var kinds []string
		for _, kind := range special[name] {
			kinds = append(kinds, spanKind(kind))
			o := of(own, name, kind).Inherit(of(everywhere, name, kind)).Inherit(all)
			scopes = append(scopes, scope{append(slices.Clone(matchers), is(kindLabel, spanKind(kind))), o})
		}
		o := own[name].Inherit(everywhere[name]).Inherit(all)
		scopes = append(scopes, scope{append(matchers, isNoneOf(kindLabel, kinds)...), o})
	}
	return append(scopes, scope{append(slices.Clone(services), isNoneOf(operationLabel, names)...), all})
}

const kindSeparator = ": "

// kindOf reads the key of an operation, whose name may stand behind a span kind. ok is false if it
// doesn't.
func kindOf(key string) (kind engine.SpanKind, name string, ok bool) {
	if text, name, found := strings.Cut(key, kindSeparator); found && kind.UnmarshalText([]byte(text)) == nil {
		return kind, name, true
	}
	return 0, key, false
}

// spanKind returns the value of the label of a kind.
func spanKind(k engine.SpanKind) string { return "SPAN_KIND_" + strings.ToUpper(k.String()) }
