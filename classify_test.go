package monitor

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
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

// oddValues are attributes of types that no code has. The newest OpenTelemetry has more of them.
var oddValues = []attribute.Value{
	attribute.BoolValue(true), attribute.Float64Value(500), attribute.StringSliceValue([]string{"500"}), attribute.Int64SliceValue([]int64{500}), {},
}

// Short words for the tables below.
const (
	kindServer   = trace.SpanKindServer
	kindClient   = trace.SpanKindClient
	kindInternal = trace.SpanKindInternal
	kindProducer = trace.SpanKindProducer
	kindConsumer = trace.SpanKindConsumer

	success = engine.OutcomeSuccess
	failure = engine.OutcomeFailure
	given   = engine.OutcomeCancelled // given up
	ignored = engine.OutcomeIgnored
)

// testEnd is when the spans of the tables end.
var testEnd = time.Date(2026, 11, 22, 15, 0, 1, 0, time.UTC)

// spanWith builds a finished span for the rules about codes and outcomes.
func spanWith(kind trace.SpanKind, status sdktrace.Status, attrs ...attribute.KeyValue) tracetest.SpanStub {
	return tracetest.SpanStub{
		Name:       "work",
		SpanKind:   kind,
		StartTime:  testEnd.Add(-time.Second),
		EndTime:    testEnd,
		Status:     status,
		Attributes: attrs,
	}
}

func unset() sdktrace.Status { return sdktrace.Status{Code: codes.Unset} }
func okay() sdktrace.Status  { return sdktrace.Status{Code: codes.Ok} }
func failed(description string) sdktrace.Status {
	return sdktrace.Status{Code: codes.Error, Description: description}
}

// raising adds an exception event so long after the span's end.
func raising(s tracetest.SpanStub, after time.Duration, typ, message string) tracetest.SpanStub {
	s.Events = append(s.Events, sdktrace.Event{Name: "exception", Time: s.EndTime.Add(after), Attributes: []attribute.KeyValue{
		attribute.String("exception.type", typ),
		attribute.String("exception.message", message),
	}})
	return s
}

const (
	beforeEnd   = -time.Microsecond
	maxPanicGap = time.Second // the longest after which an exception is taken for a panic
)

// skippedMessage is what a driver says that lacks a short cut.
var skippedMessage = driver.ErrSkip.Error()

