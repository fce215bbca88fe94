package monitor_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	monitor "github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/classify"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Every snippet of the README and of docs is in one of the example files, so that it is
// compiled, and run wherever it says the same each time; docs_test.go checks that.

// Spans become summaries. The last period of a monitor is closed by Shutdown; it
// is a partial one, so it is delivered but not judged.
func Example_spans() {
	ctx := context.Background()
	m, err := monitor.New(monitor.Config{
		Name: "http",
		Sinks: []engine.Sink{engine.SinkFunc(func(_ context.Context, p engine.Period) error {
			for _, s := range p.Summaries {
				fmt.Printf("%s: %d calls, %s succeed\n", s.Operation, s.Count, alert.Percent(s.SuccessRatio))
			}
			return nil
		})},
	})
	if err != nil {
		log.Fatal(err)
	}
	tp := sdktrace.NewTracerProvider(
		// No span is exported here: the monitor sees all of them even so.
		sdktrace.WithSampler(sdktrace.AlwaysRecord(sdktrace.NeverSample())),
		sdktrace.WithSpanProcessor(m),
	)
	tracer := tp.Tracer("example")
	for i := range 10 {
		_, span := tracer.Start(ctx, "GET /users/{id}", trace.WithSpanKind(trace.SpanKindServer))
		if i == 0 {
			span.SetStatus(codes.Error, "database is down")
		}
		span.End()
	}
	if err := tp.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: GET /users/{id}: 10 calls, 90 % succeed
}

