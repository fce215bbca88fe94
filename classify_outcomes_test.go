package monitor

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestSkippedShortCuts(t *testing.T) {
	str := attribute.String
	skip := skippedMessage
	var rows ruleRows
	add := rows.add
	for _, kind := range []trace.SpanKind{kindClient, kindInternal} {
		add("ErrSkip as description", spanWith(kind, failed(skip), str("error.type", "*errors.errorString")), "*errors.errorString", ignored)
		add("ErrSkip as exception", raising(spanWith(kind, failed("")), beforeEnd, "*errors.errorString", skip), "*errors.errorString", ignored)
		add("ErrSkip wrapped", raising(spanWith(kind, failed("")), beforeEnd, "*fmt.wrapError", "exec: "+skip), "*fmt.wrapError", failure)
	}
	rows.run(t)
}

func TestCancelledCalls(t *testing.T) {
	str, num := attribute.String, attribute.Int
	var rows ruleRows
	add := rows.add
	for _, kind := range []trace.SpanKind{kindClient, kindInternal, kindProducer, kindConsumer, trace.SpanKindUnspecified} {
		name := kind.String() + ": "
		add(name+"canceled as description", spanWith(kind, failed("context canceled")), "_OTHER", given)
		add(name+"canceled at the end of a description", spanWith(kind, failed(`Get "http://a/b": context canceled`), str("error.type", "*url.Error")), "*url.Error", given)
		add(name+"canceled as exception", raising(spanWith(kind, failed("")), beforeEnd, "*errors.errorString", "context canceled"), "*errors.errorString", given)
		add(name+"canceled as exception, unset", raising(spanWith(kind, unset()), beforeEnd, "*errors.errorString", "context canceled"), "*errors.errorString", given)
		add(name+"canceled before the last exception", raising(raising(spanWith(kind, failed("")), 2*beforeEnd, "a", "context canceled"), beforeEnd, "b", "refused"), "b", failure)
		add(name+"canceled in the middle", spanWith(kind, failed("context canceled by peer")), "_OTHER", failure)
		add(name+"deadline as description", spanWith(kind, failed("context deadline exceeded")), "_OTHER", failure)
		add(name+"deadline as exception", raising(spanWith(kind, failed("")), beforeEnd, "context.deadlineExceededError", "context deadline exceeded"), "context.deadlineExceededError", failure)
		add(name+"grpc CANCELLED", spanWith(kind, failed("made Canceled"), str("rpc.response.status_code", "CANCELLED")), "CANCELLED", given)
		add(name+"grpc CANCELLED, unset, number", spanWith(kind, unset(), num("rpc.grpc.status_code", 1)), "CANCELLED", given)
		add(name+"grpc DEADLINE_EXCEEDED", spanWith(kind, failed("stream terminated: context canceled"), str("rpc.response.status_code", "DEADLINE_EXCEEDED")), "DEADLINE_EXCEEDED", failure)
		add(name+"grpc UNKNOWN with the server's message", spanWith(kind, failed("load: context canceled"), str("rpc.response.status_code", "UNKNOWN")), "UNKNOWN", failure)
		add(name+"grpc OK, canceled later", spanWith(kind, failed("context canceled"), str("rpc.response.status_code", "OK")), "_OTHER", given)
		add(name+"canceled while the body was read", spanWith(kind, failed("context canceled"), num("http.response.status_code", 200), str("error.type", "*errors.errorString")), "*errors.errorString", given)
		add(name+"http 499", spanWith(kind, failed(""), num("http.response.status_code", 499)), "499", failure)
		add(name+"ok in spite of a recorded cancellation", raising(spanWith(kind, okay()), beforeEnd, "*errors.errorString", "context canceled"), "OK", success)
	}
	add("server: http 499", spanWith(kindServer, unset(), num("http.response.status_code", 499)), "499", given)
	add("server: http 499, error", spanWith(kindServer, failed(""), str("http.status_code", "499")), "499", given)
	add("server: grpc CANCELLED", spanWith(kindServer, unset(), str("rpc.response.status_code", "CANCELLED")), "CANCELLED", given)
	add("server: canceled as description", spanWith(kindServer, failed("context canceled")), "_OTHER", failure)
	add("server: canceled as exception", raising(spanWith(kindServer, failed("")), beforeEnd, "*errors.errorString", "context canceled"), "*errors.errorString", failure)
	add("server: canceled as exception, unset", raising(spanWith(kindServer, unset()), beforeEnd, "*errors.errorString", "context canceled"), "OK", success)
	add("server: 500 with canceled", spanWith(kindServer, failed("context canceled"), num("http.response.status_code", 500)), "500", failure)
	add("server: deadline", spanWith(kindServer, unset(), str("rpc.response.status_code", "DEADLINE_EXCEEDED")), "DEADLINE_EXCEEDED", failure)
	rows.run(t)
}

