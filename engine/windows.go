package engine

import (
	"math/bits"
	"slices"
	"strings"
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
	sorted     bool         // whether operations stand in the order of the summaries
	overflow   *operation
	overflowed uint64 // reports counted under overflow in this period
	inFlight   uint64 // calls in flight at the end of this period
	recent     []recentNames
	victim     uint         // counts the names that were remembered, to tell which one gives way
	fresh      []*operation // those that lookupAnew has found, by freshIndex; nil if it is not used
	missed     int          // names running that were not remembered
	anew       int          // lookups for which it is not tried to find remembered ones
	nextAnew   int          // how many those will be the next time

	changed map[string]Objective // what SetObjective set in this period
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

// operation is what is judged, and its window. It takes three pairs of cache lines, of which
// processors fetch both at once; what each call touches is the first pair.
type operation struct {
	found uint64 // the number of its group, and the length of its name in the lower half
	window
	group *group
	key   OperationKey
	ahead []*window // of the periods after the current one, while they fill
	// reached says which server's operation a client's calls reach; nil: not known.
	reached *reached
	idle    int32 // periods without a call, up to now
	isKnown bool  // it was there in a period that is closed: from then on its silence counts
	// wasWatched says that its silence counted once: an alert about that has to hear, too, that
	// nothing is expected any more.
	wasWatched bool
	// isDivided says that its calls are told apart by their callees, so that few or none under
	// its own name are as it should be.
	isDivided bool
}

// recentName remembers the operation that a name led to. The name is compared
// by its address and length: as long as the entry keeps the string alive, nothing
// else can be at that address, and strings don't change, so the same address and
// length are the same name. Another string with the same bytes is looked up.
type recentName struct {
	name *byte
	op   *operation // whose name is as long
}

// recentNames are those that share a place. They fill a cache line.
type recentNames [4]recentName

// Bounds of the number of places for recent names. There is room for at least twice as many
// names as there are operations, up to the largest size.
const (
	minRecent = 1 << 6
	maxRecent = 1 << 15
)

const (
	// manyMissed is the number of names running that were not remembered after which names
	// count as made anew.
	manyMissed = 32
	// mostAnew bounds the number of names of which it is then not even tried.
	mostAnew = 1 << 12
)

// recentIndex returns the place of a name in a table of n places, a power of two, by
// Fibonacci hashing of its address (Knuth, The Art of Computer Programming,
// volume 3, section 6.4). The address is only ever a number here.
func recentIndex(name string, n int) int {
	address := uint64(uintptr(unsafe.Pointer(unsafe.StringData(name))))
	return int(address * 0x9E3779B97F4A7C15 >> 32 & uint64(n-1))
}

// freshOperations is the number of operations that are found again by their names' ends, a
// power of two.
const freshOperations = 1 << 12

// freshIndex returns the place of a name in a table of freshOperations entries. It looks at
// both ends of the name: there names mostly differ, and it is all the same if they don't.
func freshIndex(name string) int {
	n := len(name)
	var x uint64
	if n >= 8 {
		x = word(name) ^ bits.RotateLeft64(word(name[n-8:]), 29)
	} else {
		for i := range n {
			x = x<<8 | uint64(name[i])
		}
	}
	return int((x ^ uint64(n)) * 0x9E3779B97F4A7C15 >> 52)
}

// word returns the first eight bytes of a string.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
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
		recent:     make([]recentNames, minRecent),
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

// SetObjective sets what is expected of the operations of the given name, from
// the next period on: the current one is judged by what it began with. Fields
// left zero inherit [Config.Objective]'s. It returns the errors of [Objective.Validate].
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
	w.count(w.lookup(r.Service, r.Operation, r.SpanKind), r.Outcome, r.Code, r.Duration)
}

// AddTraced is Add for a call whose span is known, so that it can become an exemplar.
// cause is what it is blamed on if it failed or was slow; nil: itself.
func (w *Windows) AddTraced(r Report, ref TraceRef, cause *Cause) {
	w.countTraced(w.lookup(r.Service, r.Operation, r.SpanKind), r.Outcome, Exemplar{Trace: ref, Code: r.Code, Duration: r.Duration, End: r.End}, cause)
}

