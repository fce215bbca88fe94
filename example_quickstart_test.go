package monitor_test

import (
	"context"
	"log"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	monitor "github.com/blurooo/go-monitor/v2"
)

// A monitor with the defaults judges every server, client, producer and consumer
// span once a minute, writes a line of JSON for each operation on stdout, and
// alerts on stderr.
func Example() {
	m, err := monitor.New(monitor.Config{Name: "http"})
	if err != nil {
		log.Fatal(err)
	}
	sampler := sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.1))
	tp := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.AlwaysRecord(sampler)), // judge 100 % of calls, export the sampled ones
		sdktrace.WithSpanProcessor(m),
	)
	otel.SetTracerProvider(tp)
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := tp.Shutdown(ctx); err != nil { // shuts the monitor down, too
			log.Print(err)
		}
	}()
	// Output:
}
