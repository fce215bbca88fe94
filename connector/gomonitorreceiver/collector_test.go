package gomonitorreceiver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
)

// source is the Collector's provider for a configuration that is there as text.
type source string

func (s source) Retrieve(context.Context, string, confmap.WatcherFunc) (*confmap.Retrieved, error) {
	return confmap.NewRetrievedFromYAML([]byte(s))
}
func (source) Scheme() string                 { return "text" }
func (source) Shutdown(context.Context) error { return nil }

// collector is a Collector that runs in the process, with what its exporters got.
type collector struct {
	grpc, http string
	receiver   *otlpReceiver // the last one that was made; nil: none
	traces     consumertest.TracesSink
	logs       consumertest.LogsSink

	collector *otelcol.Collector
	ran       chan error
	once      sync.Once
}

// extraComponents are in a Collector that has more than those of go-monitor.
type extraComponents struct{ connector bool }

// startCollector runs a Collector. In the configuration, GRPC and HTTP stand for addresses.
func startCollector(t testing.TB, config string, extra extraComponents) *collector {
	t.Helper()
	c := &collector{grpc: unusedAddress(t), http: unusedAddress(t), ran: make(chan error, 1)}
	config = strings.NewReplacer("GRPC", c.grpc, "HTTP", c.http).Replace(config)
	sinkType := component.MustNewType("sink")
	own := NewFactory()
	made := receiver.NewFactory(own.Type(), own.CreateDefaultConfig, receiver.WithTraces(
		func(ctx context.Context, set receiver.Settings, config component.Config, next consumer.Traces) (receiver.Traces, error) {
			r, err := newReceiver(ctx, set, config, next)
			c.receiver, _ = r.(*otlpReceiver)
			return r, err
		}, component.StabilityLevelAlpha))
	factories := func() (otelcol.Factories, error) {
		var f otelcol.Factories
		var errs [4]error
		f.Telemetry = otelconftelemetry.NewFactory()
		f.Receivers, errs[0] = otelcol.MakeFactoryMap[receiver.Factory](made, otlpreceiver.NewFactory())
		f.Processors, errs[1] = otelcol.MakeFactoryMap[processor.Factory](batchprocessor.NewFactory(), memorylimiterprocessor.NewFactory())
		f.ProcessorModules = modulesOf(f.Processors)
		connectors := []connector.Factory{gomonitorconnector.NewFactory()}
		if extra.connector {
			connectors = append(connectors, connector.NewFactory(component.MustNewType("other"), func() component.Config { return &struct{}{} }))
		}
		f.Connectors, errs[2] = otelcol.MakeFactoryMap(connectors...)
		f.ConnectorModules = modulesOf(f.Connectors)
		f.Exporters, errs[3] = otelcol.MakeFactoryMap(exporter.NewFactory(sinkType, func() component.Config { return &struct{}{} },
			exporter.WithTraces(func(context.Context, exporter.Settings, component.Config) (exporter.Traces, error) {
				return tracesSink{&c.traces}, nil
			}, component.StabilityLevelStable),
			exporter.WithLogs(func(context.Context, exporter.Settings, component.Config) (exporter.Logs, error) {
				return logsSink{&c.logs}, nil
			}, component.StabilityLevelStable)))
		return f, errors.Join(errs[:]...)
	}
	var err error
	c.collector, err = otelcol.NewCollector(otelcol.CollectorSettings{
		Factories:               factories,
		BuildInfo:               component.NewDefaultBuildInfo(),
		DisableGracefulShutdown: true,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs:              []string{"text:"},
			ProviderFactories: []confmap.ProviderFactory{confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider { return source(config) })},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() { c.ran <- c.collector.Run(context.Background()) }()
	t.Cleanup(func() { c.stop(t) })
	for c.collector.GetState() != otelcol.StateRunning {
		select {
		case err := <-c.ran:
			t.Fatal(err)
		case <-time.After(time.Millisecond): // it has no way to say that it is up
		}
	}
	return c
}

// stop ends the Collector: all that was counted is in its logs then.
func (c *collector) stop(t testing.TB) {
	t.Helper()
	c.once.Do(func() {
		c.collector.Shutdown()
		if err := <-c.ran; err != nil {
			t.Error(err)
		}
	})
}

func modulesOf[F component.Factory](factories map[component.Type]F) map[component.Type]string {
	modules := map[component.Type]string{}
	for t := range factories {
		modules[t] = "a module"
	}
	return modules
}

func unusedAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // Nothing was written.
	return l.Addr().String()
}

type (
	tracesSink struct{ *consumertest.TracesSink }
	logsSink   struct{ *consumertest.LogsSink }
)

func (tracesSink) Start(context.Context, component.Host) error { return nil }
func (tracesSink) Shutdown(context.Context) error              { return nil }
func (logsSink) Start(context.Context, component.Host) error   { return nil }
func (logsSink) Shutdown(context.Context) error                { return nil }

// summaries returns what was counted, one text for each operation, without the times of the periods.
func (c *collector) summaries() (all []string) {
	for _, record := range c.records() {
		if record.EventName() != "gomonitor.summary" {
			continue
		}
		var fields []string
		for key, value := range record.Attributes().All() {
			if !strings.HasPrefix(key, "gomonitor.period") {
				fields = append(fields, fmt.Sprintf("%s=%s", key, value.AsString()))
			}
		}
		slices.Sort(fields)
		all = append(all, strings.Join(fields, " "))
	}
	slices.Sort(all)
	return all
}

// calls returns the number of calls that were counted.
func (c *collector) calls() (n int64) {
	for _, record := range c.records() {
		if calls, ok := record.Attributes().Get("gomonitor.calls"); ok && record.EventName() == "gomonitor.summary" {
			n += calls.Int()
		}
	}
	return n
}

func (c *collector) records() (all []plog.LogRecord) {
	for _, logs := range c.logs.AllLogs() {
		for _, rl := range logs.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, record := range sl.LogRecords().All() {
					all = append(all, record)
				}
			}
		}
	}
	return all
}
