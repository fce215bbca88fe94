// Package keyed says where in a configuration an error is.
package keyed

import (
	"errors"
	"fmt"
	"strings"
)

// Below puts a key, and a dot, before each of the errors that err joins: "slo: ..." below
// "objective" becomes "objective.slo: ...". They stay joined, one a line, and
// [errors.Is] and [errors.As] find in them what they found before. Nil stays nil.
func Below(key string, err error) error {
	var errs []error
	each(err, func(err error) { errs = append(errs, fmt.Errorf("%s.%w", key, err)) })
	return errors.Join(errs...)
}

// each calls f for each of the errors that err joins, in their order.
func each(err error, f func(error)) {
	if err == nil {
		return
	}
	parts := joined(err)
	if parts == nil {
		f(err)
		return
	}
	for _, part := range parts {
		each(part, f)
	}
}

// joined returns the errors that err joins, one a line; nil if it is a single one. An error
// may wrap several and still be one: then its text is more than theirs.
func joined(err error) []error {
	several, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	parts := several.Unwrap()
	lines := make([]string, len(parts))
	for i, part := range parts {
		lines[i] = part.Error()
	}
	if err.Error() != strings.Join(lines, "\n") {
		return nil
	}
	return parts
}
