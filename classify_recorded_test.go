package monitor

import (
	"context"
	"slices"
	"testing"

	"github.com/blurooo/go-monitor/v2/classify/spantest"
	"github.com/blurooo/go-monitor/v2/engine"
)

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
	expected := make(map[string][]judgedSpan)
	for _, s := range judgedScenarios {
		key := s.group + ": " + s.scenario
		if expected[key] != nil {
			t.Fatalf("two rows for %s", key)
		}
		expected[key] = s.spans
	}
	for _, r := range spantest.Scenarios(t) {
		key := r.Group + ": " + r.Scenario
		rows := expected[key]
		delete(expected, key)
		t.Run(key, func(t *testing.T) {
			if len(rows) != len(r.Spans) {
				t.Fatalf("%d rows for %d spans", len(rows), len(r.Spans))
			}
			c := newClassifier(nil, Outcomes{}, nil)
			for i, want := range rows {
				s := r.Spans[i].Stub(t)
				operation, result := c.classify(context.Background(), s.Snapshot(), s.SpanKind, s.EndTime)
				code, outcome := result.Code, result.Outcome
				if untimed := slices.Contains([]string{healthWatch, "sql.rows", "orders receive"}, want.operation); result.Untimed != untimed {
					t.Errorf("span %d: untimed is %t, want %t", i, result.Untimed, untimed)
				}
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
		{"client", redisErr, ignored, "the library tries an option that this server lacks; its caller sees nothing"},
		{"redis.pipeline client", redisErr, ignored, "likewise"},
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
		{"redis.pipeline client", redisErr, ignored, "the library tries an option that this server lacks"},
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
