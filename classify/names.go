package classify

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Bounds of what is remembered of the addresses that clients call, and of the routes that servers
// have.
const (
	// maxJoinedNames bounds the addresses, or routes, that get an operation of their own.
	maxJoinedNames = 1000
	// maxOverflowNames bounds the names under which all others are counted.
	maxOverflowNames = 50
	// maxPorts bounds the ports of an address that are told apart.
	maxPorts = 16
)

// joinedNames makes operation names out of a span name and what is added to it. It remembers
// them in a map that is never changed but replaced, so that looking one up neither
// waits nor allocates. It is safe for concurrent use and must not be copied.
type joinedNames struct {
	known atomic.Pointer[map[joinedName]portNames]
	mu    sync.Mutex // held to replace known
}

type joinedName struct{ name, addition string }

// portNames are the names of an address by its ports; what is no address has port 0 alone.
type portNames struct {
	bare   string // without a port
	port   uint16 // the first
	first  string // the name of the first: the bare one, as long as there are no others
	others []portName
}

type portName struct {
	port uint16
	name string
}

// of returns the name for a port, or "" if it has none yet.
func (p *portNames) of(port uint16) string {
	if port == p.port {
		return p.first
	}
	for i := range p.others {
		if p.others[i].port == port {
			return p.others[i].name
		}
	}
	if len(p.others) >= maxPorts-1 || !hasRoomForPort(p.bare) {
		return p.bare
	}
	return ""
}

// join returns name and addition with a space between, and the port of an address that is called
// at more than one. Additions come from outside: they are cut, and beyond the bound they are all
// called _OTHER.
func (j *joinedNames) join(name, addition string, port uint16) string {
	if len(name) > engine.MaxNameBytes {
		return name // the engine would cut the addition off anyway
	}
	if port == 80 || port == 443 {
		port = 0 // that of the scheme itself
	}
	addition = engine.TruncateName(addition)
	known := j.load()
	names, ok := known[joinedName{name, addition}]
	if ok {
		if joined := names.of(port); joined != "" {
			return joined
		}
	} else if len(known) >= maxJoinedNames {
		if other, ok := known[joinedName{name, engine.OverflowName}]; ok {
			return other.bare
		}
	}
	return j.add(name, addition, port)
}

// add remembers one more name. When there is room for none at all, the span name
// stands for itself.
func (j *joinedNames) add(name, addition string, port uint16) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	known := j.load()
	if _, ok := known[joinedName{name, addition}]; !ok && len(known) >= maxJoinedNames {
		addition, port = engine.OverflowName, 0
	}
	key := joinedName{name, addition}
	names, ok := known[key]
	if ok {
		if joined := names.of(port); joined != "" {
			return joined
		}
	}
	if !ok && len(known) >= maxJoinedNames+maxOverflowNames {
		return name
	}
	next := maps.Clone(known)
	if next == nil {
		next = make(map[joinedName]portNames)
	}
	if !ok {
		// The key lies within the joined name, so that nothing else is held in memory.
		bare := name + " " + addition
		key = joinedName{bare[:len(name)], bare[len(name)+1:]}
		names = portNames{bare: bare, port: port, first: bare}
		next[key] = names
	}
	tellPortsApart(next, key, port)
	j.known.Store(&next)
	names = next[key]
	return names.of(port)
}

// tellPortsApart adds a port to the names of an address, and their ports to all names of an address
// that has several.
func tellPortsApart(known map[joinedName]portNames, added joinedName, port uint16) {
	if !hasRoomForPort(added.addition) {
		return
	}
	several := known[added].port != port
	for key, names := range known {
		several = several || key.addition == added.addition && (len(names.others) > 0 || names.port != port)
	}
	if !several {
		return
	}
	for key, names := range known {
		if key.addition != added.addition {
			continue
		}
		names.first = withPort(key, names.bare, names.port)
		if key == added && port != names.port {
			names.others = append(slices.Clip(names.others), portName{port, withPort(key, names.bare, port)})
		}
		known[key] = names
	}
}

// withPort returns the name of an address with its port.
func withPort(key joinedName, bare string, port uint16) string {
	switch {
	case port == 0:
		return bare
	case strings.IndexByte(key.addition, ':') >= 0 && key.addition[0] != '[': // of IPv6
		return key.name + " [" + key.addition + "]:" + strconv.Itoa(int(port))
	}
	return bare + ":" + strconv.Itoa(int(port))
}

// hasRoomForPort reports whether an address is one without a port.
func hasRoomForPort(address string) bool {
	switch strings.Count(address, ":") {
	case 0:
		return true
	case 1:
		return false
	}
	return !strings.Contains(address, "]:") && !strings.Contains(address, "://")
}

func (j *joinedNames) load() map[joinedName]portNames {
	if known := j.known.Load(); known != nil {
		return *known
	}
	return nil
}
