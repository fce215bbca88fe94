package classify

import (
	"slices"
	"strconv"
	"strings"
)

// meansSuccess reports whether the code of attribute i is one of success, or none at
// all. What HTTP calls success is no rule for databases, of which some number their
// errors from 100 on.
func meansSuccess(i uint8, code string) bool {
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

// grpcNames are the names of the gRPC status codes, by their numbers.
var grpcNames = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
	"ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
	"OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

// grpcName returns the name of a gRPC status code, however it is spelled: as its number, as
// "CANCELED", as the "not_found" of Connect or as the "NotFound" of Go. Anything else is returned as
// it is.
func grpcName(code string) string {
	n := 0
	switch {
	case isGRPCName(code):
		return code
	case len(code) == 1 && isDigit(code[0]):
		n = int(code[0] - '0')
	case len(code) == 2 && code[0] == '1' && isDigit(code[1]):
		n = 10 + int(code[1]-'0')
	default:
		for _, name := range grpcNames {
			if isSpelling(code, name) {
				return name
			}
		}
		return code
	}
	if n >= len(grpcNames) {
		return code
	}
	return grpcNames[n]
}

// isSpelling reports whether code is the name of a gRPC status code but for the case of letters,
// the characters between words, and the second L that American English leaves out.
func isSpelling(code, name string) bool {
	code = strings.TrimPrefix(code, "StatusCode.") // of Python
	i := 0
	for j := range len(name) {
		switch {
		case i < len(code) && upper(code[i]) == name[j]:
			i++
		case name[j] == '_':
			if i < len(code) && (code[i] == '-' || code[i] == ' ') {
				i++
			}
		case j > 0 && name[j] == 'L' && name[j-1] == 'L' && name == codeCancelled:
		default:
			return false
		}
	}
	return i == len(code)
}

func upper(b byte) byte {
	if 'a' <= b && b <= 'z' {
		return b - 'a' + 'A'
	}
	return b
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

// isGRPCName reports whether a code is that of gRPC. Other RPC systems use the same attributes for
// codes whose meaning is their own.
func isGRPCName(code string) bool {
	return code == codeOK || slices.Contains(grpcNames[1:], code) || isOwnGRPCCode(code)
}

// isOwnGRPCCode reports whether a code is one that grpc-go spells as a number, since a program made
// it up: "CODE(2017)".
func isOwnGRPCCode(code string) bool {
	number, isNumber := strings.CutPrefix(code, "CODE(")
	return isNumber && strings.HasSuffix(number, ")")
}

// grpcNumber returns the name of a gRPC status code, and any other number as text.
func grpcNumber(n int64) string {
	if 0 <= n && n < int64(len(grpcNames)) {
		return grpcNames[n]
	}
	return decimal(n)
}
