package classify

import (
	"strconv"
	"strings"
	"testing"
)

func TestDecimal(t *testing.T) {
	for n := int64(-10); n < 1100; n++ {
		if got, want := decimal(n), strconv.FormatInt(n, 10); got != want {
			t.Fatalf("decimal(%d) = %q", n, got)
		}
	}
}

// A gRPC status code has one name, however it is spelled.
func TestGRPCName(t *testing.T) {
	for number, name := range grpcNames {
		words := strings.Split(strings.ToLower(name), "_")
		for i, word := range words {
			words[i] = strings.ToUpper(word[:1]) + word[1:]
		}
		for _, code := range []string{
			name, strings.ToLower(name), strconv.Itoa(number), "StatusCode." + name,
			strings.Join(words, ""), strings.Join(words, "-"), strings.Join(words, " "),
		} {
			if got := grpcName(code); got != name {
				t.Errorf("%q is %q, want %q", code, got, name)
			}
		}
	}
	for _, code := range []string{"CANCELED", "canceled", "Canceled", "cancelled", "1"} {
		if got := grpcName(code); got != "CANCELLED" {
			t.Errorf("%q is %q", code, got)
		}
	}
	for _, code := range []string{"", "_", "17", "99", "-1", "partial", "NOT_FOUNDED", "NOT_FOUN", "CANCELLLED", "CANCEED", "INTERNAL_ERROR", "StatusCode.", "OKAY"} {
		if got := grpcName(code); got != code {
			t.Errorf("%q is %q", code, got)
		}
	}
	if n := testing.AllocsPerRun(100, func() { grpcName("deadline-exceeded") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// error.type that only repeats the status code has no verdict of its own.
func TestErrorTypeThatRepeats(t *testing.T) {
	for _, tt := range []struct {
		test  string
		attrs attributes
		want  Result
	}{
		{"gRPC", attributes{"rpc.response.status_code": "NOT_FOUND", "error.type": "NOT_FOUND"}, Result{Code: "NOT_FOUND", Outcome: success}},
		{"gRPC, spelled in two ways", attributes{"rpc.grpc.status_code": 5, "error.type": "not_found"}, Result{Code: "NOT_FOUND", Outcome: success}},
		{"Connect's own key", attributes{"rpc.connect_rpc.error_code": "not_found"}, Result{Code: "NOT_FOUND", Outcome: success}},
		{"Connect's own key, repeated", attributes{"rpc.connect_rpc.error_code": "unavailable", "error.type": "unavailable"}, Result{Code: "UNAVAILABLE", Outcome: failure}},
		{"gRPC, a failure of the server's", attributes{"rpc.response.status_code": "INTERNAL", "error.type": "INTERNAL"}, Result{Code: "INTERNAL", Outcome: failure}},
		{"gRPC, something else", attributes{"rpc.response.status_code": "NOT_FOUND", "error.type": "*sql.Error"}, Result{Code: "NOT_FOUND", Outcome: failure}},
		{"HTTP", attributes{"http.response.status_code": 418, "error.type": "418"}, Result{Code: "418", Outcome: success}},
		{"HTTP, a success", attributes{"http.response.status_code": 200, "error.type": "EOF"}, Result{Code: "EOF", Outcome: failure}},
	} {
		t.Run(tt.test, func(t *testing.T) {
			if got := New(nil, Outcomes{}, nil).Classify(spanWith(server, StatusUnset, "", tt.attrs), Events{}); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}
