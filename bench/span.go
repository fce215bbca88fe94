package main

import (
	"context"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// makeWholeSpan measures what a whole span costs with different processors. The
// garbage collector is held still, since how often it runs depends on how much else is
// alive. The variants differ by less than the noise of a busy machine, so there are
// more and shorter rounds.
func makeWholeSpan(s settings) (*group, error) {
	g := &group{rounds: 4}
	var done closers
	g.close = done.close
	name := makeNames(1)[0]
	request, giveUp := context.WithCancel(context.Background()) // as that of a request, which its caller may give up
	done.add(giveUp)
	add := func(who string, p sdktrace.SpanProcessor) *probe {
		tracer, provider := newTracer(p)
		done.add(func() { _ = provider.Shutdown(context.Background()) })
		added := &probe{
			key: "WholeSpan", work: "1 name, 1 producer", who: who, unit: "ns/op", fixed: s.trial / 2,
			measure: (&work{
				producers: 1, chunk: quarterQueue(), stillGC: true,
				settle: func() { _ = provider.ForceFlush(context.Background()) },
				do: func(_, from, to int) {
					for range to - from {
						// As otelhttp does it: all but the status code are known at the start.
						attributes := serverAttributes(200)
						_, span := tracer.Start(request, name,
							trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attributes[:5]...))
						span.SetAttributes(attributes[5])
						span.End()
					}
				},
			}).measure,
		}
		g.probes = append(g.probes, added)
		return added
	}
	add("no processor", nil)
	noop := add("a processor that does nothing", idleProcessor{})
	m, err := newSpanMonitor(quietConfig())
	if err != nil {
		return nil, err
	}
	our := add(ours, m)
	our.targets = []target{{kind: ratio, limit: 1.05, against: noop, name: "one that does nothing"}}
	off, err := newSpanMonitor(withoutOwnTimes())
	if err != nil {
		return nil, err
	}
	without := add(ours+", without own times", off)
	without.targets = []target{{kind: ratio, limit: 1.05, against: noop, name: "one that does nothing"}}
	tracking := quietConfig()
	tracking.Objective.StuckAfter = time.Hour
	t, err := newSpanMonitor(tracking)
	if err != nil {
		return nil, err
	}
	add(ours+", calls in flight tracked", t)
	add("OTel batch processor", newBatcher())
	for _, p := range g.probes {
		p.baseline = our
	}
	our.baseline = nil
	return g, nil
}
