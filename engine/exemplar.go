package engine

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Exemplar is one call that stands for many: enough to look it up.
type Exemplar struct {
	Trace    TraceRef
	Code     string
	Duration time.Duration
	End      time.Time
	// Details is what else the call's span tells; nil if that is nothing, or was not kept.
	Details *Details
}

// MarshalJSON writes the trace and span ids in hexadecimal and the duration in nanoseconds.
func (e Exemplar) MarshalJSON() ([]byte, error) {
	return json.Marshal(exemplarJSON{
		TraceID:  hex.EncodeToString(e.Trace.TraceID[:]),
		SpanID:   hex.EncodeToString(e.Trace.SpanID[:]),
		Sampled:  e.Trace.Sampled,
		Code:     e.Code,
		Duration: e.Duration,
		End:      e.End,
		Details:  e.Details,
	})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (e *Exemplar) UnmarshalJSON(data []byte) error {
	var j exemplarJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*e = Exemplar{Code: j.Code, Duration: j.Duration, End: j.End, Details: j.Details}
	e.Trace.Sampled = j.Sampled
	if err := decodeID(e.Trace.TraceID[:], "trace_id", j.TraceID); err != nil {
		return err
	}
	return decodeID(e.Trace.SpanID[:], "span_id", j.SpanID)
}

type exemplarJSON struct {
	TraceID  string        `json:"trace_id"`
	SpanID   string        `json:"span_id"`
	Sampled  bool          `json:"sampled"`
	Code     string        `json:"code,omitempty"`
	Duration time.Duration `json:"duration_ns"`
	End      time.Time     `json:"end"`
	Details  *Details      `json:"details,omitempty"`
}

// decodeID reads a hexadecimal id into dst, which it must fill exactly.
func decodeID(dst []byte, key, text string) error {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(dst) {
		return fmt.Errorf("%s: want %d hexadecimal digits, got %q", key, 2*len(dst), text)
	}
	copy(dst, b)
	return nil
}

// maxExemplars bounds each of the lists below.
const maxExemplars = 5

// exemplars holds the calls of one window that are worth looking up, and the causes of all
// failed and slow calls. A window without such a call has none at all.
type exemplars struct {
	failed, slow, stuck       []Exemplar
	failureCauses, slowCauses causeCounter
	compared                  comparison
}

// addFailed keeps e if that spreads the failed calls better over the codes. If it spreads them
// no worse, e takes the place of a call that can't be looked up, provided that e can.
func (x *exemplars) addFailed(e Exemplar) {
	if len(x.failed) < maxExemplars {
		x.failed = append(x.failed, e)
		return
	}
	// The place to give up is one of the most frequent code, an unsampled one if
	// there is one.
	victim, most, own := -1, 0, 0
	for i := range x.failed {
		n := 0
		for j := range x.failed {
			if x.failed[j].Code == x.failed[i].Code {
				n++
			}
		}
		if x.failed[i].Code == e.Code {
			own = n
		}
		if n > most || n == most && x.failed[victim].Trace.Sampled && !x.failed[i].Trace.Sampled {
			victim, most = i, n
		}
	}
	isGain := e.Trace.Sampled && !x.failed[victim].Trace.Sampled
	if own+1 < most || own+1 == most && isGain {
		x.failed[victim] = e
		return
	}
	if !e.Trace.Sampled {
		return
	}
	for i := range x.failed {
		if x.failed[i].Code == e.Code && !x.failed[i].Trace.Sampled {
			x.failed[i] = e
			return
		}
	}
}

// addSlow keeps e if it is among the slowest.
func (x *exemplars) addSlow(e Exemplar) { x.slow = addSlowest(x.slow, e) }

// addStuck keeps e if it is among those in flight for longest.
func (x *exemplars) addStuck(e Exemplar) { x.stuck = addSlowest(x.stuck, e) }

// addSlowest returns the calls that took longest, e among them if it did; any sampled call goes
// before any unsampled one, since only the sampled can be looked up.
func addSlowest(calls []Exemplar, e Exemplar) []Exemplar {
	if len(calls) < maxExemplars {
		e.Code = bounded(e.Code)
		return append(calls, e)
	}
	least := 0
	for i := range calls {
		if compareSlow(calls[i], calls[least]) < 0 {
			least = i
		}
	}
	if compareSlow(e, calls[least]) > 0 {
		e.Code = bounded(e.Code)
		calls[least] = e
	}
	return calls
}

// compareSlow orders calls by what there is to learn from them.
func compareSlow(a, b Exemplar) int {
	if a.Trace.Sampled != b.Trace.Sampled {
		if a.Trace.Sampled {
			return 1
		}
		return -1
	}
	return cmp.Compare(a.Duration, b.Duration)
}

// take returns copies of the lists, the most telling call of each first, and
// empties x for the next period.
func (x *exemplars) take() (failed, slow, stuck []Exemplar) {
	take := func(list *[]Exemplar) []Exemplar {
		slices.SortStableFunc(*list, func(a, b Exemplar) int { return compareSlow(b, a) })
		taken := append([]Exemplar(nil), *list...)
		for i := range taken {
			if i > 0 {
				taken[i].Details = nil // one tells enough, and evidence is kept for long
			}
		}
		clear(*list)
		*list = (*list)[:0]
		return taken
	}
	return take(&x.failed), take(&x.slow), take(&x.stuck)
}

// MergeExemplars returns the calls of several periods that one period would have kept: up to
// five failed ones, spread over the codes, or the five slowest, sampled ones first.
func MergeExemplars(failed bool, lists ...[]Exemplar) []Exemplar {
	var x exemplars
	for _, list := range lists {
		for _, e := range list {
			if failed {
				x.addFailed(e)
			} else {
				x.addSlow(e)
			}
		}
	}
	failedCalls, slowCalls, _ := x.take()
	return append(failedCalls, slowCalls...)
}
