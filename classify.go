package monitor

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Presets settle the matters of taste in the default rules: calls that one program
// takes for failures and another does not. [Config.Codes] has the last word on a
// single code.
type Presets struct {
	// HTTPServer4xx is how a server counts the requests that it answered with 4xx,
	// whatever status its instrumentation gave the span; 499 is always a
	// cancellation. Default: success, since the fault is the caller's.
	HTTPServer4xx engine.Outcome `mapstructure:"http_server_4xx"`
	// HTTPClient4xx is how a client counts the requests that were answered with
	// 4xx. Default: failure, as the instrumentation says.
	HTTPClient4xx engine.Outcome `mapstructure:"http_client_4xx"`
	// GRPCNotFound is how a gRPC client counts the calls that were answered with
	// NOT_FOUND. Default: failure, as the instrumentation says.
	GRPCNotFound engine.Outcome `mapstructure:"grpc_not_found"`
}

// Validate returns one error for each field that is not an outcome, joined; each
// names the key and quotes the value.
func (p Presets) Validate() error { return errors.Join(p.problems()...) }

func (p Presets) problems() (errs []error) {
	check := func(key string, o engine.Outcome) {
		if o > engine.OutcomeIgnored {
			errs = append(errs, fmt.Errorf("%s: must be success, failure, cancelled or ignored, got %q", key, o))
		}
	}
	check("http_server_4xx", p.HTTPServer4xx)
	check("http_client_4xx", p.HTTPClient4xx)
	check("grpc_not_found", p.GRPCNotFound)
	return errs
}

// withDefaults returns p with its unset fields replaced by their defaults.
func (p Presets) withDefaults() Presets {
	return Presets{
		HTTPServer4xx: cmp.Or(p.HTTPServer4xx, engine.OutcomeSuccess),
		HTTPClient4xx: cmp.Or(p.HTTPClient4xx, engine.OutcomeFailure),
		GRPCNotFound:  cmp.Or(p.GRPCNotFound, engine.OutcomeFailure),
	}
}

const (
	codeOK    = "OK"
	codeOther = engine.OverflowOperation
)

// Messages that say how a call ended where no code does.
const (
	// skippedMessage is the whole message of driver.ErrSkip: database/sql asked a
	// driver for a short cut, the driver has none, and the call goes another way.
	skippedMessage = "driver: skip fast-path; continue as if unimplemented"
	// canceledMessage ends the message of every error that wraps context.Canceled
	// in the usual way.
	canceledMessage = "context canceled"
)

// classifier judges finished spans by what instrumentation really leaves in them.
// Apart from the names that it remembers it never changes, and it is safe for
// concurrent use. It must not be copied.
type classifier struct {
	codes   map[string]engine.CodeFeature
	presets Presets
	names   joinedNames
}

func newClassifier(codes map[string]engine.CodeFeature, presets Presets) *classifier {
	return &classifier{codes: maps.Clone(codes), presets: presets.withDefaults()}
}

// classify says which operation a span stands for, with which code the call ended,
// and how; the outcome is never unset. kind and end are the span's, which the caller
// has read already: every accessor of a span copies all of it.
func (c *classifier) classify(s sdktrace.ReadOnlySpan, kind trace.SpanKind, end time.Time) (operation, code string, outcome engine.Outcome) {
	var found attributes
	found.find(s.Attributes())
	operation = s.Name()
	if kind == trace.SpanKindClient {
		operation = c.clientOperation(operation, &found)
	}

	status := s.Status()
	statusCode, failureCode := found.codes()
	if status.Code == codes.Unset && statusCode != "" && failureCode == "" {
		// Instrumentation that saw the call to its end and found no fault, as most
		// often: nothing else can say otherwise.
		code, outcome = statusCode, engine.OutcomeSuccess
	} else {
		code, outcome = c.judge(s, &call{
			kind: kind, end: end, found: found, status: status, statusCode: statusCode, failureCode: failureCode,
		})
	}
	if len(c.codes) > 0 {
		if feature, ok := c.codes[code]; ok {
			outcome = engine.OutcomeFailure
			if feature.Success {
				outcome = engine.OutcomeSuccess
			}
		}
	}
	return operation, code, outcome
}

