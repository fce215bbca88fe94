package monitor

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// A provider whose monitor is the last of its processors exports its spans and says what
// was left, the firing alert and the last word on it, although a receiver of alerts hangs until the deadline.
func TestProviderShutdownWhileAReceiverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		m := start(t, Config{
			Objective: engine.Objective{AlertAfter: 1},
			Sinks:     []engine.Sink{},
			Notifiers: []alert.Notifier{alert.NotifierFunc(func(context.Context, []alert.Alert) error { <-hang; return nil })},
		})
		var exported int
		tp := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exportFunc(func(spans []sdktrace.ReadOnlySpan) { exported += len(spans) })), sdktrace.WithSpanProcessor(m))
		_, span := tp.Tracer("test").Start(t.Context(), "GET /", trace.WithSpanKind(trace.SpanKindServer))
		span.SetStatus(codes.Error, "down")
		span.End()
		time.Sleep(time.Minute)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := tp.Shutdown(ctx); err == nil || !strings.Contains(err.Error(), "notifier 0: 2 left undelivered") {
			t.Errorf("shutdown: %v, want it to say what was left", err)
		}
		if exported != 1 {
			t.Errorf("%d spans were exported, want 1", exported)
		}
		close(hang)
	})
}

// exportFunc is an exporter of spans.
type exportFunc func([]sdktrace.ReadOnlySpan)

func (f exportFunc) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	f(spans)
	return nil
}
func (exportFunc) Shutdown(context.Context) error { return nil }

// capture is a processor that keeps the real snapshots that it gets.
type capture struct{ spans []sdktrace.ReadOnlySpan }

func (c *capture) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (c *capture) OnEnd(s sdktrace.ReadOnlySpan)                   { c.spans = append(c.spans, s) }
func (c *capture) ForceFlush(context.Context) error                { return nil }
func (c *capture) Shutdown(context.Context) error                  { return nil }

// snapshot returns what a processor gets to see of a span that f fills.
func snapshot(name string, kind trace.SpanKind, f func(trace.Span)) sdktrace.ReadOnlySpan {
	var c capture
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(&c))
	_, span := tp.Tracer("test").Start(context.Background(), name, trace.WithSpanKind(kind))
	if f != nil {
		f(span)
	}
	span.End()
	return c.spans[0]
}

// serverSpan is a span as otelhttp makes them.
func serverSpan() sdktrace.ReadOnlySpan {
	return snapshot("GET /users/{id}", trace.SpanKindServer, func(s trace.Span) {
		s.SetAttributes(
			attribute.String("http.request.method", "GET"),
			attribute.String("url.scheme", "http"),
			attribute.String("url.path", "/users/7"),
			attribute.String("server.address", "shop"),
			attribute.String("http.route", "/users/{id}"),
			attribute.Int("http.response.status_code", 200),
		)
	})
}

// failedSpan is a client span as otelhttp makes them.
func failedSpan() sdktrace.ReadOnlySpan {
	return snapshot("HTTP POST", trace.SpanKindClient, func(s trace.Span) {
		s.SetAttributes(
			attribute.String("http.request.method", "POST"),
			attribute.String("server.address", "payments"),
			attribute.Int("http.response.status_code", 503),
			attribute.String("error.type", "503"),
		)
		s.SetStatus(codes.Error, "")
	})
}

