package baseline

import (
	"cmp"
	"slices"

	"github.com/blurooo/go-monitor/v2/engine"
)

// group is a number of parts whose evidence is added up, too: all parts that have to do with a
// service, and those of one kind among them. Where each part is called seldom, none alone has enough of it.
type group struct {
	service string
	kind    RootKind
	isAll   bool // of all kinds
}

// groupsOf returns the groups of a part.
func groupsOf(p engine.Part) []group {
	switch p.Kind {
	case engine.PartEdge:
		all := []group{{service: p.Service, isAll: true}, {service: p.Peer.Service, kind: RootNetworkTo}}
		if p.Peer.Service != p.Service {
			all = append(all, group{service: p.Peer.Service, isAll: true})
		}
		return all
	case engine.PartRemote:
		return []group{{service: p.Service, isAll: true}, {service: p.Service, kind: RootRemote}}
	}
	return []group{{service: p.Service, isAll: true}, {service: p.Service}}
}

// observeGroups adds up the evidence of the parts by their groups, and returns those parts that
// have come to be worse by what their group did: of each group that one with the most evidence.
func (d *Detector) observeGroups(slice *engine.Slice, aspect Aspect, touched []*observed) (worse []engine.Part) {
	sums := make(map[group]float64)
	var order []group
	for _, o := range touched {
		x := o.evidence[aspect]
		if x == 0 {
			continue
		}
		for _, g := range groupsOf(o.key) {
			if _, isKnown := sums[g]; !isKnown {
				order = append(order, g)
			}
			sums[g] += x
		}
	}
	for _, g := range order {
		s := d.groups[aspect][g]
		if s == nil {
			if sums[g] <= 0 {
				continue
			}
			s = new(sum)
			d.groups[aspect][g] = s
		}
		if s.add(sums[g], slice); s.score == 0 {
			delete(d.groups[aspect], g)
			continue
		}
		if s.isEnough(d.now, d.config.Hold) {
			s.isSpent = true
			if key, ok := d.worstOf(g, aspect); ok {
				worse = append(worse, key)
			}
		}
	}
	return worse
}

// worstOf returns the part of a group with the most evidence.
func (d *Detector) worstOf(g group, aspect Aspect) (engine.Part, bool) {
	var worst engine.Part
	most := 0.0
	for key, p := range d.parts {
		s := p.suspicions[aspect]
		if s == nil || s.score < most || s.score == 0 || !slices.Contains(groupsOf(key), g) {
			continue
		}
		if s.score > most || comparePart(key, worst) < 0 {
			worst, most = key, s.score
		}
	}
	return worst, most > 0
}

// comparePart orders parts, so that what is found does not depend on the order of a map.
func comparePart(a, b engine.Part) int {
	return cmp.Or(a.Compare(b.OperationKey), cmp.Compare(a.Kind, b.Kind), a.Peer.Compare(b.Peer))
}
