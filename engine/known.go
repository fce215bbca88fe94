package engine

import "math"

// KnownOperation is an operation that has a place, and whose silence counts if its objective says so.
type KnownOperation struct {
	OperationKey
	// Idle is the number of periods without a call up to now.
	Idle int
	// IsDivided says that its calls are counted by the service that they reach
	// ([TimelineConfig.PeerServices]).
	IsDivided bool
}

// known returns op as another process gets to know it; ok is false if its silence does not count.
func (op *operation) known() (k KnownOperation, ok bool) {
	if !op.isKnown || !op.wasWatched && !op.objective.needsSilence() {
		return k, false
	}
	return KnownOperation{op.key, int(op.idle), op.isDivided}, true
}

// Restored is what an engine or a timeline goes on from: what an earlier one knew, perhaps in another
// process.
type Restored struct {
	// Known are the operations whose silence counted ([Period.Known]).
	Known []KnownOperation
	// Remembered are other operations of which the judge remembers something. Like those, they get a
	// place.
	Remembered []OperationKey
	// Needed are the operations that must keep their places until the first period has closed, as
	// [Hooks.Closed] returns them.
	Needed map[OperationKey]bool
}

// Restore gives operations their places before anything is counted. One for which there is no room is
// left out.
func (w *Windows) Restore(r *Restored) {
	for _, k := range r.Known {
		op, hasRoom := w.add(k.Service, k.Name, k.SpanKind)
		if !hasRoom || op == w.overflow {
			continue
		}
		op.isKnown, op.wasWatched, op.idle = true, true, int32(max(0, min(k.Idle, math.MaxInt32/2)))
		if k.IsDivided {
			w.divide(op)
		}
	}
	for _, key := range r.Remembered {
		w.add(key.Service, key.Name, key.SpanKind)
	}
}

// Restore makes the timeline go on from what an earlier one knew, before the first span. Its Needed
// are for whoever calls [Timeline.Advance].
func (t *Timeline) Restore(r *Restored) { t.windows.Restore(r) }
