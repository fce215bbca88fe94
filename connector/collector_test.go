package gomonitorconnector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

// fleet is a receiver that sends calls to each of its pipelines when it starts, and when it
// is shut down.
type fleet struct {
	next consumer.Traces
	t    *testing.T
}

func (f *fleet) Start(context.Context, component.Host) error { return f.send() }
func (f *fleet) Shutdown(context.Context) error              { return f.send() }

func (f *fleet) send() error {
	return f.next.ConsumeTraces(context.Background(), callsAt(time.Now(), "GET /a", 200, 10))
}

// guarded is an exporter that fails the test when it gets something before its start or
// after its shutdown.
type guarded struct {
	*pipelines
	t  *testing.T
	mu sync.Mutex
	up bool
}

func (g *guarded) set(up bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.up = up
	return nil
}

func (g *guarded) Start(context.Context, component.Host) error { return g.set(true) }
func (g *guarded) Shutdown(context.Context) error              { return g.set(false) }
func (g *guarded) Capabilities() consumer.Capabilities         { return consumer.Capabilities{} }

func (g *guarded) check() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.up {
		g.t.Error("an exporter got something while it was not up")
	}
}

func (g *guarded) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	g.check()
	return g.logs.ConsumeLogs(ctx, logs)
}

func (g *guarded) ConsumeMetrics(ctx context.Context, metrics pmetric.Metrics) error {
	g.check()
	return g.metrics.ConsumeMetrics(ctx, metrics)
}

// source is the Collector's provider for a configuration that is there as text.
type source string

func (s source) Retrieve(context.Context, string, confmap.WatcherFunc) (*confmap.Retrieved, error) {
	return confmap.NewRetrievedFromYAML([]byte(s))
}
func (source) Scheme() string                 { return "text" }
func (source) Shutdown(context.Context) error { return nil }

// runCollector runs a Collector with a configuration until it is up, and shuts it down. The
// exporters of logs and metrics leave in p what they get.
func runCollector(t *testing.T, config string, p *pipelines) error {
	t.Helper()
	fleetType, guardedType := component.MustNewType("fleet"), component.MustNewType("guarded")
	factories := func() (otelcol.Factories, error) {
		empty := func() component.Config { return &struct{}{} }
		var f otelcol.Factories
		var errs [3]error
		f.Telemetry = otelconftelemetry.NewFactory()
		f.Receivers, errs[0] = otelcol.MakeFactoryMap(receiver.NewFactory(fleetType, empty, receiver.WithTraces(
			func(_ context.Context, _ receiver.Settings, _ component.Config, next consumer.Traces) (receiver.Traces, error) {
				return &fleet{next: next, t: t}, nil
			}, component.StabilityLevelStable)))
		f.Connectors, errs[1] = otelcol.MakeFactoryMap[connector.Factory](NewFactory())
		f.Exporters, errs[2] = otelcol.MakeFactoryMap(exporter.NewFactory(guardedType, empty,
			exporter.WithLogs(func(context.Context, exporter.Settings, component.Config) (exporter.Logs, error) {
				return &guarded{pipelines: p, t: t}, nil
			}, component.StabilityLevelStable),
			exporter.WithMetrics(func(context.Context, exporter.Settings, component.Config) (exporter.Metrics, error) {
				return &guarded{pipelines: p, t: t}, nil
			}, component.StabilityLevelStable)))
		return f, errors.Join(errs[:]...)
	}
	collector, err := otelcol.NewCollector(otelcol.CollectorSettings{
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
	ran := make(chan error, 1)
	go func() { ran <- collector.Run(context.Background()) }()
	look := time.NewTicker(time.Millisecond) // it has no way to say that it is up
	defer look.Stop()
	for collector.GetState() != otelcol.StateRunning {
		select {
		case err := <-ran:
			return err
		case <-look.C:
		}
	}
	collector.Shutdown()
	return <-ran
}

const collectorConfig = `
receivers: {fleet/1: {}, fleet/2: {}}
exporters: {guarded/1: {}, guarded/2: {}}
connectors:
  gomonitor: {logs: {summaries: true}, period: 10ms, grace: 20ms}
service:
  telemetry: {metrics: {level: none}, logs: {level: error}}
  pipelines:
    traces/1: {receivers: [fleet/1], exporters: [gomonitor]}
    traces/2: {receivers: [fleet/1, fleet/2], exporters: [gomonitor]}
%s`

// In a Collector every span of every pipeline is counted once, from the first on and to the last,
// which comes while it is shut down; and all of it is told while the exporters are up.
func TestInACollector(t *testing.T) {
	const (
		logs    = "    logs/1: {receivers: [gomonitor], exporters: [guarded/1]}\n"
		metrics = "    metrics/1: {receivers: [gomonitor], exporters: [guarded/1]}\n"
		more    = "    logs/2: {receivers: [gomonitor], exporters: [guarded/2]}\n"
	)
	// Three ways from a receiver to the connector, each of which sends 10 calls twice.
	const calls = 60
	tests := map[string]struct {
		pipelines     string
		logs, metrics int
	}{
		"logs":             {logs, calls, 0},
		"metrics":          {metrics, 0, calls},
		"logs and metrics": {logs + metrics, calls, calls},
		"logs twice":       {logs + more + metrics, 2 * calls, calls},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			for range 5 { // the order in which components start is not always the same
				p := &pipelines{}
				if err := runCollector(t, fmt.Sprintf(collectorConfig, tt.pipelines), p); err != nil {
					t.Fatal(err)
				}
				if got := p.summarized(); got != tt.logs {
					t.Errorf("%d calls in the logs, want %d", got, tt.logs)
				}
				if got := p.calls(); got != tt.metrics {
					t.Errorf("%d calls in the metrics, want %d", got, tt.metrics)
				}
			}
		})
	}
}

// The Collector names each error of a configuration once, with the way to it.
func TestCollectorConfigErrors(t *testing.T) {
	config := `
receivers: {fleet: {}}
exporters: {guarded: {}}
connectors:
  gomonitor: {period: 1ms, objective: {success_ratio: 7}}
service:
  pipelines:
    traces: {receivers: [fleet], exporters: [gomonitor]}
    logs: {receivers: [gomonitor], exporters: [guarded]}
`
	err := runCollector(t, config, &pipelines{})
	want := "invalid configuration: connectors::gomonitor: period: must be between 10ms and 1h, got 1ms\nobjective.success_ratio: must be above 0 and at most 1, got 7"
	if err == nil || err.Error() != want {
		t.Errorf("got the error\n%v\nwant\n%s", err, want)
	}
}
