package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/connector/spanmetricsconnector"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
)

const (
	// batchSpans is the number of spans of a batch, batchCount that of the batches that are
	// consumed in turn: together they are larger than a processor's cache.
	batchSpans = 1000
	batchCount = 16
	// failEvery says which spans are failures.
	failEvery = 100
)

// operationCounts are the numbers of operations that connectors are measured with; the
// second is how many are counted one by one by default.
var operationCounts = []int{100, 2000}

// makeConnectors measures what a batch of spans costs in the Collector. All components get the
// same batches, as a receiver decodes them; between any two rounds through them their spans
// get new ids and the time of now, outside the time that is measured.
func makeConnectors(settings) (*group, error) {
	g := &group{note: "ours: ConsumeTraces of both of its components, for logs and for metrics; 1 span in 100 fails"}
	var done closers
	g.close = done.close
	for _, n := range operationCounts {
		batches, err := newBatches(n)
		if err != nil {
			return nil, err
		}
		add := func(who string, components []connector.Traces) *probe {
			p := &probe{
				key: fmt.Sprintf("Connector/operations=%d", n), work: fmt.Sprintf("%d operations, batches of %d spans, 1 producer", n, batchSpans),
				who: who, unit: "ns/op",
				measure: perSpan(&work{producers: 1, chunk: batchCount, settle: batches.renew, do: batches.consumeEach(components)}),
			}
			g.probes = append(g.probes, p)
			return p
		}
		own, err := startOurConnector(&done)
		if err != nil {
			return nil, err
		}
		our := add(ours, own)
		our.targets = []target{noAllocations(), atMost(150)}
		for _, peer := range []struct {
			who      string
			settings map[string]any
		}{
			{"span metrics connector", nil},
			{"span metrics connector, exponential histogram", map[string]any{"histogram": map[string]any{"exponential": map[string]any{"max_size": 160}}}},
		} {
			other, err := startSpanMetrics(peer.settings, &done)
			if err != nil {
				return nil, err
			}
			p := add(peer.who, other)
			p.baseline = our
			p.targets = []target{timesOurs(4, our)}
		}
	}
	return g, nil
}

// perSpan measures work whose operations are batches, in whole rounds through all of them, and
// tells of spans.
func perSpan(w *work) func(n int) (sample, error) {
	return func(n int) (sample, error) {
		s, err := w.measure(max(1, n/(batchSpans*batchCount)) * batchCount)
		s.n *= batchSpans
		s.value /= batchSpans
		s.allocs /= batchSpans
		s.bytes /= batchSpans
		return s, err
	}
}

// traceBatches are batches of spans.
type traceBatches struct {
	all    []ptrace.Traces
	random *rand.Rand
}

// newBatches returns batches with spans of so many operations, in a random order.
func newBatches(operations int) (*traceBatches, error) {
	b := &traceBatches{random: rand.New(rand.NewPCG(7, 8))}
	names := makeNames(operations)
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

// consumeEach returns work that gives batches in turn to all components.
func (b *traceBatches) consumeEach(components []connector.Traces) func(producer, from, to int) {
	return func(_, from, to int) {
		for i := from; i < to; i++ {
			for _, c := range components {
				if err := c.ConsumeTraces(context.Background(), b.all[i%len(b.all)]); err != nil {
					panic(err) // nothing here refuses spans
				}
			}
		}
	}
}

// startOurConnector starts the components of one configuration, with both outputs that the
// connector has. Its period is longer than any measurement.
func startOurConnector(done *closers) ([]connector.Traces, error) {
	factory := gomonitorconnector.NewFactory()
	config := factory.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(map[string]any{"period": "1h"}).Unmarshal(config); err != nil {
		return nil, err
	}
	set := connectortest.NewNopSettings(factory.Type())
	logs, err := factory.CreateTracesToLogs(context.Background(), set, config, consumertest.NewNop())
	if err != nil {
		return nil, err
	}
	metrics, err := factory.CreateTracesToMetrics(context.Background(), set, config, consumertest.NewNop())
	if err != nil {
		return nil, err
	}
	return startAll(done, logs, metrics)
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
		done.add(func() { _ = component.Component(c).Shutdown(context.Background()) })
	}
	return all, errors.Join(errs...)
}
