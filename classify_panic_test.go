package monitor

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestPanics(t *testing.T) {
	num := attribute.Int
	var rows ruleRows
	add := rows.add
	for _, kind := range []trace.SpanKind{kindServer, kindClient, kindInternal, kindProducer, kindConsumer} {
		name := kind.String() + ": "
		add(name+"panic", raising(spanWith(kind, unset()), time.Microsecond, ".string", "kaboom"), ".string", failure)
		add(name+"slow panic", raising(spanWith(kind, unset()), maxPanicGap, ".string", "kaboom"), ".string", failure)
		add(name+"exception long after the end", raising(spanWith(kind, unset()), maxPanicGap+1, ".string", "kaboom"), "OK", success)
		add(name+"exception before the end", raising(spanWith(kind, unset()), beforeEnd, ".string", "kaboom"), "OK", success)
		add(name+"exception at the end", raising(spanWith(kind, unset()), 0, ".string", "kaboom"), "OK", success)
		add(name+"panic without a type", raising(spanWith(kind, unset()), time.Microsecond, "", "kaboom"), "_OTHER", failure)
		add(name+"panic after a swallowed error", raising(raising(spanWith(kind, unset()), beforeEnd, "a", "b"), time.Microsecond, ".string", "kaboom"), ".string", failure)

		s := raising(spanWith(kind, unset()), time.Microsecond, ".string", "kaboom")
		s.Events = append(s.Events, sdktrace.Event{Name: "log", Time: testEnd.Add(2 * time.Microsecond)})
		add(name+"another event after the exception", s, "OK", success)
		s = spanWith(kind, unset())
		s.Events = []sdktrace.Event{{Name: "log", Time: testEnd.Add(time.Microsecond)}}
		add(name+"another event after the end", s, "OK", success)
	}
	add("panic in spite of a code that is not judged", raising(spanWith(kindInternal, unset(), num("http.response.status_code", 500)), time.Microsecond, ".string", "kaboom"), "500", failure)
	add("exception after the end of a call that has its code", raising(spanWith(kindServer, unset(), num("http.response.status_code", 200)), time.Microsecond, ".string", "kaboom"), "200", success)
	rows.run(t)
}

type keeper struct{ span sdktrace.ReadOnlySpan }

func (k *keeper) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (k *keeper) OnEnd(s sdktrace.ReadOnlySpan)                   { k.span = s }
func (k *keeper) Shutdown(context.Context) error                  { return nil }
func (k *keeper) ForceFlush(context.Context) error                { return nil }

// keptBy runs f with a live tracer and returns the snapshot of the span that f ended
// last. A panic of f's goes no further.
func keptBy(f func(trace.Tracer)) sdktrace.ReadOnlySpan {
	k := new(keeper)
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(k))
	func() {
		defer func() { _ = recover() }()
		f(tp.Tracer("test"))
	}()
	return k.span
}

