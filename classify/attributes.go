package classify

import (
	"math/bits"
	"slices"
	"strconv"
)

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

// Attributes are the values of those attributes of a span that the rules ask for. The zero
// value has none.
type Attributes struct {
	present uint16 // the bit 1<<i says that there is a value i
	numbers uint16 // the bit 1<<i says that it was set as a number
	values  [attributeCount]string
}

// indexOf returns which of the values an attribute is, or -1 if the rules don't ask for it.
func indexOf(key string) int {
	switch key {
	case "rpc.response.status_code":
		return rpcResponseStatus
	case "rpc.status_code":
		return rpcStatus
	case "rpc.grpc.status_code":
		return rpcGRPCStatus
	case "http.response.status_code":
		return httpResponseStatus
	case "http.status_code":
		return httpStatus
	case "db.response.status_code":
		return dbResponseStatus
	case "pgx.sql_state":
		return pgxSQLState
	case "error.type":
		return errorType
	case "http.request.method":
		return httpRequestMethod
	case "http.method":
		return httpMethod
	case "server.address":
		return serverAddress
	case "net.peer.name":
		return netPeerName
	}
	return -1
}

// SetString sets an attribute to a text. A key that the rules don't ask for is ignored.
func (a *Attributes) SetString(key, value string) {
	i := indexOf(key)
	if i < 0 {
		return
	}
	if i <= rpcGRPCStatus {
		value = grpcName(value)
	}
	a.present |= 1 << i
	a.numbers &^= 1 << i
	a.values[i] = value
}

// SetInt sets an attribute to a number. A key that the rules don't ask for is ignored, and so
// is a number where there should be a text. Values of other types count as none: they are
// not set at all.
func (a *Attributes) SetInt(key string, value int64) {
	i := indexOf(key)
	if i < 0 || i >= codeCount {
		return
	}
	a.present |= 1 << i
	a.numbers |= 1 << i
	if i <= rpcGRPCStatus && 0 <= value && value < int64(len(grpcNames)) {
		a.values[i] = grpcNames[value]
	} else {
		a.values[i] = decimal(value)
	}
}

func (a *Attributes) method() string {
	if method := a.values[httpRequestMethod]; method != "" {
		return method
	}
	return a.values[httpMethod]
}

func (a *Attributes) address() string {
	if address := a.values[serverAddress]; address != "" {
		return address
	}
	return a.values[netPeerName]
}

// codes returns the first status code there is, and the first code of any kind that
// does not mean success.
func (a *Attributes) codes() (status, failure string) {
	for left := a.present & (1<<codeCount - 1); left != 0; left &= left - 1 {
		i := bits.TrailingZeros16(left)
		code := a.values[i]
		if status == "" && i < statusCodeCount {
			status = code
		}
		if !meansSuccess(i, code) {
			return status, code
		}
	}
	return status, ""
}

// grpc returns the name of the gRPC status code, or "". Other RPC systems use the
// same attributes for codes whose meaning is their own.
func (a *Attributes) grpc() string {
	for i := rpcResponseStatus; i <= rpcGRPCStatus; i++ {
		if code := a.values[i]; code != "" && (i == rpcGRPCStatus || slices.Contains(grpcNames[:], code)) {
			return code
		}
	}
	return ""
}

// http returns the HTTP status code, or 0. Of texts only those of three digits are one.
func (a *Attributes) http() int64 {
	for i := httpResponseStatus; i <= httpStatus; i++ {
		switch code := a.values[i]; {
		case isThreeDigits(code):
			return int64(code[0]-'0')*100 + int64(code[1]-'0')*10 + int64(code[2]-'0')
		case a.numbers>>i&1 != 0:
			n, _ := strconv.ParseInt(code, 10, 64) // it was one
			return n
		}
	}
	return 0
}
