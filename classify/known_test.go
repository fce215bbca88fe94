package classify

import (
	"testing"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Every well-known case, and what is like it and none.
func TestKnownCases(t *testing.T) {
	const redisError = "github.com/redis/go-redis/v9/internal/proto.RedisError"
	fitted := make(map[int]bool)
	for _, tt := range []struct {
		test    string
		kind    engine.SpanKind
		name    string
		status  Status
		message string
		attrs   attributes
		e       Exception
		want    engine.Outcome
		known   bool
	}{
		{"driver.ErrSkip", client, "sql.conn.exec", StatusError, "", nil, Exception{Message: skippedMessage}, ignored, true},
		{"driver.ErrSkip, wrapped", client, "sql.conn.exec", StatusError, "", nil, Exception{Message: "exec: " + skippedMessage}, failure, false},
		{"driver.ErrBadConn: an attempt that is repeated is a call", client, "sql.conn.exec", StatusError, "driver: bad connection", nil, Exception{}, failure, false},

		{"CLIENT SETINFO", client, "redis.pipeline client", StatusError, "ERR unknown subcommand", attributes{"db.system": "redis", "db.statement": "client setinfo LIB-NAME go-redis\nclient setinfo LIB-VER 9"}, Exception{Type: redisError}, ignored, true},
		{"CLIENT SETINFO without its statement", client, "redis.pipeline client", StatusError, "ERR unknown subcommand 'setinfo'. Try CLIENT HELP.", attributes{"db.system": "redis"}, Exception{}, ignored, true},
		{"CLIENT SETINFO of a user who may not", client, "redis.pipeline client", StatusError, "NOPERM this user has no permissions to run the 'client|setinfo' command", attributes{"db.system": "redis"}, Exception{}, ignored, true},
		{"CLIENT SETINFO, named in full", client, "CLIENT SETINFO", StatusError, "ERR unknown subcommand", attributes{"db.system": "redis"}, Exception{}, ignored, true},
		{"CLIENT SETINFO that succeeds", client, "redis.pipeline client", StatusUnset, "", attributes{"db.system": "redis", "db.statement": "client setinfo LIB-NAME go-redis"}, Exception{}, success, false},
		{"CLIENT MAINT_NOTIFICATIONS", client, "client", StatusError, "ERR unknown command", attributes{"db.statement": "client maint_notifications on"}, Exception{}, ignored, true},
		{"CLIENT MAINT_NOTIFICATIONS without its statement", client, "client", StatusError, "", nil, Exception{Message: "ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP."}, ignored, true},
		{"CLIENT MAINT_NOTIFICATIONS, named in full", client, "CLIENT MAINT_NOTIFICATIONS", StatusError, "ERR", nil, Exception{}, ignored, true},
		{"another CLIENT command", client, "client", StatusError, "ERR syntax error", attributes{"db.statement": "client kill 7"}, Exception{}, failure, false},
		{"HELLO", client, "hello", StatusError, "ERR unknown command 'HELLO', with args beginning with: '3'", nil, Exception{}, ignored, true},
		{"HELLO with a wrong password", client, "hello", StatusError, "WRONGPASS invalid username-password pair", nil, Exception{}, failure, false},

		{"EVALSHA", client, "EVALSHA", StatusError, "NOSCRIPT No matching script. Please use EVAL.", nil, Exception{}, ignored, true},
		{"EVALSHA of Python", client, "EVALSHA", StatusError, "NoScriptError: No matching script.", nil, Exception{}, ignored, true},
		{"EVALSHA in a pipeline, which nobody repeats", client, "redis.pipeline evalsha", StatusError, "NOSCRIPT No matching script. Please use EVAL.", nil, Exception{}, failure, false},
		{"EVALSHA of a script that fails", client, "evalsha", StatusError, "ERR Error running script", nil, Exception{}, failure, false},
		{"MOVED", client, "get", StatusError, "MOVED 3999 127.0.0.1:6381", attributes{"db.system": "redis"}, Exception{}, ignored, true},
		{"ASK", client, "get", StatusError, "ASK 3999 127.0.0.1:6381", attributes{"db.system": "redis"}, Exception{}, ignored, true},
		{"MOVED of something else", client, "get", StatusError, "MOVED 3999 127.0.0.1:6381", nil, Exception{}, failure, false},
		{"a key that is not there", client, "get", StatusError, "redis: nil", nil, Exception{}, success, true},
		{"a key that is not there, rueidis", client, "GET", StatusError, "redis nil message", nil, Exception{}, success, true},

		{"ContinueAsNew", server, "RunWorkflow:Loop", StatusError, "continue as new", nil, Exception{Type: "*internal.ContinueAsNewError", Message: "continue as new"}, success, true},
		{"ContinueAsNew of TypeScript", internal, "RunWorkflow:Loop", StatusError, "Workflow execution continued as new", nil, Exception{}, success, true},
		{"ContinueAsNew by its type", internal, "RunWorkflow:Loop", StatusError, "", nil, Exception{Type: "temporalio.workflow.ContinueAsNewError"}, success, true},
		{"a workflow that failed", server, "RunWorkflow:Loop", StatusError, "activity error", nil, Exception{}, failure, false},
		{"an activity that is completed later", server, "RunActivity:Wait", StatusError, "not error: do not autocomplete, using Client.CompleteActivity() to complete", nil, Exception{}, success, true},
		{"an activity that is completed later, of TypeScript", internal, "RunActivity:Wait", StatusError, "", nil, Exception{Type: "CompleteAsyncError"}, success, true},
		{"an activity that failed", server, "RunActivity:Wait", StatusError, "try again", nil, Exception{}, failure, false},

		{"http.getconn", client, "http.getconn", StatusUnset, "", nil, Exception{}, ignored, true},
		{"http.dns", client, "http.dns", StatusUnset, "", nil, Exception{}, ignored, true},
		{"http.connect", client, "http.connect", StatusError, "connection refused", nil, Exception{}, ignored, true},
		{"http.tls", client, "http.tls", StatusUnset, "", nil, Exception{}, ignored, true},
		{"http.headers", client, "http.headers", StatusUnset, "", nil, Exception{}, ignored, true},
		{"http.send", client, "http.send", StatusUnset, "", nil, Exception{}, ignored, true},
		{"http.receive", client, "http.receive", StatusUnset, "", nil, Exception{}, ignored, true},
		{"dns.lookup", client, "dns.lookup", StatusUnset, "", nil, Exception{}, ignored, true},
		{"a server of that name", server, "http.send", StatusError, "", nil, Exception{}, failure, false},
		{"a call of a name like it", client, "http.sender", StatusError, "", nil, Exception{}, failure, false},

		{"sql.rows", client, "sql.rows", StatusUnset, "", nil, Exception{}, success, true},
		{"sql.rows that fail", client, "sql.rows", StatusError, "driver: bad connection", nil, Exception{}, failure, true},
	} {
		t.Run(tt.test, func(t *testing.T) {
			s := spanWith(tt.kind, tt.status, tt.message, tt.attrs)
			s.Name = tt.name
			got := New(nil, Outcomes{}, nil).Classify(s, Events{Exception: tt.e})
			if got.Outcome != tt.want {
				t.Errorf("%+v, want %s", got, tt.want)
			}
			first := -1
			for i := range known {
				if known[i].fits(s, &tt.e) {
					first = i
					fitted[i] = true
					break
				}
			}
			if (first >= 0) != tt.known {
				t.Errorf("fits rule %d, is known: %t", first, tt.known)
			}
		})
	}
	for i := range known {
		if !fitted[i] {
			t.Errorf("no case fits rule %d: %+v", i, known[i])
		}
	}
}
