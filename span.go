package monitor

import (
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// observe turns a finished span into a report. Every accessor of a span copies
// the whole span, so each is called once, and only where what it returns is needed.
func (m *Monitor) observe(s sdktrace.ReadOnlySpan) {
	kind := s.SpanKind()
	if !m.watches(s, kind) || m.filter != nil && !m.wants(s) {
		if m.causes.IsWaiting() {
			m.causes.Passed(linkOf(s))
		}
		return
	}
	end := s.EndTime()
	d := end.Sub(s.StartTime())
	operation, result := m.classifier.classify(s, kind, end)
	code, outcome := result.Code, result.Outcome
	if m.classify != nil {
		code, outcome = m.ask(s, code, outcome)
	}
	service, place := m.services.name(s.Resource())
	// Most calls succeed, and fast, and nobody waits to hear of them.
	if outcome == engine.OutcomeSuccess && !m.engine.MayBeSlow(d) && !m.causes.IsWaiting() {
		m.intake.Push(service, operation, code, d, engine.HowOf(engine.SpanKind(kind), outcome)|place)
		return
	}
	m.observeClosely(s, Report{Service: service, Operation: operation, SpanKind: engine.SpanKind(kind), Code: code, Outcome: outcome, Duration: d, End: end})
}

// watches reports whether spans of this kind are watched; the monitor's own, which are all
// internal ones, never are.
func (m *Monitor) watches(s sdktrace.ReadOnlySpan, kind trace.SpanKind) bool {
	return m.kinds.has(kind) &&
		(kind != trace.SpanKindInternal || s.InstrumentationScope().Name != alert.ScopeName)
}

// observeClosely counts a call that failed or may be slow, or that can say something
// about another one that did, with its trace and with what is to blame.
func (m *Monitor) observeClosely(s sdktrace.ReadOnlySpan, r Report) {
	link := linkOf(s)
	var cause *engine.Cause
	switch failed := r.Outcome == engine.OutcomeFailure; {
	case failed || r.Outcome != engine.OutcomeIgnored && m.engine.MayBeSlow(r.Duration):
		self := engine.Cause{Service: cmp.Or(r.Service, m.service), SpanKind: r.SpanKind, Operation: r.Operation, Code: r.Code}
		failure, slow := m.causes.Ended(link, self, r.Outcome, r.Duration, r.End.UnixNano())
		if cause = slow; failed {
			cause = failure
		}
	case r.Outcome == engine.OutcomeSuccess:
		m.causes.Succeeded(link, engine.OperationKey{Service: cmp.Or(r.Service, m.service), SpanKind: r.SpanKind, Name: r.Operation})
	default:
		m.causes.Passed(link)
	}
	if m.engine.WantsTrace(r.Outcome, r.Duration) {
		m.engine.ReportTraced(r, traceRef(s.SpanContext()), cause)
	} else {
		m.engine.Report(r)
	}
}

// linkOf returns where a span stands in its trace.
func linkOf(s sdktrace.ReadOnlySpan) engine.Link {
	sc, parent := s.SpanContext(), s.Parent()
	l := engine.Link{Trace: sc.TraceID(), Span: sc.SpanID()}
	if parent.HasSpanID() {
		l.Parent, l.RemoteParent = parent.SpanID(), parent.IsRemote()
	}
	return l
}

// traceRef returns what refers to a span.
func traceRef(sc trace.SpanContext) engine.TraceRef {
	return engine.TraceRef{TraceID: sc.TraceID(), SpanID: sc.SpanID(), Sampled: sc.IsSampled()}
}

// wants asks the user's filter. A filter that panics wants the span.
func (m *Monitor) wants(s sdktrace.ReadOnlySpan) (wanted bool) {
	defer func() {
		if r := recover(); r != nil {
			m.errors.HandleOnce("filter", fmt.Errorf("filter: panic: %v", r))
			wanted = true
		}
	}()
	return m.filter(s)
}

// ask asks the user's classifier. If it has no answer, or panics, what the default
// one said holds.
func (m *Monitor) ask(s sdktrace.ReadOnlySpan, code string, outcome engine.Outcome) (c string, o engine.Outcome) {
	defer func() {
		if r := recover(); r != nil {
			m.errors.HandleOnce("classify", fmt.Errorf("classify: panic: %v", r))
			c, o = code, outcome
		}
	}()
	switch c, o = m.classify(s); {
	case o != engine.OutcomeUnset:
		return c, o
	case c == "":
		return code, outcome
	}
	return c, m.classifier.rules.OutcomeOf(c)
}

// kindSet is a set of span kinds, a bit for each.
type kindSet uint8

func newKindSet(kinds []trace.SpanKind) kindSet {
	var set kindSet
	for _, k := range kinds {
		set |= 1 << k
	}
	return set
}

func (set kindSet) has(k trace.SpanKind) bool { return set>>uint(k)&1 != 0 }

// services knows the service names of resources. A process has one resource, rarely
// a few, so they stand in a short list that is never changed but replaced.
type services struct {
	intake *engine.Intake
	known  atomic.Pointer[[]service]
}

type service struct {
	resource *resource.Resource // kept, so that its address stays its own
	name     string
	place    engine.How // of the name in the intake
}

// maxServices bounds the list; the name of a resource beyond it is looked up each time.
const maxServices = 8

// name returns the service.name of a resource, or "" if it has none, and its place in
// the intake.
func (s *services) name(r *resource.Resource) (name string, place engine.How) {
	old := s.known.Load()
	var known []service
	if old != nil {
		known = *old
	}
	for i := range known {
		if known[i].resource == r {
			return known[i].name, known[i].place
		}
	}
	name = serviceName(r)
	place = s.intake.Place(name)
	if len(known) < maxServices {
		next := append(slices.Clone(known), service{r, name, place})
		s.known.CompareAndSwap(old, &next) // whoever loses is remembered the next time
	}
	return name, place
}

func serviceName(r *resource.Resource) string {
	v, _ := r.Set().Value(serviceNameKey)
	return v.AsString()
}

const serviceNameKey = attribute.Key("service.name")

// processService returns the service.name of the process's resource.
func processService() string { return serviceName(resource.Default()) }
