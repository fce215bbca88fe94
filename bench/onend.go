package main

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2"
)

// capture is a processor that keeps what OnEnd gets: the SDK's own snapshots.
type capture struct {
	idleProcessor
	spans   []sdktrace.ReadOnlySpan
	started []sdktrace.ReadWriteSpan // in the order of spans, unless they are nested
}

func (c *capture) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) {
	c.started = append(c.started, s)
}

func (c *capture) OnEnd(s sdktrace.ReadOnlySpan) { c.spans = append(c.spans, s) }

// call is one that a captured span stands for.
type call struct {
	status int
	slow   bool
	nested bool // within another one that ends alike
	calls  int  // how many calls of clients it makes, one after the other; each is a span, too
}

// serverAttributes are six of those that otelhttp gives a server's span, the status code
// last, as it is known last.
func serverAttributes(status int) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("http.request.method", "GET"),
		attribute.String("url.scheme", "https"),
		attribute.String("server.address", "shop.example.com"),
		attribute.String("url.path", "/api/resource/42"),
		attribute.String("network.protocol.version", "1.1"),
		attribute.Int("http.response.status_code", status),
	}
}

// newTracer returns a tracer whose finished spans go to the given processor, nil for
// none, and all of which are sampled.
func newTracer(p sdktrace.SpanProcessor) (trace.Tracer, *sdktrace.TracerProvider) {
	options := []sdktrace.TracerProviderOption{
		sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "shop"))),
	}
	if p != nil {
		options = append(options, sdktrace.WithSpanProcessor(p))
	}
	provider := sdktrace.NewTracerProvider(options...)
	return provider.Tracer("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"), provider
}

// captureSpans returns a finished server span for each name.
func captureSpans(names []string, c call) []sdktrace.ReadOnlySpan { return captureAll(names, c).spans }

// captureAll returns what a processor gets of a server span for each name.
func captureAll(names []string, c call) *capture {
	kept := new(capture)
	tracer, provider := newTracer(kept)
	now := time.Now()
	for i, name := range names {
		d := latencies[i&latencyMask]
		if c.slow {
			d = time.Second
		}
		begin := func(ctx context.Context) (context.Context, func()) {
			ctx, span := tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(now))
			return ctx, func() {
				span.SetAttributes(serverAttributes(c.status)...)
				if c.status >= 500 {
					span.SetStatus(codes.Error, "")
				}
				span.End(trace.WithTimestamp(now.Add(d)))
			}
		}
		ctx, end := begin(context.Background())
		for j := range c.calls {
			_, span := tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(now.Add(d*time.Duration(j)/time.Duration(c.calls+1))))
			span.SetAttributes(serverAttributes(c.status)...)
			span.End(trace.WithTimestamp(now.Add(d * time.Duration(j+1) / time.Duration(c.calls+1))))
		}
		if c.nested {
			_, end := begin(ctx)
			end()
		}
		end()
	}
	_ = provider.Shutdown(context.Background())
	return kept
}

// endEach returns work that gives the spans to a processor in turn.
func endEach(p sdktrace.SpanProcessor, spans []sdktrace.ReadOnlySpan) func(producer, from, to int) {
	return func(producer, from, to int) {
		at := start(producer, from, len(spans))
		for range to - from {
			p.OnEnd(spans[at])
			if at++; at == len(spans) {
				at = 0
			}
		}
	}
}

// startAndEndEach returns work that gives the spans to a processor when they begin, 64 at a
// time, and then when they end.
func startAndEndEach(p sdktrace.SpanProcessor, kept *capture) func(producer, from, to int) {
	const inFlight = 64
	return func(producer, from, to int) {
		n := len(kept.spans)
		at := start(producer, from, n)
		for from < to {
			some := min(inFlight, to-from)
			for i := range some {
				p.OnStart(context.Background(), kept.started[(at+i)%n])
			}
			for i := range some {
				p.OnEnd(kept.spans[(at+i)%n])
			}
			at, from = (at+some)%n, from+some
		}
	}
}

