package engine

import (
	"cmp"
	"slices"
	"strings"
)

// OperationKey identifies an operation: what is judged.
type OperationKey struct {
	Service  string
	SpanKind SpanKind
	Name     string
}

// Compare orders operations as summaries are: by service, name and span kind.
func (k OperationKey) Compare(o OperationKey) int {
	return cmp.Or(strings.Compare(k.Service, o.Service), strings.Compare(k.Name, o.Name), cmp.Compare(k.SpanKind, o.SpanKind))
}

// group holds the operations of one service and kind.
type group struct {
	groupKey
	number uint64 // its own, in the upper half
	byName map[string]*operation
}

type groupKey struct {
	service string
	kind    SpanKind
}

// operation is an operation and its window. It takes four pairs of cache lines. A processor
// fetches both lines of a pair at once, and what each call touches is in the first pair.
type operation struct {
	found uint64 // the number of its group, and the length of its name in the lower half
	window
	group *group
	key   OperationKey
	ahead []*window // of the periods after the current one, while they fill
	// reached says which server's operation a client's calls reach; nil: not known.
	reached *reached
	idle    int32 // periods without a call, up to now
	isKnown bool  // it had a summary before: from then on its silence counts
	// wasWatched says that its silence counted once. If an alert about its silence fires when
	// the objective is taken away, the alert must still see summaries to end.
	wasWatched bool
	// isDivided says that its calls are counted by the service that they reach, so that few
	// calls, or none, under its own name are as it should be.
	isDivided bool
	isNamed   bool // a configuration names it
	hasOwn    bool // some call took less time by itself than in all
	slice     sliceTally
	parts     *opParts // nil: there were none yet
	_         [16]byte
}

// isNoted reports whether the operation gets a summary of the current period.
func (op *operation) isNoted(keep func(OperationKey) bool) bool {
	return !op.isIdle() || op.isKnown && (op.objective.needsSilence() || op.wasWatched && op.isKept(keep))
}

// isKept reports whether keep says that the operation must keep its place; nil never does.
func (op *operation) isKept(keep func(OperationKey) bool) bool { return keep != nil && keep(op.key) }

// isAhead reports whether a period that is still open has counted calls of the operation.
func (op *operation) isAhead() bool {
	return !op.isEmpty() || slices.ContainsFunc(op.ahead, func(w *window) bool { return !w.isEmpty() })
}

// hasLeft reports whether the operation has given up its place.
func (op *operation) hasLeft() bool { return op.group != nil && op.group.byName[op.key.Name] != op }

// isJustSilent reports whether an operation whose silence counts is silent for the first
// time. It stays for a period more, so that the silence is judged.
func (op *operation) isJustSilent() bool { return op.idle == 1 && op.wasWatched }

// cause returns a call of the operation, with the code with which it ended, as a cause.
func (op *operation) cause(code string) *Cause {
	return &Cause{Service: op.key.Service, SpanKind: op.key.SpanKind, Operation: op.key.Name, Code: code}
}
