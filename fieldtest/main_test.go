package fieldtest

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/goleak"

	monitor "github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var propagator = propagation.TraceContext{}

// watched is a program with a monitor. What its summaries hold is known once it has ended.
type watched struct {
	*sdktrace.TracerProvider
	summaries []engine.Summary
}

func watch(t *testing.T) *watched {
	t.Helper()
	w := new(watched)
	m, err := monitor.New(monitor.Config{
		Period:    time.Hour,
		Notifiers: []alert.Notifier{},
		Sinks: []engine.Sink{engine.SinkFunc(func(_ context.Context, p engine.Period) error {
			w.summaries = append(w.summaries, p.Summaries...)
			return nil
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m))
	return w
}

// end ends the monitor and returns the summaries of the operations of a kind, by name.
func (w *watched) end(t *testing.T, kind engine.SpanKind) map[string]engine.Summary {
	t.Helper()
	if err := w.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	summaries := make(map[string]engine.Summary)
	for _, s := range w.summaries {
		if s.SpanKind == kind {
			summaries[s.Operation] = s
		}
	}
	return summaries
}

// counts are the calls of an operation by outcome.
type counts struct{ success, failure, cancelled, ignored, untimed uint64 }

func check(t *testing.T, summaries map[string]engine.Summary, operation string, want counts) {
	t.Helper()
	s, ok := summaries[operation]
	if !ok {
		t.Errorf("no operation %q", operation)
		for name := range summaries {
			t.Logf("there is %q", name)
		}
		return
	}
	if got := (counts{s.Success, s.Failure, s.Cancelled, s.Ignored, s.Untimed}); got != want {
		t.Errorf("%s: %+v, want %+v (failures %+v)", operation, got, want, s.Failures)
	}
}
