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
	known atomic.Pointer[map[joinedName]string]
	mu    sync.Mutex          // held to replace known
	ports map[string][]uint16 // of the additions that are addresses, those that are known; under mu
}

type joinedName struct {
	name, addition string
	port           uint32 // 0: none, or one that is not told apart; manyPorts: any other
}

// manyPorts stands for the ports of an address that has more than are told apart.
const manyPorts = 1 << 16

// join returns name and addition with a space between, and the port of an address that is
// called at more than one. Additions come from outside:
// they are cut, and beyond the bound they are all called _OTHER.
func (j *joinedNames) join(name, addition string, port uint16) string {
	if len(name) > engine.MaxNameBytes {
		return name // the engine would cut the addition off anyway
	}
	if port == 80 || port == 443 {
		port = 0 // that of the scheme itself
	}
	addition = engine.TruncateName(addition)
	known := j.load()
	if joined, ok := known[joinedName{name, addition, uint32(port)}]; ok {
		return joined
	}
	if port != 0 {
		if joined, ok := known[joinedName{name, addition, manyPorts}]; ok {
			return joined
		}
	}
	if len(known) >= maxJoinedNames {
		if joined, ok := known[joinedName{name: name, addition: engine.OverflowName}]; ok {
			return joined
		}
	}
	return j.add(name, addition, port)
}

// add remembers one more name. When there is room for none at all, the span name
// stands for itself.
func (j *joinedNames) add(name, addition string, port uint16) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	key := joinedName{name, addition, uint32(port)}
	if len(j.load()) >= maxJoinedNames {
		key = joinedName{name: name, addition: engine.OverflowName}
	}
	if joined, ok := j.load()[key]; ok {
		return joined
	}
	if len(j.load()) >= maxJoinedNames+maxOverflowNames {
		return name
	}
	next := maps.Clone(j.load())
	if next == nil {
		next = make(map[joinedName]string)
	}
	if key.addition == addition && hasRoomForPort(addition) {
		key.port = j.addPort(next, addition, port)
	}
	joined := put(next, key, len(j.ports[addition]) > 1)
	j.known.Store(&next)
	return joined
}

// addPort remembers a port of an address, and returns which of a key stands for it. The names that
// were joined before the second one came get their ports.
func (j *joinedNames) addPort(known map[joinedName]string, address string, port uint16) uint32 {
	ports := j.ports[address]
	if slices.Contains(ports, port) {
		return uint32(port)
	}
	if len(ports) >= maxPorts {
		return manyPorts
	}
	if j.ports == nil {
		j.ports = make(map[string][]uint16)
	}
	j.ports[strings.Clone(address)] = append(ports, port)
	if len(ports) == 1 {
		for _, key := range slices.Collect(maps.Keys(known)) {
			if key.addition == address {
				put(known, key, true)
			}
		}
	}
	return uint32(port)
}

// put sets the name of a key and returns it. The key lies within the name, so that nothing else is
// held in memory.
func put(known map[joinedName]string, key joinedName, withPort bool) string {
	delete(known, key)
	before, after := " ", ""
	if withPort && key.port != 0 && key.port != manyPorts {
		after = ":" + strconv.Itoa(int(key.port))
		if strings.IndexByte(key.addition, ':') >= 0 && key.addition[0] != '[' { // of IPv6
			before, after = " [", "]"+after
		}
	}
	joined := key.name + before + key.addition + after
	begin := len(key.name) + len(before)
	key.name, key.addition = joined[:len(key.name)], joined[begin:begin+len(key.addition)]
	known[key] = joined
	return joined
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

func (j *joinedNames) load() map[joinedName]string {
	if known := j.known.Load(); known != nil {
		return *known
	}
	return nil
}