func TestDefaultRules(t *testing.T) {
	str, num := attribute.String, attribute.Int
	skip := skippedMessage

	type row struct {
		test    string
		span    tracetest.SpanStub
		code    string
		outcome engine.Outcome
	}
	var rows []row
	add := func(test string, span tracetest.SpanStub, code string, outcome engine.Outcome) {
		rows = append(rows, row{test, span, code, outcome})
	}

	// Codes: names, types and their order.
	add("nothing", spanWith(kindServer, unset()), "OK", success)
	add("nothing but an error", spanWith(kindServer, failed("boom")), "_OTHER", failure)
	add("http, new name", spanWith(kindServer, unset(), num("http.response.status_code", 204)), "204", success)
	add("http, old name", spanWith(kindServer, unset(), num("http.status_code", 503)), "503", failure)
	add("http, text", spanWith(kindServer, unset(), str("http.response.status_code", "503")), "503", failure)
	add("http, old name, text", spanWith(kindClient, unset(), str("http.status_code", "404")), "404", failure)
	add("grpc, new name", spanWith(kindServer, unset(), str("rpc.response.status_code", "INTERNAL")), "INTERNAL", failure)
	add("grpc, next name", spanWith(kindServer, unset(), str("rpc.status_code", "INTERNAL")), "INTERNAL", failure)
	add("grpc, old name", spanWith(kindServer, unset(), num("rpc.grpc.status_code", 13)), "INTERNAL", failure)
	add("grpc, new name, number", spanWith(kindServer, unset(), num("rpc.response.status_code", 4)), "DEADLINE_EXCEEDED", failure)
	add("grpc, old name, number as text", spanWith(kindServer, unset(), str("rpc.grpc.status_code", "14")), "UNAVAILABLE", failure)
	add("grpc, old name, name", spanWith(kindServer, unset(), str("rpc.grpc.status_code", "NOT_FOUND")), "NOT_FOUND", success)
	add("grpc OK, number", spanWith(kindClient, unset(), num("rpc.grpc.status_code", 0)), "OK", success)
	add("grpc OK, number as text", spanWith(kindClient, unset(), str("rpc.grpc.status_code", "0")), "OK", success)
	add("grpc, unknown number", spanWith(kindClient, unset(), num("rpc.grpc.status_code", 17)), "17", failure)
	add("grpc, unknown number as text", spanWith(kindClient, unset(), str("rpc.grpc.status_code", "17")), "17", failure)
	add("grpc, unknown number of two digits", spanWith(kindClient, unset(), str("rpc.grpc.status_code", "24")), "24", failure)
	add("grpc, negative number", spanWith(kindClient, unset(), num("rpc.grpc.status_code", -1)), "-1", failure)
	add("another rpc system", spanWith(kindClient, unset(), str("rpc.response.status_code", "partial")), "partial", success)
	add("another rpc system, error", spanWith(kindClient, failed(""), str("rpc.response.status_code", "not_found")), "not_found", failure)
	add("db", spanWith(kindClient, failed(""), str("db.response.status_code", "ORA-17002")), "ORA-17002", failure)
	add("db, number", spanWith(kindClient, failed(""), num("db.response.status_code", 1062)), "1062", failure)
	add("db, a number that HTTP calls success", spanWith(kindClient, failed(""), num("db.response.status_code", 208)), "208", failure)
	add("pgx", spanWith(kindClient, failed(""), str("pgx.sql_state", "23505")), "23505", failure)
	add("db alone does not fail", spanWith(kindClient, unset(), str("db.response.status_code", "01000")), "01000", success)
	add("error.type", spanWith(kindClient, failed(""), str("error.type", "timeout")), "timeout", failure)
	add("error.type, number", spanWith(kindClient, failed(""), num("error.type", 504)), "504", failure)
	add("exception.type", raising(spanWith(kindClient, failed("")), beforeEnd, "*net.OpError", "refused"), "*net.OpError", failure)
	add("the last exception", raising(raising(spanWith(kindClient, failed("")), 2*beforeEnd, "first", ""), beforeEnd, "last", ""), "last", failure)
	add("exception without a type", raising(spanWith(kindClient, failed("")), beforeEnd, "", "refused"), "_OTHER", failure)
	add("exception of a server's", raising(spanWith(kindServer, failed("")), beforeEnd, "*net.OpError", "refused"), "*net.OpError", failure)

	all := []attribute.KeyValue{
		str("rpc.response.status_code", "ABORTED"), str("rpc.status_code", "DATA_LOSS"), num("rpc.grpc.status_code", 2),
		num("http.response.status_code", 501), num("http.status_code", 502),
		str("db.response.status_code", "db"), str("pgx.sql_state", "pgx"), str("error.type", "type"),
	}
	codesOfAll := []string{"ABORTED", "DATA_LOSS", "UNKNOWN", "501", "502", "db", "pgx", "type"}
	for i, code := range codesOfAll {
		add(fmt.Sprintf("order of codes, from %s on", all[i].Key), spanWith(kindInternal, failed(""), all[i:]...), code, failure)
		var backwards []attribute.KeyValue
		for _, kv := range all[i:] {
			backwards = append([]attribute.KeyValue{kv}, backwards...)
		}
		add(fmt.Sprintf("order of codes, backwards to %s", all[i].Key), spanWith(kindInternal, failed(""), backwards...), code, failure)
	}
	add("order of codes, success", spanWith(kindInternal, okay(), all...), "ABORTED", success)
	add("success takes no error.type", spanWith(kindInternal, okay(), str("error.type", "timeout")), "OK", success)
	add("success takes no exception.type", raising(spanWith(kindInternal, unset()), beforeEnd, "*errors.errorString", "swallowed"), "OK", success)

	// A failure's code is none that means success.
	for _, kv := range []attribute.KeyValue{
		num("http.response.status_code", 200), num("http.status_code", 100), str("http.status_code", "302"), num("http.response.status_code", 399),
		num("http.response.status_code", 0), str("http.response.status_code", ""),
		str("rpc.response.status_code", "OK"), num("rpc.grpc.status_code", 0), str("rpc.status_code", "0"),
		str("db.response.status_code", "0"), num("db.response.status_code", 0), str("db.response.status_code", "OK"),
		str("db.response.status_code", "00000"), str("pgx.sql_state", "00000"),
	} {
		name := fmt.Sprintf("%s=%s", kv.Key, kv.Value.Emit())
		add(name+" on a failure", spanWith(kindClient, failed("EOF"), kv), "_OTHER", failure)
		add(name+" on a failure with error.type", spanWith(kindClient, failed("EOF"), kv, str("error.type", "*errors.errorString")), "*errors.errorString", failure)
		add(name+" on a failure with an exception", raising(spanWith(kindClient, failed(""), kv), beforeEnd, "*pgconn.PgError", "x"), "*pgconn.PgError", failure)
		add(name+" on a cancellation", spanWith(kindClient, failed("context canceled"), kv), "_OTHER", given)
	}
	add("200 on a failure with another code", spanWith(kindServer, failed(""), num("http.response.status_code", 200), str("pgx.sql_state", "23505")), "23505", failure)
	add("error.type that means success", spanWith(kindClient, failed(""), str("error.type", "200")), "_OTHER", failure)
	add("exception.type that means success", raising(spanWith(kindClient, failed("")), beforeEnd, "OK", ""), "_OTHER", failure)
	add("200, error.type, unset", spanWith(kindServer, unset(), num("http.response.status_code", 200), str("error.type", "EOF")), "EOF", failure)

	// Values of odd types count as none.
	for _, odd := range oddValues {
		for _, kv := range all {
			name := fmt.Sprintf("%s of type %s", kv.Key, odd.Type())
			oddly := attribute.KeyValue{Key: kv.Key, Value: odd}
			add(name, spanWith(kindClient, unset(), oddly), "OK", success)
			add(name+" on a failure", spanWith(kindClient, failed(""), oddly), "_OTHER", failure)
		}
		s := spanWith(kindClient, failed(""))
		s.Events = []sdktrace.Event{{Name: "exception", Time: testEnd, Attributes: []attribute.KeyValue{
			{Key: "exception.type", Value: odd}, {Key: "exception.message", Value: odd},
		}}}
		add("exception of type "+odd.Type().String(), s, "_OTHER", failure)
		add("old http code beside "+odd.Type().String(),
			spanWith(kindServer, unset(), attribute.KeyValue{Key: "http.response.status_code", Value: odd}, num("http.status_code", 500)), "500", failure)
	}
	add("huge code", spanWith(kindServer, unset(), attribute.Int64("http.status_code", math.MaxInt64)), "9223372036854775807", failure)
	add("least code", spanWith(kindServer, unset(), attribute.Int64("http.status_code", math.MinInt64)), "-9223372036854775808", success)
	add("code of two digits", spanWith(kindServer, failed(""), num("http.status_code", 42)), "42", failure)
	add("code below 100", spanWith(kindServer, failed(""), str("http.status_code", "099")), "099", failure)
	add("code of four digits", spanWith(kindClient, unset(), num("http.status_code", 1000)), "1000", failure)
	add("code that is no number", spanWith(kindServer, unset(), str("http.status_code", "5xx")), "5xx", success)

	// Ignored.
	for _, kind := range []trace.SpanKind{kindClient, kindInternal} {
		add("ErrSkip as description", spanWith(kind, failed(skip), str("error.type", "*errors.errorString")), "*errors.errorString", ignored)
		add("ErrSkip as exception", raising(spanWith(kind, failed("")), beforeEnd, "*errors.errorString", skip), "*errors.errorString", ignored)
		add("ErrSkip wrapped", raising(spanWith(kind, failed("")), beforeEnd, "*fmt.wrapError", "exec: "+skip), "*fmt.wrapError", failure)
	}

	// Cancelled.
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

	// Status Ok.
	add("ok with a code that says otherwise", spanWith(kindServer, okay(), num("http.response.status_code", 500)), "500", success)
	add("ok on a client's 4xx", spanWith(kindClient, okay(), num("http.response.status_code", 404), str("error.type", "404")), "404", success)
	add("ok on grpc", spanWith(kindClient, okay(), str("rpc.response.status_code", "UNAVAILABLE")), "UNAVAILABLE", success)
	add("ok with an exception", raising(spanWith(kindInternal, okay()), beforeEnd, "*errors.errorString", "x"), "OK", success)

	// Status Error.
	for _, kind := range []trace.SpanKind{kindServer, kindClient, kindInternal, kindProducer, kindConsumer} {
		add(kind.String()+": error", spanWith(kind, failed("boom")), "_OTHER", failure)
		add(kind.String()+": error, grpc", spanWith(kind, failed("boom"), str("rpc.response.status_code", "INVALID_ARGUMENT")), "INVALID_ARGUMENT", failure)
		add(kind.String()+": error in spite of 200", spanWith(kind, failed(""), num("http.response.status_code", 200)), "_OTHER", failure)
	}
	add("server: error in spite of NOT_FOUND", spanWith(kindServer, failed("x"), str("rpc.response.status_code", "NOT_FOUND")), "NOT_FOUND", failure)

	// Status unset.
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

	// Panics.
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

	for _, r := range rows {
		t.Run(r.test, func(t *testing.T) {
			c := newClassifier(nil, Outcomes{})
			_, code, outcome := c.classify(r.span.Snapshot(), r.span.SpanKind, r.span.EndTime)
			if code != r.code || outcome != r.outcome {
				t.Errorf("%s %q, want %s %q", outcome, code, r.outcome, r.code)
			}
		})
	}
}

