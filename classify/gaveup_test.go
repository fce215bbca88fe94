package classify

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// What a context says at a span's end.
func TestGaveUpOf(t *testing.T) {
	for _, tt := range []struct {
		test    string
		kind    engine.SpanKind
		timeout time.Duration // 0: none
		cancel  time.Duration // after the start, 0: never
		end     time.Duration // after the start
		want    GaveUp
	}{
		{"alive", client, 0, 0, time.Second, GaveUpNot},
		{"alive with a deadline", client, 2 * time.Second, 0, time.Second, GaveUpNot},
		{"cancelled", client, 0, time.Second, time.Second, GaveUpCanceled},
		{"cancelled before the deadline", client, 2 * time.Second, time.Second, time.Second, GaveUpCanceled},
		{"past the deadline", client, time.Second, 0, 2 * time.Second, GaveUpDeadline},
		{"at the deadline", client, time.Second, 0, time.Second, GaveUpDeadline},
		{"cancelled after the deadline", client, time.Second, 2 * time.Second, 3 * time.Second, GaveUpDeadline},
		{"a server cancelled long before the deadline", server, 2 * time.Second, time.Second, time.Second, GaveUpCanceled},
		{"a server cancelled just before the deadline", server, 2 * time.Second, 1990 * time.Millisecond, 1990 * time.Millisecond, GaveUpDeadline},
		{"a client cancelled just before the deadline", client, 2 * time.Second, 1990 * time.Millisecond, 1990 * time.Millisecond, GaveUpCanceled},
		{"a server cancelled before the deadline that ends after it", server, 2 * time.Second, time.Second, 3 * time.Second, GaveUpDeadline},
		{"a server whose caller waits", server, 0, 0, time.Second, GaveUpNot},
	} {
		t.Run(tt.test, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				start := time.Now()
				if tt.timeout > 0 {
					var stop context.CancelFunc
					ctx, stop = context.WithTimeout(ctx, tt.timeout)
					defer stop()
				}
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, cancel)
				}
				time.Sleep(tt.end)
				synctest.Wait()
				if got := GaveUpOf(ctx, tt.kind, start, time.Now()); got != tt.want {
					t.Errorf("%d, want %d", got, tt.want)
				}
			})
		})
	}
	now := time.Now()
	if got := GaveUpOf(context.Background(), client, now, now); got != GaveUpUnknown {
		t.Errorf("a context that can't end says %d", got)
	}
	if got := GaveUpOf(nil, client, now, now); got != GaveUpUnknown { //nolint:staticcheck // A processor may be given none.
		t.Errorf("no context says %d", got)
	}
	ctx, cancel := context.WithDeadline(t.Context(), now.Add(time.Hour))
	defer cancel()
	if n := testing.AllocsPerRun(100, func() { GaveUpOf(ctx, server, now, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Who gave up, by the context where it is known, and by words where it is not.
func TestGaveUp(t *testing.T) {
	is := func(o engine.Outcome) [4]engine.Outcome { return [4]engine.Outcome{o, o, o, o} }
	none := Exception{}
	own := Exception{Type: "*errors.errorString", Message: "context canceled"}
	wrapped := Exception{Type: "*fmt.wrapError", Message: "load: context canceled"}
	http := func(status int) attributes {
		return attributes{"http.request.method": "GET", "http.response.status_code": status}
	}
	grpc := func(code string) attributes { return attributes{"rpc.response.status_code": code} }

	for _, tt := range []struct {
		test    string
		kind    engine.SpanKind
		scope   string
		status  Status
		message string
		attrs   attributes
		e       Exception
		want    [4]engine.Outcome // by a context that is not known, is alive, was cancelled, ran out of time
	}{
		// The message is another's, or says nothing.
		{"a sibling's error", client, "", StatusError, "upstream: 503 Service Unavailable", nil, none, [4]engine.Outcome{failure, failure, given, failure}},
		{"an error of its own", client, "", StatusError, "connection refused", nil, none, [4]engine.Outcome{failure, failure, given, failure}},
		{"a message of the other side", client, "", StatusError, "load: context canceled", nil, none, [4]engine.Outcome{given, failure, given, failure}},
		{"a message of the other side, as an error", client, "", StatusError, "", nil, Exception{Type: "*api.Error", Message: "context canceled"}, [4]engine.Outcome{given, failure, given, failure}},
		{"a context made within the span", client, "", StatusError, "", nil, own, [4]engine.Outcome{given, given, given, failure}},
		{"a context made within the span, wrapped", internal, "", StatusError, "query failed", nil, wrapped, [4]engine.Outcome{given, given, given, failure}},
		{"a context made within the span, by error.type", client, "", StatusError, "context canceled", attributes{"error.type": "*errors.errorString"}, none, [4]engine.Outcome{given, given, given, failure}},
		{"success", client, "", StatusUnset, "", http(200), none, is(success)},
		{"status Ok", client, "", StatusOK, "", nil, none, is(success)},
		{"nothing said", internal, "", StatusUnset, "", nil, none, is(success)},

		// What databases and dialers say.
		{"a dial", client, "", StatusError, "dial tcp 127.0.0.1:5432: operation was canceled", nil, none, [4]engine.Outcome{given, given, given, failure}},
		{"PostgreSQL, pgx", client, "", StatusError, "ERROR: canceling statement due to user request (SQLSTATE 57014)", attributes{"pgx.sql_state": "57014"}, none, [4]engine.Outcome{given, failure, given, failure}},
		{"PostgreSQL, by a new name", client, "", StatusError, "canceling statement due to user request", attributes{"db.response.status_code": "57014"}, none, [4]engine.Outcome{given, failure, given, failure}},
		{"PostgreSQL, lib/pq", client, "", StatusError, "pq: canceling statement due to user request", nil, none, [4]engine.Outcome{given, failure, given, failure}},
		{"PostgreSQL, psycopg", client, "", StatusError, "QueryCanceled: canceling statement due to user request\n", nil, none, [4]engine.Outcome{given, failure, given, failure}},
		{"PostgreSQL, too slow", client, "", StatusError, "ERROR: canceling statement due to statement timeout (SQLSTATE 57014)", attributes{"pgx.sql_state": "57014"}, none, [4]engine.Outcome{failure, failure, given, failure}},
		{"PostgreSQL, a violation", client, "", StatusError, "context canceled", attributes{"pgx.sql_state": "23505"}, none, is(failure)},
		{"SQLite", client, "", StatusError, "interrupted (9)", nil, none, [4]engine.Outcome{given, given, given, failure}},

		// Types of errors, of other languages too.
		{"error.type in words", client, "", StatusError, "", attributes{"error.type": "context_canceled"}, none, [4]engine.Outcome{given, given, given, failure}},
		{"error.type in words, of a server", server, "", StatusError, "", attributes{"error.type": "context_canceled"}, none, [4]engine.Outcome{given, given, given, failure}},
		{"Java", client, "", StatusError, "", nil, Exception{Type: "java.util.concurrent.CancellationException"}, [4]engine.Outcome{given, given, given, failure}},
		{"Kotlin", client, "", StatusError, "", attributes{"error.type": "kotlinx.coroutines.JobCancellationException"}, none, [4]engine.Outcome{given, given, given, failure}},
		{".NET", client, "", StatusError, "", attributes{"error.type": "System.Threading.Tasks.TaskCanceledException"}, none, [4]engine.Outcome{given, given, given, failure}},
		{".NET, a time-out", client, "", StatusError, "The request was canceled due to the configured HttpClient.Timeout of 1 seconds elapsing.", attributes{"error.type": "System.Threading.Tasks.TaskCanceledException"}, none, [4]engine.Outcome{failure, failure, given, failure}},
		{"Python", client, "", StatusError, "", nil, Exception{Type: "asyncio.exceptions.CancelledError"}, [4]engine.Outcome{given, given, given, failure}},
		{"JavaScript", client, "", StatusError, "", nil, Exception{Type: "AbortError", Message: "This operation was aborted"}, [4]engine.Outcome{given, given, given, failure}},
		{"JavaScript, a time-out", client, "", StatusError, "", nil, Exception{Type: "TimeoutError", Message: "The operation was aborted due to timeout"}, [4]engine.Outcome{failure, failure, given, failure}},

		// An answered status comes first.
		{"a 500 whose body was cut short", client, "", StatusError, "context canceled", http(500), none, is(failure)},
		{"a 404 whose body was cut short", client, "", StatusError, "context canceled", http(404), none, is(failure)},
		{"a 200 whose body was cut short", client, "", StatusError, "context canceled", http(200), own, [4]engine.Outcome{given, given, given, failure}},
		{"gRPC UNAVAILABLE", client, "", StatusError, "context canceled", grpc("UNAVAILABLE"), none, is(failure)},
		{"gRPC UNKNOWN of a client", client, "", StatusError, "context canceled", grpc("UNKNOWN"), none, is(failure)},

		// Servers of HTTP: their context ends early only if the caller has gone.
		{"502 of a proxy", server, "", StatusError, "", http(502), none, [4]engine.Outcome{failure, failure, given, failure}},
		{"502 of a proxy, unset", server, "", StatusUnset, "", http(502), none, [4]engine.Outcome{failure, failure, given, failure}},
		{"500 with words", server, "", StatusError, "context canceled", http(500), none, [4]engine.Outcome{failure, failure, given, failure}},
		{"500 whose error.type says it", server, "", StatusError, "", attributes{"http.response.status_code": 500, "error.type": "context_canceled"}, none, [4]engine.Outcome{given, given, given, failure}},
		{"404", server, "", StatusError, "", http(404), none, is(success)},
		{"200", server, "", StatusUnset, "", http(200), none, is(success)},
		{"499", server, "", StatusUnset, "", http(499), none, is(given)},
		{"an aborted handler", server, "", StatusUnset, "", nil, Exception{Type: "*errors.errorString", Message: "net/http: abort Handler", IsPanic: true}, [4]engine.Outcome{failure, failure, given, failure}},

		// Servers of gRPC: their context always ends early; only the deadline says something.
		{"gRPC OK of a server", server, "", StatusUnset, "", grpc("OK"), none, is(success)},
		{"gRPC UNAVAILABLE of a server", server, "", StatusError, "", grpc("UNAVAILABLE"), none, is(failure)},
		{"gRPC INTERNAL of a server", server, "", StatusError, "load: context canceled", grpc("INTERNAL"), none, is(failure)},
		{"gRPC NOT_FOUND of a server", server, "", StatusUnset, "", grpc("NOT_FOUND"), none, is(success)},
		{"gRPC CANCELLED of a server", server, "", StatusUnset, "", grpc("CANCELLED"), none, [4]engine.Outcome{given, given, given, failure}},
		{"gRPC CANCELLED of a client", client, "", StatusError, "", grpc("CANCELLED"), none, [4]engine.Outcome{given, given, given, failure}},
		{"grpc-go's own span of a server", server, scopeGRPCGo, StatusError, "boom", nil, none, is(failure)},
		{"grpc-go's own span of a server, wrapped words", server, scopeGRPCGo, StatusError, "load: context canceled", nil, none, is(failure)},
		{"grpc-go's own span of a server, CANCELLED", server, scopeGRPCGo, StatusError, "context canceled", nil, none, [4]engine.Outcome{given, failure, given, failure}},

		// Connect's servers are those of net/http, and its UNKNOWN is what a plain error becomes.
		{"Connect UNKNOWN", server, scopeConnect, StatusError, "plain", grpc("UNKNOWN"), none, [4]engine.Outcome{failure, failure, given, failure}},
		{"Connect UNKNOWN of a context", server, scopeConnect, StatusError, "context canceled", grpc("UNKNOWN"), none, [4]engine.Outcome{given, failure, given, failure}},
		{"Connect UNKNOWN of a wrapped context", server, scopeConnect, StatusError, "load: context canceled", grpc("UNKNOWN"), none, [4]engine.Outcome{failure, failure, given, failure}},
		{"Connect UNKNOWN of a deadline", server, scopeConnect, StatusError, "context deadline exceeded", grpc("UNKNOWN"), none, [4]engine.Outcome{failure, failure, given, failure}},
		{"Connect NOT_FOUND", server, scopeConnect, StatusUnset, "", attributes{"rpc.response.status_code": "NOT_FOUND", "error.type": "NOT_FOUND"}, none, is(success)},

		// Nobody answered, and nobody was told why.
		{"HTTP without an answer", client, "", StatusUnset, "", attributes{"http.request.method": "GET", "server.address": "a"}, none, [4]engine.Outcome{given, given, given, failure}},
	} {
		for gaveUp, want := range tt.want {
			t.Run(fmt.Sprintf("%s/%d", tt.test, gaveUp), func(t *testing.T) {
				s := spanWith(tt.kind, tt.status, tt.message, tt.attrs)
				if tt.attrs["http.request.method"] != nil {
					s.Name = "GET"
				}
				s.Scope, s.GaveUp = tt.scope, GaveUp(gaveUp)
				got := New(nil, Outcomes{}, nil).Classify(s, Events{Exception: tt.e})
				if got.Outcome != want {
					t.Errorf("%s %q, want %s", got.Outcome, got.Code, want)
				}
			})
		}
	}
}

// A server whose caller's time ran out has failed by the deadline, even if it was told of a
// cancellation.
func TestCancelledAtTheDeadline(t *testing.T) {
	for _, code := range []any{"CANCELLED", "CANCELED", 1} {
		s := spanWith(server, StatusUnset, "", attributes{"rpc.response.status_code": code})
		s.GaveUp = GaveUpDeadline
		if got := New(nil, Outcomes{}, nil).Classify(s, Events{}); got != (Result{Code: "DEADLINE_EXCEEDED", Outcome: failure}) {
			t.Errorf("%v: %+v", code, got)
		}
	}
}

// What the semantic conventions say of an HTTP client's call that was given up holds of nothing else.
func TestIsUnanswered(t *testing.T) {
	get := func(more attributes) attributes {
		attrs := attributes{"http.request.method": "GET", "server.address": "a.example"}
		for key, value := range more {
			attrs[key] = value
		}
		return attrs
	}
	for _, tt := range []struct {
		test   string
		kind   engine.SpanKind
		name   string
		status Status
		attrs  attributes
		want   bool
	}{
		{"by the conventions", client, "GET", StatusUnset, get(nil), true},
		{"with a template", client, "GET /users/{id}", StatusUnset, get(nil), true},
		{"named as before", client, "HTTP GET", StatusUnset, get(nil), true},
		{"a method that is not well known", client, "HTTP", StatusUnset, attributes{"http.request.method": "_OTHER"}, true},
		{"a server", server, "GET", StatusUnset, get(nil), false},
		{"answered", client, "GET", StatusUnset, get(attributes{"http.response.status_code": 200}), false},
		{"failed", client, "GET", StatusUnset, get(attributes{"error.type": "timeout"}), false},
		{"an error", client, "GET", StatusError, get(nil), false},
		{"ok", client, "GET", StatusOK, get(nil), false},
		{"an old library, which may have left the code out", client, "HTTP GET", StatusUnset, attributes{"http.method": "GET"}, false},
		{"Elasticsearch's clients, which record no code", client, "search", StatusUnset, get(attributes{"db.system": "elasticsearch"}), false},
		{"likewise, named by the method", client, "GET", StatusUnset, get(attributes{"db.system.name": "elasticsearch"}), false},
		{"an RPC over HTTP", client, "GET", StatusUnset, get(attributes{"rpc.method": "S/M"}), false},
		{"a queue over HTTP", client, "GET", StatusUnset, get(attributes{"messaging.operation.type": "send"}), false},
		{"a name of its own", client, "charge", StatusUnset, get(nil), false},
	} {
		t.Run(tt.test, func(t *testing.T) {
			s := spanWith(tt.kind, tt.status, "", tt.attrs)
			s.Name = tt.name
			if got := s.IsUnanswered(); got != tt.want {
				t.Errorf("%t, want %t", got, tt.want)
			}
			if tt.want {
				s.AttributesDropped = true
				if got := New(nil, Outcomes{}, nil).Classify(s, Events{}); got.Outcome != success {
					t.Errorf("with attributes dropped: %+v", got)
				}
			}
		})
	}
}
