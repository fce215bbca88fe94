package gomonitorreceiver

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/collector/service/hostcapabilities"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/connector/groupbyoperation"
	"github.com/blurooo/go-monitor/connector/internal/undecoded"
	"github.com/blurooo/go-monitor/connector/otlpwire"
)

// intake hands requests to the pipelines. It is safe for concurrent use.
type intake struct {
	next      consumer.Traces
	undecoded bool // whoever gets the requests takes them as they are
}

// newIntake returns an intake for pipelines that have started.
func newIntake(ctx context.Context, host component.Host, next consumer.Traces) *intake {
	return &intake{next: next, undecoded: onlyTakers(host) && takenByAll(ctx, host, next)}
}

// harmless are the processors that neither look at spans nor keep a request from the connectors;
// those that send it on later do, and are found out by that.
var harmless = map[string]bool{"memory_limiter": true, "batch": true, groupbyoperation.Type.String(): true}

// onlyTakers reports whether spans can't get anywhere but to components of go-monitor that take
// requests undecoded, and unchanged: no pipeline of traces has another exporter, and the Collector
// knows no other connectors and processors that might be in one.
func onlyTakers(host component.Host) bool {
	exporters, ok := host.(hostcapabilities.ExposeExporters) //nolint:staticcheck // There is nothing else that says so.
	if !ok {
		return false
	}
	for id := range exporters.GetExporters()[pipeline.SignalTraces] {
		if id.Type() != gomonitorconnector.Type {
			return false
		}
	}
	modules, ok := host.(hostcapabilities.ModuleInfo)
	if !ok {
		return false
	}
	known := modules.GetModuleInfos()
	for t := range known.Connector {
		if t != gomonitorconnector.Type {
			return false
		}
	}
	for t := range known.Processor {
		if !harmless[t.String()] {
			return false
		}
	}
	_, isComplete := known.Connector[gomonitorconnector.Type]
	return isComplete
}

// takenByAll reports whether what is offered to the pipelines reaches all components of go-monitor
// that take it.
func takenByAll(ctx context.Context, host component.Host, next consumer.Traces) bool {
	factories, ok := host.(hostcapabilities.ComponentFactory)
	if !ok {
		return false
	}
	all := 0
	for _, kind := range []component.Kind{component.KindConnector, component.KindExporter} {
		if f, ok := factories.GetFactory(kind, gomonitorconnector.Type).(undecoded.Taker); ok {
			all += f.Takers()
		}
	}
	probe := undecoded.NewProbe()
	err := next.ConsumeTraces(undecoded.Context(ctx, probe), ptrace.NewTraces())
	return err == nil && all > 0 && probe.Takers() == all
}

// consume hands on a request. It tells report how many spans that were, and what became of them.
func (i *intake) consume(ctx context.Context, request undecoded.Request, report *receiverhelper.ObsReport) error {
	format := formats[request.Encoding]
	ctx = report.StartTracesOp(ctx)
	spans, err := i.hand(ctx, request)
	switch {
	case err == nil:
	case errors.Is(err, otlpwire.ErrMalformed):
		spans = 0 // nobody knows
	case spans == 0:
		spans, _ = count(request)
	}
	report.EndTracesOp(ctx, format, spans, err)
	return err
}

// formats are the names of the encodings in the Collector's telemetry.
var formats = [...]string{undecoded.Protobuf: "protobuf", undecoded.JSON: "json"}

// hand hands on a request, and returns how many spans it has, if that got known.
func (i *intake) hand(ctx context.Context, request undecoded.Request) (spans int, err error) {
	if !i.undecoded {
		return i.decode(ctx, request)
	}
	offer := undecoded.NewOffer(request)
	err = i.next.ConsumeTraces(undecoded.Context(ctx, offer), ptrace.NewTraces())
	isTaken, spans := offer.End()
	if err == nil && !isTaken {
		err = errNotTaken
	}
	return spans, err
}

// decode decodes a request and hands on its spans. Before, it looks through it: the Collector's
// decoder follows nested values to whatever depth.
func (i *intake) decode(ctx context.Context, request undecoded.Request) (spans int, err error) {
	if spans, err = count(request); err != nil || spans == 0 {
		return 0, err
	}
	decoded := ptraceotlp.NewExportRequest()
	if request.Encoding == undecoded.JSON {
		err = decoded.UnmarshalJSON(request.Bytes)
	} else {
		err = decoded.UnmarshalProto(request.Bytes)
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w", otlpwire.ErrMalformed, err)
	}
	return spans, i.next.ConsumeTraces(ctx, decoded.Traces())
}

// counters count spans, one request at a time each.
var counters = sync.Pool{New: func() any { return otlpwire.NewReader(func(string) bool { return false }) }}

// count looks through a request and returns how many spans there are.
func count(request undecoded.Request) (spans int, err error) {
	r := counters.Get().(*otlpwire.Reader)
	defer counters.Put(r)
	err = undecoded.Read(r, request, func(*otlpwire.Span) { spans++ })
	return spans, err
}
