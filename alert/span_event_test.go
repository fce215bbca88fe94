package alert

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestSpanEvent(t *testing.T) {
	firing, resolved := incident(t, Availability)
	spans := traced(inSpan(), t, sdktrace.NeverSample(), firing, resolved)
	if len(spans) != 2 {
		t.Fatalf("2 alerts have become %d sampled spans", len(spans))
	}
	for i, s := range spans {
		a := []*Alert{&firing, &resolved}[i]
		event := []string{"gomonitor.alert.firing", "gomonitor.alert.resolved"}[i]
		t.Run(event, func(t *testing.T) {
			checkContext(t, "parent", s.Parent.TraceID(), s.Parent.SpanID(), s.Parent.TraceFlags(), a)
			if !s.Parent.IsRemote() {
				t.Error("the parent is not a remote one")
			}
			if got, want := s.SpanContext.TraceID(), trace.TraceID(a.WorstExemplar.Trace.TraceID); got != want {
				t.Errorf("trace = %s, want %s", got, want)
			}
			if !s.SpanContext.IsSampled() {
				t.Error("the span is not sampled")
			}
			if s.Name != "gomonitor.alert" || s.SpanKind != trace.SpanKindInternal {
				t.Errorf("span = %s %q", s.SpanKind, s.Name)
			}
			if got := s.InstrumentationScope.Name; got != ScopeName {
				t.Errorf("scope = %q, want %q", got, ScopeName)
			}
			if s.EndTime.IsZero() {
				t.Error("the span has not ended")
			}
			if len(s.Events) != 1 || s.Events[0].Name != event || !s.Events[0].Time.Equal(a.DecidedAt) {
				t.Fatalf("events = %+v, want one %s at %v", s.Events, event, a.DecidedAt)
			}
			if diff := cmp.Diff(wantAttributes(a), valuesOf(t, s.Events[0].Attributes)); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSpanEventWithoutSampledCall(t *testing.T) {
	for name, worst := range map[string]engine.Exemplar{"not sampled": exemplar(0x11, false, "503", 0), "none": {}} {
		t.Run(name, func(t *testing.T) {
			a, _ := incident(t, Availability)
			a.WorstExemplar = worst
			for _, ctx := range []context.Context{context.Background(), inSpan()} {
				spans := traced(ctx, t, sdktrace.AlwaysSample(), a, a)
				if len(spans) != 2 {
					t.Fatalf("2 alerts have become %d spans", len(spans))
				}
				for _, s := range spans {
					if s.Parent.IsValid() {
						t.Errorf("the span has the parent %s in trace %s, want none", s.Parent.SpanID(), s.Parent.TraceID())
					}
					if len(s.Events) != 1 {
						t.Errorf("the span has %d events, want 1", len(s.Events))
					}
				}
				if spans[0].SpanContext.TraceID() == spans[1].SpanContext.TraceID() {
					t.Error("two alerts share a trace")
				}
			}
			if spans := traced(context.Background(), t, sdktrace.NeverSample(), a); len(spans) != 0 {
				t.Errorf("the sampler was not asked: %d spans", len(spans))
			}
		})
	}
}