func TestClassifyPresets(t *testing.T) {
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
				c := newClassifier(nil, tt.outcomes)
				_, code, outcome := c.classify(tt.span.Snapshot(), tt.span.SpanKind, tt.span.EndTime)
				if code != tt.code || outcome != tt.outcome {
					t.Errorf("%s %q, want %s %q", outcome, code, tt.outcome, tt.code)
				}
			})
		}
	}
}

func TestClassifyCodes(t *testing.T) {
	str, num := attribute.String, attribute.Int
	good, bad := engine.CodeFeature{Success: true}, engine.CodeFeature{}
	for _, tt := range []struct {
		test    string
		codes   map[string]engine.CodeFeature
		span    tracetest.SpanStub
		code    string
		outcome engine.Outcome
	}{
		{"no entry", map[string]engine.CodeFeature{"501": good}, spanWith(kindServer, unset(), num("http.status_code", 500)), "500", failure},
		{"failure into success", map[string]engine.CodeFeature{"500": good}, spanWith(kindServer, failed(""), num("http.status_code", 500)), "500", success},
		{"success into failure", map[string]engine.CodeFeature{"404": bad}, spanWith(kindServer, unset(), num("http.status_code", 404)), "404", failure},
		{"200 into failure", map[string]engine.CodeFeature{"200": bad}, spanWith(kindServer, unset(), num("http.status_code", 200)), "200", failure},
		{"over status ok", map[string]engine.CodeFeature{"500": bad}, spanWith(kindServer, okay(), num("http.status_code", 500)), "500", failure},
		{"over a preset", map[string]engine.CodeFeature{"404": good}, spanWith(kindClient, failed(""), num("http.status_code", 404)), "404", success},
		{"cancelled into success", map[string]engine.CodeFeature{"CANCELLED": good}, spanWith(kindServer, unset(), num("rpc.grpc.status_code", 1)), "CANCELLED", success},
		{"cancelled into failure", map[string]engine.CodeFeature{"499": bad}, spanWith(kindServer, unset(), num("http.status_code", 499)), "499", failure},
		{"ignored into failure", map[string]engine.CodeFeature{"*errors.errorString": bad}, raising(spanWith(kindClient, failed("")), beforeEnd, "*errors.errorString", skippedMessage), "*errors.errorString", failure},
		{"sql state", map[string]engine.CodeFeature{"23505": good}, spanWith(kindClient, failed(""), str("pgx.sql_state", "23505")), "23505", success},
		{"error type", map[string]engine.CodeFeature{"timeout": good}, spanWith(kindClient, unset(), str("error.type", "timeout")), "timeout", success},
		{"panic", map[string]engine.CodeFeature{".string": good}, raising(spanWith(kindInternal, unset()), 1, ".string", ""), ".string", success},
		{"no code on a failure", map[string]engine.CodeFeature{"_OTHER": good}, spanWith(kindInternal, failed("")), "_OTHER", success},
		{"no code on a success", map[string]engine.CodeFeature{"OK": bad}, spanWith(kindInternal, unset()), "OK", failure},
		{"the code that was found, not another", map[string]engine.CodeFeature{"200": good, "EOF": bad}, spanWith(kindClient, failed(""), num("http.status_code", 200), str("error.type", "EOF")), "EOF", failure},
		{"the name, not the number", map[string]engine.CodeFeature{"14": good}, spanWith(kindClient, failed(""), num("rpc.grpc.status_code", 14)), "UNAVAILABLE", failure},
	} {
		t.Run(tt.test, func(t *testing.T) {
			c := newClassifier(tt.codes, Outcomes{})
			clear(tt.codes) // what the user does with his map afterwards is none of ours
			_, code, outcome := c.classify(tt.span.Snapshot(), tt.span.SpanKind, tt.span.EndTime)
			if code != tt.code || outcome != tt.outcome {
				t.Errorf("%s %q, want %s %q", outcome, code, tt.outcome, tt.code)
			}
		})
	}
}

