package gomonitorconnector

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/blurooo/go-monitor/store"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/alert/webhook"
	"github.com/blurooo/go-monitor/v2/engine"
)

// untilMinute sleeps until a second of the next minute.
func untilMinute(second int) {
	now := time.Now()
	time.Sleep(now.Truncate(time.Minute).Add(time.Minute + time.Duration(second)*time.Second).Sub(now))
	synctest.Wait()
}

// told are the summaries among the logs: when their periods began, and their calls.
func (p *pipelines) told() (all []string) {
	for _, record := range p.events("gomonitor.summary") {
		from, _ := record.Attributes().Get("gomonitor.period.starts_at")
		calls, _ := record.Attributes().Get("gomonitor.calls")
		at, err := time.Parse(time.RFC3339Nano, from.Str())
		if err != nil {
			panic(err)
		}
		all = append(all, at.Format("15:04")+" "+calls.AsString())
	}
	return all
}

// Calls belong to the period in which they ended, as long as they come within the grace.
func TestPeriodsGoByTheEndOfSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it begins at midnight
		p := start(t, &Config{TimelineConfig: engine.TimelineConfig{Grace: 10 * time.Second}, Logs: LogsConfig{Summaries: true}}, toLogs)
		midnight := time.Now().Truncate(24 * time.Hour)
		at := func(minute, second int) time.Time {
			return midnight.Add(time.Duration(minute)*time.Minute + time.Duration(second)*time.Second)
		}
		until := func(minute, second int) { time.Sleep(time.Until(at(minute, second))); synctest.Wait() }

		until(1, 5)
		p.send(t, callsAt(at(0, 59), "GET /a", 200, 1)) // within the grace
		p.send(t, callsAt(at(1, 1), "GET /a", 200, 2))
		if got := p.told(); len(got) != 0 {
			t.Errorf("told %q within the grace", got)
		}
		until(1, 11)
		if diff := cmp.Diff([]string{"00:00 1"}, p.told()); diff != "" {
			t.Errorf("after the grace (-want +got):\n%s", diff)
		}
		p.send(t, callsAt(at(0, 58), "GET /a", 200, 4))  // too late
		p.send(t, callsAt(at(30, 0), "GET /a", 200, 8))  // from the future
		p.send(t, callsAt(at(1, 10), "GET /a", 200, 16)) // just now
		until(2, 11)
		if diff := cmp.Diff([]string{"00:00 1", "00:01 26"}, p.told()); diff != "" {
			t.Errorf("after the second period (-want +got):\n%s", diff)
		}
		var said []string
		for _, record := range p.events("gomonitor.error") {
			late, _ := record.Attributes().Get("gomonitor.late")
			early, _ := record.Attributes().Get("gomonitor.early")
			said = append(said, late.AsString()+" late, "+early.AsString()+" early")
		}
		if diff := cmp.Diff([]string{"4 late, 8 early"}, said); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
		p.shutdown(t)
	})
}

// A call that ends with the first moment of a period is not from the future.
func TestFirstCallOfAPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, &Config{TimelineConfig: engine.TimelineConfig{Grace: time.Minute}, Logs: LogsConfig{Summaries: true}}, toLogs)
		for range 200 { // whoever comes first: the timer or the span
			time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
			p.send(t, callsAt(time.Now(), "GET /a", 200, 1))
		}
		p.shutdown(t)
		if got := p.events("gomonitor.error"); len(got) != 0 {
			t.Errorf("%d periods with problems: %s", len(got), got[0].Body().Str())
		}
		if got := p.summarized(); got != 200 {
			t.Errorf("%d calls, want 200", got)
		}
	})
}

// failAndRecover sends calls that fail until the third period in which they do was closed, and then calls
// that don't.
func failAndRecover(t *testing.T, p *pipelines) {
	t.Helper()
	for _, code := range []int64{500, 500, 500, 200, 200, 200} {
		untilMinute(30)
		p.send(t, callsAt(time.Now(), "GET /a", code, 10))
	}
	untilMinute(30)
}

func TestAlertsGoToTheLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, &Config{}, toBoth)
		failAndRecover(t, p)
		p.shutdown(t)
		firing, resolved := p.events("gomonitor.alert.firing"), p.events("gomonitor.alert.resolved")
		if len(firing) != 1 || len(resolved) != 1 {
			t.Fatalf("%d firing and %d resolved", len(firing), len(resolved))
		}
		if got := p.events("gomonitor.summary"); len(got) != 0 {
			t.Errorf("%d summaries that nobody asked for", len(got))
		}
		if name, _ := firing[0].Attributes().Get("gomonitor.monitor"); name.Str() != p.parts[0].(*part).shared.settings.ID.String() {
			t.Errorf("the monitor is called %q, want the component's id", name.Str())
		}
	})
}

// In a maintenance alerts are judged, and not sent; what still fires at its end is sent then.
func TestMaintenance(t *testing.T) {
	for name, tt := range map[string]struct {
		from, to         string
		firing, resolved int
	}{
		"fires and ends in it": {"00:00", "24:00", 0, 0},
		"goes on after it":     {"00:00", "00:05", 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reader := sdkmetric.NewManualReader()
				set := connectortest.NewNopSettings(Type)
				set.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
				p := &pipelines{}
				p.make(t, &Config{Maintenance: []alert.Maintenance{{From: tt.from, To: tt.to}}}, toLogs, set)
				p.startAll(t)
				failAndRecover(t, p)
				synctest.Wait()
				got := readTelemetry(t, reader)
				p.shutdown(t)
				if firing, resolved := len(p.events("gomonitor.alert.firing")), len(p.events("gomonitor.alert.resolved")); firing != tt.firing || resolved != tt.resolved {
					t.Errorf("%d firing and %d resolved, want %d and %d", firing, resolved, tt.firing, tt.resolved)
				}
				if got["alerts firing"] != 1 || got["alerts resolved"] != 1 {
					t.Errorf("telemetry = %v, want an alert that fired and was resolved", got)
				}
			})
		})
	}
}

// unreliable is a pipeline for logs that fails a number of times.
type unreliable struct {
	consumertest.LogsSink
	failures int
	err      error
}

func (u *unreliable) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	if u.failures > 0 {
		u.failures--
		return u.err
	}
	return u.LogsSink.ConsumeLogs(ctx, logs)
}

// An alert that the pipeline does not take is tried again, unless it says that it never will.
func TestAlertsAreTriedAgain(t *testing.T) {
	tests := map[string]struct {
		err  error
		want int
	}{
		// The alert, and that it still fired at the end.
		"for now":  {errors.New("full"), 2},
		"for good": {consumererror.NewPermanent(errors.New("bad")), 1},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				next := &unreliable{failures: 1, err: tt.err}
				core, logged := observer.New(zap.WarnLevel)
				set := connectortest.NewNopSettings(Type)
				set.Logger = zap.New(core)
				part, err := NewFactory().CreateTracesToLogs(t.Context(), set, &Config{TimelineConfig: engine.TimelineConfig{Config: engine.Config{Objective: engine.Objective{AlertAfter: 1}}}}, next)
				if err != nil {
					t.Fatal(err)
				}
				p := &pipelines{parts: []connector.Traces{part}}
				p.startAll(t)
				untilMinute(30)
				p.send(t, callsAt(time.Now(), "GET /a", 500, 10))
				untilMinute(30)
				p.shutdown(t)
				if got := next.LogRecordCount(); got != tt.want {
					t.Errorf("%d alerts delivered, want %d", got, tt.want)
				}
				if logged.FilterMessage("gomonitor error").Len() != 1 {
					t.Errorf("logged %v, want one error", logged.All())
				}
			})
		})
	}
}

