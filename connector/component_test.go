package gomonitorconnector

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// pipelines are what a component under test sends to, and how the service starts it.
type pipelines struct {
	logs    consumertest.LogsSink
	metrics consumertest.MetricsSink
	parts   []connector.Traces // in the order in which they were made
}

// signals are the pairs of signals that a configuration connects.
type signals []string

var (
	toLogs    = signals{"logs"}
	toMetrics = signals{"metrics"}
	toBoth    = signals{"logs", "metrics"}
	toBoth2   = signals{"metrics", "logs"}
)

// make makes the components of a configuration.
func (p *pipelines) make(t testing.TB, c *Config, to signals, set connector.Settings) {
	t.Helper()
	f := NewFactory()
	for _, signal := range to {
		var part connector.Traces
		var err error
		if signal == "logs" {
			part, err = f.CreateTracesToLogs(t.Context(), set, c, &p.logs)
		} else {
			part, err = f.CreateTracesToMetrics(t.Context(), set, c, &p.metrics)
		}
		if err != nil {
			t.Fatal(err)
		}
		p.parts = append(p.parts, part)
	}
}

// start makes and starts the components of a configuration.
func start(t testing.TB, c *Config, to signals) *pipelines {
	t.Helper()
	p := &pipelines{}
	p.make(t, c, to, connectortest.NewNopSettings(Type))
	p.startAll(t)
	return p
}

func (p *pipelines) startAll(t testing.TB) {
	t.Helper()
	for _, part := range p.parts {
		if err := part.Start(t.Context(), componenttest.NewNopHost()); err != nil {
			t.Fatal(err)
		}
	}
}

// shutdown shuts all of them down.
func (p *pipelines) shutdown(t testing.TB) {
	t.Helper()
	for _, part := range p.parts {
		if err := part.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// send sends spans as the service does: to all components.
func (p *pipelines) send(t testing.TB, td ptrace.Traces) {
	t.Helper()
	for _, part := range p.parts {
		if err := part.ConsumeTraces(t.Context(), td); err != nil {
			t.Fatal(err)
		}
	}
}

// calls returns the number of calls in the latest metrics.
func (p *pipelines) calls() (n int) {
	all := p.metrics.AllMetrics()
	if len(all) == 0 {
		return 0
	}
	for _, rm := range all[len(all)-1].ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if m.Name() == "traces.span.metrics.calls" {
					for _, point := range m.Sum().DataPoints().All() {
						n += int(point.IntValue())
					}
				}
			}
		}
	}
	return n
}

// events returns the logs with a name.
func (p *pipelines) events(name string) (all []plog.LogRecord) {
	for _, logs := range p.logs.AllLogs() {
		for _, rl := range logs.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, record := range sl.LogRecords().All() {
					if record.EventName() == name {
						all = append(all, record)
					}
				}
			}
		}
	}
	return all
}

// summarized returns the number of calls in the summaries among the logs.
func (p *pipelines) summarized() (n int) {
	for _, record := range p.events("gomonitor.summary") {
		if calls, ok := record.Attributes().Get("gomonitor.calls"); ok {
			n += int(calls.Int())
		}
	}
	return n
}

// callsAt returns n calls of an operation that ended at a time, all of which failed if
// code is above 399.
func callsAt(end time.Time, operation string, code int64, n int) ptrace.Traces {
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	spans := resource.ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		s := spans.AppendEmpty()
		s.SetName(operation)
		s.SetKind(ptrace.SpanKindServer)
		s.SetTraceID(pcommon.TraceID{1, byte(i >> 8), byte(i)})
		s.SetSpanID(pcommon.SpanID{2, byte(i >> 8), byte(i)})
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(end.Add(-10 * time.Millisecond)))
		s.Attributes().PutInt("http.response.status_code", code)
	}
	return td
}

func TestFactory(t *testing.T) {
	f := NewFactory()
	if f.Type() != Type || Type.String() != "gomonitor" {
		t.Errorf("the type is %s", f.Type())
	}
	if f.TracesToLogsStability().String() != "Alpha" || f.TracesToMetricsStability().String() != "Alpha" {
		t.Errorf("stability %s and %s", f.TracesToLogsStability(), f.TracesToMetricsStability())
	}
	_, err := f.CreateTracesToLogs(t.Context(), connectortest.NewNopSettings(Type), &struct{}{}, consumertest.NewNop())
	if want := "gomonitor: want its own configuration, got *struct {}"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	c := f.CreateDefaultConfig()
	for range 2 {
		_, err = f.CreateTracesToLogs(t.Context(), connectortest.NewNopSettings(Type), c, consumertest.NewNop())
	}
	if want := "gomonitor: the configuration already has a component for these signals"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// What the Collector's own generated tests ask of every component.
func TestLifecycle(t *testing.T) {
	creates := map[string]func(connector.Factory, connector.Settings, any) (connector.Traces, error){
		"traces to logs": func(f connector.Factory, set connector.Settings, c any) (connector.Traces, error) {
			router := connector.NewLogsRouter(nil)
			return f.CreateTracesToLogs(t.Context(), set, c, router)
		},
		"traces to metrics": func(f connector.Factory, set connector.Settings, c any) (connector.Traces, error) {
			router := connector.NewMetricsRouter(nil)
			return f.CreateTracesToMetrics(t.Context(), set, c, router)
		},
	}
	for what, create := range creates {
		t.Run(what, func(t *testing.T) {
			f := NewFactory()
			c := f.CreateDefaultConfig()
			unused, err := create(f, connectortest.NewNopSettings(Type), c)
			if err != nil {
				t.Fatal(err)
			}
			if err := unused.Shutdown(t.Context()); err != nil {
				t.Errorf("shutdown without start: %v", err)
			}
			for range 2 { // the same configuration may be used again
				part, err := create(f, connectortest.NewNopSettings(Type), c)
				if err != nil {
					t.Fatal(err)
				}
				if part.Capabilities() != (consumer.Capabilities{MutatesData: false}) {
					t.Error("it says that it changes spans")
				}
				if err := part.ConsumeTraces(t.Context(), ptrace.NewTraces()); err == nil {
					t.Error("it takes spans before it has started")
				}
				if err := part.Start(t.Context(), componenttest.NewNopHost()); err != nil {
					t.Fatal(err)
				}
				if err := part.ConsumeTraces(t.Context(), traffic(10)); err != nil {
					t.Error(err)
				}
				for range 2 {
					if err := part.Shutdown(context.Background()); err != nil {
						t.Error(err)
					}
				}
				if err := part.ConsumeTraces(t.Context(), traffic(10)); err == nil {
					t.Error("it takes spans after its shutdown")
				}
			}
		})
	}
}