// keeper is a span processor that keeps the snapshot of the span that ended last.
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
			c := newClassifier(nil, Outcomes{})
			for i := range 300 {
				s := keptBy(tt.run)
				_, code, outcome := c.classify(s, s.SpanKind(), s.EndTime())
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
	c := newClassifier(nil, Outcomes{})
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
				if _, code, outcome := c.classify(k.span, kindInternal, k.span.EndTime()); outcome != success {
					t.Fatalf("try %d: %s %q", i, outcome, code)
				}
			}
		})
	}
}

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
			c := newClassifier(table, Outcomes{})
			kind, end := s.SpanKind(), s.EndTime()
			if n := testing.AllocsPerRun(100, func() { c.classify(s, kind, end) }); n != 0 {
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
		{"grpc client", rpcSpan(kindClient, attribute.Int("rpc.grpc.status_code", 0)), 0, 0},
		{"internal", spanWith(kindInternal, unset()), 1, 0},
		{"ok", spanWith(kindInternal, okay()), 0, 0},
	} {
		a := &accessCounter{ReadOnlySpan: tt.span.Snapshot()}
		newClassifier(nil, Outcomes{}).classify(a, tt.span.SpanKind, tt.span.EndTime)
		got := [...]int{a.attributes, a.names, a.statuses, a.events, a.times, a.others}
		if diff := cmp.Diff([...]int{1, 1, 1, tt.events, tt.times, 0}, got); diff != "" {
			t.Errorf("%s: attributes, names, statuses, events, start times, others: %s", tt.test, diff)
		}
	}
}

func FuzzClassify(f *testing.F) {
	keys := []attribute.Key{
		"rpc.response.status_code", "rpc.status_code", "rpc.grpc.status_code", "http.response.status_code", "http.status_code",
		"db.response.status_code", "pgx.sql_state", "error.type", "http.request.method", "http.method", "server.address", "net.peer.name",
	}
	f.Add(uint8(2), uint8(0), "GET /", "", uint16(1<<3), uint32(1<<6), "GET", int64(200), "", "", int64(0))
	f.Add(uint8(3), uint8(1), "HTTP GET", "context canceled", uint16(0xfff), uint32(0), "GET", int64(0), "*url.Error", "context canceled", int64(-1))
	f.Add(uint8(3), uint8(1), "HTTP GET", "EOF", uint16(1<<5|1<<7), uint32(1<<10), "208", int64(208), "OK", "", int64(1))
	f.Add(uint8(1), uint8(0), "work", "", uint16(0), uint32(0), "", int64(0), ".string", "kaboom", int64(1000))
	f.Add(uint8(1), uint8(2), "work", "", uint16(1<<2), uint32(1<<4), "1", int64(1), "", "", int64(0))
	f.Add(uint8(3), uint8(1), "q", skippedMessage, uint16(0xff), uint32(0xffff), "\xff\x80", int64(math.MinInt64), "", skippedMessage, int64(-5))

	c := newClassifier(nil, Outcomes{})
	f.Fuzz(func(t *testing.T, kind, status uint8, name, description string, has uint16, types uint32, text string, number int64, exceptionType, message string, after int64) {
		s := spanWith(trace.SpanKind(kind%7), sdktrace.Status{Code: codes.Code(status % 4), Description: description})
		s.Name = name
		database := make(map[string]bool) // codes that a database gave
		for i, key := range keys {
			if has>>i&1 == 0 {
				continue
			}
			kv := attribute.KeyValue{Key: key}
			code := text
			switch types >> (2 * i) & 3 {
			case 0:
				kv.Value = attribute.StringValue(text)
			case 1:
				kv.Value = attribute.Int64Value(number)
				code = strconv.FormatInt(number, 10)
			case 2:
				kv.Value = attribute.BoolValue(number > 0)
			case 3:
				kv.Value = attribute.StringSliceValue([]string{text})
			}
			if key == "db.response.status_code" || key == "pgx.sql_state" {
				database[code] = true
			}
			s.Attributes = append(s.Attributes, kv)
		}
		if has>>12&1 != 0 {
			s = raising(s, time.Duration(after), exceptionType, message)
		}
		if has>>13&1 != 0 {
			s.Events = append(s.Events, sdktrace.Event{Name: text, Time: testEnd})
		}

		operation, code, outcome := c.classify(s.Snapshot(), s.SpanKind, s.EndTime)
		checkClosely(t, c, s.Snapshot(), operation, code, outcome)
		if s.SpanKind != kindClient && operation != name {
			t.Errorf("operation %q of a %s span named %q", operation, s.SpanKind, name)
		}
		if !strings.HasPrefix(operation, name) || len(operation) > len(name)+1+engine.MaxNameBytes {
			t.Errorf("operation %q of a span named %q", operation, name)
		}
		if code == "" {
			t.Error("empty code")
		}
		switch outcome {
		case success:
		case failure, given, ignored:
			if code == "0" || code == "OK" || code == "00000" {
				t.Errorf("%s with code %q", outcome, code)
			}
			if n, err := strconv.Atoi(code); err == nil && len(code) == 3 && 100 <= n && n < 400 && !database[code] {
				t.Errorf("%s with code %q", outcome, code)
			}
		default:
			t.Errorf("outcome %s", outcome)
		}
		again, codeAgain, outcomeAgain := c.classify(s.Snapshot(), s.SpanKind, s.EndTime)
		if again != operation && !strings.HasSuffix(again, " _OTHER") || codeAgain != code || outcomeAgain != outcome {
			t.Errorf("%q %q %s, then %q %q %s", operation, code, outcome, again, codeAgain, outcomeAgain)
		}
	})
}

