package engine

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"
)

// Windows counts reports by operation and closes periods: the arithmetic of the
// engine without its queue, goroutine and clock. It is pure: time is an argument,
// so recorded calls go through it as live ones do. It is not safe for concurrent
// use.
type Windows struct {
	config     Config
	bounds     []time.Duration            // of config.Distribution
	ownBounds  map[string][]time.Duration // of config.Distributions
	objectives objectives

	groups     map[groupKey]*group
	groupCount uint64       // of all groups that there ever were
	lastGroup  [256]*group  // by kind: calls mostly come from the service the last one came from
	operations []*operation // all of them, but the overflow
	named      int          // those of them that a configuration names
	sorted     bool         // whether operations stand in the order of the summaries
	names      nameCache
	overflow   *operation
	overflowed uint64 // reports counted under overflow in this period
	inFlight   uint64 // calls in flight at the end of this period

	changed map[string]Objective // what SetObjective set in this period

	countsLatencies atomic.Bool // set by CountLatencies, from any goroutine
}

// NewWindows returns empty windows. It returns the errors of [Config.Validate].
func NewWindows(c Config) (*Windows, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	operations := c.Operations // as they were set
	c = c.withDefaults()
	w := &Windows{
		config:     c,
		bounds:     c.Distribution.bounds(),
		ownBounds:  make(map[string][]time.Duration, len(c.Distributions)),
		objectives: newObjectives(c),
		groups:     make(map[groupKey]*group),
		names:      nameCache{known: make([]knownNames, minKnown)},
	}
	w.objectives.set(operations)
	for name, d := range c.Distributions {
		w.ownBounds[operationName(name)] = d.bounds()
	}
	w.overflow = &operation{key: OperationKey{Service: bounded(c.Service), Name: OverflowName}}
	w.open(w.overflow)
	return w, nil
}

// Config returns a copy of the configuration with its defaults filled in.
func (w *Windows) Config() Config { return w.config.withDefaults() }

// SetObjective sets what is expected of the operations of the given name, whatever their
// service and span kind, from the next period on: the current one is judged by what it
// began with. Fields left zero inherit [Config.Objective]'s. It returns the errors of
// [Objective.Validate].
func (w *Windows) SetObjective(operation string, o Objective) error {
	if err := o.Validate(); err != nil {
		return err
	}
	if w.changed == nil {
		w.changed = make(map[string]Objective)
	}
	w.changed[operationName(operation)] = o
	return nil
}

// Add counts one report in the current period.
func (w *Windows) Add(r Report) {
	op := w.place(r.Service, r.Operation, r.SpanKind)
	w.count(op, r.Outcome, r.Code, r.Duration)
}

// count counts one call of an operation.
func (w *Windows) count(op *operation, outcome Outcome, code string, d time.Duration) {
	op.add(outcome.decided(w.config.Codes, code), code, d, w.config.MaxCodes)
}

// countTraced counts one call of an operation whose span is known.
func (w *Windows) countTraced(op *operation, outcome Outcome, call Exemplar, untimed bool, cause *Cause) {
	op.addTraced(outcome.decided(w.config.Codes, call.Code), call, untimed, cause, 1, w.config.MaxCodes)
}

// countInFlight counts a call that is in flight at the end of the current period.
func (w *Windows) countInFlight(c InFlight, now time.Time) {
	op := w.place(c.Service, c.Operation, c.SpanKind)
	op.addInFlight(max(now.Sub(c.Started), 0), c.Trace)
	w.inFlight++
}

// place returns the operation of a report in the current period, and counts it where there is
// no room for another operation.
func (w *Windows) place(service, name string, kind SpanKind) *operation {
	op, hasRoom := w.lookup(service, name, kind)
	if !hasRoom {
		w.overflowed++
	}
	return op
}

// lookup returns the operation of a report. One that is new is made if there is room; else
// it returns the overflow, and false.
func (w *Windows) lookup(service, name string, kind SpanKind) (op *operation, hasRoom bool) {
	if service == "" {
		service = w.config.Service
	}
	g := w.lastGroup[kind]
	if g == nil || g.service != service {
		if g = w.groups[groupKey{service, kind}]; g == nil {
			return w.add(service, name, kind)
		}
		w.lastGroup[kind] = g
	}
	// A name that is found by its address, as most are, takes no further call.
	c := &w.names
	if c.skip == 0 {
		k := &c.known[knownIndex(name, len(c.known))]
		found := g.number | uint64(len(name))
		for i := range k {
			if k[i].name == unsafe.StringData(name) && k[i].op != nil && k[i].op.found == found {
				c.missed = 0
				return k[i].op, true
			}
		}
	}
	if op := c.find(g, name, len(w.operations)); op != nil {
		return op, true
	}
	return w.add(service, name, kind)
}

