package store

import (
	"slices"
	"strings"

	"github.com/blurooo/go-monitor/v2/engine"
)

// clean returns text as every database can hold it. What is not UTF-8 becomes U+FFFD, and so
// does NUL: PostgreSQL can't store it, and SQLite's shell stops at it. Nothing is escaped:
// texts are bound to statements, never part of them.
func clean(text string) string {
	const replacement = "\uFFFD"
	return strings.ReplaceAll(strings.ToValidUTF8(text, replacement), "\x00", replacement)
}

// cleanSummary returns a copy of s whose texts are clean, for JSON: PostgreSQL accepts no NUL
// there, either.
func cleanSummary(s *engine.Summary) engine.Summary {
	c := s.Clone()
	c.Monitor, c.Service, c.Operation = clean(c.Monitor), clean(c.Service), clean(c.Operation)
	for i := range c.Failures {
		c.Failures[i].Code, c.Failures[i].Name = clean(c.Failures[i].Code), clean(c.Failures[i].Name)
	}
	for _, calls := range [][]engine.Exemplar{c.FailureExemplars, c.SlowExemplars, c.StuckExemplars} {
		for i := range calls {
			calls[i].Code = clean(calls[i].Code)
		}
	}
	c.FailureCauses, c.SlowCauses = cleanCauses(c.FailureCauses), cleanCauses(c.SlowCauses)
	return c
}

// cleanCauses returns a copy of causes whose texts are clean.
func cleanCauses(causes []engine.CauseCount) []engine.CauseCount {
	causes = slices.Clone(causes)
	for i := range causes {
		c := &causes[i]
		c.Service, c.Operation, c.Code = clean(c.Service), clean(c.Operation), clean(c.Code)
	}
	return causes
}
