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
	var scopes []scope
	add := func(o engine.Objective, matchers ...string) { scopes = append(scopes, scope{matchers, o}) }

	rest := isNoneOf(serviceLabel, services)
	operations := slices.Sorted(maps.Keys(c.Operations))
	for _, name := range operations {
		add(c.Operations[name].Inherit(all), append(slices.Clone(rest), is(operationLabel, name))...)
	}
	add(all, append(slices.Clone(rest), isNoneOf(operationLabel, operations)...)...)

	for _, service := range services {
		s := c.Services[service]
		inService := s.Objective.Inherit(all)
		names := slices.Compact(slices.Sorted(func(yield func(string) bool) {
			for name := range s.Operations {
				if !yield(name) {
					return
				}
			}
			for name := range c.Operations {
				if !yield(name) {
					return
				}
			}
		}))
		for _, name := range names {
			add(s.Operations[name].Inherit(c.Operations[name]).Inherit(inService), is(serviceLabel, service), is(operationLabel, name))
		}
		add(inService, append([]string{is(serviceLabel, service)}, isNoneOf(operationLabel, names)...)...)
	}
	return scopes
}