// What the quick way for HTTP leaves to the rules: whatever else may hold a code.
func TestQuickHTTPGivesWay(t *testing.T) {
	const status = attribute.Key("http.response.status_code")
	ok := status.Int(200)
	for _, attrs := range [][]attribute.KeyValue{
		nil,
		{ok},
		{ok, status.Int(503)},
		{status.Int(503), ok},
		{ok, attribute.String("error.type", "EOF")},
		{attribute.String("error.type", "EOF"), ok},
		{attribute.Int("db.response.status_code", 123)},
		{ok, attribute.Int("rpc.grpc.status_code", 2)},
		{attribute.Int("http.status_code", 503), ok},
		{status.String("503")},
		{status.Bool(true)},
		{status.Float64(200)},
		{status.Float64(math.Float64frombits(200))},
	} {
		for _, kind := range []trace.SpanKind{kindInternal, kindServer, kindClient, kindProducer, kindConsumer} {
			s := tracetest.SpanStub{Name: "call", SpanKind: kind, Attributes: attrs, EndTime: testEnd}.Snapshot()
			c := newClassifier(nil, Outcomes{})
			operation, code, outcome := c.classify(s, kind, testEnd)
			checkClosely(t, c, s, operation, code, outcome)
		}
	}
}

// checkClosely checks that all of the rules say of a span what the quick way said of it.
func checkClosely(t *testing.T, c classifier, s sdktrace.ReadOnlySpan, operation, code string, outcome engine.Outcome) {
	t.Helper()
	closely, closelyCode, closelyOutcome := c.closely(s, s.SpanKind(), s.EndTime(), s.Name(), s.Attributes(), s.Status())
	if !strings.HasSuffix(closely, " _OTHER") && closely != operation || closelyCode != code || closelyOutcome != outcome {
		t.Errorf("%q %q %s, and closely %q %q %s", operation, code, outcome, closely, closelyCode, closelyOutcome)
	}
}

func benchmarkSpans() map[string]sdktrace.ReadOnlySpan {
	return map[string]sdktrace.ReadOnlySpan{"server": liveSpan(httpServerSpan(200), nil), "client": liveSpan(httpClientSpan(200), nil)}
}

