package alert

import (
	"strings"

	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/internal/wildcard"
)

// matcher says which operations are meant: those of a name, in which * stands for any text and the
// case of letters does not matter, and of one span kind or, with anyKind, of all.
type matcher struct {
	kind    engine.SpanKind
	anyKind bool
	name    wildcard.Pattern
}

// newMatcher reads the name of operations, which may stand behind a span kind: "client: GET /users/*".
func newMatcher(text string) matcher {
	if kind, name, ok := strings.Cut(text, ": "); ok {
		m := matcher{name: wildcard.New(name)}
		if m.kind.UnmarshalText([]byte(kind)) == nil {
			return m
		}
	}
	if !strings.Contains(text, "*") {
		text = engine.TruncateName(text) // as names are
	}
	return matcher{anyKind: true, name: wildcard.New(text)}
}

// fits reports whether an alert is about such an operation.
func (m *matcher) fits(a *Alert) bool {
	return (m.anyKind || m.kind == a.SpanKind) && m.name.Fits(a.Operation)
}
