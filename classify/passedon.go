package classify

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/blurooo/go-monitor/v2/engine"
)

// MayBePassedOn reports whether the span is one of a gRPC client whose server found the fault with
// the caller, as INVALID_ARGUMENT does. Whose fault that is depends on [Span.Service] and
// [Span.HasParent]: a gateway, or a proxy, that makes the call for somebody else, by a method that it
// serves itself, passes on the mistakes of others. So there the call counts as at the server.
func (s *Span) MayBePassedOn() bool {
	return s.SpanKind == engine.SpanKindClient && s.isCallersFault()
}

// isCallersFault reports whether the gRPC status is one that is no failure of the server.
func (s *Span) isCallersFault() bool {
	switch s.Attributes.grpc {
	case "", codeOK, codeCancelled:
		return false
	}
	return !isServersFault(s.Attributes.grpc)
}

// isServersFault reports whether a gRPC status says that the server failed. All others but OK say
// that the caller asked for something that can't be.
func isServersFault(code string) bool {
	switch code {
	case "UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS":
		return true
	}
	return false
}

// maxMethods bounds the methods that are remembered.
const maxMethods = 1000

type method struct{ service, name string }

// methods are those whose server found the fault with a caller. They stand in a map that is never
// changed but replaced, so that looking one up neither waits nor allocates. It is safe for
// concurrent use and must not be copied.
type methods struct {
	known atomic.Pointer[map[method]struct{}]
	mu    sync.Mutex // held to replace known
}

func (m *methods) has(s *Span) bool {
	_, ok := m.load()[method{s.Service, s.Name}]
	return ok
}

// add remembers the method of a server's span. Names come from outside: long ones are left out, and
// so are those that come when there is no room left.
func (m *methods) add(s *Span) {
	if len(s.Service) > engine.MaxNameBytes || len(s.Name) > engine.MaxNameBytes || m.has(s) || len(m.load()) >= maxMethods {
		return
	}
	if !m.mu.TryLock() {
		return // the next call of this method is remembered
	}
	defer m.mu.Unlock()
	known := m.load()
	if len(known) >= maxMethods {
		return
	}
	next := maps.Clone(known)
	if next == nil {
		next = make(map[method]struct{})
	}
	next[method{strings.Clone(s.Service), strings.Clone(s.Name)}] = struct{}{}
	m.known.Store(&next)
}

func (m *methods) load() map[method]struct{} {
	if known := m.known.Load(); known != nil {
		return *known
	}
	return nil
}
