package monitor

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

func TestOperation(t *testing.T) {
	get := attribute.String("http.request.method", "GET")
	oldGet := attribute.String("http.method", "GET")
	addr := attribute.String("server.address", "db.example")
	oldAddr := attribute.String("net.peer.name", "old.example")
	path := attribute.String("url.full", "http://db.example/users/42")
	const client = trace.SpanKindClient

	for _, tt := range []struct {
		test  string
		kind  trace.SpanKind
		name  string
		attrs []attribute.KeyValue
		want  string
	}{
		{"client named HTTP METHOD", client, "HTTP GET", []attribute.KeyValue{get, addr, path}, "HTTP GET db.example"},
		{"client named METHOD", client, "GET", []attribute.KeyValue{addr, get}, "GET db.example"},
		{"old names", client, "HTTP GET", []attribute.KeyValue{oldAddr, oldGet}, "HTTP GET old.example"},
		{"new names before old ones", client, "GET", []attribute.KeyValue{addr, oldAddr, get, attribute.String("http.method", "PUT")}, "GET db.example"},
		{"new names after old ones", client, "GET", []attribute.KeyValue{oldAddr, addr, attribute.String("http.method", "PUT"), get}, "GET db.example"},
		{"no address", client, "HTTP GET", []attribute.KeyValue{get, path}, "HTTP GET"},
		{"empty address", client, "HTTP GET", []attribute.KeyValue{get, attribute.String("server.address", ""), path}, "HTTP GET"},
		{"address of an odd type", client, "HTTP GET", []attribute.KeyValue{get, attribute.Int("server.address", 7)}, "HTTP GET"},
		{"address of an odd type, and an old one", client, "HTTP GET", []attribute.KeyValue{get, attribute.Bool("server.address", true), oldAddr}, "HTTP GET old.example"},
		{"method of an odd type", client, "GET", []attribute.KeyValue{attribute.StringSlice("http.request.method", []string{"GET"}), addr}, "GET"},
		{"another method", client, "HTTP GET", []attribute.KeyValue{attribute.String("http.request.method", "PUT"), addr}, "HTTP GET"},
		{"the GET of Redis", client, "GET", []attribute.KeyValue{attribute.String("db.system", "redis"), addr}, "GET"},
		{"empty method", client, "HTTP ", []attribute.KeyValue{attribute.String("http.request.method", ""), addr}, "HTTP "},
		{"no name and no method", client, "", []attribute.KeyValue{addr}, ""},
		{"name with a route", client, "GET /users/{id}", []attribute.KeyValue{get, addr}, "GET /users/{id}"},
		{"server", trace.SpanKindServer, "GET", []attribute.KeyValue{get, addr, attribute.String("url.path", "/users/42")}, "GET"},
		{"internal", trace.SpanKindInternal, "GET", []attribute.KeyValue{get, addr}, "GET"},
		{"producer", trace.SpanKindProducer, "HTTP GET", []attribute.KeyValue{get, addr}, "HTTP GET"},
	} {
		t.Run(tt.test, func(t *testing.T) {
			c := newClassifier(nil, Outcomes{}, nil)
			s := tracetest.SpanStub{Name: tt.name, SpanKind: tt.kind, Attributes: tt.attrs}
			for range 2 { // the second time it is remembered
				if got, _ := c.classify(context.Background(), s.Snapshot(), tt.kind, s.EndTime); got != tt.want {
					t.Errorf("operation %q, want %q", got, tt.want)
				}
			}
		})
	}
}