// What is counted is delivered at the shutdown, however many periods are open, and however
// slow a pipeline is.
func TestShutdownLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Config{
			TimelineConfig: engine.TimelineConfig{Config: engine.Config{Period: time.Second}, Grace: 100 * time.Second},
			Logs:           LogsConfig{Summaries: true},
		}
		p := &pipelines{}
		f := NewFactory()
		slow, err := consumer.NewLogs(func(ctx context.Context, logs plog.Logs) error {
			time.Sleep(100 * time.Millisecond)
			return p.logs.ConsumeLogs(ctx, logs)
		})
		if err != nil {
			t.Fatal(err)
		}
		part, err := f.CreateTracesToLogs(t.Context(), connectortest.NewNopSettings(Type), c, slow)
		if err != nil {
			t.Fatal(err)
		}
		p.parts = append(p.parts, part)
		p.startAll(t)
		for range 100 {
			time.Sleep(time.Second)
			p.send(t, callsAt(time.Now(), "GET /a", 200, 3))
		}
		if got := p.summarized(); got != 0 {
			t.Fatalf("%d calls told within the grace", got)
		}
		p.shutdown(t)
		if got := p.summarized(); got != 300 {
			t.Errorf("%d calls told, want 300", got)
		}
	})
}

// A receiver that hangs does not hold up the shutdown for ever, and the others get theirs.
func TestShutdownGivesUpWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Config{Logs: LogsConfig{Summaries: true}}
		p := &pipelines{}
		hung, err := consumer.NewLogs(func(ctx context.Context, _ plog.Logs) error { <-ctx.Done(); return ctx.Err() })
		if err != nil {
			t.Fatal(err)
		}
		f := NewFactory()
		logs, err := f.CreateTracesToLogs(t.Context(), connectortest.NewNopSettings(Type), c, hung)
		if err != nil {
			t.Fatal(err)
		}
		metrics, err := f.CreateTracesToMetrics(t.Context(), connectortest.NewNopSettings(Type), c, &p.metrics)
		if err != nil {
			t.Fatal(err)
		}
		p.parts = append(p.parts, logs, metrics)
		p.startAll(t)
		untilMinute(30)
		p.send(t, callsAt(time.Now(), "GET /a", 200, 3))
		began := time.Now()
		err = logs.Shutdown(context.Background())
		if want := "gomonitor: shutdown: sink 0: 1 left undelivered: context deadline exceeded"; err == nil || err.Error() != want {
			t.Errorf("shutdown: %v, want %s", err, want)
		}
		if took := time.Since(began); took > closeTimeout {
			t.Errorf("the shutdown took %s", took)
		}
		if got := p.calls(); got != 3 {
			t.Errorf("%d calls in the metrics, want 3", got)
		}
		synctest.Wait()
	})
}

// The notifiers and stores of the configuration get alerts and periods, and are closed at last.
func TestReceivers(t *testing.T) {
	var mu sync.Mutex
	var posted []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var message struct {
			Alerts []struct {
				Status string `json:"status"`
			} `json:"alerts"`
		}
		if err := json.Unmarshal(body, &message); err != nil {
			t.Errorf("%v: %s", err, body)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, a := range message.Alerts {
			posted = append(posted, a.Status)
		}
	}))
	defer server.Close()
	dsn := filepath.Join(t.TempDir(), "monitor.db")
	c := &Config{
		TimelineConfig: engine.TimelineConfig{
			Config: engine.Config{Period: 50 * time.Millisecond, Objective: engine.Objective{AlertAfter: 1, RecoverAfter: 1}},
			Grace:  time.Millisecond,
		},
		Notifiers: []NotifierConfig{{Webhook: &webhook.Config{URL: server.URL}}},
		Stores:    []store.Config{{DSN: dsn}},
	}
	p := start(t, c, toBoth)
	want := 0
	pace := time.NewTicker(time.Millisecond) // by the real clock: a database has no other
	defer pace.Stop()
	for len(p.events("gomonitor.alert.firing")) == 0 {
		p.send(t, callsAt(time.Now(), "GET /a", 500, 2))
		want += 2
		<-pace.C
	}
	p.shutdown(t)
	mu.Lock()
	defer mu.Unlock()
	if !slices.Contains(posted, "firing") {
		t.Errorf("posted %q, want an alert that fires", posted)
	}
	s, err := store.Open(t.Context(), store.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background()) //nolint:errcheck // It was only read.
	history, err := s.History(t.Context(), "GET /a", time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	for _, summary := range history {
		got += int(summary.Count)
	}
	if got != want {
		t.Errorf("%d calls in the store, want %d", got, want)
	}
	alerts, err := s.Alerts(t.Context(), time.Time{}, time.Time{})
	if err != nil || len(alerts) == 0 || alerts[0].State != alert.Firing {
		t.Errorf("alerts in the store: %v, %v", alerts, err)
	}
}

