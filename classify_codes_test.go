package monitor

import (
	"context"
	"fmt"
	"math"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Codes: names, types and their order.
func TestCodeNames(t *testing.T) {
	str, num := attribute.String, attribute.Int
	var rows ruleRows
	add := rows.add
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
	add("another rpc system, error", spanWith(kindClient, failed(""), str("rpc.response.status_code", "rejected")), "rejected", failure)
	add("a code of Connect", spanWith(kindClient, failed(""), str("rpc.response.status_code", "not_found")), "NOT_FOUND", failure)
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

	all := codesOfEverySort()
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
	rows.run(t)
}

// codesOfEverySort returns one of each attribute that holds a code, in the order in which they are asked.
func codesOfEverySort() []attribute.KeyValue {
	str, num := attribute.String, attribute.Int
	return []attribute.KeyValue{
		str("rpc.response.status_code", "ABORTED"), str("rpc.status_code", "DATA_LOSS"), num("rpc.grpc.status_code", 2),
		num("http.response.status_code", 501), num("http.status_code", 502),
		str("db.response.status_code", "db"), str("pgx.sql_state", "pgx"), str("error.type", "type"),
	}
}

// A failure's code is none that means success.
func TestCodeOfAFailure(t *testing.T) {
	str, num := attribute.String, attribute.Int
	var rows ruleRows
	add := rows.add
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
	rows.run(t)
}

// Values of odd types count as none.
func TestCodesOfOddTypes(t *testing.T) {
	str, num := attribute.String, attribute.Int
	var rows ruleRows
	add := rows.add
	all := codesOfEverySort()
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
	rows.run(t)
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
			c := newClassifier(tt.codes, Outcomes{}, nil)
			clear(tt.codes) // what the user does with his map afterwards is none of ours
			_, result := c.classify(context.Background(), tt.span.Snapshot(), tt.span.SpanKind, tt.span.EndTime)
			code, outcome := result.Code, result.Outcome
			if code != tt.code || outcome != tt.outcome {
				t.Errorf("%s %q, want %s %q", outcome, code, tt.outcome, tt.code)
			}
		})
	}
}

// oddValues are attributes of types that no code has. The newest OpenTelemetry has more of them.
var oddValues = []attribute.Value{
	attribute.BoolValue(true), attribute.Float64Value(500), attribute.StringSliceValue([]string{"500"}), attribute.Int64SliceValue([]int64{500}), {},
}
