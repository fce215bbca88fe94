package classify

import (
	"strings"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Operation returns the operation that a span stands for. That is its name, but for three cases:
//
//   - A client's span that is named after nothing but its HTTP method gets the server's address,
//     and its port, if the address is called at more than one port and this is not 80 or 443.
//   - A server's span that is named after nothing but its HTTP method gets its route.
//   - A path that no router knew is one operation, which has the method's name: that of a server's
//     span that answered 404 or 405, has no route, and has the path itself in its name.
//
// It reads nothing but the kind, the name and the attributes, so that a span that has not ended
// will do.
func (r *Rules) Operation(s *Span) string {
	a := &s.Attributes
	switch s.SpanKind {
	case engine.SpanKindClient:
		if a.address != "" && isMethodName(s.Name, a.method) {
			return r.addresses.join(s.Name, a.address, a.port)
		}
	case engine.SpanKindServer:
		switch {
		case a.route != "":
			if isMethodName(s.Name, a.method) {
				return r.withRoute(s.Name, a.route)
			}
		case a.http == 404 || a.http == 405:
			if namesUnknownPath(s.Name, a.path) && a.method != "" {
				return a.method
			}
		}
	}
	return s.Name
}

// NeedsAttributes reports whether the operation may depend on the span's attributes.
func (s *Span) NeedsAttributes() bool {
	return s.SpanKind == engine.SpanKindClient || s.SpanKind == engine.SpanKindServer
}

// withRoute returns name and route. Some routes begin with the method.
func (r *Rules) withRoute(name, route string) string {
	if rest, ok := strings.CutPrefix(route, name); ok && rest != "" && rest[0] == ' ' {
		return route
	}
	return r.routes.join(name, route, 0)
}

// otherMethod is what http.request.method says of a method that is not well known; the span is
// named HTTP then.
const otherMethod = "_OTHER"

// isMethodName reports whether a span is named after nothing but its HTTP method, so that all
// servers, or all routes, of a program would be one operation. A command of another protocol, such
// as the GET of Redis, has no such attribute.
func isMethodName(name, method string) bool {
	if method == "" {
		return false
	}
	return strings.TrimPrefix(name, "HTTP ") == method || name == "HTTP" && method == otherMethod
}

// mayBeMethodName reports whether [isMethodName] may hold of a name, whatever the method.
func mayBeMethodName(name string) bool {
	if name == "" {
		return false
	}
	last := name[len(name)-1]
	return 'A' <= last && last <= 'Z' && strings.IndexByte(name, '/') < 0
}

// beginsWithMethod reports whether the name of an HTTP client's span begins with the method, as the
// semantic conventions ask for.
func beginsWithMethod(name, method string) bool {
	if isMethodName(name, method) {
		return true
	}
	rest, ok := strings.CutPrefix(name, method)
	return ok && rest != "" && rest[0] == ' '
}

// namesUnknownPath reports whether a name is that of a path which no router knew, with or without
// a method before it: the path that was asked for, or, where that is not known, one that does not
// look like a pattern.
func namesUnknownPath(name, path string) bool {
	if method, rest, ok := strings.Cut(name, " "); ok && strings.IndexByte(method, '/') < 0 {
		name = rest
	}
	if name == "" || name[0] != '/' {
		return false
	}
	if path != "" {
		path, _, _ = strings.Cut(path, "?")
		return name == path
	}
	return !strings.ContainsAny(name, "{}*:<>[]()$")
}
