// Command example is a small instrumented web shop that fails and recovers while a monitor
// watches it: run it and read along.
//
// Without flags it runs for about 25 seconds. With -restart the monitor is restarted in the middle of
// the incident. With -forever it stays up, and
// faults are switched by hand:
//
//	curl -X POST localhost:8080/fault/on
//	curl -X POST localhost:8080/fault/off
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	monitor "github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/web"
)

func main() {
	var o options
	flag.StringVar(&o.addr, "addr", "127.0.0.1:0", "`address` to listen on")
	flag.BoolVar(&o.forever, "forever", false, "stay up until interrupted; switch faults by POST /fault/on and /fault/off")
	flag.DurationVar(&o.period, "period", time.Second, "time after which quality is judged")
	flag.BoolVar(&o.restart, "restart", false, "restart the monitor in the middle of the incident, as a deploy does: it goes on from a file")
	flag.Var(&o.to, "to", destinationsHelp)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "example:", err)
		os.Exit(1)
	}
}

type options struct {
	addr    string
	forever bool
	period  time.Duration
	restart bool
	to      destinations
}

// run starts the shop, the monitor and the load, and plays the scenes.
func run(ctx context.Context, o options) (err error) {
	// Monitoring takes a monitor and the line that gives it to the TracerProvider. AlwaysRecord
	// shows the monitor every span, although only one trace in ten is exported.
	m, err := newRestartable(monitor.Config{
		Name:      "shop",
		Period:    o.period,
		Objective: engine.Objective{LatencyTarget: 100 * time.Millisecond},
		Sinks:     append([]engine.Sink{newTable(os.Stdout)}, o.to.sinks...),
		Notifiers: append([]alert.Notifier{alert.Console(os.Stderr)}, o.to.notifiers...),
	}, o.restart)
	if err != nil {
		return err
	}
	var seen, exported counter
	tp := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.AlwaysRecord(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.1)))),
		sdktrace.WithSpanProcessor(&seen),
		sdktrace.WithBatcher(&exported),
		sdktrace.WithSpanProcessor(m), // last: its shutdown takes long if a notifier hangs
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "shop"))),
	)
	otel.SetTracerProvider(tp)

	shop, err := newShop(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.close()) }()
	listener, err := net.Listen("tcp", o.addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", shop.handler())
	page, err := web.New(m, web.Config{Store: o.to.history})
	if err != nil {
		return err
	}
	mux.Handle("/debug/quality/", page)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	serving := make(chan error, 1)
	go func() { serving <- server.Serve(listener) }()

	base := "http://" + listener.Addr().String()
	say("A web shop at %s, judged every %s: 95 %% of the calls must succeed, 80 %% of those within 100 ms.", base, o.period)
	say("Three bad periods in a row raise an alert, three good ones resolve it. A bad value has a ! behind it.")
	say("See it in a browser:  %s/debug/quality/", base)
	loadCtx, stopLoad := context.WithCancel(ctx)
	load := startLoad(loadCtx, base)

	if o.forever {
		say("Make it sick:  curl -X POST %s/fault/on", base)
		say("and well:      curl -X POST %s/fault/off", base)
		<-ctx.Done()
	} else {
		err = act(ctx, shop, o, m)
	}

	stopLoad()
	requests := load.wait()
	shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	// The provider shuts the monitor down, which delivers what it has; then the destinations close.
	err = errors.Join(err, server.Shutdown(shutdown), tp.Shutdown(shutdown), o.to.close(shutdown))
	if e := <-serving; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	stats := m.stats()
	fmt.Println()
	fmt.Printf("  requests sent              %6d\n", requests)
	fmt.Printf("  spans that ended           %6d\n", seen.spans.Load())
	fmt.Printf("  calls the monitor judged   %6d\n", stats.Counted)
	fmt.Printf("  reports dropped            %6d\n", stats.Dropped())
	if len(o.to.notifiers) > 0 {
		fmt.Printf("  not delivered              %6d periods, %d notifications\n", stats.UndeliveredPeriods, stats.UndeliveredNotifications)
	}
	fmt.Printf("  spans exported, sampled    %6d   (%.0f %%)\n", exported.spans.Load(), 100*float64(exported.spans.Load())/float64(max(1, seen.spans.Load())))
	return err
}

// act plays healthy, sick, healthy.
func act(ctx context.Context, s *shop, o options, m *restartable) (err error) {
	scene := func(periods int, format string, args ...any) {
		say(format, args...)
		select {
		case <-time.After(time.Duration(periods) * o.period):
		case <-ctx.Done():
		}
	}
	scene(7, "Healthy.")
	s.setFault(true)
	const fault = "Fault: the payment provider answers 503 to most requests, reading products takes 200 ms."
	if o.restart {
		scene(5, fault)
		say("A deploy: the monitor ends, and another one goes on. Nobody hears of what they know already.")
		err = m.restart(ctx)
		scene(4, "The new one has begun in the middle of the incident.")
	} else {
		scene(8, fault)
	}
	s.setFault(false)
	scene(9, "The fault is mended.")
	return err
}

// say prints what happens.
func say(format string, args ...any) {
	fmt.Printf("\n%s\n", emphasize(fmt.Sprintf("» "+format, args...)))
}