func TestStatusOk(t *testing.T) {
	str, num := attribute.String, attribute.Int
	var rows ruleRows
	add := rows.add
	add("ok with a code that says otherwise", spanWith(kindServer, okay(), num("http.response.status_code", 500)), "500", success)
	add("ok on a client's 4xx", spanWith(kindClient, okay(), num("http.response.status_code", 404), str("error.type", "404")), "404", success)
	add("ok on grpc", spanWith(kindClient, okay(), str("rpc.response.status_code", "UNAVAILABLE")), "UNAVAILABLE", success)
	add("ok with an exception", raising(spanWith(kindInternal, okay()), beforeEnd, "*errors.errorString", "x"), "OK", success)
	rows.run(t)
}

func TestStatusError(t *testing.T) {
	str, num := attribute.String, attribute.Int
	var rows ruleRows
	add := rows.add
	for _, kind := range []trace.SpanKind{kindServer, kindClient, kindInternal, kindProducer, kindConsumer} {
		add(kind.String()+": error", spanWith(kind, failed("boom")), "_OTHER", failure)
		add(kind.String()+": error, grpc", spanWith(kind, failed("boom"), str("rpc.response.status_code", "INVALID_ARGUMENT")), "INVALID_ARGUMENT", failure)
		add(kind.String()+": error in spite of 200", spanWith(kind, failed(""), num("http.response.status_code", 200)), "_OTHER", failure)
	}
	add("server: error in spite of NOT_FOUND", spanWith(kindServer, failed("x"), str("rpc.response.status_code", "NOT_FOUND")), "NOT_FOUND", failure)
	rows.run(t)
}

func TestStatusUnset(t *testing.T) {
	str, num := attribute.String, attribute.Int
	var rows ruleRows
	add := rows.add
	for code, outcomes := range map[int][2]engine.Outcome{ // server, client
		100: {success, success}, 200: {success, success}, 304: {success, success}, 399: {success, success},
		400: {success, failure}, 404: {success, failure}, 498: {success, failure}, 500: {failure, failure},
		503: {failure, failure}, 599: {failure, failure}, 600: {failure, failure}, 999: {failure, failure},
	} {
		text := strconv.Itoa(code)
		add("server: unset "+text, spanWith(kindServer, unset(), num("http.response.status_code", code)), text, outcomes[0])
		add("client: unset "+text, spanWith(kindClient, unset(), num("http.response.status_code", code)), text, outcomes[1])
		add("internal: unset "+text, spanWith(kindInternal, unset(), num("http.response.status_code", code)), text, success)
	}
	for number, name := range []string{
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
	} {
		atServer, atClient, elsewhere := success, failure, success
		switch name {
		case "OK":
			atClient = success
		case "CANCELLED":
			atServer, atClient, elsewhere = given, given, given
		case "UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS":
			atServer = failure
		}
		for _, kv := range []attribute.KeyValue{str("rpc.response.status_code", name), num("rpc.grpc.status_code", number), str("rpc.status_code", strconv.Itoa(number))} {
			add(fmt.Sprintf("server: unset %s as %s", name, kv.Key), spanWith(kindServer, unset(), kv), name, atServer)
			add(fmt.Sprintf("client: unset %s as %s", name, kv.Key), spanWith(kindClient, unset(), kv), name, atClient)
			add(fmt.Sprintf("internal: unset %s as %s", name, kv.Key), spanWith(kindInternal, unset(), kv), name, elsewhere)
		}
	}
	for _, kind := range []trace.SpanKind{kindServer, kindClient, kindInternal, kindProducer, kindConsumer} {
		add(kind.String()+": unset with error.type", spanWith(kind, unset(), str("error.type", "timeout")), "timeout", failure)
		add(kind.String()+": unset with error.type and an exception", raising(spanWith(kind, unset(), str("error.type", "timeout")), beforeEnd, "a", "b"), "timeout", failure)
	}
	add("server: unset 404 with error.type", spanWith(kindServer, unset(), num("http.response.status_code", 404), str("error.type", "404")), "404", success)
	add("server: unset INVALID_ARGUMENT with error.type", spanWith(kindServer, unset(), str("rpc.response.status_code", "INVALID_ARGUMENT"), str("error.type", "x")), "INVALID_ARGUMENT", failure)
	add("server: error 400", raising(spanWith(kindServer, failed("Error #01: bad input\n"), num("http.response.status_code", 400)), beforeEnd, "*errors.errorString", "bad input"), "400", success)
	add("server: 200 beside a failed gRPC code", spanWith(kindServer, unset(), num("http.response.status_code", 200), str("rpc.response.status_code", "INTERNAL")), "INTERNAL", failure)
	rows.run(t)
}

