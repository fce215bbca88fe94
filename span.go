package monitor

import (
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
	if !m.kinds.has(kind) {
		return
	}
	// The monitor's own spans are all internal ones.
	if kind == trace.SpanKindInternal && s.InstrumentationScope().Name == alert.ScopeName {
		return
	}
	if m.filter != nil && !m.wants(s) {
		return
	}
	end := s.EndTime()
	d := end.Sub(s.StartTime())
	operation, code, outcome := m.classifier.classify(s, kind, end)
	if m.classify != nil {
		code, outcome = m.ask(s, code, outcome)
	}
	service := m.services.name(s.Resource())
	if !m.engine.WantsTrace(outcome, d) {
		m.intake.Push(service, operation, code, d, engine.HowOf(engine.Kind(kind), outcome))
		return
	}
	m.engine.ReportTraced(Report{Service: service, Operation: operation, Kind: engine.Kind(kind), Code: code, Outcome: outcome, Duration: d, End: end}, traceRef(s.SpanContext()), nil)
}

// traceRef returns what refers to a span.
func traceRef(sc trace.SpanContext) engine.TraceRef {
	return engine.TraceRef{TraceID: sc.TraceID(), SpanID: sc.SpanID(), Sampled: sc.IsSampled()}
}

// wants asks the user's filter. A filter that panics wants the span.
func (m *Monitor) wants(s sdktrace.ReadOnlySpan) (wanted bool) {
	defer func() {
		if r := recover(); r != nil {
			m.troubles.once("filter", fmt.Errorf("filter: panic: %v", r))
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
			m.troubles.once("classify", fmt.Errorf("classify: panic: %v", r))
			c, o = code, outcome
		}
	}()
	if c, o = m.classify(s); c == "" && o == engine.OutcomeUnset {
		return code, outcome
	}
	return c, o
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
	known atomic.Pointer[[]service]
}

type service struct {
	resource *resource.Resource // kept, so that its address stays its own
	name     string
}

// maxServices bounds the list; the name of a resource beyond it is looked up each time.
const maxServices = 8

// name returns the service.name of a resource, or "" if it has none.
func (s *services) name(r *resource.Resource) string {
	old := s.known.Load()
	var known []service
	if old != nil {
		known = *old
	}
	for i := range known {
		if known[i].resource == r {
			return known[i].name
		}
	}
	name := serviceName(r)
	if len(known) < maxServices {
		next := append(slices.Clone(known), service{r, name})
		s.known.CompareAndSwap(old, &next) // whoever loses is remembered the next time
	}
	return name
}

func serviceName(r *resource.Resource) string {
	v, _ := r.Set().Value(serviceNameKey)
	return v.AsString()
}

const serviceNameKey = attribute.Key("service.name")

// processService returns the service.name of the process's resource.
func processService() string { return serviceName(resource.Default()) }