// InFlight is a call that has begun and not ended.
type InFlight struct {
	Service, Operation string
	SpanKind           SpanKind
	Age                time.Duration
	Trace              TraceRef // zero: it can't be looked up
}

// AddInFlight takes a call that is in flight at the end of the current period, just
// before that is closed.
func (w *Windows) AddInFlight(c InFlight) {
	op := w.lookup(c.Service, c.Operation, c.SpanKind)
	op.addInFlight(max(c.Age, 0), c.Trace)
	w.inFlight++
}

// count counts one call of an operation.
func (w *Windows) count(op *operation, outcome Outcome, code string, d time.Duration) {
	if outcome == OutcomeUnset {
		outcome = OutcomeOf(w.config.Codes, code)
	}
	op.add(outcome, code, max(d, 0), w.config.MaxCodes)
}

// countTraced counts one call of an operation whose span is known.
func (w *Windows) countTraced(op *operation, outcome Outcome, call Exemplar, cause *Cause) {
	if outcome == OutcomeUnset {
		outcome = OutcomeOf(w.config.Codes, call.Code)
	}
	call.Duration = max(call.Duration, 0)
	op.addTraced(outcome, call, cause, 1, w.config.MaxCodes)
}

// lookup returns the operation of a report, which it makes if there is room.
func (w *Windows) lookup(service, name string, kind SpanKind) *operation {
	if service == "" {
		service = w.config.Service
	}
	g := w.lastGroup[kind]
	if g == nil || g.service != service {
		if g = w.groups[groupKey{service, kind}]; g == nil {
			return w.find(service, name, kind)
		}
		w.lastGroup[kind] = g
	}
	if w.anew > 0 {
		w.anew--
		return w.lookupAnew(g, name)
	}
	r := &w.recent[recentIndex(name, len(w.recent))]
	found := g.number | uint64(len(name))
	for i := range r {
		if r[i].name == unsafe.StringData(name) && r[i].op != nil && r[i].op.found == found {
			w.missed = 0
			return r[i].op
		}
	}
	op := g.byName[name]
	if op == nil {
		return w.find(service, name, kind)
	}
	w.remember(r, name, op)
	return op
}

// remember puts a name among those that share its place, if need be instead of one of them.
//
// Where one name after the other was not remembered, they are most likely made anew for each
// report, and it is of no use to remember them: for a while it is not tried any more, and
// then for twice as long each time that nothing has changed.
func (w *Windows) remember(r *recentNames, name string, op *operation) {
	w.victim++
	i := w.victim % uint(len(r))
	for j := range r {
		if r[j].op == nil {
			i = uint(j)
			break
		}
	}
	r[i] = recentName{name: unsafe.StringData(name), op: op}
	if w.missed == 0 {
		w.nextAnew = manyMissed
	}
	if w.missed++; w.missed%manyMissed == 0 {
		w.anew, w.nextAnew = w.nextAnew, min(2*w.nextAnew, mostAnew)
	}
}

// lookupAnew is the rest of lookup for names that are made anew for each report.
func (w *Windows) lookupAnew(g *group, name string) *operation {
	var recent **operation
	if len(w.operations) <= freshOperations/2 { // with more it finds too few of them
		if w.fresh == nil {
			w.fresh = make([]*operation, freshOperations)
		}
		recent = &w.fresh[freshIndex(name)]
		if op := *recent; op != nil && op.found == g.number|uint64(len(name)) && op.key.Name == name {
			return op
		}
	}
	op := g.byName[name]
	if op == nil {
		return w.find(g.service, name, g.kind)
	}
	if recent != nil {
		*recent = op
	}
	return op
}

