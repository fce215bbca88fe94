package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/connector/spanmetricsconnector"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
)

const (
	// batchSpans is the number of spans of a batch, batchCount that of the batches that are
	// consumed in turn. They are few, so that they lie in the processor's cache, as what a
	// receiver has just decoded does.
	batchSpans = 1000
	batchCount = 2
	// warmSpans is the number of spans that a connector gets before it is measured: what it grows
	// by in its first seconds is no part of what a span costs.
	warmSpans = 150_000
	// failEvery says which spans are failures.
	failEvery = 100
)

// operationCounts are the numbers of operations that connectors are measured with; the
// second is how many are counted one by one by default.
var operationCounts = []int{100, 2000}

// makeConnectors measures what a batch of spans costs in the Collector. All components get the
// same batches, as a receiver decodes them; between any two rounds through them their spans
// get new ids and the time of now, outside the time that is measured, which is that for which
// processors work.
func makeConnectors(settings) (*group, error) {
	g := &group{note: "time of all processors; ours: ConsumeTraces of both of its components, for logs and for metrics; 1 span in 100 fails"}
	var done closers
	g.close = done.close
	exponential := map[string]any{"exponential": map[string]any{"max_size": 160}}
	for _, n := range operationCounts {
		batches, err := newBatches(n)
		if err != nil {
			return nil, err
		}
		add := func(who string, components []connector.Traces) (*probe, error) {
			for range warmSpans / (batchSpans * batchCount) {
				batches.renew()
				if err := batches.consume(components); err != nil {
					return nil, err
				}
			}
			p := &probe{
				key: fmt.Sprintf("Connector/operations=%d", n), work: fmt.Sprintf("%d operations, batches of %d spans", n, batchSpans),
				who: who, unit: "ns/op", measure: batches.measure(components),
			}
			g.probes = append(g.probes, p)
			return p, nil
		}
		own, err := startOurConnector(&done, nil, consumertest.NewNop(), consumertest.NewNop())
		if err != nil {
			return nil, err
		}
		our, err := add(ours, own)
		if err != nil {
			return nil, err
		}
		off, err := startOurConnector(&done, map[string]any{"slice": "-1s"}, consumertest.NewNop(), consumertest.NewNop())
		if err != nil {
			return nil, err
		}
		without, err := add(ours+", without own times", off)
		if err != nil {
			return nil, err
		}
		without.baseline = our
		our.targets = []target{noAllocations(), atMost(150), {kind: difference, limit: 30, against: without, name: "without own times"}}
		for _, peer := range []struct {
			who      string
			settings map[string]any
		}{
			{"span metrics connector", nil},
			{"span metrics connector, exponential histogram", map[string]any{"histogram": exponential}},
			// This is what it takes to learn as much from it: which codes calls fail with, and some to look up.
			{"span metrics, status codes and exemplars, too", map[string]any{
				"histogram": exponential, "exemplars": map[string]any{"enabled": true},
				"dimensions": []any{map[string]any{"name": "http.response.status_code"}},
			}},
		} {
			other, err := startSpanMetrics(peer.settings, &done)
			if err != nil {
				return nil, err
			}
			p, err := add(peer.who, other)
			if err != nil {
				return nil, err
			}
			p.baseline = our
			if n == operationCounts[0] {
				faster := timesOurs(4, our)
				faster.shared = true // half of a peer's time is the memory's, which all processes share
				p.targets = []target{faster}
			}
		}
	}
	return g, nil
}

// traceBatches are batches of spans.
type traceBatches struct {
	all    []ptrace.Traces
	random *rand.Rand
}

// newBatches returns batches with spans of so many operations, all of them, in a random order.
func newBatches(operations int) (*traceBatches, error) {
	b := &traceBatches{random: rand.New(rand.NewPCG(7, 8))}
	names := makeNames(operations)
	b.random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for i := range batchCount {
		traces := ptrace.NewTraces()
		resource := traces.ResourceSpans().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.name", "shop")
		resource.Resource().Attributes().PutStr("telemetry.sdk.language", "go")
		scope := resource.ScopeSpans().AppendEmpty()
		scope.Scope().SetName("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp")
		for j := range batchSpans {
			at := i*batchSpans + j
			name := names[at%operations]
			if at >= operations { // each operation once, so that all of them are there
				name = names[b.random.IntN(operations)]
			}
			span := scope.Spans().AppendEmpty()
			span.SetName(name)
			span.SetKind(ptrace.SpanKindServer)
			status := http.StatusOK
			if at%failEvery == 0 {
				status = http.StatusServiceUnavailable
				span.Status().SetCode(ptrace.StatusCodeError)
			}
			for _, a := range serverAttributes(status) {
				switch a.Value.Type() {
				case attribute.INT64:
					span.Attributes().PutInt(string(a.Key), a.Value.AsInt64())
				default:
					span.Attributes().PutStr(string(a.Key), a.Value.AsString())
				}
			}
		}
		decoded, err := decodedAsReceived(traces)
		if err != nil {
			return nil, err
		}
		b.all = append(b.all, decoded)
	}
	b.renew()
	return b, nil
}