// makeInFlight measures what it costs to track calls in flight.
func makeInFlight(settings) (*group, error) {
	g := &group{}
	var done closers
	g.close = done.close
	kept := captureAll(makeNames(100), call{status: 200})
	add := func(who string, c monitor.Config) (*probe, error) {
		m, err := newSpanMonitor(c)
		if err != nil {
			return nil, err
		}
		done.add(func() { shut(m) })
		p := &probe{key: "InFlight", work: "100 names, 1 producer, 64 calls in flight", who: who, unit: "ns/op", measure: (&work{
			producers: 1, chunk: quarterQueue(), settle: counted(m), do: startAndEndEach(m, kept),
		}).measure}
		g.probes = append(g.probes, p)
		return p, nil
	}
	our, err := add(ours, quietConfig())
	if err != nil {
		return nil, err
	}
	c := quietConfig()
	c.Objective.StuckAfter = time.Hour
	tracked, err := add(ours+", calls in flight tracked", c)
	if err != nil {
		return nil, err
	}
	tracked.baseline = our
	tracked.targets = []target{noAllocations(), {kind: difference, limit: 60, against: our, name: "without"}}
	return g, nil
}

// reading is the least that a processor has to do to know as much as the monitor
// does: it calls the accessors that the monitor calls for a successful server span,
// each once, and compares every attribute's key with as many others. A test holds
// the two together.
type reading struct {
	idleProcessor
	parent bool // of the parent, too, as for own times
}

func (r reading) OnEnd(s sdktrace.ReadOnlySpan) {
	kind, id := s.SpanKind(), s.SpanContext().SpanID()
	end, begin := s.EndTime(), s.StartTime()
	var code *attribute.Value
	attrs := s.Attributes()
	for i := range attrs {
		switch attrs[i].Key {
		case "rpc.response.status_code", "rpc.status_code", "rpc.grpc.status_code",
			"http.response.status_code", "http.status_code",
			"db.response.status_code", "pgx.sql_state", "error.type",
			"http.request.method", "http.method", "server.address", "net.peer.name":
			code = &attrs[i].Value
		}
	}
	name := s.Name()
	status := s.Status()
	resource := s.Resource()
	if r.parent && s.Parent().SpanID() == id {
		panic("this is its own parent")
	}
	if kind == 0 && !id.IsValid() && code == nil && name == "" && status.Code == codes.Error && resource == nil && end.Before(begin) {
		panic("this is no span")
	}
}

// newBatcher returns the SDK's batch processor with a queue that never fills and an
// exporter that throws everything away.
func newBatcher() sdktrace.SpanProcessor {
	return sdktrace.NewBatchSpanProcessor(discard{}, sdktrace.WithMaxQueueSize(1<<16))
}

type discard struct{}

func (discard) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discard) Shutdown(context.Context) error                             { return nil }

// makeOnEnd measures what the SDK pays for a processor when a span ends. All get the
// same spans of the SDK's own type, a quarter of our queue at a time; what they do in
// the background is waited for in between, outside the time.
func makeOnEnd(settings) (*group, error) {
	g := &group{}
	var done closers
	g.close = done.close
	for _, n := range nameCounts {
		names := makeNames(n)
		spans := captureSpans(names, call{status: 200})
		m, err := newSpanMonitor(quietConfig())
		if err != nil {
			return nil, err
		}
		done.add(func() {
			if dropped := m.Stats().Dropped(); dropped > 0 {
				g.note = fmt.Sprintf("%d reports were refused, so these times are too good", dropped)
			}
			shut(m)
		})
		off, err := newSpanMonitor(withoutOwnTimes())
		if err != nil {
			return nil, err
		}
		done.add(func() { shut(off) })
		batcher := newBatcher()
		done.add(func() { _ = batcher.Shutdown(context.Background()) })
		peers, err := newRecorders(names, &done)
		if err != nil {
			return nil, err
		}
		for _, producers := range producerCounts() {
			if producers > 1 && n != 100 {
				continue
			}
			place, label := where(n, producers)
			add := func(who string, p sdktrace.SpanProcessor) *probe {
				added := &probe{key: "OnEnd/" + place, work: label, who: who, unit: "ns/op", measure: (&work{
					producers: producers, chunk: quarterQueue(), do: endEach(p, spans),
					settle: func() { _ = p.ForceFlush(context.Background()) },
				}).measure}
				g.probes = append(g.probes, added)
				return added
			}
			our := add(ours, m)
			our.targets = []target{noAllocations()}
			just := add("just reading the same fields", reading{parent: true})
			just.baseline = our
			without := add(ours+", without own times", off)
			without.baseline, without.targets = our, []target{noAllocations()}
			justLess := add("just reading the same fields, without own times", reading{})
			justLess.baseline = our
			if producers == 1 {
				just.targets = []target{{kind: ratio, limit: 2.2, against: our, ofOurs: true}}
				justLess.targets = []target{{kind: ratio, limit: 1.5, against: without, ofOurs: true}}
			}
			add("OTel batch processor", batcher).baseline = our
			for _, peer := range peers {
				p := add(peer.who, peer)
				p.baseline = our
				if producers == 1 {
					p.targets = []target{timesOurs(1, our)}
				}
			}
		}
	}
	return g, nil
}

