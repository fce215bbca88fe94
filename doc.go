// Package monitor judges the service quality of the operations that a program traces
// with OpenTelemetry: once a period, for each operation, by its success ratio and its
// latency. It raises an alert, with the evidence, when quality stays bad, and says
// so when it is good again.
//
// A [Monitor] is a span processor. One line gives it to a TracerProvider:
//
//	m, err := monitor.New(monitor.Config{Name: "http"})
//	if err != nil {
//		log.Fatal(err)
//	}
//	sampler := sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.1))
//	tp := sdktrace.NewTracerProvider(
//		sdktrace.WithSampler(sdktrace.AlwaysRecord(sampler)), // judge 100 % of calls, export the sampled ones
//		sdktrace.WithSpanProcessor(m),
//	)
//	otel.SetTracerProvider(tp)
//	defer func() {
//		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
//		defer cancel()
//		if err := tp.Shutdown(ctx); err != nil { // shuts the monitor down, too
//			log.Print(err)
//		}
//	}()
//
// From now on every minute brings a line for each operation, and there is an alert when,
// three minutes running, less than 95 % of an operation's calls succeeded, or less than
// 80 % of the successful ones were done within 500ms. On a terminal both are written to
// stderr, to be read; elsewhere they are log records of slog.
// [Config] changes all of that: what is watched ([Config.Kinds], [Config.Filter]), what
// counts as a failure ([Config.Codes], [Config.Outcomes], [Config.Classify]), what is expected
// ([Config.Objective], [Config.Operations], [Monitor.SetObjective]), and where the
// findings go ([Config.Sinks], [Config.Notifiers]).
//
// Without AlwaysRecord the SDK shows a processor the sampled spans only. Calls that
// have no span are reported by [Monitor.Report]. Where a processor can't be had,
// [Monitor.Exporter] is a span exporter over the same engine.
//
// What a monitor costs the program is bounded: OnEnd and Report never wait, and
// memory follows the configuration, not the traffic. Every report is counted in exactly
// one period, or dropped and counted as such in [Stats]. Sinks and notifiers run on
// goroutines of their own, and may be slow, fail or panic. Errors inside go to
// OpenTelemetry's error handler.
//
// Package [github.com/blurooo/go-monitor/v2/engine] has the words for what was
// counted, package [github.com/blurooo/go-monitor/v2/alert] those for what follows from it.
package monitor
