package alert

import (
	"fmt"
	"slices"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Exemplars returns up to five calls to look up, of all periods of Evidence together:
// failed ones spread over the codes, or the slowest. Sampled ones come first.
func (a *Alert) Exemplars() []engine.Exemplar {
	if a.Objective == Stuck {
		return a.stuckExemplars()
	}
	var lists [][]engine.Exemplar
	for i := range a.Evidence {
		lists = append(lists, exemplarsOf(a.Objective, &a.Evidence[i]))
	}
	return engine.MergeExemplars(a.Objective != Latency, lists...)
}

// stuckExemplars returns each call that was stuck once, as its last period shows it: a call
// that hangs is in one period after the other.
func (a *Alert) stuckExemplars() []engine.Exemplar {
	seen := make(map[[8]byte]bool)
	var calls []engine.Exemplar
	for i := range slices.Backward(a.Evidence) {
		for _, c := range exemplarsOf(a.Objective, &a.Evidence[i]) {
			if !seen[c.Trace.SpanID] {
				seen[c.Trace.SpanID] = true
				calls = append(calls, c)
			}
		}
	}
	return engine.MergeExemplars(false, calls)
}

// exemplarsOf returns the calls of a period that show best how an objective was missed.
func exemplarsOf(k ObjectiveKind, s *engine.Summary) []engine.Exemplar {
	switch k {
	case Availability, BurnRate:
		return s.FailureExemplars
	case Latency:
		return s.SlowExemplars
	case Stuck:
		return s.StuckExemplars
	}
	return nil
}

// worstExemplar returns the call that shows best how an objective was missed: a sampled one,
// since only those can be looked up, and of these the longest. It is zero if there is none.
func worstExemplar(k ObjectiveKind, evidence []engine.Summary) engine.Exemplar {
	var w engine.Exemplar
	for i := range evidence {
		for _, e := range exemplarsOf(k, &evidence[i]) {
			better := e.Trace.Sampled && !w.Trace.Sampled ||
				e.Trace.Sampled == w.Trace.Sampled && e.Duration > w.Duration
			if !e.Trace.IsZero() && (w.Trace.IsZero() || better) {
				w = e
			}
		}
	}
	return w
}

// ExemplarText writes how to look a call up: "trace 4bf9... span 00f0... (503, 1.2s)". It is
// printable.
func ExemplarText(e engine.Exemplar) string {
	about := Rounded(e.Duration)
	if e.Code != "" {
		about = Printable(e.Code) + ", " + about
	}
	if !e.Trace.Sampled {
		about += ", not sampled"
	}
	return fmt.Sprintf("trace %x span %x (%s)", e.Trace.TraceID, e.Trace.SpanID, about)
}
