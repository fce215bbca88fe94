package classify

import (
	"math"
	"strconv"
	"strings"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Attributes is what the rules keep of a span's attributes. The zero value is that of a span
// that has none of those that the rules ask for. Of an attribute that is set more than once
// any of the values may count.
type Attributes struct {
	statusRank, failureRank, grpcRank, httpRank uint8 // of what was found, 0 if nothing was

	marks marks

	newMethod    bool // method is that of the attribute's new name, which goes before the old one
	newAddress   bool // likewise
	newPort      bool
	newPath      bool
	newOperation bool
	newStatement bool
	newSystem    bool

	port uint16 // the server's port, 0 if there is none

	status    string // the first status code, empty if there is none
	failure   string // the first code that does not mean success, empty if there is none
	errorType string // error.type, where it does not mean success
	grpc      string // the name of the gRPC status code, empty if there is none
	http      int64  // the HTTP status code, 0 if there is none
	method    string // the HTTP method
	address   string // the server's address
	route     string // the route of a server
	path      string // the path that a server was asked for; it may have a query
	operation string // the operation of a database
	statement string // the statement of a database
	system    string // the database's name
	rpcMethod string // the method of an RPC system, with or without the service
	service   string // the service of an RPC system, where it is not part of the method

	conditions uint64 // of the custom rules, those that an attribute fulfils
}

// marks say what kind of a call a span stands for, as far as its attributes tell.
type marks uint8

const (
	isEventStream marks = 1 << iota // the response is one of server-sent events
	isReceive                       // a consumer waits for messages
	isMessaging                     // a call of a messaging system
	isDatabase                      // a call of a database
	isRPC                           // a call of an RPC system
)

// The attributes that the rules ask for. The codes come first, ranked by the order in which they
// are asked.
const (
	none = iota
	errorType
	pgxSQLState
	dbResponseStatus
	httpStatus
	httpResponseStatus
	rpcConnectError
	rpcGRPCStatus
	rpcStatus
	rpcResponseStatus

	contentType
	httpRequestMethod
	httpMethod
	serverAddress
	netPeerName
	serverPort
	netPeerPort
	httpRoute
	urlPath
	httpTarget
	messagingOperationType
	messagingOperation
	dbSystemName
	dbSystem
	dbOperationName
	dbOperation
	dbQueryText
	dbStatement
	rpcMethod
	rpcService

	lastCode = rpcResponseStatus
	// lastQuick is the last of those that can say that a call with a good HTTP status is not
	// settled by it.
	lastQuick = contentType
)

// keys are the attributes' keys; the one of none is empty.
var keys = [...]string{
	rpcResponseStatus:      "rpc.response.status_code",
	rpcStatus:              "rpc.status_code",
	rpcGRPCStatus:          "rpc.grpc.status_code",
	rpcConnectError:        "rpc.connect_rpc.error_code",
	httpResponseStatus:     HTTPResponseStatusCode,
	httpStatus:             "http.status_code",
	dbResponseStatus:       "db.response.status_code",
	pgxSQLState:            "pgx.sql_state",
	errorType:              "error.type",
	contentType:            ContentType,
	httpRequestMethod:      "http.request.method",
	httpMethod:             "http.method",
	serverAddress:          "server.address",
	netPeerName:            "net.peer.name",
	serverPort:             "server.port",
	netPeerPort:            "net.peer.port",
	httpRoute:              "http.route",
	urlPath:                "url.path",
	httpTarget:             "http.target",
	messagingOperationType: "messaging.operation.type",
	messagingOperation:     "messaging.operation",
	dbSystemName:           "db.system.name",
	dbSystem:               "db.system",
	dbOperationName:        "db.operation.name",
	dbOperation:            "db.operation",
	dbQueryText:            "db.query.text",
	dbStatement:            "db.statement",
	rpcMethod:              "rpc.method",
	rpcService:             "rpc.service",
}

// shapes finds an attribute by the first and the last letter of its key and by its length. No
// two have these in common, and hardly any other that is often seen has them in common with one.
var shapes = func() (shapes [32][32]uint8) {
	for m, key := range keys {
		if m != none {
			shapes[(key[0]+key[len(key)-1])&31][len(key)&31] = uint8(m)
		}
	}
	return shapes
}()

// shapeOf returns which of the attributes a key is, if it is one.
func shapeOf(key string) uint8 {
	if len(key) == 0 {
		return none
	}
	return shapes[(key[0]+key[len(key)-1])&31][len(key)&31]
}

// wanted tells of attributes, found as in shapes, the span kinds, a bit for each, for which
// they matter.
var wanted = func() (wanted [32][32]uint8) {
	const (
		server   = 1 << engine.SpanKindServer
		client   = 1 << engine.SpanKindClient
		consumer = 1 << engine.SpanKindConsumer
	)
	for m := none + 1; m < len(keys); m++ {
		key := keys[m]
		kinds := &wanted[(key[0]+key[len(key)-1])&31][len(key)&31]
		switch m {
		case contentType, httpRequestMethod, httpMethod, rpcMethod, rpcService:
			*kinds = server | client
		case httpRoute, urlPath, httpTarget:
			*kinds = server
		case messagingOperationType, messagingOperation:
			*kinds = client | consumer
		case serverAddress, netPeerName, serverPort, netPeerPort,
			dbSystemName, dbSystem, dbOperationName, dbOperation, dbQueryText, dbStatement:
			*kinds = client
		default:
			*kinds = 0xff // codes
		}
	}
	return wanted
}()

// meaningOf returns which of the attributes a key is.
func meaningOf(key string) uint8 {
	m := shapeOf(key)
	if keys[m] != key {
		return none
	}
	return m
}

// Wants reports whether an attribute may matter to the rules, given the span's kind; most don't.
// Nobody needs to ask, but it is quicker than to set one that doesn't.
func (s *Span) Wants(key string) bool {
	return len(key) > 0 && wanted[(key[0]+key[len(key)-1])&31][len(key)&31]>>(s.SpanKind&7)&1 != 0
}

// IsWanted reports whether [Span.Wants] is true of spans of some kind.
func IsWanted(key string) bool {
	return len(key) > 0 && wanted[(key[0]+key[len(key)-1])&31][len(key)&31] != 0
}

// MayMatter reports whether an attribute may say more of a call that is not a client's than its
// HTTP status does; most can't. It is for [Rules.QuickHTTP].
func MayMatter(key string) bool {
	return len(key) > 1 && mayMatter[len(key)&31]>>(key[len(key)-2]&31)&1 != 0
}

// mayMatter has, by the length of a key, a bit for the last letter but one of those that may matter.
// That is quicker to look at than shapes, and tells these few from all other keys that are often
// seen just as well.
var mayMatter = func() (bits [32]uint32) {
	for _, key := range keys[none+1 : lastQuick+1] {
		bits[len(key)&31] |= 1 << (key[len(key)-2] & 31)
	}
	return bits
}()

// HTTPResponseStatusCode is the key of the attribute by which most calls tell how they ended.
const HTTPResponseStatusCode = "http.response.status_code"

// ContentType is the key of the one attribute among them that is a list of texts, of which the first
// counts.
const ContentType = "http.response.header.content-type"

// SetString sets an attribute to a text, or to the first of several. A key that the rules don't
// ask for is ignored.
func (a *Attributes) SetString(key, value string) {
	m := meaningOf(key)
	if m == none || value == "" {
		return
	}
	if m > lastCode {
		a.setText(m, value)
		return
	}
	if m >= rpcConnectError {
		value = grpcName(value)
		a.setGRPC(m, value, m == rpcGRPCStatus || isGRPCName(value))
	} else if m >= httpStatus && m > a.httpRank && isThreeDigits(value) {
		a.http, a.httpRank = int64(value[0]-'0')*100+int64(value[1]-'0')*10+int64(value[2]-'0'), m
	}
	a.setCode(m, value, meansSuccess(m, value))
}

// SetInt sets an attribute to a number. A key that the rules don't ask for is ignored, and so
// is a number where there should be a text. Values of other types count as none: they are
// not set at all.
func (a *Attributes) SetInt(key string, value int64) {
	m := meaningOf(key)
	switch {
	case m == none:
		return
	case m == serverPort, m == netPeerPort:
		a.setPort(m, value)
		return
	case m > lastCode:
		return
	}
	var code string
	if m >= rpcConnectError {
		code = grpcNumber(value)
		a.setGRPC(m, code, m == rpcGRPCStatus || uint64(value) < uint64(len(grpcNames)) || isGRPCName(code))
	} else {
		code = decimal(value)
		if m >= httpStatus && m > a.httpRank {
			a.http, a.httpRank = value, m
		}
	}
	a.setCode(m, code, meansSuccess(m, code))
}

// setText sets an attribute that is no code. New names go before old ones.
func (a *Attributes) setText(m uint8, value string) {
	switch m {
	case httpRequestMethod:
		a.method, a.newMethod = value, true
	case httpMethod:
		setOld(&a.method, a.newMethod, value)
	case serverAddress:
		a.address, a.newAddress = value, true
	case netPeerName:
		setOld(&a.address, a.newAddress, value)
	case serverPort, netPeerPort:
		if n, err := strconv.ParseUint(value, 10, 16); err == nil {
			a.setPort(m, int64(n))
		}
	case httpRoute:
		a.route = value
	case urlPath:
		a.path, a.newPath = value, true
	case httpTarget:
		setOld(&a.path, a.newPath, value)
	case dbSystemName:
		a.system, a.newSystem = value, true
		a.marks |= isDatabase
	case dbSystem:
		setOld(&a.system, a.newSystem, value)
		a.marks |= isDatabase
	case dbOperationName:
		a.operation, a.newOperation = value, true
	case dbOperation:
		setOld(&a.operation, a.newOperation, value)
	case dbQueryText:
		a.statement, a.newStatement = value, true
	case dbStatement:
		setOld(&a.statement, a.newStatement, value)
	case rpcMethod:
		a.rpcMethod = value
		a.marks |= isRPC
	case rpcService:
		a.service = value
		a.marks |= isRPC
	case contentType:
		if strings.HasPrefix(value, "text/event-stream") {
			a.marks |= isEventStream
		}
	case messagingOperationType, messagingOperation:
		a.marks |= isMessaging
		if value == "receive" || value == "poll" {
			a.marks |= isReceive
		}
	}
}

// setOld sets the attribute of an old name, unless there is that of the new one.
func setOld(to *string, isNew bool, value string) {
	if !isNew {
		*to = value
	}
}

// setPort sets the server's port.
func (a *Attributes) setPort(m uint8, port int64) {
	if port <= 0 || port > math.MaxUint16 || m == netPeerPort && a.newPort {
		return
	}
	a.port, a.newPort = uint16(port), a.newPort || m == serverPort
}

// setGRPC sets the code of an RPC system, if it is one of gRPC.
func (a *Attributes) setGRPC(rank uint8, code string, isGRPC bool) {
	a.marks |= isRPC
	if isGRPC && rank > a.grpcRank {
		a.grpc, a.grpcRank = code, rank
	}
}

// setCode sets a code. Of several the one of the highest rank counts.
func (a *Attributes) setCode(rank uint8, code string, success bool) {
	if rank > a.statusRank && rank != errorType {
		a.status, a.statusRank = code, rank
	}
	if success {
		return
	}
	if rank > a.failureRank {
		a.failure, a.failureRank = code, rank
	}
	if rank == errorType {
		a.errorType = code
	}
}

// hasErrorType reports whether error.type has a verdict of its own: one that only repeats the
// status code has none.
func (a *Attributes) hasErrorType() bool {
	switch {
	case a.errorType == "":
		return false
	case a.grpc != "":
		return grpcName(a.errorType) != a.grpc
	case a.http != 0 && isThreeDigits(a.errorType):
		return a.errorType != decimal(a.http)
	}
	return true
}