// add is lookup for an operation that is new, or whose name has to be truncated first.
func (w *Windows) add(service, name string, kind SpanKind) (op *operation, hasRoom bool) {
	gk := groupKey{TruncateName(service), kind}
	name = operationName(name)
	g := w.groups[gk]
	if g != nil && g.byName[name] != nil {
		return g.byName[name], true
	}
	if w.overflow.key == (OperationKey{Service: gk.service, SpanKind: kind, Name: name}) {
		return w.overflow, true // reported under that name: a period has one summary of each key
	}
	isNamed := w.objectives.isNamed(OperationKey{Service: gk.service, SpanKind: kind, Name: name})
	if !w.hasRoom(isNamed) {
		return w.overflow, false
	}
	if g == nil {
		if gk.service == w.config.Service {
			gk.service = w.config.Service // the same string is compared fastest
		} else {
			gk.service = strings.Clone(gk.service)
		}
		w.groupCount++
		g = &group{groupKey: gk, number: w.groupCount << 32, byName: make(map[string]*operation)}
		w.groups[gk] = g
	}
	name = strings.Clone(name)
	op = &operation{key: OperationKey{Service: g.service, SpanKind: kind, Name: name}, group: g, found: g.number | uint64(len(name)), isNamed: isNamed}
	if isNamed {
		w.named++
	}
	w.open(op)
	g.byName[name] = op
	w.operations = append(w.operations, op)
	w.sorted = false
	w.names.grow(len(w.operations))
	return op, true
}

// hasRoom reports whether there is a place for one more operation. Each name in the configuration is
// kept a place from the start, from half of all places, so that whoever calls many names can't take it
// away; and gets up to two beyond MaxOperations, as for a server and a client.
func (w *Windows) hasRoom(isNamed bool) bool {
	names := w.objectives.settings
	if isNamed {
		return len(w.operations) < w.config.MaxOperations || w.named < 2*names
	}
	reserved := max(0, min(names, w.config.MaxOperations/2)-w.named)
	return len(w.operations)+reserved < w.config.MaxOperations
}

// Uncalled returns the keys of the configuration, such as operations["GET /users"], that name
// operations of which none was ever called: most likely they are misspelled.
func (w *Windows) Uncalled() []string { return w.objectives.uncalled() }

// open makes the windows of an operation that have counted nothing yet judge by what is
// expected of it now.
func (w *Windows) open(op *operation) {
	if op.isEmpty() {
		w.openWindow(op, &op.window)
	}
	for _, next := range op.ahead {
		if next.isEmpty() {
			w.openWindow(op, next)
		}
	}
}

// divide says that the calls of an operation are counted by the service that they reach.
func (w *Windows) divide(op *operation) {
	if op.isDivided {
		return
	}
	op.isDivided = true
	w.openWindow(op, &op.window)
	for _, next := range op.ahead {
		w.openWindow(op, next)
	}
}

// openWindow opens one window of an operation.
func (w *Windows) openWindow(op *operation, next *window) {
	bounds := w.bounds
	if b, ok := w.ownBounds[op.key.Name]; ok {
		bounds = b
	}
	objective := w.objectives.of(op.key)
	if op.isDivided {
		whatever := *objective
		whatever.MinTraffic, whatever.MinTrafficRatio = 0, 0
		objective = &whatever
	}
	next.open(objective, bounds)
	if w.config.Histograms && next.others == nil {
		next.others = new(otherHistograms)
	}
}

// at returns the window of an operation in the n-th period after the current one.
func (w *Windows) at(op *operation, n int) *window {
	if n == 0 {
		return &op.window
	}
	for len(op.ahead) < n {
		next := new(window)
		w.openWindow(op, next)
		op.ahead = append(op.ahead, next)
	}
	return op.ahead[n-1]
}

// turn makes the window of the next period, if there is one already, the current one. The
// closed one is used again.
func (w *Windows) turn(op *operation) {
	if len(op.ahead) == 0 {
		return
	}
	last := op.ahead[0]
	op.window, *last = *last, op.window
	copy(op.ahead, op.ahead[1:])
	op.ahead[len(op.ahead)-1] = last
	w.openWindow(op, last)
}