// TestClassifyLivePanics shows on the SDK itself what tells a panic from an error
// that was recorded and dealt with, and where the rule ends.
func TestClassifyLivePanics(t *testing.T) {
	ctx := context.Background()
	errSwallowed := errors.New("swallowed")
	longAgo := time.Now().Add(-time.Hour).Round(0)

	for _, tt := range []struct {
		test    string
		run     func(trace.Tracer)
		code    string
		outcome engine.Outcome
	}{
		{"panic with a text", func(tr trace.Tracer) {
			_, span := tr.Start(ctx, "work")
			defer span.End()
			panic("kaboom")
		}, ".string", failure},
		{"panic with an error", func(tr trace.Tracer) {
			_, span := tr.Start(ctx, "work", trace.WithSpanKind(kindServer))
			defer span.End(trace.WithStackTrace(true))
			panic(errSwallowed)
		}, "*errors.errorString", failure},
		{"panic of the runtime", func(tr trace.Tracer) {
			_, span := tr.Start(ctx, "work", trace.WithSpanKind(kindClient))
			defer span.End()
			_ = []int{}[len(span.SpanContext().TraceID())]
		}, "runtime.boundsError", failure},
		{"panic after a swallowed error", func(tr trace.Tracer) {
			_, span := tr.Start(ctx, "work")
			defer span.End()
			span.RecordError(context.DeadlineExceeded)
			panic("kaboom")
		}, ".string", failure},
		{"panic in a span that was started with a time.Now()", func(tr trace.Tracer) {
			_, span := tr.Start(ctx, "work", trace.WithTimestamp(time.Now()))
			defer span.End()
			panic("kaboom")
		}, ".string", failure},
		{"panic in a span that was started with a time from elsewhere", func(tr trace.Tracer) {
			_, span := tr.Start(ctx, "work", trace.WithTimestamp(longAgo))
			defer span.End()
			panic("kaboom")
		}, ".string", failure},
		{"panic in a span with a code", func(tr trace.Tracer) {
			_, span := tr.Start(ctx, "work")
			defer span.End()
			span.SetAttributes(attribute.String("error.type", "timeout"))
			panic("kaboom")
		}, "timeout", failure},
		{"panic that is recovered before End", func(tr trace.Tracer) {
			_, span := tr.Start(ctx, "work")
			defer span.End()
			defer func() { span.RecordError(fmt.Errorf("%v", recover())) }()
			panic("kaboom")
		}, "OK", success},

		{"swallowed error", func(tr trace.Tracer) {
			_, span := tr.Start(ctx, "work")
			defer span.End()
			span.RecordError(errSwallowed)
		}, "OK", success},
		{"swallowed error in a span that was started with a time from elsewhere", func(tr trace.Tracer) {
			_, span := tr.Start(ctx, "work", trace.WithTimestamp(longAgo))
			span.RecordError(errSwallowed)
			span.End()
		}, "OK", success},
		{"swallowed error in a span that ended long ago", func(tr trace.Tracer) {
			_, span := tr.Start(ctx, "work", trace.WithTimestamp(longAgo))
			span.RecordError(errSwallowed)
			span.End(trace.WithTimestamp(longAgo.Add(time.Second)))
		}, "OK", success},
		{"swallowed error in a span that was given its end long ago, by the same clock", func(tr trace.Tracer) {
			start := time.Now().Add(-time.Hour)
			_, span := tr.Start(ctx, "work", trace.WithTimestamp(start))
			span.RecordError(errSwallowed)
			span.End(trace.WithTimestamp(start.Add(time.Second)))
		}, "OK", success},
		{"swallowed error in a span that was given its end just now, from elsewhere", func(tr trace.Tracer) {
			_, span := tr.Start(ctx, "work")
			end := time.Now().Round(0)
			span.RecordError(errSwallowed)
			span.End(trace.WithTimestamp(end))
		}, "OK", success},
		{"swallowed error in a span that ends in the future", func(tr trace.Tracer) {
			_, span := tr.Start(ctx, "work")
			span.RecordError(errSwallowed)
			span.End(trace.WithTimestamp(time.Now().Add(time.Hour)))
		}, "OK", success},
		{"swallowed error with a time in the future", func(tr trace.Tracer) {
			_, span := tr.Start(ctx, "work")
			span.RecordError(errSwallowed, trace.WithTimestamp(time.Now().Add(time.Hour)))
			span.End()
		}, "OK", success},

		// The limits of the rule.
		{"limit: swallowed error after a time.Now() that becomes the end", func(tr trace.Tracer) {
			_, span := tr.Start(ctx, "work")
			end := time.Now()
			span.RecordError(errSwallowed)
			span.End(trace.WithTimestamp(end))
		}, "*errors.errorString", failure},
		{"limit: panic in a span that ends in the future", func(tr trace.Tracer) {
			_, span := tr.Start(ctx, "work")
			defer span.End(trace.WithTimestamp(time.Now().Add(time.Hour)))
			panic("kaboom")
		}, "OK", success},
		{"limit: panic where End is not the deferred function", func(tr trace.Tracer) {
			_, span := tr.Start(ctx, "work")
			defer func() { span.End() }()
			panic("kaboom")
		}, "OK", success},
	} {
		t.Run(tt.test, func(t *testing.T) {
			c := newClassifier(nil, Outcomes{}, nil)
			for i := range 300 {
				s := keptBy(tt.run)
				_, result := c.classify(context.Background(), s, s.SpanKind(), s.EndTime())
				code, outcome := result.Code, result.Outcome
				if code != tt.code || outcome != tt.outcome {
					t.Fatalf("try %d: %s %q, want %s %q", i, outcome, code, tt.outcome, tt.code)
				}
			}
		})
	}
}

// TestClassifySwallowedUnderLoad records errors right before End on more goroutines
// than there are processors, so that some are stopped between the two.
func TestClassifySwallowedUnderLoad(t *testing.T) {
	t.Parallel()
	c := newClassifier(nil, Outcomes{}, nil)
	errSwallowed := errors.New("swallowed")
	for g := range 4 * runtime.GOMAXPROCS(0) {
		t.Run(strconv.Itoa(g), func(t *testing.T) {
			t.Parallel()
			k := new(keeper)
			tr := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(k)).Tracer("test")
			for i := range 2000 {
				_, span := tr.Start(context.Background(), "work")
				span.RecordError(errSwallowed)
				span.End()
				if _, result := c.classify(context.Background(), k.span, kindInternal, k.span.EndTime()); result.Outcome != success {
					t.Fatalf("try %d: %s %q", i, result.Outcome, result.Code)
				}
			}
		})
	}
}