func TestSpansBecomeSummariesAndAlerts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{Name: "http"}))
		tp := sdktrace.NewTracerProvider(
			// Nothing is sampled: the monitor sees all the same.
			sdktrace.WithSampler(sdktrace.AlwaysRecord(sdktrace.NeverSample())),
			sdktrace.WithSpanProcessor(m),
			sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "shop"))),
		)
		tracer := tp.Tracer("test")
		for minute := range 6 {
			for i := range 10 {
				_, span := tracer.Start(context.Background(), "GET /users/{id}", trace.WithSpanKind(trace.SpanKindServer))
				time.Sleep(20 * time.Millisecond)
				code := 200
				if minute < 3 && i < 4 {
					code = 503
					span.SetStatus(codes.Error, "")
				}
				span.SetAttributes(attribute.Int("http.response.status_code", code))
				span.End()
			}
			time.Sleep(time.Minute - 200*time.Millisecond)
			synctest.Wait()
		}
		if err := tp.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		summaries := r.summaries("GET /users/{id}")
		if len(summaries) != 6 {
			t.Fatalf("%d summaries, want one a minute", len(summaries))
		}
		s := summaries[0]
		if s.Monitor != "http" || s.Service != "shop" || s.SpanKind != engine.SpanKindServer {
			t.Errorf("summary of %q %q %v, want http shop server", s.Monitor, s.Service, s.SpanKind)
		}
		if s.Count != 10 || s.Success != 6 || s.Failure != 4 || s.SuccessRatio != 0.6 {
			t.Errorf("counts: %+v", s)
		}
		if s.Latency.Mean != 20*time.Millisecond || s.FailureLatency.Mean != 20*time.Millisecond {
			t.Errorf("latency: %+v, of failures %+v; want 20ms", s.Latency, s.FailureLatency)
		}
		if want := []engine.CodeCount{{Code: "503", Count: 4}}; !slices.Equal(s.Failures, want) {
			t.Errorf("failures: %+v, want %+v", s.Failures, want)
		}
		if s.Verdicts.Availability != engine.VerdictBad || s.Verdicts.Latency != engine.VerdictGood {
			t.Errorf("verdicts: %+v", s.Verdicts)
		}
		if len(s.FailureExemplars) != 4 || s.FailureExemplars[0].Trace.IsZero() || s.FailureExemplars[0].Trace.Sampled {
			t.Errorf("failed calls: %+v", s.FailureExemplars)
		}
		if got, want := r.states("GET /users/{id}"), []string{"availability firing", "availability resolved"}; !slices.Equal(got, want) {
			t.Fatalf("alerts: %q, want %q", got, want)
		}
		firing, resolved := r.alerts[0], r.alerts[1]
		if firing.ID != resolved.ID || len(firing.Evidence) != 3 || len(resolved.Evidence) != 3 {
			t.Errorf("alerts don't belong together: %+v, %+v", firing, resolved)
		}
		if firing.WorstExemplar.Trace.IsZero() || firing.WorstExemplar.Code != "503" {
			t.Errorf("worst call: %+v", firing.WorstExemplar)
		}
	})
}