// namedRecorder is a peer with its name in the table.
type namedRecorder struct {
	recorder
	who string
}

// newRecorders returns the peers, which have seen every name once.
func newRecorders(names []string, done *closers) ([]namedRecorder, error) {
	prepared, endPrepared, err := newOTelPrepared(names)
	if err != nil {
		return nil, err
	}
	done.add(endPrepared)
	perCall, endPerCall, err := newOTelPerCall()
	if err != nil {
		return nil, err
	}
	done.add(endPerCall)
	peers := []namedRecorder{
		{prepared, "OTel histogram, prepared attributes"},
		{perCall, "OTel histogram, attributes per call"},
		{newProm(), "Prometheus WithLabelValues().Observe"},
		{newVictoria(names), "VictoriaMetrics GetOrCreateHistogram().Update"},
	}
	for _, peer := range peers {
		for _, name := range names {
			peer.record(name, 200, 20*time.Millisecond)
		}
	}
	return peers, nil
}

// closers are what ends with a group, last things first.
type closers []func()

func (c *closers) add(f func()) { *c = append(*c, f) }

func (c *closers) close() {
	for i := len(*c) - 1; i >= 0; i-- {
		(*c)[i]()
	}
}

// makeOtherOnEnd measures failed and slow spans, which become exemplars.
func makeOtherOnEnd(settings) (*group, error) {
	g := &group{}
	var done closers
	g.close = done.close
	names := makeNames(100)
	for _, kind := range []struct {
		key, label string
		call       call
	}{
		{"failed", "100 names, 1 producer, status 503", call{status: 503}},
		{"slow", "100 names, 1 producer, 1s", call{status: 200, slow: true}},
		{"nested", "100 names, 1 producer, status 503, each second one the parent of the one before", call{status: 503, nested: true}},
	} {
		m, err := newSpanMonitor(quietConfig())
		if err != nil {
			return nil, err
		}
		done.add(func() { shut(m) })
		spans := captureSpans(names, kind.call)
		end := func(p sdktrace.SpanProcessor) func(int) (sample, error) {
			return (&work{producers: 1, chunk: quarterQueue(), settle: counted(m), do: endEach(p, spans)}).measure
		}
		our := &probe{
			key: "OnEnd/" + kind.key, work: kind.label, who: ours, unit: "ns/op", measure: end(m),
			targets: []target{noAllocations()},
		}
		g.probes = append(g.probes, our, &probe{
			key: "OnEnd/" + kind.key, work: kind.label, who: "just reading the fields of a success", unit: "ns/op",
			baseline: our, measure: end(reading{parent: true}),
		})
	}
	return g, nil
}

// makeWithin measures calls that make others: the own time of the outer one is less than its whole
// time.
func makeWithin(settings) (*group, error) {
	g := &group{}
	var done closers
	g.close = done.close
	spans := captureSpans(makeNames(100), call{status: 200, calls: 4})
	add := func(who string, c monitor.Config) (*probe, error) {
		m, err := newSpanMonitor(c)
		if err != nil {
			return nil, err
		}
		done.add(func() { shut(m) })
		p := &probe{key: "OnEnd/within", work: "100 names, 1 producer, servers that make 4 calls each", who: who, unit: "ns/op", measure: (&work{
			producers: 1, chunk: quarterQueue(), settle: counted(m), do: endEach(m, spans),
		}).measure, targets: []target{noAllocations()}}
		g.probes = append(g.probes, p)
		return p, nil
	}
	our, err := add(ours, quietConfig())
	if err != nil {
		return nil, err
	}
	without, err := add(ours+", without own times", withoutOwnTimes())
	if err != nil {
		return nil, err
	}
	without.baseline = our
	our.targets = append(our.targets, target{kind: difference, limit: 80, against: without, name: "without own times"})
	g.probes = append(g.probes, &probe{
		key: "OnEnd/within", work: our.work, who: "just reading the same fields", unit: "ns/op", baseline: our,
		measure: (&work{producers: 1, chunk: quarterQueue(), do: endEach(reading{parent: true}, spans)}).measure,
	})
	return g, nil
}
