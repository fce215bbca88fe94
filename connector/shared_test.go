package gomonitorconnector

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Every span is counted once, whatever the pairs of signals, whichever component was made
// first, and though each of them gets it; and every output tells of all.
func TestComponentsShareOneAnalysis(t *testing.T) {
	for _, to := range []signals{toLogs, toMetrics, toBoth, toBoth2} {
		t.Run(strings.Join(to, " and "), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := start(t, &Config{Logs: LogsConfig{Summaries: true}}, to)
				for range 3 {
					time.Sleep(time.Minute)
					p.send(t, callsAt(time.Now(), "GET /a", 200, 10))
				}
				p.shutdown(t)
				for _, signal := range to {
					switch signal {
					case "logs":
						if got := p.summarized(); got != 30 {
							t.Errorf("%d calls in the logs, want 30", got)
						}
					case "metrics":
						if got := p.calls(); got != 30 {
							t.Errorf("%d calls in the metrics, want 30", got)
						}
					}
				}
			})
		})
	}
}

// Two configurations have nothing to do with each other.
func TestConfigurationsAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFactory()
		var ps [2]pipelines
		for i := range ps {
			part, err := f.CreateTracesToLogs(t.Context(), connectortest.NewNopSettings(Type), &Config{Logs: LogsConfig{Summaries: true}}, &ps[i].logs)
			if err != nil {
				t.Fatal(err)
			}
			ps[i].parts = append(ps[i].parts, part)
			ps[i].startAll(t)
		}
		time.Sleep(time.Minute)
		ps[0].send(t, callsAt(time.Now(), "GET /a", 200, 1))
		ps[1].send(t, callsAt(time.Now(), "GET /a", 200, 2))
		for i := range ps {
			ps[i].shutdown(t)
			if got := ps[i].summarized(); got != i+1 {
				t.Errorf("%d calls, want %d", got, i+1)
			}
		}
	})
}

// Several pipelines of spans lead to the same components, at the same time.
func TestManyReceiversAtOnce(t *testing.T) {
	const receivers, batches, calls = 8, 50, 20
	p := start(t, &Config{Logs: LogsConfig{Summaries: true}}, toBoth)
	var all sync.WaitGroup
	for range receivers {
		all.Go(func() {
			for range batches {
				td := callsAt(time.Now(), "GET /a", 200, calls)
				td.MarkReadOnly()
				for _, part := range p.parts {
					if err := part.ConsumeTraces(context.Background(), td); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	p.shutdown(t)
	const want = receivers * batches * calls
	if logs, metrics := p.summarized(), p.calls(); logs != want || metrics != want {
		t.Errorf("%d calls in the logs and %d in the metrics, want %d", logs, metrics, want)
	}
}

// Spans that come during the shutdown are either counted or refused.
func TestShutdownWhileSpansCome(t *testing.T) {
	p := start(t, &Config{}, toMetrics)
	var all sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	begun := make(chan struct{}, 4)
	for range 4 {
		all.Go(func() {
			for i := 0; ; i++ {
				err := p.parts[0].ConsumeTraces(context.Background(), callsAt(time.Now(), "GET /a", 200, 5))
				if i == 10 {
					begun <- struct{}{}
				}
				if err != nil {
					if !errors.Is(err, errNotRunning) {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				taken += 5
				mu.Unlock()
			}
		})
	}
	for range 4 {
		<-begun
	}
	p.shutdown(t)
	all.Wait()
	if got := p.calls(); got != taken {
		t.Errorf("%d calls counted, want the %d that were taken", got, taken)
	}
}

// The analysis begins with the last component that starts and ends with the first that is
// shut down: before that and after that not all pipelines are up.
func TestAnalysisRunsWhileAllPipelinesAreUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipelines{}
		p.make(t, &Config{Logs: LogsConfig{Summaries: true}}, toBoth, connectortest.NewNopSettings(Type))
		if err := p.parts[1].Start(t.Context(), componenttest.NewNopHost()); err != nil {
			t.Fatal(err)
		}
		if err := p.parts[0].ConsumeTraces(t.Context(), ptrace.NewTraces()); !errors.Is(err, errNotRunning) {
			t.Errorf("spans before all have started: %v, want %v", err, errNotRunning)
		}
		time.Sleep(5 * time.Minute)
		if n := len(p.metrics.AllMetrics()) + p.logs.LogRecordCount(); n != 0 {
			t.Errorf("%d outputs before all have started", n)
		}
		if err := p.parts[0].Start(t.Context(), componenttest.NewNopHost()); err != nil {
			t.Fatal(err)
		}
		p.send(t, callsAt(time.Now(), "GET /a", 200, 10))
		if err := p.parts[1].Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p.summarized() != 10 || p.calls() != 10 {
			t.Errorf("%d and %d calls after the first shutdown, want 10", p.summarized(), p.calls())
		}
		if err := p.parts[0].Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// Where the components can't all start, there is nothing to shut down.
func TestShutdownAfterFailedStart(t *testing.T) {
	p := &pipelines{}
	p.make(t, &Config{}, toBoth, connectortest.NewNopSettings(Type))
	if err := p.parts[0].Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	p.shutdown(t)
	if err := p.parts[1].Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	if a := p.parts[0].(*part).shared.analysis.Load(); a != nil {
		t.Error("the analysis has begun after a shutdown")
	}
}

// A component that comes when the others of its configuration have started would never be fed.
func TestNoComponentComesLate(t *testing.T) {
	c, f, p := &Config{}, NewFactory(), &pipelines{}
	set := connectortest.NewNopSettings(Type)
	part, err := f.CreateTracesToLogs(t.Context(), set, c, &p.logs)
	if err != nil {
		t.Fatal(err)
	}
	p.parts = append(p.parts, part)
	p.startAll(t)
	if _, err := f.CreateTracesToMetrics(t.Context(), set, c, &p.metrics); err == nil {
		t.Error("it joins those that have started")
	}
	p.shutdown(t)
	if _, err := f.CreateTracesToMetrics(t.Context(), set, c, &p.metrics); err != nil {
		t.Errorf("after they were shut down: %v", err)
	}
}

// There is one component for a pair of signals; and one that was shut down takes nothing from
// those that came after it.
func TestComponentsOfOneConfiguration(t *testing.T) {
	c, f, p := &Config{}, NewFactory(), &pipelines{}
	set := connectortest.NewNopSettings(Type)
	logs := func() (connector.Traces, error) { return f.CreateTracesToLogs(t.Context(), set, c, &p.logs) }
	metrics := func() (connector.Traces, error) { return f.CreateTracesToMetrics(t.Context(), set, c, &p.metrics) }
	before, err := logs()
	if err != nil {
		t.Fatal(err)
	}
	if err := before.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	var parts []*part
	for _, create := range []func() (connector.Traces, error){logs, metrics} {
		component, err := create()
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, component.(*part))
		if _, err := create(); !errors.Is(err, errDuplicate) {
			t.Errorf("the second of its kind: %v", err)
		}
		if err := before.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if parts[0].shared != parts[1].shared {
		t.Error("they do not share one analysis")
	}
}

// Where nothing happens nothing is sent.
func TestNothingIsSentOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, &Config{Logs: LogsConfig{Summaries: true}}, toBoth)
		time.Sleep(5 * time.Minute)
		p.shutdown(t)
		if logs, metrics := len(p.logs.AllLogs()), len(p.metrics.AllMetrics()); logs+metrics > 0 {
			t.Errorf("%d logs and %d metrics without anything in them", logs, metrics)
		}
	})
}