// What can't be opened is an error of the start, and leaves nothing open.
func TestStartErrors(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing", "monitor.db")
	tests := map[string]struct {
		config Config
		want   []string
	}{
		"store": {
			Config{Stores: []store.Config{{DSN: filepath.Join(t.TempDir(), "a.db")}, {DSN: missing}}},
			[]string{"gomonitor: stores[1]: store: open ", missing},
		},
		"notifier": {
			Config{Notifiers: []NotifierConfig{{Console: &ConsoleConfig{}}, {Webhook: &webhook.Config{URL: "https://127.0.0.1", TLS: webhook.TLS{CAFile: missing}}}}},
			[]string{"gomonitor: notifiers[1].webhook: ", missing},
		},
		"period": {
			Config{TimelineConfig: engine.TimelineConfig{Config: engine.Config{Period: 1}}},
			[]string{"gomonitor: period: must be between 10ms and 1h, got 1ns"},
		},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			p := &pipelines{}
			p.make(t, &tt.config, toLogs, connectortest.NewNopSettings(Type))
			err := p.parts[0].Start(t.Context(), componenttest.NewNopHost())
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q in it", err, want)
				}
			}
			p.shutdown(t)
		})
	}
}

func TestConsumeAllocatesNothing(t *testing.T) {
	p := start(t, &Config{AdjustedCounts: true}, toMetrics)
	td := traffic(1000)
	feed := p.parts[0].(*part).shared
	consume := func() {
		if err := feed.consume(td); err != nil {
			t.Fatal(err)
		}
	}
	for range 200 { // until the engine has all the room it needs
		consume()
	}
	if n := testing.AllocsPerRun(100, consume); n > 0 {
		t.Errorf("%v allocations for a batch", n)
	}
	p.shutdown(t)
}

// The spans that come in are not changed, by whatever output.
func TestConsumeChangesNothing(t *testing.T) {
	td := traffic(100)
	before := marshal(t, td)
	td.MarkReadOnly() // it panics at whoever tries
	p := start(t, &Config{Logs: LogsConfig{Summaries: true}}, toBoth)
	p.send(t, td)
	p.shutdown(t)
	if after := marshal(t, td); after != before {
		t.Error("the spans were changed")
	}
}

// An operation about which an alert fires keeps its place, however idle it is, until it is
// resolved; or until the alert ends since nobody calls it.
func TestFiringOperationsStay(t *testing.T) {
	t.Run("until it is resolved", func(t *testing.T) {
		testFiringOperations(t, -1, []firingStep{{500, 1, 1}, {200, 1, 1}, {200, 0, 0}})
	})
	t.Run("until it is idle for six periods", func(t *testing.T) {
		testFiringOperations(t, 6, []firingStep{{500, 1, 1}, {0, 0, 0}, {200, 0, 0}})
	})
}

// firingStep is a minute with ten calls of a code, 0: none, and what is true at its end.
type firingStep struct{ code, firing, operations int64 }

func testFiringOperations(t *testing.T, endAfterIdle int, steps []firingStep) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		set := connectortest.NewNopSettings(Type)
		set.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		p := &pipelines{}
		p.make(t, &Config{TimelineConfig: engine.TimelineConfig{Config: engine.Config{
			Period: 10 * time.Second, IdlePeriods: 1, Objective: engine.Objective{AlertAfter: 1, RecoverAfter: 2, EndAfterIdle: endAfterIdle},
		}}}, toLogs, set)
		p.startAll(t)
		defer p.shutdown(t)
		untilMinute(5)
		for i, step := range steps {
			if step.code > 0 {
				p.send(t, callsAt(time.Now(), "GET /a", step.code, 10))
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			got := readTelemetry(t, reader)
			if got["alerts_firing"] != step.firing || got["operations"] != step.operations {
				t.Errorf("step %d: %d alerts fire and %d operations have a place, want %d and %d", i, got["alerts_firing"], got["operations"], step.firing, step.operations)
			}
		}
	})
}