func TestClassifyOutcomes(t *testing.T) {
	code := func(n int) attribute.KeyValue { return attribute.Int("http.response.status_code", n) }
	notFound := attribute.String("rpc.response.status_code", "NOT_FOUND")
	for _, preset := range []engine.Outcome{success, failure, given, ignored} {
		for _, tt := range []struct {
			test     string
			outcomes Outcomes
			span     tracetest.SpanStub
			code     string
			outcome  engine.Outcome
		}{
			{"server 4xx", Outcomes{HTTPServer4xx: preset}, spanWith(kindServer, unset(), code(404)), "404", preset},
			{"server 4xx with status error", Outcomes{HTTPServer4xx: preset}, spanWith(kindServer, failed("x"), code(400)), "400", preset},
			{"server 4xx with error.type", Outcomes{HTTPServer4xx: preset}, spanWith(kindServer, unset(), code(422), attribute.String("error.type", "422")), "422", preset},
			{"server 4xx as old text", Outcomes{HTTPServer4xx: preset}, spanWith(kindServer, unset(), attribute.String("http.status_code", "429")), "429", preset},
			{"server 4xx with status ok", Outcomes{HTTPServer4xx: preset}, spanWith(kindServer, okay(), code(404)), "404", success},
			{"server 499", Outcomes{HTTPServer4xx: preset}, spanWith(kindServer, unset(), code(499)), "499", given},
			{"server 5xx", Outcomes{HTTPServer4xx: preset}, spanWith(kindServer, unset(), code(500)), "500", failure},
			{"client 4xx, the server's preset", Outcomes{HTTPServer4xx: preset}, spanWith(kindClient, failed(""), code(404)), "404", failure},
			{"client 4xx", Outcomes{HTTPClient4xx: preset}, spanWith(kindClient, failed(""), code(404), attribute.String("error.type", "404")), "404", preset},
			{"client 4xx, unset", Outcomes{HTTPClient4xx: preset}, spanWith(kindClient, unset(), code(404)), "404", preset},
			{"client 499", Outcomes{HTTPClient4xx: preset}, spanWith(kindClient, failed(""), code(499)), "499", preset},
			{"client 5xx", Outcomes{HTTPClient4xx: preset}, spanWith(kindClient, failed(""), code(500)), "500", failure},
			{"server 4xx, the client's preset", Outcomes{HTTPClient4xx: preset}, spanWith(kindServer, unset(), code(404)), "404", success},
			{"internal 4xx", Outcomes{HTTPServer4xx: preset, HTTPClient4xx: preset}, spanWith(kindInternal, failed(""), code(404)), "404", failure},
			{"client NOT_FOUND", Outcomes{GRPCNotFound: preset}, spanWith(kindClient, failed("x"), notFound), "NOT_FOUND", preset},
			{"client NOT_FOUND, unset, number", Outcomes{GRPCNotFound: preset}, spanWith(kindClient, unset(), attribute.Int("rpc.grpc.status_code", 5)), "NOT_FOUND", preset},
			{"client ALREADY_EXISTS", Outcomes{GRPCNotFound: preset}, spanWith(kindClient, failed("x"), attribute.Int("rpc.grpc.status_code", 6)), "ALREADY_EXISTS", failure},
			{"server NOT_FOUND", Outcomes{GRPCNotFound: preset}, spanWith(kindServer, unset(), notFound), "NOT_FOUND", success},
		} {
			t.Run(fmt.Sprintf("%s/%s", preset, tt.test), func(t *testing.T) {
				c := newClassifier(nil, tt.outcomes, nil)
				_, result := c.classify(context.Background(), tt.span.Snapshot(), tt.span.SpanKind, tt.span.EndTime)
				code, outcome := result.Code, result.Outcome
				if code != tt.code || outcome != tt.outcome {
					t.Errorf("%s %q, want %s %q", outcome, code, tt.outcome, tt.code)
				}
			})
		}
	}
}
