package alert

import (
	"fmt"

	"github.com/blurooo/go-monitor/v2/engine"
)

// leastShare is the share of the calls from which a cause is worth naming in one line.
const leastShare = 0.1

// MainCause says in words what caused most of the calls that missed the objective: "92 % of
// failures caused by INSERT orders [23505]". It is empty if no cause stands out. It holds
// names as they are: whoever shows it must escape it.
func (a *Alert) MainCause() string {
	if len(a.Causes) == 0 || a.Causes[0].Share < leastShare {
		return ""
	}
	c, what := &a.Causes[0], "failures"
	if a.Objective == Latency {
		what = "slow calls"
	}
	text := fmt.Sprintf("%s of %s caused by %s", Percent(c.Share), what, CauseName(&c.Cause, a.Service))
	if a.Objective != Latency && c.Code != "" {
		text += " [" + c.Code + "]"
	}
	return text
}

// CauseName names a cause of calls of a service, without its code: an operation, with its
// service if that is another one, or the network to it. It holds names as they are: whoever
// shows it must escape it.
func CauseName(c *engine.Cause, service string) string {
	switch {
	case c.IsNetwork():
		return "the network to " + c.Service + " (" + c.Operation + ")"
	case c.Service != "" && c.Service != service:
		return c.Operation + " of " + c.Service
	}
	return c.Operation
}

// CauseText is [CauseName] with the code, if there is one and the cause is not the network:
// "INSERT orders [23505]".
func CauseText(c *engine.Cause, service string) string {
	text := CauseName(c, service)
	if c.Code != "" && !c.IsNetwork() {
		text += " [" + c.Code + "]"
	}
	return text
}

// causes returns the causes of the calls that missed an objective, of all periods together,
// largest first.
func causes(k ObjectiveKind, evidence []engine.Summary) []engine.CauseCount {
	var lists [][]engine.CauseCount
	for i := range evidence {
		switch s := &evidence[i]; k {
		case Availability, BurnRate:
			lists = append(lists, s.FailureCauses)
		case Latency:
			lists = append(lists, s.SlowCauses)
		}
	}
	return engine.MergeCauses(missed(k, evidence), lists...)
}

// missed returns the number of calls that missed an objective.
func missed(k ObjectiveKind, evidence []engine.Summary) uint64 {
	var n uint64
	for i := range evidence {
		switch s := &evidence[i]; k {
		case Availability, BurnRate:
			n += s.Failure
		case Latency:
			n += s.Timed() - s.WithinTarget + s.SlowCancelled
		}
	}
	return n
}