// clientOperation returns the operation of a client's span: where its name says no more
// than the method, the server's address, too.
func (c *classifier) clientOperation(name string, found *attributes) string {
	if address := found.address(); address != "" && isMethodName(name, found.method()) {
		return c.names.join(name, address)
	}
	return name
}

// judge applies the default rules, of which the first that fits decides.
func (c *classifier) judge(s sdktrace.ReadOnlySpan, call *call) (code string, outcome engine.Outcome) {
	// No event takes back a status Ok, which is the program's own last word, and
	// those of a server say nothing that its code does not say.
	if call.status.Code != codes.Ok && (call.kind != trace.SpanKindServer || call.failureCode == "") {
		call.readEvents(s.Events())
	}
	call.grpc, call.http = call.found.grpc(), call.found.http()

	switch {
	case call.skipped():
		outcome = engine.OutcomeIgnored
	case call.cancelled():
		outcome = engine.OutcomeCancelled
	case call.status.Code == codes.Ok:
		outcome = engine.OutcomeSuccess
	case call.http/100 == 4 && call.kind == trace.SpanKindServer:
		outcome = c.presets.HTTPServer4xx
	case call.http/100 == 4 && call.kind == trace.SpanKindClient:
		outcome = c.presets.HTTPClient4xx
	case call.grpc == "NOT_FOUND" && call.kind == trace.SpanKindClient:
		outcome = c.presets.GRPCNotFound
	case call.status.Code == codes.Error, call.failedByCode(), call.panicked(s):
		outcome = engine.OutcomeFailure
	default:
		outcome = engine.OutcomeSuccess
	}

	if outcome == engine.OutcomeSuccess {
		return cmp.Or(call.statusCode, codeOK), outcome
	}
	return cmp.Or(call.failureCode, call.exceptionType(), codeOther), outcome
}

// call is what the rules know of one finished call.
type call struct {
	kind   trace.SpanKind
	end    time.Time
	found  attributes
	status sdktrace.Status

	statusCode  string // the first status code, empty if there is none
	failureCode string // the first code that does not mean success, empty if there is none
	grpc        string // the name of the gRPC status code, empty if there is none
	http        int64  // the HTTP status code, 0 if there is none

	exception *sdktrace.Event // the last exception event, nil if there is none
	isLast    bool            // no other event came after it
	message   string          // its message
}

// readEvents looks for the exception that ended the call. Of several the last one
// counts: those before it were followed by another try.
func (c *call) readEvents(events []sdktrace.Event) {
	for i := len(events) - 1; i >= 0; i-- {
		if events[i].Name == "exception" {
			c.exception = &events[i]
			c.isLast = i == len(events)-1
			c.message = c.exceptionText("exception.message")
			return
		}
	}
}

func (c *call) exceptionText(key attribute.Key) string {
	if c.exception == nil {
		return ""
	}
	attrs := c.exception.Attributes
	for i := range attrs {
		if attrs[i].Key == key {
			return stringOf(&attrs[i].Value)
		}
	}
	return ""
}

// exceptionType returns the exception's type where it can be the code of a failure.
func (c *call) exceptionType() string {
	if t := c.exceptionText("exception.type"); !meansSuccess(errorType, t) {
		return t
	}
	return ""
}

// skipped reports whether the call was none, since the driver has no such short cut.
// The message must be the whole of it: an error that only wraps driver.ErrSkip is
// not understood by database/sql and fails the call.
func (c *call) skipped() bool {
	return c.status.Description == skippedMessage || c.message == skippedMessage
}

// cancelled reports whether the caller gave the call up. A deadline that passed is
// no cancellation but a failure.
func (c *call) cancelled() bool {
	switch {
	case c.grpc == "CANCELLED":
		return true
	case c.kind == trace.SpanKindServer:
		// Whatever a server's own messages say, its caller may be waiting still.
		return c.http == 499
	case c.grpc != "" && c.grpc != codeOK:
		// The message of a gRPC error is the server's, and the client's library has
		// a code of its own for a caller that gave up.
		return false
	}
	return strings.HasSuffix(c.status.Description, canceledMessage) || strings.HasSuffix(c.message, canceledMessage)
}

