package baseline

import (
	"cmp"
	"slices"

	"github.com/blurooo/go-monitor/v2/engine"
)

// roots returns the services that explain most of the evidence.
func (d *Detector) roots(changes []Change) []Root {
	type sum struct {
		evidence, calls float64
		n               float64
		worst           float64
		part            engineKey
	}
	kinds := make(map[string]*[4]sum)
	add := func(service string, k RootKind, key engineKey, x float64) {
		s := kinds[service]
		if s == nil {
			s = new([4]sum)
			kinds[service] = s
		}
		s[k].evidence += x
		s[k].n++
		if x > s[k].worst {
			s[k].worst, s[k].part = x, key
		}
	}
	h := d.tuning.threshold
	total := 0.0
	for key, p := range d.parts {
		if p.active < 2 {
			continue
		}
		x := min(h, p.time.score)
		total += x
		switch key.Kind {
		case engine.PartEdge:
			add(key.Peer.Service, RootNetworkTo, key, x)
			add(key.Service, RootNetworkFrom, key, x)
		case engine.PartRemote:
			add(key.Service, RootRemote, key, x)
		default:
			add(key.Service, RootSelf, key, x)
		}
	}
	type weighted struct {
		Root
		weight float64
		fired  bool
	}
	var all []weighted
	for service, s := range kinds {
		w := weighted{Root: Root{Service: service}}
		most := 0.0
		best := 0.0
		for k := range s {
			if s[k].n == 0 {
				continue
			}
			w.Share += s[k].evidence
			most = max(most, s[k].evidence/(h*s[k].n))
			if s[k].evidence > best {
				best = s[k].evidence
				w.Kind, w.Part = RootKind(k), s[k].part
			}
		}
		w.weight = w.Share * most
		if w.weight <= 0 {
			continue
		}
		w.Share /= total
		w.fired = slices.ContainsFunc(changes, func(c Change) bool { return c.Part.Service == service })
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b weighted) int {
		f := func(b bool) int {
			if b {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(f(a.fired), f(b.fired)), cmp.Compare(a.Service, b.Service))
	})
	var roots []Root
	for _, w := range all[:min(3, len(all))] {
		roots = append(roots, w.Root)
	}
	return roots
}
