package classify

import (
	"fmt"
	"testing"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Short words for the tables below.
const (
	success = engine.OutcomeSuccess
	failure = engine.OutcomeFailure
	given   = engine.OutcomeCancelled // given up
	ignored = engine.OutcomeIgnored

	server   = engine.SpanKindServer
	client   = engine.SpanKindClient
	internal = engine.SpanKindInternal
	producer = engine.SpanKindProducer
	consumer = engine.SpanKindConsumer
)

// attributes are those of a test's span; each value is a string or an int.
type attributes map[string]any

func spanWith(kind engine.SpanKind, status Status, message string, attrs attributes) *Span {
	s := &Span{SpanKind: kind, Name: "work", Status: status, Message: message}
	for key, value := range attrs {
		switch v := value.(type) {
		case string:
			s.Attributes.SetString(key, v)
		case int:
			s.Attributes.SetInt(key, int64(v))
		default:
			panic(fmt.Sprintf("%s is a %T", key, v))
		}
	}
	return s
}

func TestRules(t *testing.T) {
	none := Exception{}
	skip := Exception{Type: "*errors.errorString", Message: skippedMessage}
	cancel := Exception{Type: "*url.Error", Message: `Get "http://a": context canceled`}
	refused := Exception{Type: "*net.OpError", Message: "refused"}
	panicked := Exception{Type: ".string", Message: "kaboom", IsPanic: true}

	for _, tt := range []struct {
		test      string
		kind      engine.SpanKind
		status    Status
		message   string
		attrs     attributes
		exception Exception
		code      string
		outcome   engine.Outcome
	}{
		// 1. A status code that means success, and nothing that says otherwise.
		{"200", server, StatusUnset, "", attributes{"http.response.status_code": 200}, none, "200", success},
		{"302 as text, old name", client, StatusUnset, "", attributes{"http.status_code": "302"}, none, "302", success},
		{"gRPC 0", client, StatusUnset, "", attributes{"rpc.grpc.status_code": 0}, none, "OK", success},
		{"OK of another RPC system", client, StatusUnset, "", attributes{"rpc.response.status_code": "OK"}, none, "OK", success},
		{"SQL state 00000", client, StatusUnset, "", attributes{"pgx.sql_state": "00000"}, none, "00000", success},
		{"a panic does not count beside a code", server, StatusUnset, "", attributes{"http.response.status_code": 200}, panicked, "200", success},
		{"200 and error.type", server, StatusUnset, "", attributes{"http.response.status_code": 200, "error.type": "EOF"}, none, "EOF", failure},
		{"200 and gRPC INTERNAL", server, StatusUnset, "", attributes{"http.response.status_code": 200, "rpc.response.status_code": "INTERNAL"}, none, "INTERNAL", failure},

		// 2. A short cut that a driver does not have.
		{"skipped", client, StatusError, skippedMessage, nil, none, "_OTHER", ignored},
		{"skipped, by its event", internal, StatusError, "", nil, skip, "*errors.errorString", ignored},
		{"skipped, wrapped", client, StatusError, "exec: " + skippedMessage, nil, none, "_OTHER", failure},

		// 3. The caller gave up.
		{"gRPC CANCELLED of a client", client, StatusError, "", attributes{"rpc.grpc.status_code": 1}, none, "CANCELLED", given},
		{"gRPC CANCELLED of a server", server, StatusUnset, "", attributes{"rpc.response.status_code": "CANCELLED"}, none, "CANCELLED", given},
		{"499 of a server", server, StatusError, "", attributes{"http.status_code": 499}, none, "499", given},
		{"499 of a client", client, StatusError, "", attributes{"http.status_code": 499}, none, "499", failure},
		{"canceled, by the message", client, StatusError, "read: context canceled", nil, none, "_OTHER", given},
		{"canceled, by the event", client, StatusError, "", attributes{"http.response.status_code": 200}, cancel, "*url.Error", given},
		{"canceled, status unset", producer, StatusUnset, "", nil, cancel, "*url.Error", given},
		{"a server's message says nothing", server, StatusError, "context canceled", nil, cancel, "*url.Error", failure},
		{"a gRPC server's message says nothing", client, StatusError, "context canceled", attributes{"rpc.grpc.status_code": 2}, none, "UNKNOWN", failure},
		{"a deadline is a failure", client, StatusError, "context deadline exceeded", nil, none, "_OTHER", failure},

		// 4. Status Ok.
		{"ok", internal, StatusOK, "", nil, none, "OK", success},
		{"ok in spite of a code", server, StatusOK, "", attributes{"http.response.status_code": 500}, none, "500", success},
		{"ok in spite of a panic", internal, StatusOK, "", nil, panicked, "OK", success},

		// 5. Matters of taste, as they are by default.
		{"404 of a server", server, StatusError, "", attributes{"http.response.status_code": 404, "error.type": "404"}, none, "404", success},
		{"404 of a client", client, StatusUnset, "", attributes{"http.response.status_code": 404}, none, "404", failure},
		{"404 of neither", internal, StatusUnset, "", attributes{"http.response.status_code": 404}, none, "404", success},
		{"NOT_FOUND of a client", client, StatusUnset, "", attributes{"rpc.status_code": 5}, none, "NOT_FOUND", failure},
		{"NOT_FOUND of a server", server, StatusUnset, "", attributes{"rpc.status_code": "5"}, none, "NOT_FOUND", success},

		// 6. Failures.
		{"error", consumer, StatusError, "boom", nil, none, "_OTHER", failure},
		{"error with an event", client, StatusError, "", nil, refused, "*net.OpError", failure},
		{"error of a server with an event", server, StatusError, "", nil, refused, "*net.OpError", failure},
		{"error.type", producer, StatusUnset, "", attributes{"error.type": "timeout"}, none, "timeout", failure},
		{"error.type as a number", client, StatusError, "", attributes{"error.type": 504}, none, "504", failure},
		{"503 of a server", server, StatusUnset, "", attributes{"http.response.status_code": 503}, none, "503", failure},
		{"a number that HTTP does not know", server, StatusUnset, "", attributes{"http.response.status_code": 1000}, none, "1000", failure},
		{"a text that HTTP does not know", server, StatusUnset, "", attributes{"http.response.status_code": "1000"}, none, "1000", success},
		{"UNIMPLEMENTED of a server", server, StatusUnset, "", attributes{"rpc.response.status_code": "12"}, none, "UNIMPLEMENTED", failure},
		{"INVALID_ARGUMENT of a server", server, StatusUnset, "", attributes{"rpc.response.status_code": 3}, none, "INVALID_ARGUMENT", success},
		{"a number that gRPC does not know", client, StatusUnset, "", attributes{"rpc.grpc.status_code": 17}, none, "17", failure},
		{"a code of another RPC system", client, StatusUnset, "", attributes{"rpc.response.status_code": "partial"}, none, "partial", success},
		{"SQL state", client, StatusError, "", attributes{"db.response.status_code": "23505"}, none, "23505", failure},
		{"a database's number that HTTP calls success", client, StatusError, "", attributes{"db.response.status_code": 208}, none, "208", failure},
		{"panic", internal, StatusUnset, "", nil, panicked, ".string", failure},
		{"panic of a server", server, StatusUnset, "", nil, panicked, ".string", failure},

		// 7. Anything else.
		{"nothing", internal, StatusUnset, "", nil, none, "OK", success},
		{"an error that was dealt with", server, StatusUnset, "", nil, refused, "OK", success},
		{"an unknown kind", 200, StatusUnset, "", attributes{"http.response.status_code": 500}, none, "500", success},
		{"an unknown status", server, 200, "", attributes{"http.response.status_code": 500}, none, "500", failure},

		// The order of codes.
		{"gRPC before HTTP", internal, StatusError, "", attributes{"rpc.status_code": "ABORTED", "http.response.status_code": 500}, none, "ABORTED", failure},
		{"new before old", internal, StatusError, "", attributes{"http.response.status_code": 501, "http.status_code": 502}, none, "501", failure},
		{"the first that fails", internal, StatusError, "", attributes{"http.response.status_code": 200, "pgx.sql_state": "23505", "error.type": "x"}, none, "23505", failure},
		{"the first of all", internal, StatusOK, "", attributes{"http.response.status_code": 200, "pgx.sql_state": "23505"}, none, "200", success},
		{"empty codes are none", internal, StatusOK, "", attributes{"http.response.status_code": "", "http.status_code": "200"}, none, "200", success},
		{"an event before nothing", client, StatusError, "", attributes{"error.type": "200"}, refused, "*net.OpError", failure},
		{"an event whose type says success", client, StatusError, "", nil, Exception{Type: "200"}, "_OTHER", failure},
	} {
		t.Run(tt.test, func(t *testing.T) {
			r := New(nil, Outcomes{}, nil)
			s := spanWith(tt.kind, tt.status, tt.message, tt.attrs)
			result := r.Classify(s, Events{Exception: tt.exception})
			code, outcome := result.Code, result.Outcome
			if code != tt.code || outcome != tt.outcome {
				t.Errorf("%s %q, want %s %q", outcome, code, tt.outcome, tt.code)
			}
			if quickly, ok := r.Quick(s); ok && (result != Result{Code: quickly, Outcome: success}) {
				t.Errorf("quickly %q, otherwise %+v", quickly, result)
			}
		})
	}
}

// The exception is asked for only where it can matter: to read the events of a span costs.
func TestNeedsEvents(t *testing.T) {
	for _, tt := range []struct {
		test   string
		kind   engine.SpanKind
		status Status
		attrs  attributes
		want   bool
	}{
		{"success", server, StatusUnset, attributes{"http.response.status_code": 200}, false},
		{"ok", client, StatusOK, nil, false},
		{"a server's code", server, StatusError, attributes{"http.response.status_code": 500}, false},
		{"a server's error beside success", server, StatusError, attributes{"http.response.status_code": 200}, true},
		{"a server without a code", server, StatusUnset, nil, true},
		{"a client's code", client, StatusError, attributes{"http.response.status_code": 500}, true},
		{"nothing", internal, StatusUnset, nil, true},
	} {
		t.Run(tt.test, func(t *testing.T) {
			s := spanWith(tt.kind, tt.status, "", tt.attrs)
			if got := s.NeedsEvents(); got != tt.want {
				t.Errorf("%t, want %t", got, tt.want)
			}
			r := New(nil, Outcomes{}, nil)
			result := r.Classify(s, Events{})
			for _, e := range []Exception{{Message: skippedMessage}, {Message: canceledMessage}, {Type: "*net.OpError", IsPanic: true}} {
				if got := r.Classify(s, Events{Exception: e}); !tt.want && got != result {
					t.Errorf("with %+v %+v, without %+v", e, got, result)
				}
			}
		})
	}
}

// Most calls are settled quickly, unless the table of codes has to be asked.
func TestQuick(t *testing.T) {
	s := spanWith(server, StatusUnset, "", attributes{"http.response.status_code": 200})
	if code, ok := New(nil, Outcomes{}, nil).Quick(s); !ok || code != "200" {
		t.Errorf("%q %t", code, ok)
	}
	if _, ok := New(map[string]engine.CodeFeature{"200": {}}, Outcomes{}, nil).Quick(s); ok {
		t.Error("the table was not asked")
	}
	if _, ok := New(nil, Outcomes{}, []Rule{{Name: "a", Outcome: ignored}}).Quick(s); ok {
		t.Error("the rules were not asked")
	}
	for _, s := range []*Span{
		spanWith(server, StatusUnset, "", nil),
		spanWith(server, StatusOK, "", attributes{"http.response.status_code": 200}),
		spanWith(server, StatusError, "", attributes{"http.response.status_code": 200}),
		spanWith(server, StatusUnset, "", attributes{"http.response.status_code": 404}),
		spanWith(server, StatusUnset, "", attributes{"http.response.status_code": 200, "error.type": "EOF"}),
	} {
		if code, ok := New(nil, Outcomes{}, nil).Quick(s); ok {
			t.Errorf("%+v is said to be a success with %q", s, code)
		}
	}
}

// The quick way for HTTP says what all of the rules say, or nothing.
func TestQuickHTTP(t *testing.T) {
	r := New(nil, Outcomes{}, nil)
	for status := int64(-1); status < 1100; status++ {
		code, ok := r.QuickHTTP("GET /a", status)
		if ok != (200 <= status && status < 400) {
			t.Errorf("%d is settled: %t", status, ok)
		}
		if !ok {
			continue
		}
		for _, kind := range []engine.SpanKind{engine.SpanKindInternal, server, producer, engine.SpanKindConsumer} {
			s := spanWith(kind, StatusUnset, "", attributes{HTTPResponseStatusCode: int(status)})
			if want := r.Classify(s, Events{}); want != (Result{Code: code, Outcome: success}) {
				t.Errorf("%d of a %s is %q and a success, want %+v", status, kind, code, want)
			}
		}
	}
	if _, ok := New(map[string]engine.CodeFeature{"409": {Success: true}}, Outcomes{}, nil).QuickHTTP("GET /a", 200); ok {
		t.Error("the table was not asked")
	}
}

func TestRulesPresets(t *testing.T) {
	for _, preset := range []engine.Outcome{success, failure, given, ignored} {
		for _, tt := range []struct {
			test     string
			outcomes Outcomes
			kind     engine.SpanKind
			key      string
			value    int
			code     string
			outcome  engine.Outcome
		}{
			{"server", Outcomes{HTTPServer4xx: preset}, server, "http.response.status_code", 404, "404", preset},
			{"server 499", Outcomes{HTTPServer4xx: preset}, server, "http.response.status_code", 499, "499", given},
			{"server 500", Outcomes{HTTPServer4xx: preset}, server, "http.response.status_code", 500, "500", failure},
			{"client", Outcomes{HTTPClient4xx: preset}, client, "http.status_code", 404, "404", preset},
			{"the other's", Outcomes{HTTPServer4xx: preset}, client, "http.status_code", 404, "404", failure},
			{"NOT_FOUND", Outcomes{GRPCNotFound: preset}, client, "rpc.grpc.status_code", 5, "NOT_FOUND", preset},
			{"another gRPC code", Outcomes{GRPCNotFound: preset}, client, "rpc.grpc.status_code", 6, "ALREADY_EXISTS", failure},
		} {
			t.Run(fmt.Sprintf("%s/%s", preset, tt.test), func(t *testing.T) {
				s := spanWith(tt.kind, StatusError, "", attributes{tt.key: tt.value})
				if got := New(nil, tt.outcomes, nil).Classify(s, Events{}); got != (Result{Code: tt.code, Outcome: tt.outcome}) {
					t.Errorf("%+v, want %s %q", got, tt.outcome, tt.code)
				}
			})
		}
	}
}

func TestRulesCodes(t *testing.T) {
	table := map[string]engine.CodeFeature{"500": {Success: true}, "200": {}, "CANCELLED": {Success: true}, "_OTHER": {Success: true}}
	r := New(table, Outcomes{}, nil)
	clear(table) // what the caller does with his map afterwards is none of ours
	for _, tt := range []struct {
		test    string
		attrs   attributes
		code    string
		outcome engine.Outcome
		byCode  engine.Outcome
	}{
		{"failure into success", attributes{"http.response.status_code": 500}, "500", success, success},
		{"success into failure", attributes{"http.response.status_code": 200}, "200", failure, failure},
		{"cancelled into success", attributes{"rpc.grpc.status_code": 1}, "CANCELLED", success, success},
		{"no entry", attributes{"http.response.status_code": 503}, "503", failure, failure},
		{"no entry, 4xx", attributes{"http.response.status_code": 404}, "404", success, failure},
	} {
		t.Run(tt.test, func(t *testing.T) {
			if got := r.Classify(spanWith(server, StatusUnset, "", tt.attrs), Events{}); got != (Result{Code: tt.code, Outcome: tt.outcome}) {
				t.Errorf("%+v, want %s %q", got, tt.outcome, tt.code)
			}
			if outcome := r.OutcomeOf(tt.code); outcome != tt.byCode {
				t.Errorf("by the code alone: %s, want %s", outcome, tt.byCode)
			}
		})
	}
	if got := r.Classify(spanWith(internal, StatusError, "", nil), Events{}); got != (Result{Code: "_OTHER", Outcome: success}) {
		t.Errorf("without a code: %+v", got)
	}
}

func TestRulesAllocateNothing(t *testing.T) {
	r := New(map[string]engine.CodeFeature{"418": {}}, Outcomes{}, nil)
	attrs := map[string]string{"http.request.method": "GET", "server.address": "db.example", "url.path": "/users/42"}
	for _, status := range []int64{0, 200, 404, 503} {
		for kind := engine.SpanKind(0); kind <= consumer; kind++ {
			if n := testing.AllocsPerRun(100, func() {
				s := Span{SpanKind: kind, Name: "GET"}
				for key, value := range attrs {
					if s.Wants(key) {
						s.Attributes.SetString(key, value)
					}
				}
				s.Attributes.SetInt("http.response.status_code", status)
				r.Operation(&s)
				r.Classify(&s, Events{Exception: Exception{Type: "*net.OpError"}})
			}); n != 0 {
				t.Errorf("%s, %d: %v allocations", kind, status, n)
			}
		}
	}
}
