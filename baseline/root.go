package baseline

import (
	"cmp"
	"slices"

	"github.com/blurooo/go-monitor/v2/engine"
)

// The root is what explains the most. How bad a part is, from 0 to 1, is its evidence by the one
// that a change takes. Each bad part is put down to one service:
//
//   - What a service does itself, and its calls that no known server answered, to the service.
//   - The way between two services to the callee, unless the caller is clearly worse on the whole
//     but for this way: itself, its other calls, the ways to it. So other slow callers of the same
//     callee speak for the callee, other slow callees of the same caller for the caller, and a tie
//     goes to the deeper one.
//   - Failures of a service, if calls that it makes fail, too, to what these are put down to.
//
// A service's weight is the sum of what is put down to it, times how bad the worst kind of its
// parts is on average: what explains all of something goes before what explains a little of
// everything.
const (
	// mostRoots is the number of roots that a change names.
	mostRoots = 3
	// clearly is by how much worse a caller must be than its callee for the way between them to be its own.
	clearly = 0.2
	// leastActive is the number of calls of late from which on a part counts.
	leastActive = 2
	// mostHops bounds the way along failures.
	mostHops = 30
)

// mean is an average of how bad parts are.
type mean struct{ sum, n float64 }

func (m *mean) add(x float64) { m.sum += x; m.n++ }

func (m mean) value() float64 {
	if m.n <= 0 {
		return 0
	}
	return m.sum / m.n
}

// without returns the average of the others.
func (m mean) without(o mean) float64 { return mean{m.sum - o.sum, m.n - o.n}.value() }

// suspected is a service that may be a root.
type suspected struct {
	kinds    [rootKinds]mean
	to, from map[string]*mean // of the ways to another service, and from it
	// explains is what is put down to it, and worst the worst part of that.
	explains [rootKinds]float64
	worst    [rootKinds]worstPart
	// failing are the parts of its calls to others that fail.
	failing worstPart
}

type worstPart struct {
	part engine.Part
	bad  float64
}

// add keeps the worst.
func (w *worstPart) add(p engine.Part, bad float64) {
	if bad > w.bad || bad == w.bad && bad > 0 && comparePart(p, w.part) < 0 {
		*w = worstPart{p, bad}
	}
}

// whole returns how bad a service is on the whole, but for the ways between it and another.
func (s *suspected) whole(other string) float64 {
	var to, from mean
	if m := s.to[other]; m != nil {
		to = *m
	}
	if m := s.from[other]; m != nil {
		from = *m
	}
	return max(s.kinds[RootSelf].value(), s.kinds[RootRemote].value(), s.kinds[RootNetworkTo].without(from), s.kinds[RootNetworkFrom].without(to))
}

// blame finds roots.
type blame struct {
	services map[string]*suspected
	total    float64
}

func (b *blame) of(service string) *suspected {
	s := b.services[service]
	if s == nil {
		s = &suspected{to: make(map[string]*mean), from: make(map[string]*mean)}
		b.services[service] = s
	}
	return s
}

// roots returns what explains the evidence, what explains the most first.
func (d *Detector) roots() []Root {
	b := blame{services: make(map[string]*suspected)}
	keys := make([]engine.Part, 0, len(d.parts))
	for key, p := range d.parts {
		if p.active >= leastActive || p.isFiring() {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, comparePart)
	for _, key := range keys {
		b.see(key, d.parts[key])
	}
	for _, key := range keys {
		p := d.parts[key]
		if bad := p.bad(AspectTime); bad > 0 {
			b.putDown(key, bad)
		}
		if bad := p.bad(AspectFailures); bad > 0 {
			b.putDownFailures(key, bad)
		}
	}
	return b.sorted()
}

// bad returns how bad a part is.
func (p *part) bad(a Aspect) float64 {
	u := p.suspicions[a]
	if u == nil {
		return 0
	}
	return min(u.score/threshold, 1)
}

// see adds a part to what is known of the services.
func (b *blame) see(key engine.Part, p *part) {
	bad, fails := p.bad(AspectTime), p.bad(AspectFailures)
	own := b.of(key.Service)
	switch key.Kind {
	case engine.PartEdge:
		callee := b.of(key.Peer.Service)
		callee.kinds[RootNetworkTo].add(bad)
		own.kinds[RootNetworkFrom].add(bad)
		addTo(callee.from, key.Service, bad)
		addTo(own.to, key.Peer.Service, bad)
		own.failing.add(key, fails)
	case engine.PartRemote:
		own.kinds[RootRemote].add(max(bad, fails))
		own.failing.add(key, fails)
	default:
		own.kinds[RootSelf].add(max(bad, fails))
	}
}

func addTo(m map[string]*mean, service string, bad float64) {
	if m[service] == nil {
		m[service] = new(mean)
	}
	m[service].add(bad)
}

// putDown puts a slow part down to a service.
func (b *blame) putDown(key engine.Part, bad float64) {
	r := ownRoot(key)
	if key.Kind == engine.PartEdge {
		caller, callee := b.of(key.Service).whole(key.Peer.Service), b.of(key.Peer.Service).whole(key.Service)
		if caller > callee+clearly {
			r = Root{Service: key.Service, Kind: RootNetworkFrom, Part: key}
		}
	}
	b.add(r, bad)
}

// ownRoot returns what a part is put down to if nothing else is known.
func ownRoot(key engine.Part) Root {
	switch key.Kind {
	case engine.PartEdge:
		return Root{Service: key.Peer.Service, Kind: RootNetworkTo, Part: key, Share: 1}
	case engine.PartRemote:
		return Root{Service: key.Service, Kind: RootRemote, Part: key, Share: 1}
	}
	return Root{Service: key.Service, Kind: RootSelf, Part: key, Share: 1}
}

// putDownFailures puts a failing part down to the end of the chain of failing calls.
func (b *blame) putDownFailures(key engine.Part, bad float64) {
	seen := make(map[string]bool)
	for range mostHops {
		service := key.Service
		switch key.Kind {
		case engine.PartRemote:
			b.add(ownRoot(key), bad)
			return
		case engine.PartEdge:
			service = key.Peer.Service
		}
		next := b.of(service)
		if seen[service] || next.failing.bad < suspect/threshold {
			break
		}
		seen[service] = true
		key = next.failing.part
	}
	b.add(ownRoot(key), bad)
}

// add puts something down to a root.
func (b *blame) add(r Root, bad float64) {
	s := b.of(r.Service)
	s.explains[r.Kind] += bad
	s.worst[r.Kind].add(r.Part, bad)
	b.total += bad
}

// sorted returns the roots by their weight.
func (b *blame) sorted() []Root {
	type weighted struct {
		Root
		weight float64
	}
	var all []weighted
	for service, s := range b.services {
		w := weighted{Root: Root{Service: service}}
		most, typical := 0.0, 0.0
		for k := range RootKind(rootKinds) {
			x := s.explains[k]
			if x == 0 {
				continue
			}
			w.Share += x
			typical = max(typical, s.kinds[k].value())
			if x > most {
				most, w.Kind, w.Part = x, k, s.worst[k].part
			}
		}
		if w.Share > 0 {
			w.weight = w.Share * typical
			w.Share /= b.total
			all = append(all, w)
		}
	}
	const even = 1e-9 // less is rounding
	slices.SortFunc(all, func(x, y weighted) int {
		if diff := y.weight - x.weight; diff > even {
			return 1
		} else if diff < -even {
			return -1
		}
		return cmp.Compare(x.Service, y.Service)
	})
	var roots []Root
	for _, w := range all[:min(mostRoots, len(all))] {
		roots = append(roots, w.Root)
	}
	return roots
}