func TestWhichSpansCount(t *testing.T) {
	all := []trace.SpanKind{trace.SpanKindInternal, trace.SpanKindServer, trace.SpanKindClient, trace.SpanKindProducer, trace.SpanKindConsumer}
	tests := map[string]struct {
		config Config
		want   []string
	}{
		"default kinds": {Config{}, []string{"server", "client", "producer", "consumer"}},
		"all kinds":     {Config{Kinds: all}, []string{"internal", "server", "client", "producer", "consumer"}},
		"one kind":      {Config{Kinds: []trace.SpanKind{trace.SpanKindConsumer}}, []string{"consumer"}},
		"no kind":       {Config{Kinds: []trace.SpanKind{}}, nil},
		"filter": {Config{Filter: func(s sdktrace.ReadOnlySpan) bool { return s.Name() == "client" }},
			[]string{"client"}},
		"filter that panics": {Config{Kinds: []trace.SpanKind{trace.SpanKindServer}, Filter: func(sdktrace.ReadOnlySpan) bool { panic("mine") }},
			[]string{"server"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			catchErrors(t)
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				m := start(t, r.record(tt.config))
				for _, kind := range all {
					m.OnEnd(snapshot(kind.String(), kind, nil))
				}
				if err := m.Shutdown(context.Background()); err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, s := range r.periods[0].Summaries {
					got = append(got, s.Operation)
				}
				slices.Sort(got)
				slices.Sort(tt.want)
				if !slices.Equal(got, tt.want) {
					t.Errorf("counted %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// TestOwnSpansAreNeverMonitored closes the loop that would otherwise feed itself:
// a notifier that emits spans into the provider that the monitor watches.
func TestOwnSpansAreNeverMonitored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		exported := tracetest.NewInMemoryExporter()
		tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exported))
		c := r.record(Config{Kinds: []trace.SpanKind{trace.SpanKindInternal, trace.SpanKindServer}, Objective: engine.Objective{AlertAfter: 1}})
		c.Notifiers = append(c.Notifiers, alert.SpanEvent(tp))
		m := start(t, c)
		tp.RegisterSpanProcessor(m)
		for range 5 {
			_, span := tp.Tracer("test").Start(context.Background(), "work", trace.WithSpanKind(trace.SpanKindServer))
			span.SetStatus(codes.Error, "boom")
			span.End()
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		if err := m.ForceFlush(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, p := range r.periods {
			for _, s := range p.Summaries {
				if s.Operation != "work" {
					t.Errorf("operation %q is monitored", s.Operation)
				}
			}
		}
		var own []tracetest.SpanStub
		for _, s := range exported.GetSpans() {
			if s.InstrumentationScope.Name == alert.ScopeName {
				own = append(own, s)
			}
		}
		if len(own) != 1 || len(own[0].Events) != 1 || own[0].Events[0].Name != alert.EventFiring {
			t.Fatalf("own spans: %+v, want one with the event %s", own, alert.EventFiring)
		}
		if worst := r.alerts[0].WorstExemplar.Trace; own[0].Parent.TraceID() != trace.TraceID(worst.TraceID) || own[0].Parent.SpanID() != trace.SpanID(worst.SpanID) {
			t.Errorf("the alert's span is a child of %v, want of the worst call %x", own[0].Parent, worst.SpanID)
		}
	})
}

func TestClassify(t *testing.T) {
	handled := catchErrors(t)
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{
			// Codes says one thing of 503, the function another: the function wins.
			Codes: map[string]CodeFeature{"503": {Success: true}, "weird": {Success: false, Name: "Weird"}, "fine": {Success: true}},
			Classify: func(s sdktrace.ReadOnlySpan) (string, engine.Outcome) {
				switch s.Name() {
				case "failure":
					return "503", engine.OutcomeFailure
				case "success":
					return "weird", engine.OutcomeSuccess
				case "ignored":
					return "", engine.OutcomeIgnored
				case "cancelled":
					return "", engine.OutcomeCancelled
				case "panics":
					panic("mine")
				case "no answer":
					return "", engine.OutcomeUnset
				case "left to the codes":
					return "weird", engine.OutcomeUnset
				}
				return "fine", engine.OutcomeUnset
			},
		}))
		for _, name := range []string{"failure", "success", "ignored", "cancelled", "panics", "panics", "no answer", "left to the codes", "other"} {
			m.OnEnd(snapshot(name, trace.SpanKindServer, func(s trace.Span) { s.SetStatus(codes.Error, "") }))
		}
		if err := m.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		type counts struct{ success, failure, cancelled, ignored uint64 }
		for name, want := range map[string]counts{
			"failure": {failure: 1}, "success": {success: 1}, "ignored": {ignored: 1}, "cancelled": {cancelled: 1},
			"panics":            {failure: 2}, // as the default classifier says
			"no answer":         {failure: 1}, // likewise
			"left to the codes": {failure: 1},
			"other":             {success: 1},
		} {
			s := r.summaries(name)[0]
			if got := (counts{s.Success, s.Failure, s.Cancelled, s.Ignored}); got != want {
				t.Errorf("%s: %+v, want %+v", name, got, want)
			}
		}
		if got := r.summaries("left to the codes")[0].Failures; len(got) != 1 || got[0].Name != "Weird" {
			t.Errorf("the code's name is missing: %+v", got)
		}
		if got := handled(); len(got) != 1 || !strings.Contains(got[0], "classify: panic: mine") {
			t.Errorf("errors handled: %q, want one about the panic", got)
		}
	})
}

func TestSeveralMonitorsOnOneProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers, clients recorder
		a := start(t, servers.record(Config{Name: "servers", Kinds: []trace.SpanKind{trace.SpanKindServer}, Objective: engine.Objective{AlertAfter: 1}}))
		b := start(t, clients.record(Config{Name: "clients", Kinds: []trace.SpanKind{trace.SpanKindClient}, Objective: engine.Objective{AlertAfter: 2}}))
		tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(a), sdktrace.WithSpanProcessor(b))
		for range 2 {
			for _, kind := range []trace.SpanKind{trace.SpanKindServer, trace.SpanKindClient} {
				_, span := tp.Tracer("test").Start(context.Background(), "call", trace.WithSpanKind(kind))
				span.SetStatus(codes.Error, "")
				span.End()
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if err := a.SetObjective("call", engine.Objective{SuccessRatio: 0.1}); err != nil {
				t.Fatal(err)
			}
		}
		if s, c := servers.counted(), clients.counted(); s != 2 || c != 2 {
			t.Errorf("counted %d and %d calls, want 2 and 2", s, c)
		}
		if s, c := servers.alerts[0], clients.alerts[0]; len(s.Evidence) != 1 || len(c.Evidence) != 2 || s.Monitor != "servers" || c.Monitor != "clients" {
			t.Errorf("alerts: %+v, %+v", s, c)
		}
		if got := clients.summaries("call")[1].Objective.SuccessRatio; got != 0.95 {
			t.Errorf("one monitor's objective reached the other: %v", got)
		}
		// Each ends by itself.
		if err := a.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if !b.Report(Report{Operation: "x"}) {
			t.Error("one monitor's end ended the other")
		}
	})
}

func TestServicesOfSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Setenv("OTEL_SERVICE_NAME", "") // the default resource of this process has been made by now
		var r recorder
		m := start(t, r.record(Config{Name: "m", Service: "by hand"}))
		for i := range maxServices + 4 { // also more than the list of known ones holds
			name := strings.Repeat("s", i+1)
			tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m),
				sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", name))))
			for range 3 {
				_, span := tp.Tracer("test").Start(context.Background(), "call", trace.WithSpanKind(trace.SpanKindServer))
				span.End()
			}
		}
		m.Report(Report{Operation: "call"})
		if err := m.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		got := make(map[string]uint64)
		for _, s := range r.summaries("call") {
			got[s.Service] = s.Count
		}
		if len(got) != maxServices+5 || got["by hand"] != 1 {
			t.Errorf("services: %v", got)
		}
		for i := range maxServices + 4 {
			if name := strings.Repeat("s", i+1); got[name] != 3 {
				t.Errorf("service %q has %d calls, want 3", name, got[name])
			}
		}
	})
}

func TestExporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{}))
		tp := sdktrace.NewTracerProvider(
			sdktrace.WithSampler(sdktrace.AlwaysRecord(sdktrace.TraceIDRatioBased(0.5))),
			sdktrace.WithBatcher(m.Exporter()))
		sampled := uint64(0)
		for range 500 {
			_, span := tp.Tracer("test").Start(context.Background(), "call", trace.WithSpanKind(trace.SpanKindServer))
			if span.SpanContext().IsSampled() {
				sampled++
			}
			span.End()
		}
		if err := tp.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := r.counted(); got != sampled || got == 0 || got == 500 {
			t.Errorf("%d calls counted, want the %d sampled of 500", got, sampled)
		}
		if m.Report(Report{}) {
			t.Error("the exporter's Shutdown did not end the monitor")
		}
	})
}

func TestHotPathAllocatesNothing(t *testing.T) {
	m := start(t, Config{Sinks: []engine.Sink{}, Notifiers: []alert.Notifier{}, Period: time.Hour})
	server, failed := serverSpan(), failedSpan()
	for name, f := range map[string]func(){
		"OnEnd of a healthy span": func() { m.OnEnd(server) },
		"OnEnd of a failed span":  func() { m.OnEnd(failed) },
		"Report":                  func() { m.Report(Report{Operation: "render", Code: "500", Duration: time.Millisecond}) },
	} {
		for range 100 { // what is made once is made now, and the details of a few failed calls
			f()
		}
		if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
