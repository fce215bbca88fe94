// Package httpheader checks headers that a configuration adds to requests, and reads those
// that say when to try again.
package httpheader

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// reserved are the headers that a request sets by itself, or can't be sent with.
var reserved = []string{
	"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Host", "Trailer", "Transfer-Encoding", "Upgrade",
}

// Validate returns one error for each of the headers that can't be sent, joined; each names
// it as headers["name"] and shows no value. own are the names of further headers, in their
// canonical form, that the sender sets.
func Validate[V ~string](headers map[string]V, own ...string) error {
	var errs []error
	spelling := make(map[string]string) // by the name as it is sent
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		fail := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("headers[%q]: "+format, append([]any{name}, args...)...))
		}
		sent := http.CanonicalHeaderKey(name)
		other, isTwice := spelling[sent]
		spelling[sent] = name
		switch {
		case !isName(name):
			fail("must be the name of a header")
		case slices.Contains(reserved, sent), slices.Contains(own, sent):
			fail("is set by the notifier")
		case isTwice:
			fail("is the same header as %q", other)
		case !IsValue(string(headers[name])):
			fail("the value must hold neither control characters nor spaces at its ends")
		}
	}
	return errors.Join(errs...)
}

// isName reports whether s can be the name of a header (RFC 9110, section 5.6.2).
func isName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		isLetterOrDigit := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !isLetterOrDigit && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	}) < 0
}

// IsValue reports whether s can be the value of a header: it holds neither control characters
// nor spaces at its ends.
func IsValue(s string) bool {
	return s == strings.TrimSpace(s) && strings.IndexFunc(s, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) < 0
}

// maxRetryAfter bounds what a receiver asks for.
const maxRetryAfter = 24 * time.Hour

// RetryAfter returns the time to wait that a response asks for by the header Retry-After, a
// number of seconds or a date; at most a day. It is 0 if there is none that can be read, or
// the date is past.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), maxRetryAfter)
}