func BenchmarkClassify(b *testing.B) {
	for _, name := range []string{"server", "client"} {
		b.Run(name, func(b *testing.B) {
			s := benchmarkSpans()[name]
			c := newClassifier(nil, Outcomes{})
			kind, end := s.SpanKind(), s.EndTime()
			b.ReportAllocs()
			for b.Loop() {
				c.classify(s, kind, end)
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

// recordedSpan is a span of the recording of real instrumentation.
type recordedSpan struct {
	Name              string         `json:"name"`
	Kind              string         `json:"kind"`
	Status            string         `json:"status"`
	StatusDescription string         `json:"status_description"`
	Attributes        map[string]any `json:"attributes"`
	Events            []struct {
		Name       string         `json:"name"`
		Attributes map[string]any `json:"attributes"`
	} `json:"events"`
}

// stub returns the span as the SDK would have handed it over. The recording has no
// event times: those of a call whose caller saw a panic come after the end, as in
// the SDK, and all others before it.
func (r recordedSpan) stub(t *testing.T, panicked bool) tracetest.SpanStub {
	t.Helper()
	kinds := map[string]trace.SpanKind{"internal": kindInternal, "server": kindServer, "client": kindClient, "producer": kindProducer, "consumer": kindConsumer}
	statuses := map[string]codes.Code{"Unset": codes.Unset, "Ok": codes.Ok, "Error": codes.Error}
	kind, knownKind := kinds[r.Kind]
	status, knownStatus := statuses[r.Status]
	if !knownKind || !knownStatus {
		t.Fatalf("kind %q, status %q", r.Kind, r.Status)
	}
	s := spanWith(kind, sdktrace.Status{Code: status, Description: r.StatusDescription}, recordedAttributes(t, r.Attributes)...)
	s.Name = r.Name
	at := testEnd.Add(beforeEnd)
	if panicked {
		at = testEnd.Add(time.Microsecond)
	}
	for _, e := range r.Events {
		s.Events = append(s.Events, sdktrace.Event{Name: e.Name, Time: at, Attributes: recordedAttributes(t, e.Attributes)})
	}
	return s
}

func recordedAttributes(t *testing.T, values map[string]any) []attribute.KeyValue {
	t.Helper()
	var attrs []attribute.KeyValue
	for key, value := range values {
		switch v := value.(type) {
		case string:
			attrs = append(attrs, attribute.String(key, v))
		case bool:
			attrs = append(attrs, attribute.Bool(key, v))
		case json.Number:
			n, err := v.Int64()
			if err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			attrs = append(attrs, attribute.Int64(key, n))
		default:
			t.Fatalf("%s: unexpected %T", key, v)
		}
	}
	return attrs
}

// judgedSpan is what is expected of a recorded span, and why where it surprises.
type judgedSpan struct {
	operation, code string
	outcome         engine.Outcome
	why             string
}

// TestClassifyRecordedSpans holds the default rules against everything that real
// instrumentation was seen to do. What is expected was thought through from what the
// caller saw, which stands beside each scenario's name in the recording.
func TestClassifyRecordedSpans(t *testing.T) {
	const path = "../shared/spans/real-spans.json"
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no recorded spans at %s", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // It was only read.
	var recording []struct {
		Group    string         `json:"group"`
		Scenario string         `json:"scenario"`
		Spans    []recordedSpan `json:"spans"`
	}
	decoder := json.NewDecoder(file)
	decoder.UseNumber()
	if err := decoder.Decode(&recording); err != nil {
		t.Fatal(err)
	}

	expected := make(map[string][]judgedSpan)
	for _, s := range judgedScenarios {
		key := s.group + ": " + s.scenario
		if expected[key] != nil {
			t.Fatalf("two rows for %s", key)
		}
		expected[key] = s.spans
	}
	for _, r := range recording {
		key := r.Group + ": " + r.Scenario
		rows := expected[key]
		delete(expected, key)
		t.Run(key, func(t *testing.T) {
			if len(rows) != len(r.Spans) {
				t.Fatalf("%d rows for %d spans", len(rows), len(r.Spans))
			}
			c := newClassifier(nil, Outcomes{})
			for i, want := range rows {
				s := r.Spans[i].stub(t, strings.Contains(r.Scenario, "panic"))
				operation, code, outcome := c.classify(s.Snapshot(), s.SpanKind, s.EndTime)
				if operation != want.operation || code != want.code || outcome != want.outcome {
					t.Errorf("span %d: %q %q %s, want %q %q %s (%s)", i, operation, code, outcome, want.operation, want.code, want.outcome, want.why)
				}
			}
		})
	}
	for key := range expected {
		t.Errorf("rows without spans: %s", key)
	}
}

const (
	healthCheck = "grpc.health.v1.Health/Check"
	healthWatch = "grpc.health.v1.Health/Watch"
	toIP        = "HTTP GET 127.0.0.1" // clients are named by their method alone

	goError   = "*errors.errorString"
	netError  = "*net.OpError"
	connErr   = "*pgconn.ConnectError"
	redisErr  = "github.com/redis/go-redis/v9/internal/proto.RedisError"
	lateError = "context.deadlineExceededError"
)

// judgedScenarios has one row for each recorded span, in the recording's order.
var judgedScenarios = []struct {
	group, scenario string
	spans           []judgedSpan
}{
	{"otelhttp", "200 ok", []judgedSpan{
		{toIP, "200", success, ""},
		{"GET /ok/{id}", "200", success, ""},
	}},
	{"otelhttp", "401", []judgedSpan{
		{toIP, "401", failure, "the instrumentation says so"},
		{"GET /auth", "401", success, "the fault is the caller's"},
	}},
	{"otelhttp", "429", []judgedSpan{
		{toIP, "429", failure, ""},
		{"GET /limit", "429", success, "a limit that is kept is a service that works"},
	}},
	{"otelhttp", "499", []judgedSpan{
		{toIP, "499", failure, "a client that got an answer did not give up"},
		{"GET /499", "499", given, ""},
	}},
	{"otelhttp", "500", []judgedSpan{
		{toIP, "500", failure, ""},
		{"GET /fail", "500", failure, ""},
	}},
	{"otelhttp", "503", []judgedSpan{
		{toIP, "503", failure, ""},
		{"GET /unavail", "503", failure, ""},
	}},
	{"otelhttp", "504", []judgedSpan{
		{toIP, "504", failure, ""},
		{"GET /timeout504", "504", failure, ""},
	}},
	{"otelhttp", "client timeout (server honours ctx)", []judgedSpan{
		{toIP, goError, failure, "the description is net/http: request canceled, but it was the client's timeout"},
		{"GET /slow", "499", given, "to the server the caller has gone, whatever the reason"},
	}},
	{"otelhttp", "client timeout (server ignores ctx)", []judgedSpan{
		{toIP, goError, failure, ""},
		{"GET /slowignore", "200", success, "nobody was there to see it"},
	}},
	{"otelhttp", "caller cancels ctx (server honours ctx)", []judgedSpan{
		{toIP, goError, given, ""},
		{"GET /slow", "499", given, ""},
	}},
	{"otelhttp", "ctx deadline", []judgedSpan{
		{toIP, lateError, failure, "a deadline that passed is a failure"},
		{"GET /slow", "499", given, "a server can't tell a deadline from a cancellation"},
	}},
	{"otelhttp", "ctx cancelled before start", []judgedSpan{
		{toIP, goError, given, ""},
	}},
	{"otelhttp", "http.TimeoutHandler 503", []judgedSpan{
		{toIP, "503", failure, ""},
		{"GET", "503", failure, "no route: the mux ran on a copy of the request"},
	}},
	{"otelhttp", "panic in handler, no recover", []judgedSpan{
		{toIP, goError, failure, "EOF"},
		{"GET", ".string", failure, "unset and without a code: only the event after the end tells"},
	}},
	{"otelhttp", "panic in handler, recover inside otelhttp", []judgedSpan{
		{toIP, "500", failure, ""},
		{"GET /panic", "500", failure, ""},
	}},
	{"otelhttp", "panic after 200 header", []judgedSpan{
		{toIP, goError, failure, "EOF"},
		{"GET", ".string", failure, "the 200 that was sent is not in the span"},
	}},
	{"otelhttp", "connection refused", []judgedSpan{
		{toIP, netError, failure, ""},
	}},
	{"otelhttp", "no such host", []judgedSpan{
		{"HTTP GET no-such-host.invalid", netError, failure, ""},
	}},
	{"otelhttp", "reverse proxy, backend down (502)", []judgedSpan{
		{toIP, "502", failure, ""},
		{"GET", "502", failure, ""},
	}},

	{"otelgrpc", "server returns Canceled", []judgedSpan{
		{healthCheck, "CANCELLED", given, "made up by the server, but no client can tell"},
		{healthCheck, "CANCELLED", given, ""},
	}},
	{"otelgrpc", "server returns Unknown", []judgedSpan{
		{healthCheck, "UNKNOWN", failure, ""},
		{healthCheck, "UNKNOWN", failure, ""},
	}},
	{"otelgrpc", "server returns InvalidArgument", []judgedSpan{
		{healthCheck, "INVALID_ARGUMENT", failure, ""},
		{healthCheck, "INVALID_ARGUMENT", success, "the fault is the caller's"},
	}},
	{"otelgrpc", "server returns DeadlineExceeded", []judgedSpan{
		{healthCheck, "DEADLINE_EXCEEDED", failure, ""},
		{healthCheck, "DEADLINE_EXCEEDED", failure, ""},
	}},
	{"otelgrpc", "server returns NotFound", []judgedSpan{
		{healthCheck, "NOT_FOUND", failure, "the instrumentation says so"},
		{healthCheck, "NOT_FOUND", success, ""},
	}},
	{"otelgrpc", "server returns AlreadyExists", []judgedSpan{
		{healthCheck, "ALREADY_EXISTS", failure, ""},
		{healthCheck, "ALREADY_EXISTS", success, ""},
	}},
	{"otelgrpc", "server returns PermissionDenied", []judgedSpan{
		{healthCheck, "PERMISSION_DENIED", failure, ""},
		{healthCheck, "PERMISSION_DENIED", success, ""},
	}},
	{"otelgrpc", "server returns FailedPrecondition", []judgedSpan{
		{healthCheck, "FAILED_PRECONDITION", failure, ""},
		{healthCheck, "FAILED_PRECONDITION", success, ""},
	}},
	{"otelgrpc", "server returns OutOfRange", []judgedSpan{
		{healthCheck, "OUT_OF_RANGE", failure, ""},
		{healthCheck, "OUT_OF_RANGE", success, ""},
	}},
	{"otelgrpc", "server returns Internal", []judgedSpan{
		{healthCheck, "INTERNAL", failure, ""},
		{healthCheck, "INTERNAL", failure, ""},
	}},
	{"otelgrpc", "server returns DataLoss", []judgedSpan{
		{healthCheck, "DATA_LOSS", failure, ""},
		{healthCheck, "DATA_LOSS", failure, ""},
	}},
	{"otelgrpc", "server returns plain error", []judgedSpan{
		{healthCheck, "UNKNOWN", failure, ""},
		{healthCheck, "UNKNOWN", failure, ""},
	}},
	{"otelgrpc", "server returns context.Canceled (unrelated)", []judgedSpan{
		{healthCheck, "CANCELLED", given, "the caller waited on, but nothing in the span says so"},
		{healthCheck, "CANCELLED", given, ""},
	}},
	{"otelgrpc", "panic in handler + recovery interceptor", []judgedSpan{
		{healthCheck, "INTERNAL", failure, ""},
		{healthCheck, "INTERNAL", failure, ""},
	}},
	{"otelgrpc", "client deadline (slow server)", []judgedSpan{
		{healthCheck, "DEADLINE_EXCEEDED", failure, "though the description ends in CANCEL"},
		{healthCheck, "CANCELLED", given, "the stream was reset, so that to the server the caller has gone"},
	}},
	{"otelgrpc", "client cancels", []judgedSpan{
		{healthCheck, "CANCELLED", given, ""},
		{healthCheck, "CANCELLED", given, ""},
	}},
	{"otelgrpc", "server stream, client cancels after 2 messages", []judgedSpan{
		{healthWatch, "CANCELLED", given, ""},
		{healthWatch, "CANCELLED", given, ""},
	}},
	{"otelgrpc", "server down (connection refused)", []judgedSpan{
		{healthCheck, "UNAVAILABLE", failure, ""},
	}},
	{"otelgrpc", "server stopped during call", []judgedSpan{
		{healthCheck, "UNAVAILABLE", failure, ""},
		{healthCheck, "CANCELLED", given, "stopping cancels the handlers as a caller would"},
	}},

	{"otelsql", "syntax error", []judgedSpan{
		{"sql.conn.reset_session", "OK", success, ""},
		{"sql.conn.exec", "*sqlite.Error", failure, "no attribute says it, only the event"},
	}},
	{"otelsql", "query no rows (sql.ErrNoRows)", []judgedSpan{
		{"sql.conn.reset_session", "OK", success, ""},
		{"sql.conn.query", "OK", success, "no rows is an answer"},
		{"sql.rows", "OK", success, ""},
	}},
	{"otelsql", "ctx deadline in query", []judgedSpan{
		{"sql.conn.reset_session", "OK", success, ""},
		{"sql.conn.query", lateError, failure, ""},
	}},
	{"otelsql", "tx rolled back", []judgedSpan{
		{"sql.conn.reset_session", "OK", success, ""},
		{"sql.conn.begin_tx", "OK", success, ""},
		{"sql.conn.exec", "OK", success, ""},
		{"sql.tx.rollback", "OK", success, "a rollback that was asked for"},
	}},

	{"otelpgx", "unique violation", []judgedSpan{
		{"caller", "OK", success, "what the caller makes of it is its own matter"},
		{"pool.acquire", "OK", success, ""},
		{"INSERT", "23505", failure, ""},
	}},
	{"otelpgx", "syntax error", []judgedSpan{
		{"caller", "OK", success, ""},
		{"pool.acquire", "OK", success, ""},
		{"SELCT", "42601", failure, "the name is the statement's first word"},
	}},
	{"otelpgx", "ctx deadline", []judgedSpan{
		{"caller", "OK", success, ""},
		{"pool.acquire", "OK", success, ""},
		{"SELECT", "*pgconn.errTimeout", failure, ""},
	}},
	{"otelpgx", "ctx cancelled", []judgedSpan{
		{"caller", "OK", success, ""},
		{"pool.acquire", "OK", success, ""},
		{"connect", "OK", success, ""},
		{"SELECT", goError, given, ""},
	}},
	{"otelpgx", "statement_timeout (57014)", []judgedSpan{
		{"caller", "OK", success, ""},
		{"pool.acquire", "OK", success, ""},
		{"connect", "OK", success, ""},
		{"BEGIN", "OK", success, ""},
		{"SET", "OK", success, ""},
		{"SELECT", "57014", failure, "the server cancelled it for taking too long"},
		{"ROLLBACK", "OK", success, ""},
	}},
	{"otelpgx", "connection refused", []judgedSpan{
		{"caller", "OK", success, ""},
		{"pool.acquire", connErr, failure, ""},
		{"connect", connErr, failure, ""},
	}},

	{"redisotel", "SET ok", []judgedSpan{
		{"set", "OK", success, ""},
		{"redis.dial", "OK", success, ""},
		{"hello", "OK", success, ""},
		{"client", redisErr, failure, "the library tries an option that this server lacks; its caller sees nothing"},
		{"redis.pipeline client", redisErr, failure, "likewise"},
	}},
	{"redisotel", "GET hit", []judgedSpan{
		{"get", "OK", success, ""},
	}},
	{"redisotel", "GET miss (redis.Nil)", []judgedSpan{
		{"get", "OK", success, "a miss is an answer"},
	}},
	{"redisotel", "WRONGTYPE", []judgedSpan{
		{"lpush", redisErr, failure, ""},
	}},
	{"redisotel", "pipeline", []judgedSpan{
		{"redis.pipeline get", "OK", success, ""},
		{"redis.dial", "OK", success, ""},
		{"hello", "OK", success, ""},
		{"redis.pipeline client", redisErr, failure, "the library tries an option that this server lacks"},
	}},
	{"redisotel", "connection refused", []judgedSpan{
		{"get", netError, failure, ""},
		{"redis.dial", netError, failure, ""},
		{"redis.dial", netError, failure, ""},
		{"redis.dial", netError, failure, ""},
		{"redis.dial", netError, failure, ""},
		{"redis.dial", netError, failure, ""},
	}},

	{"otelecho", "200", []judgedSpan{
		{"GET /ok/:id", "200", success, ""},
	}},
	{"otelecho", "HTTPError 404", []judgedSpan{
		{"GET /http404", "404", success, ""},
	}},
	{"otelecho", "plain error", []judgedSpan{
		{"GET /err", "500", failure, ""},
	}},
	{"otelecho", "panic + Recover", []judgedSpan{
		{"GET /panic", "500", failure, ""},
	}},

	{"otelgin", "404 unrouted", []judgedSpan{
		{"GET", "404", success, ""},
	}},
	{"otelgin", "AbortWithError 400", []judgedSpan{
		{"GET /err400", "400", success, "otelgin sets status Error, but a 4xx is the caller's fault whoever made it"},
	}},
	{"otelgin", "AbortWithError 500", []judgedSpan{
		{"GET /err500", "500", failure, ""},
	}},
	{"otelgin", "panic + Recovery", []judgedSpan{
		{"GET /panic", "500", failure, ""},
	}},

	{"kotel", "produce + consume + process", []judgedSpan{
		{"orders publish", "OK", success, ""},
		{"orders receive", "OK", success, ""},
		{"orders process", "OK", success, ""},
	}},
	{"kotel", "produce to unknown topic", []judgedSpan{
		{"nope publish", "*fmt.wrapErrors", failure, ""},
	}},

	{"manual", "RecordError without status", []judgedSpan{
		{"work", "OK", success, "an error that was dealt with"},
	}},
	{"manual", "SetStatus Error, no event", []judgedSpan{
		{"work", "_OTHER", failure, ""},
	}},
	{"manual", "SetStatus Error then Ok", []judgedSpan{
		{"work", "OK", success, "Ok is the last word"},
	}},
	{"manual", "panic through defer span.End()", []judgedSpan{
		{"work", ".string", failure, "looks like RecordError without status, but for the event's time"},
	}},
	{"manual", "child error, parent unset", []judgedSpan{
		{"parent", "OK", success, ""},
		{"child", lateError, failure, ""},
	}},
}
