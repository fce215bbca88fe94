// Command quickstart is the program of the README's quick start: every third call fails.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	monitor "github.com/blurooo/go-monitor/v2"
)

func main() {
	m, err := monitor.New(monitor.Config{})
	if err != nil {
		log.Fatal(err)
	}
	tp := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.AlwaysRecord(sdktrace.TraceIDRatioBased(0.1))), // judge all calls, sample a tenth
		sdktrace.WithSpanProcessor(m), // behind WithBatcher(exporter), if you export
	)
	otel.SetTracerProvider(tp)

	var calls atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cart", func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1)%3 == 0 {
			http.Error(w, "the database is down", http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: otelhttp.NewHandler(mux, "http"), ReadHeaderTimeout: time.Second}
	go func() { log.Print(server.ListenAndServe()) }()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = server.Shutdown(ctx)
	_ = tp.Shutdown(ctx) // shuts the monitor down, too
}
