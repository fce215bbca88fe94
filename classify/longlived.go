package classify

import (
	"strings"
)

// switchingProtocols is the status of a connection that is no longer one of HTTP, as of a WebSocket.
const switchingProtocols = 101

// isLongLived reports whether a call lasts as long as there is something to wait for, or until one
// side has enough: how long that is says nothing about latency.
func isLongLived(s *Span, e *Events) bool {
	a := &s.Attributes
	switch {
	case a.http == switchingProtocols, a.marks&(isEventStream|isReceive) != 0, e.IsStream:
		return true
	case a.marks&isRPC != 0:
		return isLongRPC(a.service, a.rpcMethod) || isLongRPC("", s.Name)
	case a.marks&isDatabase != 0:
		return isRedis(a.system) && isBlockingRead(s)
	}
	return s.Scope == scopeGRPCGo && isLongRPC("", s.Name)
}

// longRPCs are well-known methods that wait, by their own names, with the end of the service's name.
var longRPCs = map[string][]string{
	// https://github.com/grpc/grpc/blob/master/doc/health-checking.md: a stream of changes. So is
	// etcd's, https://etcd.io/docs/latest/learning/api/, and its leases' keep-alive.
	"Watch":          {"Health", "Watch"},
	"LeaseKeepAlive": {"Lease"},
	// https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
	"ServerReflectionInfo": {"ServerReflection"},
	// https://cloud.google.com/pubsub/docs/pull
	"StreamingPull": {"Subscriber"},
	"Pull":          {"Subscriber"},
	// https://docs.temporal.io/workers: long polls of 60 s.
	"PollWorkflowTaskQueue":       {"WorkflowService"},
	"PollActivityTaskQueue":       {"WorkflowService"},
	"PollNexusTaskQueue":          {"WorkflowService"},
	"PollWorkflowExecutionUpdate": {"WorkflowService"},
	"GetWorkflowExecutionHistory": {"WorkflowService"},
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
	"ReceiveMessage": {"SQS", "Sqs", "sqs"},
	// https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetActivityTask.html
	"GetActivityTask": {"SFN", "Sfn", "StepFunctions"},
	// https://docs.aws.amazon.com/amazonswf/latest/apireference/API_PollForActivityTask.html
	"PollForActivityTask": {"SWF"},
	"PollForDecisionTask": {"SWF"},
}

// isLongRPC reports whether a method is one of a stream or a long poll. The service may be part of
// the method, before its last slash or dot.
func isLongRPC(service, method string) bool {
	if i := strings.LastIndexAny(method, "/."); i >= 0 {
		service, method = method[:i], method[i+1:]
	}
	if isStreamName(method) {
		return true
	}
	for _, end := range longRPCs[method] {
		if strings.HasSuffix(service, end) {
			return true
		}
	}
	return false
}

// isStreamName reports whether a method's name says that it is a stream. One that ends in Stream may
// as well do something to a stream, such as DescribeStream.
func isStreamName(method string) bool {
	for _, word := range [...]string{"Streaming", "Stream", "Watch"} {
		if rest, ok := strings.CutPrefix(method, word); ok && rest != "" && 'A' <= rest[0] && rest[0] <= 'Z' {
			return true
		}
	}
	return strings.HasSuffix(method, "Streaming")
}

// isRedis reports whether a database speaks the protocol of Redis.
func isRedis(system string) bool {
	return strings.EqualFold(system, "redis") || strings.EqualFold(system, "valkey")
}

// isBlockingRead reports whether a command of Redis waits until there is something to read
// (https://redis.io/docs/latest/commands/blpop/ and so on).
func isBlockingRead(s *Span) bool {
	a := &s.Attributes
	command := a.operation
	if command == "" {
		command = firstWord(s.Name)
	}
	if a.statement != "" && !isBlockingCommand(command) {
		command = firstWord(a.statement)
	}
	switch {
	case isBlockingCommand(command):
		return true
	case strings.EqualFold(command, "XREAD"), strings.EqualFold(command, "XREADGROUP"):
		// Without BLOCK they don't wait, if the statement shows its words at all.
		return containsFold(a.statement, " block ") || !containsFold(a.statement, " streams ")
	}
	return false
}

// isBlockingCommand reports whether a command of Redis always waits.
func isBlockingCommand(command string) bool {
	for _, blocking := range [...]string{
		"BLPOP", "BRPOP", "BLMOVE", "BLMPOP", "BRPOPLPUSH", "BZPOPMIN", "BZPOPMAX", "BZMPOP", "WAIT", "WAITAOF",
	} {
		if strings.EqualFold(command, blocking) {
			return true
		}
	}
	return false
}

func firstWord(s string) string {
	if i := strings.IndexByte(s, ' '); i >= 0 {
		return s[:i]
	}
	return s
}

// containsFold reports whether s contains a text in small letters, whatever the case of its own.
func containsFold(s, text string) bool {
	for i := 0; i+len(text) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(text)], text) {
			return true
		}
	}
	return false
}
