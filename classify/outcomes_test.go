package classify

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPresetsValidate(t *testing.T) {
	for _, p := range []Outcomes{{}, {success, failure, given}, {HTTPServer4xx: ignored}} {
		if err := p.Validate(); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
	err := Outcomes{HTTPServer4xx: 5, HTTPClient4xx: success, GRPCNotFound: 200}.Validate()
	const want = `http_server_4xx: must be success, failure, cancelled or ignored, got "Outcome(5)"
grpc_not_found: must be success, failure, cancelled or ignored, got "Outcome(200)"`
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Error(diff)
	}
	if err := (Outcomes{HTTPClient4xx: 9}).Validate(); err == nil || !strings.HasPrefix(err.Error(), "http_client_4xx: ") {
		t.Errorf("got %v", err)
	}
}
