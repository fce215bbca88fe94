package monitor

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/engine"
)

// liveSpan returns a span as the SDK hands it to a processor.
func liveSpan(s tracetest.SpanStub, during func(trace.Span)) sdktrace.ReadOnlySpan {
	return keptBy(func(tr trace.Tracer) {
		_, span := tr.Start(context.Background(), s.Name, trace.WithSpanKind(s.SpanKind), trace.WithAttributes(s.Attributes...))
		defer span.End()
		if s.Status.Code != codes.Unset {
			span.SetStatus(s.Status.Code, s.Status.Description)
		}
		if during != nil {
			during(span)
		}
	})
}

func httpServerSpan(status int) tracetest.SpanStub {
	return tracetest.SpanStub{Name: "GET /users/{id}", SpanKind: kindServer, Attributes: []attribute.KeyValue{
		attribute.String("server.address", "127.0.0.1"),
		attribute.String("http.request.method", "GET"),
		attribute.String("url.scheme", "http"),
		attribute.String("url.path", "/users/42"),
		attribute.String("network.protocol.version", "1.1"),
		attribute.String("user_agent.original", "Go-http-client/1.1"),
		attribute.Int("http.response.status_code", status),
	}}
}

func httpClientSpan(status int) tracetest.SpanStub {
	return tracetest.SpanStub{Name: "HTTP GET", SpanKind: kindClient, Attributes: []attribute.KeyValue{
		attribute.String("http.request.method", "GET"),
		attribute.String("url.full", "http://127.0.0.1:8080/users/42"),
		attribute.String("server.address", "127.0.0.1"),
		attribute.Int("server.port", 8080),
		attribute.String("network.protocol.version", "1.1"),
		attribute.Int("http.response.status_code", status),
	}}
}

func rpcSpan(kind trace.SpanKind, code attribute.KeyValue) tracetest.SpanStub {
	return tracetest.SpanStub{Name: "users.Users/Get", SpanKind: kind, Attributes: []attribute.KeyValue{
		attribute.String("rpc.system.name", "grpc"),
		attribute.String("rpc.method", "users.Users/Get"),
		attribute.String("server.address", "127.0.0.1"),
		code,
	}}
}

func TestClassifyAllocatesNothing(t *testing.T) {
	failing := func(s tracetest.SpanStub, description string) tracetest.SpanStub {
		s.Status = failed(description)
		return s
	}
	record := func(err error) func(trace.Span) { return func(s trace.Span) { s.RecordError(err) } }
	query := tracetest.SpanStub{Name: "sql.conn.exec", SpanKind: kindClient, Attributes: []attribute.KeyValue{
		attribute.String("db.query.text", "insert into t(v) values($1)"), attribute.String("pgx.sql_state", "23505"),
	}}
	for name, s := range map[string]sdktrace.ReadOnlySpan{
		"http server":         liveSpan(httpServerSpan(200), nil),
		"http server, 404":    liveSpan(httpServerSpan(404), nil),
		"http server, 503":    liveSpan(failing(httpServerSpan(503), ""), nil),
		"http client":         liveSpan(httpClientSpan(200), nil),
		"http client, 503":    liveSpan(failing(httpClientSpan(503), ""), nil),
		"http client, broken": liveSpan(failing(httpClientSpan(200), "unexpected EOF"), record(errors.New("unexpected EOF"))),
		"http client, given":  liveSpan(failing(httpClientSpan(200), "context canceled"), nil),
		"grpc server":         liveSpan(rpcSpan(kindServer, attribute.Int("rpc.grpc.status_code", 0)), nil),
		"grpc server, 13":     liveSpan(failing(rpcSpan(kindServer, attribute.Int("rpc.grpc.status_code", 13)), "x"), nil),
		"grpc client":         liveSpan(rpcSpan(kindClient, attribute.String("rpc.response.status_code", "OK")), nil),
		"grpc client, failed": liveSpan(failing(rpcSpan(kindClient, attribute.String("rpc.response.status_code", "UNAVAILABLE")), "x"), nil),
		"sql error":           liveSpan(failing(query, ""), record(errors.New("duplicate key"))),
		"sql skip":            liveSpan(failing(tracetest.SpanStub{Name: "sql.conn.exec", SpanKind: kindClient}, ""), record(errors.New(skippedMessage))),
		"ok":                  liveSpan(tracetest.SpanStub{Name: "work", Status: okay()}, nil),
		"swallowed":           liveSpan(tracetest.SpanStub{Name: "work"}, record(errors.New("swallowed"))),
		"panic":               liveSpan(tracetest.SpanStub{Name: "work"}, func(trace.Span) { panic("kaboom") }),
		"server panic":        liveSpan(tracetest.SpanStub{Name: "GET", SpanKind: kindServer}, func(trace.Span) { panic("kaboom") }),
	} {
		for _, table := range []map[string]engine.CodeFeature{nil, {"418": {}}} {
			c := newClassifier(table, Outcomes{}, nil)
			kind, end := s.SpanKind(), s.EndTime()
			if n := testing.AllocsPerRun(100, func() { c.classify(context.Background(), s, kind, end) }); n != 0 {
				t.Errorf("%s, %d codes: %v allocations", name, len(table), n)
			}
		}
	}
}