// A zero field means its default. What can't be is refused, all of it at once.
func ExampleNew() {
	m, err := monitor.New(monitor.Config{
		Name:   "http",
		Period: 30 * time.Second,
		Objective: engine.Objective{
			SuccessRatio:      0.99,                   // 99 % of the calls succeed,
			LatencyTarget:     200 * time.Millisecond, // and of the successful ones
			WithinTargetRatio: 0.9,                    // 90 % take 200 ms at most
			AlertAfter:        2,                      // bad periods in a row
			MinCalls:          20,                     // judge at least 20 calls at a time
		},
		Operations: map[string]engine.Objective{
			"GET /reports/{id}": {LatencyTarget: 5 * time.Second}, // the rest as above
		},
		Codes: map[string]monitor.CodeFeature{
			"404":   {Success: true},
			"23505": {Name: "duplicate key"}, // a failure, since Success is false
		},
		Outcomes: monitor.Outcomes{
			HTTPClient4xx: engine.OutcomeSuccess,
			GRPCNotFound:  engine.OutcomeSuccess,
		},
		Filter: func(s sdktrace.ReadOnlySpan) bool { return s.Name() != "GET /healthz" },
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := m.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
}

// Rules say what to make of spans that the default rules misjudge.
func ExampleConfig_rules() {
	m, err := monitor.New(monitor.Config{
		Rules: []monitor.Rule{
			{Name: "GET /events", Latency: classify.LatencyExcluded}, // server-sent events
			{Scope: "example.com/cache", Message: "*not found*", Outcome: engine.OutcomeSuccess},
			{SpanKind: engine.SpanKindClient, Attributes: map[string]string{"peer.service": "legacy"}, Outcome: engine.OutcomeIgnored},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := m.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
}

// Objectives hold for all operations, and others for single ones.
func ExampleConfig_objectives() {
	m, err := monitor.New(monitor.Config{
		Objective: engine.Objective{SuccessRatio: 0.99, LatencyTarget: 200 * time.Millisecond},
		Operations: map[string]engine.Objective{
			"POST /orders":      {SLO: 0.999},                     // alert on the burn rate, too
			"GET /reports/{id}": {LatencyTarget: 5 * time.Second}, // a zero field inherits
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := m.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
}

// Every mistake in a config is told at once, by the name of its key.
func ExampleConfig_Validate() {
	err := monitor.Config{
		Period:    -time.Second,
		Objective: engine.Objective{SuccessRatio: 95},
	}.Validate()
	fmt.Println(err)
	// Output:
	// period: must be between 10ms and 1h, got -1s
	// objective.success_ratio: must be above 0 and at most 1, got 95
}

// What is expected of an operation can change at run time.
func ExampleMonitor_SetObjective() {
	m, err := monitor.New(monitor.Config{})
	if err != nil {
		log.Fatal(err)
	}

	err = m.SetObjective("GET /users/{id}", engine.Objective{LatencyTarget: 100 * time.Millisecond})
	if err != nil {
		log.Fatal(err)
	}
	if err := m.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
}

func ExampleMonitor_Silence() {
	m, err := monitor.New(monitor.Config{})
	if err != nil {
		log.Fatal(err)
	}

	err = m.Silence("POST /orders*", time.Now().Add(10*time.Minute), "deploy")
	if err != nil {
		log.Fatal(err)
	}
	if err := m.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
}

// Summaries go to any number of sinks.
func ExampleConfig_sinks() {
	file := io.Discard
	m, err := monitor.New(monitor.Config{
		Sinks: []engine.Sink{
			engine.JSONLines(file),
			engine.SinkFunc(func(_ context.Context, p engine.Period) error {
				for _, s := range p.Summaries {
					fmt.Println(s.Operation, s.Count, s.Latency.Max, s.Failures)
				}
				return nil
			}),
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	m.Report(monitor.Report{Operation: "render", Duration: 3 * time.Millisecond})
	m.Report(monitor.Report{Operation: "render", Code: "500"})
	if err := m.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output: render 2 3ms [{500  1}]
}

// Neither summaries nor alerts are written anywhere; Stats still counts.
func ExampleConfig_silent() {
	m, err := monitor.New(monitor.Config{
		Sinks:     []engine.Sink{},
		Notifiers: []alert.Notifier{},
	})
	if err != nil {
		log.Fatal(err)
	}
	m.Report(monitor.Report{Operation: "render"})
	if err := m.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Stats().Counted)
	// Output: 1
}

// A call that has no span is reported by hand.
func ExampleMonitor_Report() {
	m, err := monitor.New(monitor.Config{Sinks: []engine.Sink{engine.SinkFunc(func(_ context.Context, p engine.Period) error {
		for _, s := range p.Summaries {
			fmt.Println(s.Operation, s.Success, s.Failure, s.Cancelled)
		}
		return nil
	})}})
	if err != nil {
		log.Fatal(err)
	}
	render := func() error { return io.ErrUnexpectedEOF }

	began := time.Now()
	err = render()
	r := monitor.Report{Operation: "render", Duration: time.Since(began)}
	if err != nil {
		r.Code, r.Outcome = "template", engine.OutcomeFailure
	}
	m.Report(r)

	m.Report(monitor.Report{Operation: "charge", Code: "200"}) // the code decides: a success
	m.Report(monitor.Report{Operation: "charge", Code: "503"}) // a failure
	m.Report(monitor.Report{Operation: "charge", Outcome: engine.OutcomeCancelled})

	m.Report(monitor.Report{Operation: "render", Code: "500", Duration: time.Since(began)})

	if err := m.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// charge 1 1 1
	// render 0 2 0
}

// Inside a traced call, its context says where the alert should point.
func ExampleMonitor_ReportContext() {
	m, err := monitor.New(monitor.Config{
		Notifiers: []alert.Notifier{},
		Sinks: []engine.Sink{engine.SinkFunc(func(_ context.Context, p engine.Period) error {
			fmt.Printf("%x\n", p.Summaries[0].FailureExemplars[0].Trace.TraceID[14:])
			return nil
		})},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{14: 0xab, 15: 0xcd}, SpanID: trace.SpanID{1},
	}))

	m.ReportContext(ctx, monitor.Report{Operation: "charge", Code: "503"})

	if err := m.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output: abcd
}

// Monitors on one provider know nothing of each other.
func ExampleNew_several() {
	counts := func(name string) []engine.Sink {
		return []engine.Sink{engine.SinkFunc(func(_ context.Context, p engine.Period) error {
			for _, s := range p.Summaries {
				fmt.Println(name, s.Operation, s.SpanKind)
			}
			return nil
		})}
	}

	incoming, err := monitor.New(monitor.Config{
		Name:  "incoming",
		Kinds: []trace.SpanKind{trace.SpanKindServer, trace.SpanKindConsumer},
		Sinks: counts("incoming"),
	})
	if err != nil {
		log.Fatal(err)
	}
	outgoing, err := monitor.New(monitor.Config{
		Name:      "outgoing",
		Kinds:     []trace.SpanKind{trace.SpanKindClient, trace.SpanKindProducer},
		Objective: engine.Objective{LatencyTarget: 50 * time.Millisecond},
		Sinks:     counts("outgoing"),
	})
	if err != nil {
		log.Fatal(err)
	}
	tp := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(incoming),
		sdktrace.WithSpanProcessor(outgoing),
	)

	tracer := tp.Tracer("example")
	ctx, server := tracer.Start(context.Background(), "POST /orders", trace.WithSpanKind(trace.SpanKindServer))
	_, client := tracer.Start(ctx, "INSERT orders", trace.WithSpanKind(trace.SpanKindClient))
	client.End()
	server.End()
	if err := tp.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// incoming POST /orders server
	// outgoing INSERT orders client
}

// Where the monitor can't be a span processor, it can be an exporter.
func ExampleMonitor_Exporter() {
	ctx := context.Background()
	m, err := monitor.New(monitor.Config{Sinks: []engine.Sink{}})
	if err != nil {
		log.Fatal(err)
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithBatcher(m.Exporter()))
	_, span := tp.Tracer("example").Start(ctx, "publish", trace.WithSpanKind(trace.SpanKindProducer))
	span.End()
	if err := tp.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Stats().Counted)
	// Output: 1
}

// Every report is either counted or dropped, and it is known why.
func ExampleMonitor_Stats() {
	m, err := monitor.New(monitor.Config{Sinks: []engine.Sink{}})
	if err != nil {
		log.Fatal(err)
	}
	m.Report(monitor.Report{Operation: "render"})
	if err := m.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	m.Report(monitor.Report{Operation: "render"}) // too late

	s := m.Stats()
	fmt.Println("received", s.Received(), "counted", s.Counted)
	fmt.Println("dropped", s.DroppedQueueFull, "by the full queue,", s.DroppedShutdown, "after the shutdown")
	fmt.Println("undelivered", s.UndeliveredPeriods, "periods,", s.UndeliveredNotifications, "notifications")
	// Output:
	// received 2 counted 1
	// dropped 0 by the full queue, 1 after the shutdown
	// undelivered 0 periods, 0 notifications
}

// How everything stood when the last period ended.
func ExampleMonitor_Status() {
	m, err := monitor.New(monitor.Config{Name: "http"})
	if err != nil {
		log.Fatal(err)
	}
	if !m.Healthy("GET /users/{id}") {
		s := m.Status()
		for _, a := range s.Alerts {
			fmt.Println(a.Summary())
		}
		for _, op := range s.Operations {
			for _, o := range op.Objectives {
				fmt.Println(op.Operation, o.Objective, o.Phase, o.Verdict, op.Last.Count)
			}
		}
	}
	fmt.Println("healthy:", m.Healthy("GET /users/{id}"))
	if err := m.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// healthy: true
}

// The arithmetic and the judgement are pure: time is an argument. So a rule can be
// tried on the calls of yesterday.
func Example_replay() {
	start := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

	windows, err := engine.NewWindows(engine.Config{
		Name:      "yesterday",
		Objective: engine.Objective{AlertAfter: 2, RecoverAfter: 1},
	})
	if err != nil {
		log.Fatal(err)
	}
	judge := alert.NewJudge()
	for minute, failures := range []int{0, 8, 9, 9, 0} {
		for call := range 10 {
			r := engine.Report{Operation: "render", Duration: 20 * time.Millisecond}
			if call < failures {
				r.Code = "500"
			}
			windows.Add(r)
		}
		begin := start.Add(time.Duration(minute) * time.Minute)
		period := windows.Close(engine.Period{Start: begin, End: begin.Add(time.Minute)}, judge.Needs)
		for _, a := range judge.Judge(&period) {
			fmt.Println(a.DecidedAt.Format("15:04"), a.State, a.Summary())
		}
	}
	// Output:
	// 09:03 firing render: 15 % succeed (target 95 %)
	// 09:05 resolved render: 100 % succeed (target 95 %)
}

// The settings come from a file, which is read again at each SIGHUP. It is compiled and not run.
func ExampleFromYAML() {
	c, err := monitor.FromYAML("monitor.yaml")
	if err != nil {
		log.Fatal(err)
	}
	m, err := monitor.New(c)
	if err != nil {
		log.Fatal(err)
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			c, err := monitor.FromYAML("monitor.yaml")
			if err == nil {
				err = m.Reload(c)
			}
			if err != nil {
				log.Print(err) // what was goes on
			}
		}
	}()
}
