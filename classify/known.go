package classify

import (
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/internal/wildcard"
)

// known are the well-known cases in which a span stands for no call, for no failure, or for a time
// that is not the call's. The first that fits decides. A configuration adds to them with [Rule].
//
// Each has the place where it is said or was reported, and a test with the span that comes of it.
var known = []rule{
	// database/sql asks a driver for a short cut that it may not have (driver.ErrSkip). It must be the
	// whole of the message: database/sql does not understand an error that only wraps this one.
	// https://pkg.go.dev/database/sql/driver#ErrSkip
	{message: wildcard.New(skippedMessage), outcome: engine.OutcomeIgnored},

	// go-redis tells every new connection who it is, and asks for notices of maintenance. It goes on
	// where the server knows neither. Statements may be hidden.
	// https://redis.io/docs/latest/commands/client-setinfo/, redis/go-redis#3536
	{name: wildcard.New("*client"), statement: wildcard.New("client setinfo*"), kind: engine.SpanKindClient, failing: true, outcome: engine.OutcomeIgnored},
	{name: wildcard.New("*client"), statement: wildcard.New("client maint_notifications*"), kind: engine.SpanKindClient, failing: true, outcome: engine.OutcomeIgnored},
	{name: wildcard.New("*client"), message: wildcard.New("*setinfo*"), kind: engine.SpanKindClient, outcome: engine.OutcomeIgnored},
	{name: wildcard.New("*client"), message: wildcard.New("*maint_notifications*"), kind: engine.SpanKindClient, outcome: engine.OutcomeIgnored},
	{name: wildcard.New("client setinfo*"), kind: engine.SpanKindClient, failing: true, outcome: engine.OutcomeIgnored},
	{name: wildcard.New("client maint_notifications*"), kind: engine.SpanKindClient, failing: true, outcome: engine.OutcomeIgnored},
	// A server before Redis 6 has no HELLO; clients go on with the old protocol.
	// https://redis.io/docs/latest/commands/hello/
	{name: wildcard.New("hello"), message: wildcard.New("*unknown command*"), kind: engine.SpanKindClient, outcome: engine.OutcomeIgnored},

	// A client tries whether the server has the script, and sends it if not.
	// https://redis.io/docs/latest/commands/evalsha/
	{name: wildcard.New("evalsha*"), message: wildcard.New("*no matching script*"), kind: engine.SpanKindClient, outcome: engine.OutcomeIgnored},

	// A cluster says where the key is, and the client goes there.
	// https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#moved-redirection
	{message: wildcard.New("MOVED * *:*"), redis: true, kind: engine.SpanKindClient, outcome: engine.OutcomeIgnored},
	{message: wildcard.New("ASK * *:*"), redis: true, kind: engine.SpanKindClient, outcome: engine.OutcomeIgnored},

	// A key that does not exist is an answer, which some instrumentation takes for an error.
	// https://pkg.go.dev/github.com/redis/go-redis/v9#Nil, https://pkg.go.dev/github.com/redis/rueidis#Nil
	{message: wildcard.New("redis: nil"), kind: engine.SpanKindClient, outcome: engine.OutcomeSuccess},
	{message: wildcard.New("redis nil message"), kind: engine.SpanKindClient, outcome: engine.OutcomeSuccess},

	// A workflow that goes on as a new run has ended as it should.
	// temporalio/sdk-go#2676, temporalio/sdk-typescript#397
	{name: wildcard.New("RunWorkflow:*"), message: wildcard.New("*continue*as new*"), outcome: engine.OutcomeSuccess},
	{name: wildcard.New("RunWorkflow:*"), exception: wildcard.New("*ContinueAsNew*"), outcome: engine.OutcomeSuccess},
	// So has an activity that is completed later, from elsewhere.
	// https://pkg.go.dev/go.temporal.io/sdk/activity#ErrResultPending, temporalio/sdk-typescript#1974
	{name: wildcard.New("RunActivity:*"), message: wildcard.New("not error: do not autocomplete*"), outcome: engine.OutcomeSuccess},
	{name: wildcard.New("RunActivity:*"), exception: wildcard.New("*CompleteAsync*"), outcome: engine.OutcomeSuccess},

	// What a request does is part of it: one of its addresses may refuse, and it succeeds.
	// https://pkg.go.dev/go.opentelemetry.io/contrib/instrumentation/net/http/httptrace/otelhttptrace
	{name: wildcard.New("http.getconn"), kind: engine.SpanKindClient, outcome: engine.OutcomeIgnored},
	{name: wildcard.New("http.dns"), kind: engine.SpanKindClient, outcome: engine.OutcomeIgnored},
	{name: wildcard.New("http.connect"), kind: engine.SpanKindClient, outcome: engine.OutcomeIgnored},
	{name: wildcard.New("http.tls"), kind: engine.SpanKindClient, outcome: engine.OutcomeIgnored},
	{name: wildcard.New("http.headers"), kind: engine.SpanKindClient, outcome: engine.OutcomeIgnored},
	{name: wildcard.New("http.send"), kind: engine.SpanKindClient, outcome: engine.OutcomeIgnored},
	{name: wildcard.New("http.receive"), kind: engine.SpanKindClient, outcome: engine.OutcomeIgnored},
	// https://www.npmjs.com/package/@opentelemetry/instrumentation-dns
	{name: wildcard.New("dns.lookup"), kind: engine.SpanKindClient, outcome: engine.OutcomeIgnored},

	// The rows of a query are open as long as the program works on them.
	// https://pkg.go.dev/github.com/XSAM/otelsql#Method
	{name: wildcard.New("sql.rows"), latency: LatencyExcluded},
}

// knownOfSuccess are those that a call may fit that did not fail.
var knownOfSuccess = func() (rules []rule) {
	for _, r := range known {
		if !r.failing && r.message.IsAny() && r.exception.IsAny() {
			rules = append(rules, r)
		}
	}
	return rules
}()

// firstThatFits returns the first rule that a span fits, or nil.
func firstThatFits(rules []rule, s *Span, e *Exception) *rule {
	for i := range rules {
		if rules[i].fits(s, e) {
			return &rules[i]
		}
	}
	return nil
}

// skippedMessage is the whole message of driver.ErrSkip.
const skippedMessage = "driver: skip fast-path; continue as if unimplemented"
