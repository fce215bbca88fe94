package main

import (
	"context"
	"log"
	"os"

	"go.opentelemetry.io/contrib/otelconf"
	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	monitor "github.com/blurooo/go-monitor/v2"

	"github.com/blurooo/go-monitor/mail"
	"github.com/blurooo/go-monitor/otellog"
	"github.com/blurooo/go-monitor/otelmetric"
	"github.com/blurooo/go-monitor/store"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/alert/alertmanager"
	"github.com/blurooo/go-monitor/v2/alert/webhook"
	"github.com/blurooo/go-monitor/v2/engine"
)

// docs/sinks.md shows these lines. They are compiled and not run.
func Example_destinations() {
	ctx := context.Background()
	chat, _ := webhook.New(webhook.Config{URL: "https://hooks.slack.com/services/...", Format: webhook.Slack})
	am, _ := alertmanager.New(alertmanager.Config{URLs: []string{"http://am-0:9093", "http://am-1:9093"}})
	post, _ := mail.New(mail.Config{Host: "smtp.example.org", From: "monitor@example.org", To: []string{"ops@example.org"}})
	db, _ := store.Open(ctx, store.Config{DSN: "quality.db"}) // or postgres://...
	m, err := monitor.New(monitor.Config{Notifiers: []alert.Notifier{chat, am, post, db}, Sinks: []engine.Sink{db}})
	_, _ = m, err
}

// Alerts go to any number of notifiers. One that is slow, fails or panics does not
// disturb the others.
func Example_notifiers() {
	page := func(context.Context, string) error { return nil }
	m, err := monitor.New(monitor.Config{
		Notifiers: []alert.Notifier{
			alert.Console(os.Stderr),
			otellog.New(otel.GetLoggerProvider()),
			alert.SpanEvent(otel.GetTracerProvider()),
			alert.NotifierFunc(func(ctx context.Context, alerts []alert.Alert) error {
				for _, a := range alerts {
					if a.State == alert.Firing {
						if err := page(ctx, a.Summary()); err != nil {
							return err
						}
					}
				}
				return nil
			}),
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

// docs/sinks.md shows these lines. They are compiled and not run.
func Example_metrics() {
	var exporter sdkmetric.Exporter
	metrics, err := otelmetric.New(otelmetric.Config{})
	if err != nil {
		log.Fatal(err)
	}
	reader := sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(metrics))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	m, err := monitor.New(monitor.Config{Histograms: true, Sinks: []engine.Sink{metrics}})
	_, _, _ = meters, m, err
}

// docs/store.md shows these lines. They are compiled and not run.
func Example_store() {
	ctx := context.Background()
	s, err := store.Open(ctx, store.Config{DSN: "quality.db"}) // or "postgres://user:password@host/database"
	if err != nil {
		log.Fatal(err)
	}
	m, err := monitor.New(monitor.Config{Sinks: []engine.Sink{s}, Notifiers: []alert.Notifier{s}})
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		_ = m.Shutdown(ctx) // first the monitor, which hands over its last period
		_ = s.Close(ctx)    // then the store, which writes it
	}()
}

// docs/fleet.md shows these lines: a monitor beside OpenTelemetry's declarative configuration. They
// are compiled and not run.
func Example_otelconf() {
	join := func(m *monitor.Monitor, text []byte) error {
		config, err := otelconf.ParseYAML(text)
		if err != nil {
			return err
		}
		sdk, err := otelconf.NewSDK(
			otelconf.WithOpenTelemetryConfiguration(*config),
			otelconf.WithTracerProviderOptions(sdktrace.WithSpanProcessor(m)),
		)
		if err != nil {
			return err
		}
		return sdk.Shutdown(context.Background())
	}
	_ = join
}
