package classify

import (
	"slices"

	"github.com/blurooo/go-monitor/v2/engine"
)

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
	httpResponseStatus: "http.response.status_code",
	httpStatus:         "http.status_code",
	dbResponseStatus:   "db.response.status_code",
	pgxSQLState:        "pgx.sql_state",
	errorType:          "error.type",
	httpRequestMethod:  "http.request.method",
	httpMethod:         "http.method",
	serverAddress:      "server.address",
	netPeerName:        "net.peer.name",
}

// shapes finds an attribute by the first letter of its key and by its length, which no two
// have in common.
var shapes = func() (shapes [32][32]uint8) {
	for m, key := range keys {
		if m != none {
			shapes[key[0]&31][len(key)&31] = uint8(m)
		}
	}
	return shapes
}()

// meaningOf returns which of the attributes a key is.
func meaningOf(key string) uint8 {
	if key == "" {
		return none
	}
	m := shapes[key[0]&31][len(key)&31]
	if keys[m] != key {
		return none
	}
	return m
}

// Wants reports whether an attribute may matter to the rules, given the span's kind; most don't. To
// ask is quicker than to set one that doesn't.
func (s *Span) Wants(key string) bool {
	if key == "" {
		return false
	}
	m := shapes[key[0]&31][len(key)&31]
	return m != none && (m <= lastCode || s.Kind == engine.KindClient)
}

// SetString sets an attribute to a text. A key that the rules don't ask for is ignored.
func (a *Attributes) SetString(key, value string) {
	if value == "" {
		return
	}
	switch m := meaningOf(key); m {
	case none:
	case rpcResponseStatus, rpcStatus, rpcGRPCStatus:
		a.setRPC(m, grpcName(value))
	case httpResponseStatus, httpStatus:
		if isThreeDigits(value) {
			a.setHTTP(m, int64(value[0]-'0')*100+int64(value[1]-'0')*10+int64(value[2]-'0'))
		}
		a.setCode(m, value)
	case dbResponseStatus, pgxSQLState, errorType:
		a.setCode(m, value)
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

// SetInt sets an attribute to a number. A key that the rules don't ask for is ignored, and so
// is a number where there should be a text. Values of other types count as none: they are
// not set at all.
func (a *Attributes) SetInt(key string, value int64) {
	switch m := meaningOf(key); m {
	case rpcResponseStatus, rpcStatus, rpcGRPCStatus:
		a.setRPC(m, grpcNumber(value))
	case httpResponseStatus, httpStatus:
		a.setHTTP(m, value)
		a.setCode(m, decimal(value))
	case dbResponseStatus, pgxSQLState, errorType:
		a.setCode(m, decimal(value))
	}
}

// setRPC sets a code of gRPC or another RPC system; the others use the same attributes for
// codes whose meaning is their own.
func (a *Attributes) setRPC(rank uint8, code string) {
	if rank > a.grpcRank && (rank == rpcGRPCStatus || slices.Contains(grpcNames[:], code)) {
		a.grpc, a.grpcRank = code, rank
	}
	a.setCode(rank, code)
}

func (a *Attributes) setHTTP(rank uint8, code int64) {
	if rank > a.httpRank {
		a.http, a.httpRank = code, rank
	}
}

func (a *Attributes) setCode(rank uint8, code string) {
	if rank > a.statusRank && rank != errorType {
		a.status, a.statusRank = code, rank
	}
	if meansSuccess(rank, code) {
		return
	}
	if rank > a.failureRank {
		a.failure, a.failureRank = code, rank
	}
	if rank == errorType {
		a.hasErrorType = true
	}
}