// accessCounter counts how often the parts of a span are read.
type accessCounter struct {
	sdktrace.ReadOnlySpan
	attributes, names, statuses, events, times, others int
}

func (a *accessCounter) Attributes() []attribute.KeyValue {
	a.attributes++
	return a.ReadOnlySpan.Attributes()
}
func (a *accessCounter) Name() string            { a.names++; return a.ReadOnlySpan.Name() }
func (a *accessCounter) Status() sdktrace.Status { a.statuses++; return a.ReadOnlySpan.Status() }
func (a *accessCounter) Events() []sdktrace.Event {
	a.events++
	return a.ReadOnlySpan.Events()
}
func (a *accessCounter) StartTime() time.Time     { a.times++; return a.ReadOnlySpan.StartTime() }
func (a *accessCounter) EndTime() time.Time       { a.others++; return a.ReadOnlySpan.EndTime() }
func (a *accessCounter) SpanKind() trace.SpanKind { a.others++; return a.ReadOnlySpan.SpanKind() }

// TestClassifyReadsLittle holds the number of accessor calls, each of which copies
// the whole span.
func TestClassifyReadsLittle(t *testing.T) {
	failing := func(s tracetest.SpanStub) tracetest.SpanStub { s.Status = failed("x"); return s }
	for _, tt := range []struct {
		test          string
		span          tracetest.SpanStub
		events, times int
	}{
		{"server 200", httpServerSpan(200), 0, 0},
		{"server 404", httpServerSpan(404), 0, 0},
		{"server 500, unset", httpServerSpan(500), 0, 0},
		{"server 500, error", failing(httpServerSpan(500)), 0, 0},
		{"server 200, error", failing(httpServerSpan(200)), 1, 0},
		{"server without a code", spanWith(kindServer, unset()), 1, 0},
		{"server panic", raising(spanWith(kindServer, unset()), 1, "a", "b"), 1, 1},
		{"server swallowed", raising(spanWith(kindServer, unset()), beforeEnd, "a", "b"), 1, 0},
		{"client 200", httpClientSpan(200), 0, 0},
		{"client 503", failing(httpClientSpan(503)), 1, 0},
		{"grpc client", rpcSpan(kindClient, attribute.Int("rpc.grpc.status_code", 0)), 1, 0},
		{"internal", spanWith(kindInternal, unset()), 1, 0},
		{"ok", spanWith(kindInternal, okay()), 0, 0},
	} {
		a := &accessCounter{ReadOnlySpan: tt.span.Snapshot()}
		newClassifier(nil, Outcomes{}, nil).classify(context.Background(), a, tt.span.SpanKind, tt.span.EndTime)
		got := [...]int{a.attributes, a.names, a.statuses, a.events, a.times, a.others}
		if diff := cmp.Diff([...]int{1, 1, 1, tt.events, tt.times, 0}, got); diff != "" {
			t.Errorf("%s: attributes, names, statuses, events, start times, others: %s", tt.test, diff)
		}
	}
}
func benchmarkSpans() map[string]sdktrace.ReadOnlySpan {
	return map[string]sdktrace.ReadOnlySpan{"server": liveSpan(httpServerSpan(200), nil), "client": liveSpan(httpClientSpan(200), nil)}
}

func BenchmarkClassify(b *testing.B) {
	for _, name := range []string{"server", "client"} {
		b.Run(name, func(b *testing.B) {
			s := benchmarkSpans()[name]
			c := newClassifier(nil, Outcomes{}, nil)
			kind, end := s.SpanKind(), s.EndTime()
			b.ReportAllocs()
			for b.Loop() {
				c.classify(context.Background(), s, kind, end)
			}
		})
	}
}

// BenchmarkReadFields only calls the accessors that the classifier calls, and looks
// for the status code: the floor under BenchmarkClassify.
func BenchmarkReadFields(b *testing.B) {
	for _, name := range []string{"server", "client"} {
		b.Run(name, func(b *testing.B) {
			s := benchmarkSpans()[name]
			b.ReportAllocs()
			for b.Loop() {
				_ = s.Name()
				_ = s.Status()
				attrs := s.Attributes()
				for i := range attrs {
					if attrs[i].Key == "http.response.status_code" {
						_ = attrs[i].Value.AsInt64()
					}
				}
			}
		})
	}
}