// find returns the operation of a name that is new, or has to be put into shape first.
func (w *Windows) find(service, name string, kind SpanKind) *operation {
	gk := groupKey{TruncateName(service), kind}
	name = operationName(name)
	g := w.groups[gk]
	if g != nil && g.byName[name] != nil {
		return g.byName[name]
	}
	if w.overflow.key == (OperationKey{Service: gk.service, SpanKind: kind, Name: name}) {
		return w.overflow // somebody else's overflow: two summaries of one key would be one too many
	}
	if len(w.operations) >= w.config.MaxOperations {
		w.overflowed++
		return w.overflow
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
	op := &operation{key: OperationKey{Service: g.service, SpanKind: kind, Name: name}, group: g, found: g.number | uint64(len(name))}
	w.open(op)
	g.byName[name] = op
	w.operations = append(w.operations, op)
	w.sorted = false
	if n := len(w.recent); 2*len(w.operations) > n*len(recentNames{}) && n < maxRecent {
		w.recent = make([]recentNames, 2*n)
	}
	return op
}

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

// divide says that the calls of an operation are told apart by their callees.
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
// current one, which was closed, will be used again.
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

// isAhead reports whether calls of a period that is not closed are counted already.
func (op *operation) isAhead() bool {
	return !op.isEmpty() || slices.ContainsFunc(op.ahead, func(w *window) bool { return !w.isEmpty() })
}

// Close ends the current period and returns it; the next one begins. p says
// which period it is: its Start, End, Partial and Missed are kept, the rest is
// filled in. An operation without a call in the last [Config.IdlePeriods] periods
// gives up its place, unless keep says that it must stay; a nil keep keeps none.
func (w *Windows) Close(p Period, keep func(OperationKey) bool) Period {
	w.sort()
	stale := len(w.changed) > 0
	w.objectives.set(w.changed)
	w.changed = nil
	p.Monitor = w.config.Name
	p.Overflowed, w.overflowed = w.overflowed, 0
	p.InFlight, w.inFlight = w.inFlight, 0
	p.Summaries = make([]Summary, 0, w.noted(keep))
	leaving := false
	for _, op := range w.operations {
		if op.isIdle() {
			op.idle++
			leaving = leaving || int(op.idle) >= w.config.IdlePeriods
		} else {
			op.idle = 0
		}
		if op.isNoted(keep) {
			op.isKnown, op.wasWatched = true, op.wasWatched || op.objective.needsSilence()
			p.Summaries = append(p.Summaries, w.summarize(op, &p))
		}
		w.turn(op)
		if stale {
			w.open(op)
		}
	}
	if !w.overflow.isIdle() {
		p.Summaries = append(p.Summaries, w.summarize(w.overflow, &p))
	}
	w.turn(w.overflow)
	if stale {
		w.open(w.overflow)
	}
	if leaving {
		p.Evicted = w.dismiss(keep)
	}
	return p
}

// isNoted reports whether the operation gets a summary of the current period.
func (op *operation) isNoted(keep func(OperationKey) bool) bool {
	return !op.isIdle() || op.isKnown && (op.objective.needsSilence() || op.wasWatched && op.isKept(keep))
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
	s := op.close(w.config.Codes, w.config.Histograms)
	s.Monitor, s.Service, s.Operation, s.SpanKind = w.config.Name, op.key.Service, op.key.Name, op.key.SpanKind
	s.Start, s.End, s.Partial = p.Start, p.End, p.Partial
	for i := range s.StuckExemplars {
		s.StuckExemplars[i].End = p.End
	}
	p.Received += s.Count + s.Ignored
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

// isKept reports whether keep says that the operation must keep its place; nil never does.
func (op *operation) isKept(keep func(OperationKey) bool) bool { return keep != nil && keep(op.key) }

// isJustSilent reports whether the operation is watched for silence and silent for the first
// time: whether that is bad has to be heard before it leaves.
func (op *operation) isJustSilent() bool { return op.idle == 1 && op.wasWatched }

// dismiss takes away the places of operations that have been idle for too long,
// and returns whose they were.
func (w *Windows) dismiss(keep func(OperationKey) bool) []OperationKey {
	var left []OperationKey
	stay := w.operations[:0]
	for _, op := range w.operations {
		if int(op.idle) < w.config.IdlePeriods || op.isAhead() || op.isJustSilent() || op.isKept(keep) {
			stay = append(stay, op)
			continue
		}
		left = append(left, op.key)
		delete(op.group.byName, op.key.Name)
		if len(op.group.byName) == 0 {
			delete(w.groups, op.group.groupKey)
			w.lastGroup[op.key.SpanKind] = nil
		}
	}
	clear(w.operations[len(stay):])
	w.operations = stay
	if len(left) > 0 {
		clear(w.recent) // it may point to those that left
		clear(w.fresh)
	}
	return left
}