// decodedAsReceived returns traces as a receiver has them, every string in a place of its own.
func decodedAsReceived(traces ptrace.Traces) (ptrace.Traces, error) {
	data, err := new(ptrace.ProtoMarshaler).MarshalTraces(traces)
	if err != nil {
		return traces, fmt.Errorf("encode: %w", err)
	}
	decoded, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(data)
	if err != nil {
		return traces, fmt.Errorf("decode: %w", err)
	}
	return decoded, nil
}

// renew gives all spans ids of their own, a remote parent and the time of now.
func (b *traceBatches) renew() {
	now := time.Now()
	at := 0
	for _, traces := range b.all {
		spans := traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
		for i := range spans.Len() {
			span := spans.At(i)
			id := pcommon.TraceID{}
			high, low := b.random.Uint64(), b.random.Uint64()
			for k := range 8 {
				id[k], id[8+k] = byte(high>>(8*k)), byte(low>>(8*k))
			}
			span.SetTraceID(id)
			span.SetSpanID(pcommon.SpanID(id[:8]))
			span.SetParentSpanID(pcommon.SpanID(id[8:]))
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-latencies[at&latencyMask])))
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
			at++
		}
	}
}

// consume gives all batches to all components.
func (b *traceBatches) consume(components []connector.Traces) error {
	for _, traces := range b.all {
		for _, c := range components {
			if err := c.ConsumeTraces(context.Background(), traces); err != nil {
				return fmt.Errorf("consume: %w", err)
			}
		}
	}
	return nil
}

// measure returns what takes one measurement of the time that processors work for a span, in
// whole rounds through the batches. It holds what the collector of garbage does on another
// processor meanwhile, which the time that a caller waits does not.
func (b *traceBatches) measure(components []connector.Traces) func(n int) (sample, error) {
	return func(n int) (sample, error) {
		rounds := max(1, n/(batchSpans*batchCount))
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		began := time.Now()
		var worked time.Duration
		for range rounds {
			b.renew()
			from := workTime()
			if err := b.consume(components); err != nil {
				return sample{}, err
			}
			worked += workTime() - from
		}
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		spans := rounds * batchCount * batchSpans
		return sample{
			n:         spans,
			value:     float64(worked.Nanoseconds()) / float64(spans),
			took:      took,
			hasMemory: true,
			allocs:    float64(after.Mallocs-before.Mallocs) / float64(spans),
			bytes:     float64(after.TotalAlloc-before.TotalAlloc) / float64(spans),
		}, nil
	}
}

// workTime is the time for which processors have worked for this process, or where the system
// does not tell that, the time of day.
func workTime() time.Duration {
	if t, ok := cpuTime(); ok {
		return t
	}
	return time.Duration(time.Now().UnixNano())
}

// startOurConnector starts the components of one configuration, with both outputs that the
// connector has; settings are those that are not its defaults. Its period is longer than any
// measurement.
func startOurConnector(done *closers, settings map[string]any, logs consumer.Logs, metrics consumer.Metrics) ([]connector.Traces, error) {
	factory := gomonitorconnector.NewFactory()
	config := factory.CreateDefaultConfig()
	for _, some := range []map[string]any{{"period": "1h"}, settings} {
		if err := confmap.NewFromStringMap(some).Unmarshal(config); err != nil {
			return nil, err
		}
	}
	set := connectortest.NewNopSettings(factory.Type())
	toLogs, err := factory.CreateTracesToLogs(context.Background(), set, config, logs)
	if err != nil {
		return nil, err
	}
	toMetrics, err := factory.CreateTracesToMetrics(context.Background(), set, config, metrics)
	if err != nil {
		return nil, err
	}
	return startAll(done, toLogs, toMetrics)
}

// startSpanMetrics starts a span metrics connector; settings are those that are not its defaults.
func startSpanMetrics(settings map[string]any, done *closers) ([]connector.Traces, error) {
	factory := spanmetricsconnector.NewFactory()
	config := factory.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(settings).Unmarshal(config); err != nil {
		return nil, err
	}
	c, err := factory.CreateTracesToMetrics(context.Background(), connectortest.NewNopSettings(factory.Type()), config, consumertest.NewNop())
	if err != nil {
		return nil, err
	}
	return startAll(done, c)
}

func startAll(done *closers, all ...connector.Traces) ([]connector.Traces, error) {
	var errs []error
	for _, c := range all {
		errs = append(errs, c.Start(context.Background(), componenttest.NewNopHost()))
		done.add(func() { _ = c.Shutdown(context.Background()) })
	}
	return all, errors.Join(errs...)
}
