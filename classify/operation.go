package classify

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Bounds of what is remembered of the addresses that clients call.
const (
	// maxJoinedNames bounds the addresses that get an operation of their own.
	maxJoinedNames = 1000
	// maxOverflowNames bounds the names under which all other addresses are counted.
	maxOverflowNames = 50
)

// isMethodName reports whether a client span is named after nothing but its HTTP
// method, so that all servers of a program would be one operation. A command of
// another protocol, such as the GET of Redis, has no such attribute.
func isMethodName(name, method string) bool {
	return method != "" && strings.TrimPrefix(name, "HTTP ") == method
}

// joinedNames makes operation names out of a span name and an address. It remembers
// them in a map that is never changed but replaced, so that looking one up neither
// waits nor allocates. It is safe for concurrent use and must not be copied.
type joinedNames struct {
	known atomic.Pointer[map[joinedName]string]
	mu    sync.Mutex // held to replace known
}

type joinedName struct{ name, address string }

// join returns name and address with a space between. Addresses come from outside:
// they are cut, and beyond the bound they are all called _OTHER.
func (j *joinedNames) join(name, address string) string {
	if len(name) > engine.MaxNameBytes {
		return name // the engine would cut the address off anyway
	}
	address = engine.TruncateName(address)
	known := j.load()
	if joined, ok := known[joinedName{name, address}]; ok {
		return joined
	}
	if len(known) >= maxJoinedNames {
		if joined, ok := known[joinedName{name, engine.OverflowName}]; ok {
			return joined
		}
	}
	return j.add(name, address)
}

// add remembers one more name. When there is room for none at all, the span name
// stands for itself.
func (j *joinedNames) add(name, address string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	known := j.load()
	if len(known) >= maxJoinedNames {
		address = engine.OverflowName
	}
	if joined, ok := known[joinedName{name, address}]; ok {
		return joined
	}
	if len(known) >= maxJoinedNames+maxOverflowNames {
		return name
	}
	// The key lies within the joined name, so that nothing else is held in memory.
	joined := name + " " + address
	next := maps.Clone(known)
	if next == nil {
		next = make(map[joinedName]string)
	}
	next[joinedName{joined[:len(name)], joined[len(name)+1:]}] = joined
	j.known.Store(&next)
	return joined
}

func (j *joinedNames) load() map[joinedName]string {
	if known := j.known.Load(); known != nil {
		return *known
	}
	return nil
}
