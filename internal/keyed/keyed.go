// Package keyed says where in a configuration an error is.
package keyed

import (
	"errors"
	"fmt"
)

// Below returns err with key and a dot before it, or before each of the errors that it
// joins: "url: is required" below "webhook" is "webhook.url: is required". [errors.Is] and
// [errors.As] find in it what they find in err. It returns nil if err is nil.
func Below(key string, err error) error {
	if err == nil {
		return nil
	}
	parts, ok := joined(err)
	if !ok {
		return fmt.Errorf("%s.%w", key, err)
	}
	below := make([]error, len(parts))
	for i, part := range parts {
		below[i] = Below(key, part)
	}
	return errors.Join(below...)
}

// joined returns the errors that err joins, one in a line. An error that wraps several in
// one sentence joins none.
func joined(err error) ([]error, bool) {
	join, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil, false
	}
	parts := join.Unwrap()
	all := errors.Join(parts...)
	return parts, all != nil && all.Error() == err.Error()
}
