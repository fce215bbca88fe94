package gomonitorreceiver

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
)

// NewFactory returns the factory of the component. Its type is that of the connector.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(gomonitorconnector.Type, defaultConfig,
		receiver.WithTraces(newReceiver, component.StabilityLevelAlpha))
}

// otlpReceiver is the component.
type otlpReceiver struct {
	config   *Config
	settings receiver.Settings
	next     consumer.Traces
	budget   budget
	intake   *intake // nil unless it has started

	grpc    *grpc.Server // nil unless it has started
	http    *http.Server // likewise
	serving sync.WaitGroup
}

func newReceiver(_ context.Context, set receiver.Settings, config component.Config, next consumer.Traces) (receiver.Traces, error) {
	c := config.(*Config)
	r := &otlpReceiver{config: c, settings: set, next: next}
	r.budget.limit = int64(c.MaxInFlightMiB) << 20
	if c.MaxInFlightMiB == 0 {
		r.budget.limit = defaultInFlight << 20
	}
	return r, nil
}

// Start begins to listen. All that comes after the receiver has started already.
func (r *otlpReceiver) Start(ctx context.Context, host component.Host) error {
	r.intake = newIntake(ctx, host, r.next)
	r.settings.Logger.Debug("How requests are handed on", zap.Bool("undecoded", r.intake.undecoded))
	if err := errors.Join(r.startGRPC(ctx, host), r.startHTTP(ctx, host)); err != nil {
		return errors.Join(err, r.Shutdown(ctx))
	}
	return nil
}

func (r *otlpReceiver) startGRPC(ctx context.Context, host component.Host) error {
	if !r.config.Protocols.GRPC.HasValue() {
		return nil
	}
	report, err := r.report("grpc")
	if err != nil {
		return err
	}
	c := r.config.Protocols.GRPC.Get()
	server, err := c.ToServer(ctx, host.GetExtensions(), r.settings.TelemetrySettings, configgrpc.WithGrpcServerOption(grpc.ForceServerCodecV2(codec{})))
	if err != nil {
		return err
	}
	(&grpcService{intake: r.intake, report: report, budget: &r.budget}).register(server)
	listener, err := c.NetAddr.Listen(ctx)
	if err != nil {
		return err
	}
	r.grpc = server
	r.serving.Go(func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	})
	return nil
}

func (r *otlpReceiver) startHTTP(ctx context.Context, host component.Host) error {
	if !r.config.Protocols.HTTP.HasValue() {
		return nil
	}
	report, err := r.report("http")
	if err != nil {
		return err
	}
	c := r.config.Protocols.HTTP.Get()
	mux := http.NewServeMux()
	path := c.TracesURLPath
	if path == "" {
		path = defaultPath
	}
	if path[0] != '/' {
		path = "/" + path
	}
	mux.Handle(path, &httpService{intake: r.intake, report: report, budget: &r.budget})
	server, err := c.ServerConfig.ToServer(ctx, host.GetExtensions(), r.settings.TelemetrySettings, mux, confighttp.WithErrorHandler(writeError))
	if err != nil {
		return err
	}
	listener, err := c.ServerConfig.ToListener(ctx)
	if err != nil {
		return err
	}
	r.http = server
	r.serving.Go(func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	})
	return nil
}

// report returns what tells the Collector's telemetry how many spans came in.
func (r *otlpReceiver) report(transport string) (*receiverhelper.ObsReport, error) {
	return receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: r.settings.ID, Transport: transport, ReceiverCreateSettings: r.settings,
	})
}

// Shutdown ends to listen, and waits for the requests that are being dealt with until ctx ends.
func (r *otlpReceiver) Shutdown(ctx context.Context) error {
	var err error
	if r.http != nil {
		if err = r.http.Shutdown(ctx); err != nil {
			err = errors.Join(err, r.http.Close())
		}
	}
	if r.grpc != nil {
		stopped := context.AfterFunc(ctx, r.grpc.Stop)
		r.grpc.GracefulStop()
		stopped()
	}
	r.serving.Wait()
	return err
}
