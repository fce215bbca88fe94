package gomonitorexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/grpc"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/connector/internal/undecoded"
	"github.com/blurooo/go-monitor/connector/otlpwire"
)

// NewFactory returns the factory of the component. Its type is that of the connector.
func NewFactory() exporter.Factory {
	f := &factory{}
	f.Factory = exporter.NewFactory(gomonitorconnector.Type, defaultConfig, exporter.WithTraces(f.newTraces, component.StabilityLevelAlpha))
	return f
}

// factory makes known to the receiver how many of its components take requests undecoded.
type factory struct {
	exporter.Factory
	made atomic.Int64 // and not shut down
}

var _ undecoded.Taker = (*factory)(nil)

// Takers returns the number of exporters that there are.
func (f *factory) Takers() int { return int(f.made.Load()) }

func (f *factory) newTraces(_ context.Context, set exporter.Settings, config component.Config) (exporter.Traces, error) {
	e, err := newSpreader(set, config.(*Config))
	if err != nil {
		return nil, err
	}
	f.made.Add(1)
	e.forget = sync.OnceFunc(func() { f.made.Add(-1) })
	return e, nil
}

// spreader is the component. It is safe for concurrent use, and must not be copied.
type spreader struct {
	config    *Config
	settings  exporter.Settings
	routing   *routing
	instances []*instance
	splitters sync.Pool
	forget    func()
	cancel    context.CancelFunc // nil unless it has started
	isRunning atomic.Bool

	sent, failed metric.Int64Counter
	own          metric.MeasurementOption
}

var (
	// errBusy says that too much waits for an instance.
	errBusy = errors.New("too much waits to be sent: try again later")
	// errNotRunning is what spans get that come too early or too late.
	errNotRunning = errors.New("gomonitor: not running")
)

func newSpreader(set exporter.Settings, c *Config) (*spreader, error) {
	s := &spreader{config: c, settings: set, routing: newRouting(c), own: metric.WithAttributeSet(attribute.NewSet(attribute.String("exporter", set.ID.String())))}
	s.splitters.New = func() any { return otlpwire.NewSplitter(len(c.Endpoints)) }
	meter := set.MeterProvider.Meter("github.com/blurooo/go-monitor/connector/gomonitorexporter")
	var errs [2]error
	s.sent, errs[0] = meter.Int64Counter("otelcol_exporter_sent_spans", metric.WithUnit("{span}"), metric.WithDescription("Spans that an instance has taken."))
	s.failed, errs[1] = meter.Int64Counter("otelcol_exporter_send_failed_spans", metric.WithUnit("{span}"), metric.WithDescription("Spans that are lost, since an instance did not take them."))
	return s, errors.Join(errs[:]...)
}

// Start begins to connect to the instances.
func (s *spreader) Start(ctx context.Context, host component.Host) error {
	running, cancel := context.WithCancel(context.Background()) // until Shutdown
	for _, endpoint := range s.config.Endpoints {
		c := s.config.GRPC
		c.Endpoint = endpoint
		conn, err := c.ToClientConn(ctx, host.GetExtensions(), s.settings.TelemetrySettings, configgrpc.WithGrpcDialOption(grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{}))))
		if err != nil {
			cancel()
			return errors.Join(fmt.Errorf("gomonitor: %s: %w", endpoint, err), s.close())
		}
		s.instances = append(s.instances, &instance{
			endpoint: endpoint, config: s.config, logger: s.settings.Logger, conn: conn, tell: s.tell,
			wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		})
	}
	for _, i := range s.instances {
		go i.run(running)
	}
	s.cancel = cancel
	s.isRunning.Store(true)
	return nil
}

// tell counts spans that were sent, or not.
func (s *spreader) tell(spans int, sent bool) {
	counter := s.failed
	if sent {
		counter = s.sent
	}
	counter.Add(context.Background(), int64(spans), s.own)
}

// closeTimeout is the time in which everything has to be sent after the end, where nobody says how
// much there is.
const closeTimeout = 20 * time.Second

// Shutdown sends what waits. If ctx ends first, or too much time has passed, it gives up what is
// left and logs how much that is.
func (s *spreader) Shutdown(ctx context.Context) error {
	s.forget()
	if s.isRunning.Store(false); s.cancel == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, s.cancel)()
	for _, i := range s.instances {
		close(i.stop)
	}
	for _, i := range s.instances {
		<-i.done
	}
	s.cancel()
	return s.close()
}

// close ends the connections.
func (s *spreader) close() error {
	var errs []error
	for _, i := range s.instances {
		errs = append(errs, i.conn.Close())
	}
	return errors.Join(errs...)
}

// Capabilities says that spans are not changed.
func (s *spreader) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeTraces takes spans to be sent. Those of the receiver gomonitor may come in the context,
// as they were sent.
func (s *spreader) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	if offer := undecoded.Offered(ctx, td); offer != nil {
		return offer.Take(s, s.take)
	}
	if td.ResourceSpans().Len() == 0 {
		return nil
	}
	request, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		return consumererror.NewPermanent(err)
	}
	_, err = s.take(undecoded.Request{Bytes: request})
	return err
}

// take takes a request, all or nothing of it, and returns how many spans it has.
func (s *spreader) take(request undecoded.Request) (spans int, err error) {
	if !s.isRunning.Load() {
		return 0, errNotRunning
	}
	bytes := request.Bytes
	if request.Encoding == undecoded.JSON {
		if bytes, err = protobufOf(bytes); err != nil {
			return 0, err
		}
	}
	splitter := s.splitters.Get().(*otlpwire.Splitter)
	defer s.splitters.Put(splitter)
	if spans, err = splitter.Split(bytes, s.routing.route()); err != nil {
		return 0, err
	}
	for i, to := range s.instances {
		if to.reserve(len(splitter.Part(i).Bytes)) {
			continue
		}
		for j := range i {
			s.instances[j].release(len(splitter.Part(j).Bytes))
		}
		return spans, errBusy
	}
	for i, to := range s.instances {
		if p := splitter.Part(i); len(p.Ends) > 0 {
			to.add(p)
		}
	}
	return spans, nil
}

// protobufOf returns a request in JSON as one in protobuf. What can't be read is not decoded.
func protobufOf(request []byte) ([]byte, error) {
	r := otlpwire.NewReader(func(string) bool { return false })
	if err := r.JSON(request, func(*otlpwire.Span) {}); err != nil {
		return nil, err
	}
	decoded := ptraceotlp.NewExportRequest()
	if err := decoded.UnmarshalJSON(request); err != nil {
		return nil, fmt.Errorf("%w: %w", otlpwire.ErrMalformed, err)
	}
	return decoded.MarshalProto()
}
