package monitor

import (
	"context"
	"fmt"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// observe reads a finished span and hands it to the engine. Every accessor of a span copies
// the whole span, so each is called once, and only where what it returns is needed.
//
// started says that OnStart was told of the span, so that its context may be known.
func (m *Monitor) observe(s sdktrace.ReadOnlySpan, started bool) {
	kind := s.SpanKind()
	var ctx context.Context
	var link engine.Link
	if m.measures {
		sc := s.SpanContext()
		link.Trace, link.Span = sc.TraceID(), sc.SpanID()
		if started && m.kinds.has(kind) {
			ctx = m.contexts.Take(link.Span)
		}
	} else if started && m.kinds.has(kind) {
		ctx = m.contexts.Take(s.SpanContext().SpanID())
	}
	if !m.watches(s, kind) || m.filter != nil && !m.wants(s) {
		if m.measures && m.engine.HasCovered(link.Span) {
			setParent(&link, s)
			m.engine.PassCovered(&link)
		}
		if m.engine.WantsUnwatched() {
			m.report(s, &engine.Span{Unwatched: true})
		}
		return
	}
	end, start := s.EndTime(), s.StartTime()
	d := end.Sub(start)
	operation, result := m.classifier.classify(ctx, s, kind, end)
	code, outcome := result.Code, result.Outcome
	if m.classify != nil {
		code, outcome = m.ask(s, code, outcome)
	}
	service, ref := m.services.of(s.Resource())
	covered, isTraced := time.Duration(0), false
	if m.measures {
		setParent(&link, s)
		if link.RemoteParent && kind == trace.SpanKindServer && m.contexts.Has(link.Parent) {
			link.RemoteParent = false // the client waits for it in this process
		}
		covered, isTraced = m.engine.Covered(&link, engine.SpanKind(kind), start.UnixNano(), d)
	}
	if outcome == engine.OutcomeSuccess && !result.Untimed && !isTraced && m.engine.ReportSuccess(ref, engine.SpanKind(kind), operation, code, d, covered) {
		return
	}
	m.report(s, &engine.Span{
		Service: service, Operation: operation, Code: code,
		SpanKind: engine.SpanKind(kind), Outcome: outcome, Duration: d, Untimed: result.Untimed, End: unixNano(end), Covered: covered,
	})
}

// report hands a span to the engine, with its place in its trace.
func (m *Monitor) report(s sdktrace.ReadOnlySpan, span *engine.Span) {
	sc := s.SpanContext()
	span.Link.Trace, span.Link.Span, span.Sampled = sc.TraceID(), sc.SpanID(), sc.IsSampled()
	setParent(&span.Link, s)
	if !m.details.Disabled() && m.engine.WantsDetails(span) {
		span.Details = m.detailsOf(s)
	}
	m.engine.ReportSpan(span)
}

// setParent sets the parent of a span.
func setParent(l *engine.Link, s sdktrace.ReadOnlySpan) {
	if parent := s.Parent(); parent.HasSpanID() {
		l.Parent, l.RemoteParent = parent.SpanID(), parent.IsRemote()
	}
}

// unixNano returns t in Unix nanoseconds, 0 for the zero time.
func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// watches reports whether a span is of a watched kind. The monitor's own spans, which are all
// internal, are never watched.
func (m *Monitor) watches(s sdktrace.ReadOnlySpan, kind trace.SpanKind) bool {
	return m.kinds.has(kind) &&
		(kind != trace.SpanKindInternal || s.InstrumentationScope().Name != alert.ScopeName)
}

// traceRef returns what refers to a span.
func traceRef(sc trace.SpanContext) engine.TraceRef {
	return engine.TraceRef{TraceID: sc.TraceID(), SpanID: sc.SpanID(), Sampled: sc.IsSampled()}
}

// describe says which call a span in flight stands for, and whether that is watched. span is
// what OnStart was given.
func (m *Monitor) describe(span any) (call engine.InFlight, ok bool) {
	s := span.(sdktrace.ReadWriteSpan)
	kind := s.SpanKind()
	if !m.watches(s, kind) {
		return engine.InFlight{}, false
	}
	service, _ := m.services.of(s.Resource())
	return engine.InFlight{
		Service: service, Operation: m.classifier.operation(s, kind), SpanKind: engine.SpanKind(kind),
		Started: s.StartTime(), Trace: traceRef(s.SpanContext()),
	}, s.EndTime().IsZero()
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

// ask asks the user's classifier. If it has no answer, or panics, the default one's answer
// holds.
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