// failedByCode reports whether the attributes say failure, for the instrumentation
// that leaves the status unset. 4xx and a client's NOT_FOUND are settled before.
func (c *call) failedByCode() bool {
	if c.found.errorType() != "" {
		return true
	}
	switch c.kind {
	case trace.SpanKindServer:
		if c.http >= 500 {
			return true
		}
		switch c.grpc {
		case "UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS":
			return true
		}
	case trace.SpanKindClient:
		return c.http >= 400 || c.grpc != "" && c.grpc != codeOK
	}
	return false
}

// maxPanicGap bounds the time that End needs from reading the clock to adding the
// exception event of a panic, on a machine that has much else to do.
const maxPanicGap = time.Second

// panicked reports whether the call ended in a panic that went through a deferred
// End. Such a span has no status, and an exception event like that of an error that
// was recorded and then dealt with. What tells the two apart is that the SDK reads
// the clock for the end of the span before it adds the event of a panic, and that it
// adds no event after the end otherwise.
//
// That holds as long as it was the SDK that set the end. A program that gives End a
// time of its own may have recorded an error after it. An end from elsewhere mostly
// shows: either it lies further back, or it has no monotonic clock reading although
// the start has one, from which the SDK would have taken it over. What remains is a
// time.Now() of the last second, taken before an error was recorded that left no
// status: that is taken for a panic. A panic through an End that was given a time
// after the panic, or with nothing but a coarse clock between the two readings, is
// not seen; nor is one where End is not itself the deferred function.
func (c *call) panicked(s sdktrace.ReadOnlySpan) bool {
	if !c.isLast {
		return false
	}
	gap := c.exception.Time.Sub(c.end)
	return gap > 0 && gap <= maxPanicGap && isMonotonic(c.end) == isMonotonic(s.StartTime())
}

// isMonotonic reports whether t has a monotonic clock reading, which Round takes away.
func isMonotonic(t time.Time) bool { return t != t.Round(0) }

// The attributes that the rules ask for. The codes come first, in the order in which
// they are asked, and among them the status codes.
const (
	rpcResponseStatus = iota
	rpcStatus
	rpcGRPCStatus
	httpResponseStatus
	httpStatus
	dbResponseStatus
	pgxSQLState
	errorType
	httpRequestMethod
	httpMethod
	serverAddress
	netPeerName

	attributeCount  = iota
	codeCount       = errorType + 1
	statusCodeCount = errorType
)

// attributes are the values of a span's attributes. A value of a type that an
// attribute should not have counts as none.
type attributes struct {
	present uint // the bit 1<<i says that there is a value i
	values  [attributeCount]*attribute.Value
}

// set remembers a value.
func (a *attributes) set(i int, v *attribute.Value) {
	a.present |= 1 << i
	a.values[i] = v
}

func (a *attributes) find(attrs []attribute.KeyValue) {
	for i := range attrs {
		v := &attrs[i].Value
		switch attrs[i].Key {
		case "rpc.response.status_code":
			a.set(rpcResponseStatus, v)
		case "rpc.status_code":
			a.set(rpcStatus, v)
		case "rpc.grpc.status_code":
			a.set(rpcGRPCStatus, v)
		case "http.response.status_code":
			a.set(httpResponseStatus, v)
		case "http.status_code":
			a.set(httpStatus, v)
		case "db.response.status_code":
			a.set(dbResponseStatus, v)
		case "pgx.sql_state":
			a.set(pgxSQLState, v)
		case "error.type":
			a.set(errorType, v)
		case "http.request.method":
			a.set(httpRequestMethod, v)
		case "http.method":
			a.set(httpMethod, v)
		case "server.address":
			a.set(serverAddress, v)
		case "net.peer.name":
			a.set(netPeerName, v)
		}
	}
}

func (a *attributes) method() string {
	if method := stringOf(a.values[httpRequestMethod]); method != "" {
		return method
	}
	return stringOf(a.values[httpMethod])
}

