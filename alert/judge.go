package alert

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strconv"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Judge turns the summaries of closed periods into verdicts and alerts. It is
// pure: it reads no clock and owns no goroutine, so that recorded periods go
// through it as live ones do. It is not safe for concurrent use.
//
// For one operation and objective firing and resolved alerts strictly
// alternate. Its memory is bounded by the number of operations: a machine that has
// nothing to remember is not kept.
type Judge struct {
	machines map[machineKey]*machine
}

type machineKey struct {
	operation engine.OperationKey
	objective Kind
}

// NewJudge returns a judge that has seen nothing yet.
func NewJudge() *Judge { return &Judge{machines: make(map[machineKey]*machine)} }

// Judge fills in the verdicts of p's summaries and returns the alerts that they
// raise, in the order of the summaries. A partial period is not judged.
func (j *Judge) Judge(p *engine.Period) []Alert {
	var alerts []Alert
	for i := range p.Summaries {
		s := &p.Summaries[i]
		if s.Partial {
			continue
		}
		for _, k := range kinds {
			v := read(k, s).verdict(s.Objective.MinCalls)
			setVerdict(&s.Verdicts, k, v)
		}
		// The evidence is a copy of the summary, so all its verdicts come first.
		for _, k := range kinds {
			if a, ok := j.advance(k, s); ok {
				alerts = append(alerts, a)
			}
		}
	}
	for _, key := range p.Left {
		for _, k := range kinds {
			delete(j.machines, machineKey{key, k})
		}
	}
	return alerts
}

// advance moves the machine of one objective of one operation.
func (j *Judge) advance(k Kind, s *engine.Summary) (Alert, bool) {
	key := machineKey{s.Key(), k}
	v := verdictOf(s.Verdicts, k)
	m := j.machines[key]
	if m == nil {
		if v != engine.VerdictBad {
			return Alert{}, false // nothing to remember
		}
		m = &machine{objective: relevant(k, s.Objective)}
		j.machines[key] = m
	}
	a, raised := m.advance(k, v, s)
	if m.phase == normal {
		delete(j.machines, key)
	}
	return a, raised
}

// IsFiring reports whether an alert about the operation fires.
func (j *Judge) IsFiring(key engine.OperationKey) bool {
	for _, k := range kinds {
		if m := j.machines[machineKey{key, k}]; m != nil && m.isFiring() {
			return true
		}
	}
	return false
}

func setVerdict(vs *engine.Verdicts, k Kind, v engine.Verdict) {
	if k == Latency {
		vs.Latency = v
	} else {
		vs.Availability = v
	}
}

func verdictOf(vs engine.Verdicts, k Kind) engine.Verdict {
	if k == Latency {
		return vs.Latency
	}
	return vs.Availability
}

// newID returns the id of an incident that began with the given summary.
func newID(k Kind, s *engine.Summary) string {
	h := fnv.New128a()
	for _, part := range []string{
		s.Monitor, s.Service, s.Operation, s.Kind.String(), k.String(),
		strconv.FormatInt(s.Start.UnixNano(), 10),
	} {
		// The length keeps the parts apart, whatever they hold.
		h.Write(fmt.Appendf(nil, "%d:%s", len(part), part))
	}
	return hex.EncodeToString(h.Sum(nil))
}
