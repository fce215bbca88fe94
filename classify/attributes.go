package classify

import "github.com/blurooo/go-monitor/v2/engine"

// Attributes is what the rules keep of a span's attributes. The zero value is that of a span
// that has none of those that the rules ask for. Of an attribute that is set more than once
// any of the values may count.
type Attributes struct {
	statusRank, failureRank, grpcRank, httpRank uint8 // of what was found, 0 if nothing was

	hasErrorType bool // there is an error.type that does not mean success
	newMethod    bool // method is that of the attribute's new name, which goes before the old one
	newAddress   bool // likewise

	status  string // the first status code, empty if there is none
	failure string // the first code that does not mean success, empty if there is none
	grpc    string // the name of the gRPC status code, empty if there is none
	http    int64  // the HTTP status code, 0 if there is none
	method  string // the HTTP method
	address string // the server's address
}

// The attributes that the rules ask for. The codes come first, ranked by the order in which they
// are asked.
const (
	none = iota
	errorType
	pgxSQLState
	dbResponseStatus
	httpStatus
	httpResponseStatus
	rpcGRPCStatus
	rpcStatus
	rpcResponseStatus

	httpRequestMethod
	httpMethod
	serverAddress
	netPeerName

	lastCode = rpcResponseStatus
)

// keys are the attributes' keys; the one of none is empty.
var keys = [...]string{
	rpcResponseStatus:  "rpc.response.status_code",
	rpcStatus:          "rpc.status_code",
	rpcGRPCStatus:      "rpc.grpc.status_code",
	httpResponseStatus: HTTPResponseStatusCode,
	httpStatus:         "http.status_code",
	dbResponseStatus:   "db.response.status_code",
	pgxSQLState:        "pgx.sql_state",
	errorType:          "error.type",
	httpRequestMethod:  "http.request.method",
	httpMethod:         "http.method",
	serverAddress:      "server.address",
	netPeerName:        "net.peer.name",
}

// shapes finds an attribute by the last letter but one of its key and by its length. No two have
// both in common, and hardly any other that is often seen has them in common with one.
var shapes = func() (shapes [32][32]uint8) {
	for m, key := range keys {
		if m != none {
			shapes[key[len(key)-2]&31][len(key)&31] = uint8(m)
		}
	}
	return shapes
}()

// shapeOf returns which of the attributes a key is, if it is one.
func shapeOf(key string) uint8 {
	if len(key) < 2 {
		return none
	}
	return shapes[key[len(key)-2]&31][len(key)&31]
}

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
	m := shapeOf(key)
	return m != none && (m <= lastCode || s.SpanKind == engine.SpanKindClient)
}

// MayHoldCode reports whether an attribute may hold a code; most can't. Nobody needs to ask,
// but it is quicker than to set one that doesn't.
func MayHoldCode(key string) bool {
	m := shapeOf(key)
	return m != none && m <= lastCode
}

// HTTPResponseStatusCode is the key of the attribute by which most calls tell how they ended.
const HTTPResponseStatusCode = "http.response.status_code"

// SetString sets an attribute to a text. A key that the rules don't ask for is ignored.
func (a *Attributes) SetString(key, value string) {
	m := meaningOf(key)
	if m == none || value == "" {
		return
	}
	if m > lastCode {
		a.setText(m, value)
		return
	}
	if m >= rpcGRPCStatus {
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
	if m == none || m > lastCode {
		return
	}
	var code string
	if m >= rpcGRPCStatus {
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
		if !a.newMethod {
			a.method = value
		}
	case serverAddress:
		a.address, a.newAddress = value, true
	case netPeerName:
		if !a.newAddress {
			a.address = value
		}
	}
}

// setGRPC sets the code of an RPC system, if it is one of gRPC.
func (a *Attributes) setGRPC(rank uint8, code string, isGRPC bool) {
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
		a.hasErrorType = true
	}
}