// The last period ends when the component does, not when somebody last looked at the clock; and
// between batches nothing is kept of the spans.
func TestLastPeriodEndsAtTheShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, &Config{Logs: LogsConfig{Summaries: true}}, toLogs)
		untilMinute(5)
		p.send(t, callsAt(time.Now(), "GET /a", 200, 1))
		if a := p.parts[0].(*part).shared.analysis.Load(); a.span != (engine.Span{}) {
			t.Errorf("%+v is kept", a.span)
		}
		time.Sleep(1700 * time.Millisecond)
		want := time.Now().UTC()
		p.shutdown(t)
		records := p.events(eventSummary)
		if len(records) != 1 {
			t.Fatalf("%d summaries, want one", len(records))
		}
		text, _ := records[0].Attributes().Get("gomonitor.period.ends_at")
		if end, err := time.Parse(time.RFC3339Nano, text.Str()); err != nil || !end.Equal(want) {
			t.Errorf("it ends at %s, want %s", text.Str(), want)
		}
	})
}

// An error is logged once a period for each receiver, as long as it lasts.
func TestErrorsAreLoggedOncePerPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logged, logs := observer.New(zap.WarnLevel)
		set := connectortest.NewNopSettings(Type)
		set.Logger = zap.New(logged)
		part, err := NewFactory().CreateTracesToMetrics(t.Context(), set, &Config{}, consumertest.NewErr(errors.New("full")))
		if err != nil {
			t.Fatal(err)
		}
		p := &pipelines{parts: []connector.Traces{part}}
		p.startAll(t)
		defer p.shutdown(t)
		untilMinute(30)
		p.send(t, callsAt(time.Now(), "GET /a", 200, 1))
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if got := logs.FilterMessage("gomonitor error").Len(); got != 3 {
			t.Errorf("logged %d times in 3 periods: %v", got, logs.All())
		}
	})
}

// The metrics hold durations, all of them, unless they are not asked for.
func TestMetricsHoldDurations(t *testing.T) {
	for disabled, want := range map[bool]uint64{false: 30, true: 0} {
		synctest.Test(t, func(t *testing.T) {
			c := &Config{Metrics: MetricsConfig{Histogram: HistogramConfig{Disable: disabled}}}
			p := start(t, c, toMetrics)
			untilMinute(5)
			p.send(t, callsAt(time.Now(), "GET /a", 200, 10))
			p.send(t, callsAt(time.Now(), "GET /a", 500, 20))
			histograms := p.parts[0].(*part).shared.analysis.Load().timeline.Config().Histograms
			p.shutdown(t)
			all := p.metrics.AllMetrics()
			var got uint64
			for _, m := range all[len(all)-1].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
				if m.Name() == "traces.span.metrics.duration" {
					for _, point := range m.ExponentialHistogram().DataPoints().All() {
						got += point.Count()
					}
				}
			}
			if got != want || histograms == disabled {
				t.Errorf("disabled %t: %d durations, want %d; histograms are made: %t", disabled, got, want, histograms)
			}
		})
	}
}

// A period is told when its grace has passed, to the moment.
func TestPeriodsAreToldInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, &Config{TimelineConfig: engine.TimelineConfig{Grace: 1300 * time.Millisecond}, Logs: LogsConfig{Summaries: true}}, toLogs)
		defer p.shutdown(t)
		untilMinute(30)
		p.send(t, callsAt(time.Now(), "GET /a", 200, 1))
		untilMinute(1)
		for want, wait := range []time.Duration{299 * time.Millisecond, time.Millisecond} {
			time.Sleep(wait)
			synctest.Wait()
			if got := p.summarized(); got != want {
				t.Errorf("at %s %d calls are told, want %d", time.Now().Format("05.000"), got, want)
			}
		}
	})
}
