package monitor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// alertsOn returns the firing alerts about what calls do, a hundred a second for some periods.
func alertsOn(t *testing.T, c Config, call func(tracer trace.Tracer, i int)) (alerts []alert.Alert) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c.Period, c.Sinks = 10*time.Second, []engine.Sink{}
		c.Notifiers = []alert.Notifier{alert.NotifierFunc(func(_ context.Context, all []alert.Alert) error {
			for i := range all {
				if all[i].State == alert.Firing {
					alerts = append(alerts, all[i])
				}
			}
			return nil
		})}
		m := start(t, c)
		tp := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.AlwaysRecord(sdktrace.NeverSample())), sdktrace.WithSpanProcessor(m))
		tracer := tp.Tracer("test")
		for i := range 5000 {
			call(tracer, i)
			time.Sleep(10 * time.Millisecond)
		}
		if err := m.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	return alerts
}

// failing is a call of which every fourth fails, those of one tenant.
func failing(tracer trace.Tracer, i int) {
	_, span := tracer.Start(context.Background(), "POST /orders", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", "POST"), attribute.String("tenant.id", []string{"acme", "b", "c", "d"}[i%4]), attribute.Int("order.id", i),
	))
	if i%4 == 0 {
		span.AddEvent("retry", trace.WithAttributes(attribute.Int("attempt", 2), attribute.String("password", "hunter2")))
		span.RecordError(fmt.Errorf("insert order %d: %w", i, errors.New("redis://bob:hunter2@cache timeout")))
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// An alert says why calls fail, and what those have in common.
func TestAlertSaysWhy(t *testing.T) {
	alerts := alertsOn(t, Config{Dimensions: []string{"tenant.id"}}, failing)
	if len(alerts) != 1 {
		t.Fatalf("%d alerts, want 1", len(alerts))
	}
	line := alert.Line(&alerts[0])
	for _, want := range []string{`"insert order *: redis://***@cache timeout"`, "all have tenant.id=acme (0 % of the others)"} {
		if !strings.Contains(line, want) {
			t.Errorf("the alert does not say %s:\n%s", want, line)
		}
	}
	details := alerts[0].Exemplars()[0].Details
	if details == nil || len(details.Events) != 1 || details.Events[0].Text != "attempt=2" {
		t.Errorf("got the details %+v", details)
	}
	if text := fmt.Sprintf("%+v %+v", alerts[0].Why, details); strings.Contains(text, "hunter2") {
		t.Errorf("a secret is shown: %s", text)
	}
}

// Nothing is kept where that is asked for.
func TestNoDetails(t *testing.T) {
	alerts := alertsOn(t, Config{NoDetails: true, Dimensions: []string{"*"}}, failing)
	if len(alerts) != 1 || alerts[0].Reason() != "" || alerts[0].Exemplars()[0].Details != nil {
		t.Errorf("got %+v", alerts)
	}
}

// So it is with slow calls.
func TestAlertSaysWhatSlowCallsShare(t *testing.T) {
	alerts := alertsOn(t, Config{Dimensions: []string{"tenant.id"}, Objective: engine.Objective{LatencyTarget: 100 * time.Millisecond, WithinTargetRatio: 0.9}}, func(tracer trace.Tracer, i int) {
		began := time.Now()
		_, span := tracer.Start(context.Background(), "GET /cart", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(began), trace.WithAttributes(
			attribute.String("tenant.id", []string{"acme", "b", "c", "d"}[i%4]), attribute.Int("http.response.status_code", 200)))
		took := time.Duration(1+i%7) * time.Millisecond
		if i%4 == 0 {
			took = 300 * time.Millisecond
		}
		span.End(trace.WithTimestamp(began.Add(took)))
	})
	if len(alerts) != 1 || alerts[0].Objective != alert.Latency || !strings.Contains(alerts[0].Reason(), "all have tenant.id=acme") {
		t.Fatalf("got %d alerts: %+v", len(alerts), alerts)
	}
}