// Close ends the current period and returns it; the next one begins. p says
// which period it is: its Start, End, Partial and Missed are kept, the rest is
// filled in. An operation without a call in the last [Config.IdlePeriods] periods
// gives up its place, unless keep says that it must stay; a nil keep keeps none.
func (w *Windows) Close(p Period, keep func(OperationKey) bool) Period {
	p.Overflowed, w.overflowed = w.overflowed, 0
	return w.close(p, keep)
}

// close is Close for a period whose overflowed reports are counted already.
func (w *Windows) close(p Period, keep func(OperationKey) bool) Period {
	w.sort()
	stale := len(w.changed) > 0
	w.objectives.set(w.changed)
	w.changed = nil
	p.Monitor, p.IdlePeriods = w.config.Name, w.config.IdlePeriods
	p.InFlight, w.inFlight = w.inFlight, 0
	p.Summaries = make([]Summary, 0, w.noted(keep))
	isEvicting := false
	for _, op := range w.operations {
		if op.isIdle() {
			op.idle++
			isEvicting = isEvicting || int(op.idle) >= w.config.IdlePeriods
		} else {
			op.idle = 0
		}
		op.slice.restart()
		if op.isNoted(keep) {
			s := w.summarize(op, &p)
			if !op.isKnown && s.isLateOnly() { // nobody calls it now, so its silence says nothing
				s.Objective.MinTraffic, s.Objective.MinTrafficRatio = 0, 0
			} else {
				op.isKnown, op.wasWatched = true, op.wasWatched || op.objective.needsSilence()
			}
			p.Summaries = append(p.Summaries, s)
		}
		w.turn(op)
		if stale {
			w.open(op)
		}
	}
	if !w.overflow.isIdle() {
		p.Summaries = append(p.Summaries, w.summarize(w.overflow, &p))
	}
	w.overflow.slice.restart()
	w.turn(w.overflow)
	if stale {
		w.open(w.overflow)
	}
	if isEvicting {
		p.Evicted = w.evict(keep)
	}
	for _, op := range w.operations {
		if k, ok := op.known(); ok {
			p.Known = append(p.Known, k)
		}
	}
	return p
}

// noted returns the number of operations that get a summary.
func (w *Windows) noted(keep func(OperationKey) bool) int {
	n := 0
	for _, op := range w.operations {
		if op.isNoted(keep) {
			n++
		}
	}
	if !w.overflow.isIdle() {
		n++
	}
	return n
}

// summarize closes the window of one operation.
func (w *Windows) summarize(op *operation, p *Period) Summary {
	var latencies []TimeCount
	if w.countsLatencies.Load() {
		latencies = op.success.latencyCounts()
	}
	s := op.close(w.config.Codes, w.config.Histograms)
	s.LatencyCounts = latencies
	s.Monitor, s.Service, s.Operation, s.SpanKind = w.config.Name, op.key.Service, op.key.Name, op.key.SpanKind
	s.Start, s.End, s.Partial = p.Start, p.End, p.Partial
	for i := range s.StuckExemplars {
		s.StuckExemplars[i].End = p.End
	}
	p.Received += s.Count + s.Ignored + s.Late
	p.Late += s.Late
	return s
}

// sort brings the operations into the order of the summaries.
func (w *Windows) sort() {
	if w.sorted {
		return
	}
	slices.SortFunc(w.operations, func(a, b *operation) int { return a.key.Compare(b.key) })
	w.sorted = true
}

// evict takes away the places of operations that have been idle for too long,
// and returns whose they were.
func (w *Windows) evict(keep func(OperationKey) bool) []OperationKey {
	var evicted []OperationKey
	stay := w.operations[:0]
	for _, op := range w.operations {
		if int(op.idle) < w.config.IdlePeriods || op.isAhead() || op.isJustSilent() || op.isKept(keep) {
			stay = append(stay, op)
			continue
		}
		evicted = append(evicted, op.key)
		if op.isNamed {
			w.named--
		}
		delete(op.group.byName, op.key.Name)
		if len(op.group.byName) == 0 {
			delete(w.groups, op.group.groupKey)
			w.lastGroup[op.key.SpanKind] = nil
		}
	}
	clear(w.operations[len(stay):])
	w.operations = stay
	if len(evicted) > 0 {
		w.names.forget() // it may point to those that left
	}
	return evicted
}
