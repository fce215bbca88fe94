// Package spanmetrics adds up closed periods to counts and histograms of calls by operation, as
// metrics of the span metrics connector of the OpenTelemetry Collector hold them. Whoever emits
// metrics gives them the form of a library: the connector of this project does, and the module
// otelmetric.
package spanmetrics

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Names of the metrics and of their attributes, and the values of the status: calls that did not
// fail have the one that spans without a status have.
const (
	DefaultNamespace = "traces.span.metrics"

	AttributeService = "service.name"
	AttributeName    = "span.name"
	AttributeKind    = "span.kind"
	AttributeStatus  = "status.code"

	StatusUnset = "STATUS_CODE_UNSET"
	StatusError = "STATUS_CODE_ERROR"
)

// KindText returns a span kind as the value of an attribute.
func KindText(k engine.SpanKind) string { return "SPAN_KIND_" + strings.ToUpper(k.String()) }

// Options say what [Totals] add up.
type Options struct {
	// Form is that of the histograms; nil: there are none.
	Form *Form
	// Zeros is the number of times that a new count stands at 0: Prometheus computes increases
	// from what it has read, and would not see the first calls otherwise.
	Zeros int
	// Delta says that a count covers one period alone. Default: all periods since the operation
	// was first called.
	Delta bool
}

// Totals are the sums of periods. They are not safe for concurrent use.
//
// Their memory is bounded by the number of operations that the engine counts: an operation that
// the engine evicts is forgotten. If it comes back, its counts start anew at that time.
type Totals struct {
	options    Options
	operations map[engine.OperationKey]*Operation
	evicted    map[engine.OperationKey]bool // with the last period
}

// Operation are the totals of one operation. They must not be changed.
type Operation struct {
	// Start is when its counts began.
	Start time.Time
	// Unset are the calls that did not fail, and Failed the others.
	Unset, Failed Calls
	// Now is the operation's summary of the last period, nil if that has none.
	Now *engine.Summary

	isEvicted bool
}

// Calls are the calls of an operation with one status.
type Calls struct {
	calls     uint64
	durations Durations
	exemplars []engine.Exemplar // of the calls since the last time that some were shown
	// callZeros and durationZeros are the numbers of times that the calls and their durations still
	// stand at 0.
	callZeros, durationZeros int
}

// Count returns the number of calls.
func (c *Calls) Count() uint64 {
	if c.callZeros > 0 {
		return 0
	}
	return c.calls
}

// Exemplars returns some of the calls that are new in Count.
func (c *Calls) Exemplars() []engine.Exemplar {
	if c.callZeros > 0 {
		return nil
	}
	return c.exemplars
}

// Durations returns the durations of the calls, and some of those that are new in them. It
// returns nil before there are any.
func (c *Calls) Durations(form *Form) (*Durations, []engine.Exemplar) {
	switch {
	case form == nil || c.durations.Count == 0:
		return nil, nil
	case c.durationZeros > 0:
		return c.durations.none(form), nil
	}
	return &c.durations, c.exemplars
}

// isWaiting reports whether there are calls that have not been shown.
func (c *Calls) isWaiting() bool {
	return c.callZeros > 0 && c.calls > 0 || c.durationZeros > 0 && c.durations.Count > 0
}

// shown is called when the calls have been emitted.
func (c *Calls) shown() {
	if c.callZeros == 0 {
		c.exemplars = nil
	}
	c.callZeros, c.durationZeros = max(0, c.callZeros-1), max(0, c.durationZeros-1)
}

// sample takes the exemplars of a period, if there are any.
func (c *Calls) sample(exemplars []engine.Exemplar) {
	if len(exemplars) > 0 {
		c.exemplars = exemplars
	}
}

// NewTotals returns totals of no period.
func NewTotals(o Options) *Totals {
	return &Totals{options: o, operations: make(map[engine.OperationKey]*Operation)}
}

// Add adds a closed period. Periods come in order.
func (t *Totals) Add(p *engine.Period) {
	for _, o := range t.operations {
		o.Now = nil
	}
	for i := range p.Summaries {
		t.count(&p.Summaries[i], p.Start)
	}
	t.evicted = make(map[engine.OperationKey]bool, len(p.Evicted))
	for _, key := range p.Evicted {
		t.evicted[CleanKey(key)] = true
	}
}

// count adds a summary of the period that began at start.
func (t *Totals) count(s *engine.Summary, start time.Time) {
	key := CleanKey(s.Key())
	o, ok := t.operations[key]
	if !ok {
		if s.Count == 0 {
			return
		}
		o = &Operation{Start: start}
		o.Unset.callZeros, o.Failed.callZeros = t.options.Zeros, t.options.Zeros
		t.operations[key] = o
	}
	o.Now, o.isEvicted = s, false
	o.Unset.calls += s.Success + s.Cancelled
	o.Failed.calls += s.Failure
	o.Unset.sample(s.SlowExemplars)
	o.Failed.sample(s.FailureExemplars)
	if t.options.Form != nil {
		t.time(&o.Unset, s.Histogram)
		t.time(&o.Unset, s.CancelledHistogram)
		t.time(&o.Failed, s.FailureHistogram)
	}
}

// time adds the durations of a period. Those of one status begin when the first of them comes.
func (t *Totals) time(c *Calls, h *engine.ExponentialHistogram) {
	isNew := c.durations.Count == 0
	c.durations.Add(h, t.options.Form)
	if isNew && c.durations.Count > 0 {
		c.durationZeros = t.options.Zeros
	}
}

// Keys returns the operations that have totals, in order.
func (t *Totals) Keys() []engine.OperationKey {
	return slices.SortedFunc(maps.Keys(t.operations), engine.OperationKey.Compare)
}

// Of returns the totals of one of the Keys.
func (t *Totals) Of(key engine.OperationKey) *Operation { return t.operations[key] }

// Evicted reports whether the engine gave an operation up in the last period.
func (t *Totals) Evicted(key engine.OperationKey) bool { return t.evicted[key] }

// Shown is called when all that was added has been emitted.
func (t *Totals) Shown() {
	maps.DeleteFunc(t.operations, func(key engine.OperationKey, o *Operation) bool {
		wasWaiting := o.Unset.isWaiting() || o.Failed.isWaiting()
		o.isEvicted = o.isEvicted || t.evicted[key]
		o.Unset.shown()
		o.Failed.shown()
		return t.options.Delta || o.isEvicted && !wasWaiting
	})
}

// Hurry ends the time for which counts stand at 0: what comes next is the end.
func (t *Totals) Hurry() {
	for _, o := range t.operations {
		for _, c := range []*Calls{&o.Unset, &o.Failed} {
			c.callZeros, c.durationZeros = 0, 0
		}
	}
	t.options.Zeros = 0
}

// CleanKey returns a key whose names are UTF-8. Operations that differ only in invalid bytes are
// one in metrics, since two data points must not have the same attributes.
func CleanKey(key engine.OperationKey) engine.OperationKey {
	key.Service, key.Name = clean(key.Service), clean(key.Name)
	return key
}

func clean(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
