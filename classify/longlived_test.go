package classify

import (
	"testing"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Calls that last as long as there is something to wait for count, and their time doesn't.
func TestLongLivedCalls(t *testing.T) {
	redis := func(statement string) attributes {
		return attributes{"db.system": "redis", "db.statement": statement}
	}
	aws := func(method string) attributes {
		return attributes{"rpc.method": method, "rpc.system.name": "aws-api", "http.response.status_code": 200}
	}
	grpc := attributes{"rpc.method": "shop.Orders/List", "rpc.response.status_code": "OK"}
	for _, tt := range []struct {
		test   string
		kind   engine.SpanKind
		name   string
		attrs  attributes
		stream bool
		want   bool
	}{
		{"a WebSocket of a server", server, "GET /ws", attributes{"http.response.status_code": 101}, false, true},
		{"a WebSocket of a client", client, "HTTP GET", attributes{"http.status_code": 101}, false, true},
		{"100 is no end", server, "GET /", attributes{"http.response.status_code": 100}, false, false},
		{"200", server, "GET /", attributes{"http.response.status_code": 200}, false, false},
		{"server-sent events", server, "GET /events", attributes{"http.response.status_code": 200, "http.response.header.content-type": "text/event-stream; charset=utf-8"}, false, true},
		{"JSON", server, "GET /events", attributes{"http.response.status_code": 200, "http.response.header.content-type": "application/json"}, false, false},

		{"one message", client, "shop.Orders/List", grpc, false, false},
		{"several messages", client, "shop.Orders/List", grpc, true, true},
		{"several messages at the server", server, "shop.Orders/List", grpc, true, true},
		{"a well-known stream", client, "grpc.health.v1.Health/Watch", attributes{"rpc.method": "grpc.health.v1.Health/Watch", "rpc.response.status_code": "OK"}, false, true},
		{"likewise, by old names", server, "grpc.health.v1.Health/Watch", attributes{"rpc.service": "grpc.health.v1.Health", "rpc.method": "Watch", "rpc.grpc.status_code": 0}, false, true},
		{"its neighbour", client, "grpc.health.v1.Health/Check", attributes{"rpc.method": "grpc.health.v1.Health/Check", "rpc.response.status_code": "OK"}, false, false},
		{"a name that says so", client, "shop.Orders/StreamOrders", attributes{"rpc.method": "shop.Orders/StreamOrders", "rpc.grpc.status_code": 0}, false, true},
		{"another", client, "etcdserverpb.Watch/Watch", attributes{"rpc.method": "etcdserverpb.Watch/Watch", "rpc.grpc.status_code": 0}, false, true},
		{"a call about a stream", client, "Kinesis.DescribeStream", aws("Kinesis/DescribeStream"), false, false},
		{"a method of the same name", client, "shop.Clocks/Watch", attributes{"rpc.method": "shop.Clocks/Watch", "rpc.grpc.status_code": 0}, false, false},
		{"Temporal's long poll", client, "temporal.api.workflowservice.v1.WorkflowService/PollActivityTaskQueue", attributes{"rpc.method": "temporal.api.workflowservice.v1.WorkflowService/PollActivityTaskQueue", "rpc.grpc.status_code": 0}, false, true},

		{"SQS", client, "SQS.ReceiveMessage", aws("SQS/ReceiveMessage"), false, true},
		{"SQS, by old names", client, "SQS.ReceiveMessage", attributes{"rpc.system": "aws-api", "rpc.service": "SQS", "rpc.method": "ReceiveMessage", "http.status_code": 200}, false, true},
		{"SQS, of Java", client, "Sqs.ReceiveMessage", attributes{"rpc.service": "Sqs", "rpc.method": "ReceiveMessage", "http.status_code": 200}, false, true},
		{"SQS, sending", client, "SQS.SendMessage", aws("SQS/SendMessage"), false, false},
		{"a consumer that waits", consumer, "orders receive", attributes{"messaging.operation": "receive"}, false, true},
		{"a client that waits", client, "poll orders", attributes{"messaging.operation.type": "receive"}, false, true},
		{"a consumer that works", consumer, "orders process", attributes{"messaging.operation.type": "process"}, false, false},

		{"BLPOP", client, "blpop", redis("blpop q 5"), false, true},
		{"BLPOP, in capitals and without a statement", client, "BLPOP", attributes{"db.system.name": "redis", "db.operation.name": "BLPOP"}, false, true},
		{"BLPOP of Valkey", client, "BRPOP", attributes{"db.system.name": "valkey"}, false, true},
		{"BLPOP, named after the database", client, "redis", redis("BLPOP ? ?"), false, true},
		{"XREAD that waits", client, "xread", redis("xread block 5000 streams s $"), false, true},
		{"XREAD that does not wait", client, "xread", redis("xread count 10 streams s 0"), false, false},
		{"XREADGROUP that hides its words", client, "XREADGROUP", redis("XREADGROUP ? ? ? ? ?"), false, true},
		{"XREADGROUP without a statement", client, "xreadgroup", attributes{"db.system": "redis"}, false, true},
		{"LPOP", client, "lpop", redis("lpop q"), false, false},
		{"a key of that name", client, "get", redis("get blpop"), false, false},
		{"another database's statement of that name", client, "WAIT", attributes{"db.system": "mysql"}, false, false},

		{"rows that are open", client, "sql.rows", nil, false, true},
		{"a query", client, "sql.conn.query", attributes{"db.query.text": "select 1"}, false, false},
	} {
		t.Run(tt.test, func(t *testing.T) {
			s := spanWith(tt.kind, StatusUnset, "", tt.attrs)
			s.Name = tt.name
			r := New(nil, Outcomes{}, nil)
			got := r.Classify(s, Events{IsStream: tt.stream})
			if got.Outcome != success || got.Untimed != tt.want {
				t.Errorf("%+v, want a success that is untimed: %t", got, tt.want)
			}
			if _, quick := r.Quick(s); quick && tt.want {
				t.Error("is settled quickly")
			}
			s.Status = StatusError // such a call can fail as any other
			if got := r.Classify(s, Events{IsStream: tt.stream}); got.Outcome == success {
				t.Errorf("with an error: %+v", got)
			}
		})
	}
}

// The events of an RPC tell how many messages went each way.
func TestIsLaterMessage(t *testing.T) {
	for _, tt := range []struct {
		event, key string
		number     int64
		want       bool
	}{
		{"message", "message.id", 1, false},
		{"message", "message.id", 2, true},
		{"rpc.message", "rpc.message.id", 2, true},
		{"Inbound message", "sequence-number", 0, false},
		{"Outbound message", "sequence-number", 1, true},
		{"Outbound message", "message-size", 7, false},
		{"log", "message.id", 2, false},
	} {
		if got := IsMessage(tt.event) && IsLaterMessage(tt.key, tt.number); got != tt.want {
			t.Errorf("%s, %s=%d: %t, want %t", tt.event, tt.key, tt.number, got, tt.want)
		}
	}
}