func (a *attributes) address() string {
	if address := stringOf(a.values[serverAddress]); address != "" {
		return address
	}
	return stringOf(a.values[netPeerName])
}

// codes returns the first status code there is, and the first code of any kind that
// does not mean success.
func (a *attributes) codes() (status, failure string) {
	for left := a.present & (1<<codeCount - 1); left != 0; left &= left - 1 {
		i := bits.TrailingZeros(left)
		code := a.code(i)
		if status == "" && i < statusCodeCount {
			status = code
		}
		if !meansSuccess(i, code) {
			return status, code
		}
	}
	return status, ""
}

// code returns a code as text, or "" if there is none.
func (a *attributes) code(i int) string {
	v := a.values[i]
	if v == nil {
		return ""
	}
	switch v.Type() {
	case attribute.STRING:
		if i <= rpcGRPCStatus {
			return grpcName(v.AsString())
		}
		return v.AsString()
	case attribute.INT64:
		n := v.AsInt64()
		if i <= rpcGRPCStatus && 0 <= n && n < int64(len(grpcNames)) {
			return grpcNames[n]
		}
		return decimal(n)
	}
	return ""
}

// errorType returns the error type if there is one that does not mean success.
func (a *attributes) errorType() string {
	if code := a.code(errorType); !meansSuccess(errorType, code) {
		return code
	}
	return ""
}

// grpc returns the name of the gRPC status code, or "". Other RPC systems use the
// same attributes for codes whose meaning is their own.
func (a *attributes) grpc() string {
	for i := rpcResponseStatus; i <= rpcGRPCStatus; i++ {
		if code := a.code(i); code != "" && (i == rpcGRPCStatus || slices.Contains(grpcNames[:], code)) {
			return code
		}
	}
	return ""
}

// http returns the HTTP status code, or 0.
func (a *attributes) http() int64 {
	for i := httpResponseStatus; i <= httpStatus; i++ {
		v := a.values[i]
		if v == nil {
			continue
		}
		switch v.Type() {
		case attribute.INT64:
			return v.AsInt64()
		case attribute.STRING:
			if text := v.AsString(); isThreeDigits(text) {
				return int64(text[0]-'0')*100 + int64(text[1]-'0')*10 + int64(text[2]-'0')
			}
		}
	}
	return 0
}

// meansSuccess reports whether the code of attribute i is one of success, or none at
// all. What HTTP calls success is no rule for databases, of which some number their
// errors from 100 on.
func meansSuccess(i int, code string) bool {
	switch code {
	case "", "0", "OK", "00000":
		return true
	}
	return i != dbResponseStatus && i != pgxSQLState && isThreeDigits(code) && '1' <= code[0] && code[0] <= '3'
}

func isThreeDigits(s string) bool {
	return len(s) == 3 && isDigit(s[0]) && isDigit(s[1]) && isDigit(s[2])
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// stringOf returns the text of v, or "" if v is nil or anything but text.
func stringOf(v *attribute.Value) string {
	if v == nil || v.Type() != attribute.STRING {
		return ""
	}
	return v.AsString()
}

// grpcNames are the names of the gRPC status codes, by their numbers.
var grpcNames = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
	"ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
	"OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

// grpcName returns the name of a gRPC status code whose number was written as text,
// and anything else as it is.
func grpcName(code string) string {
	n := 0
	switch {
	case len(code) == 1 && isDigit(code[0]):
		n = int(code[0] - '0')
	case len(code) == 2 && code[0] == '1' && isDigit(code[1]):
		n = 10 + int(code[1]-'0')
	default:
		return code
	}
	if n >= len(grpcNames) {
		return code
	}
	return grpcNames[n]
}

// threeDigits holds the numbers 100 to 999, so that the text of an HTTP status code
// is a part of it and need not be allocated.
var threeDigits = func() string {
	digits := make([]byte, 0, 3*900)
	for n := int64(100); n < 1000; n++ {
		digits = strconv.AppendInt(digits, n, 10)
	}
	return string(digits)
}()

func decimal(n int64) string {
	if 100 <= n && n < 1000 {
		i := 3 * (n - 100)
		return threeDigits[i : i+3]
	}
	return strconv.FormatInt(n, 10)
}
