package classify_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/blurooo/go-monitor/v2/classify"
	"github.com/blurooo/go-monitor/v2/engine"
)

// answered is one span of a gRPC call that ended with a code.
type answered struct {
	kind      engine.SpanKind
	service   string
	code      string
	hasParent bool
	status    classify.Status
}

func (a answered) judge(r *classify.Rules, name string) engine.Outcome {
	s := classify.Span{SpanKind: a.kind, Service: a.service, Name: name, Status: a.status, HasParent: a.hasParent}
	s.Attributes.SetString("rpc.system.name", "grpc")
	s.Attributes.SetString("rpc.response.status_code", a.code)
	return r.Classify(&s, classify.Events{}).Outcome
}

const checkMethod = "openfga.v1.OpenFGAService/Check"

// A gateway makes the calls of others, by methods that it serves itself. What its server says is the
// caller's mistake is no failure of the gateway's client either.
func TestPassedOnMistakes(t *testing.T) {
	const server, client = engine.SpanKindServer, engine.SpanKindClient
	const unset, failed = classify.StatusUnset, classify.StatusError
	for _, code := range []string{"INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "UNAUTHENTICATED", "FAILED_PRECONDITION", "OUT_OF_RANGE", "RESOURCE_EXHAUSTED", "ABORTED", "CODE(2017)"} {
		t.Run(code, func(t *testing.T) {
			r := classify.New(nil, classify.Outcomes{}, nil)
			passedOn := answered{client, "a", code, true, failed}
			if got := passedOn.judge(r, checkMethod); got != engine.OutcomeFailure {
				t.Errorf("by a method that nobody was seen to serve: %s", got)
			}
			if got := (answered{server, "a", code, true, unset}).judge(r, checkMethod); got != engine.OutcomeSuccess {
				t.Errorf("at the server: %s", got)
			}
			if got := passedOn.judge(r, checkMethod); got != engine.OutcomeSuccess {
				t.Errorf("passed on: %s", got)
			}
			for name, own := range map[string]answered{
				"the program's own call":  {client, "a", code, false, failed},
				"of another service":      {client, "b", code, true, failed},
				"the server's own fault":  {client, "a", "UNAVAILABLE", true, failed},
				"the server's bug":        {client, "a", "UNKNOWN", true, failed},
				"the server took so long": {client, "a", "DEADLINE_EXCEEDED", true, failed},
			} {
				if got := own.judge(r, checkMethod); got != engine.OutcomeFailure {
					t.Errorf("%s: %s", name, got)
				}
			}
			if got := passedOn.judge(r, "openfga.v1.OpenFGAService/Write"); got != engine.OutcomeFailure {
				t.Errorf("by another method: %s", got)
			}
			if got := (answered{client, "a", "CANCELLED", true, failed}).judge(r, checkMethod); got != engine.OutcomeCancelled {
				t.Errorf("given up: %s", got)
			}
		})
	}
}

// Where the program says that such a code is a failure of its server, the client's is one, too.
func TestServersOwnVerdictIsPassedOn(t *testing.T) {
	r := classify.New(nil, classify.Outcomes{}, nil)
	(answered{engine.SpanKindServer, "", "NOT_FOUND", true, classify.StatusError}).judge(r, checkMethod)
	if got := (answered{engine.SpanKindClient, "", "NOT_FOUND", true, classify.StatusError}).judge(r, checkMethod); got != engine.OutcomeFailure {
		t.Error(got)
	}
	r = classify.New(map[string]engine.CodeFeature{"NOT_FOUND": {}}, classify.Outcomes{}, nil)
	(answered{engine.SpanKindServer, "", "NOT_FOUND", true, classify.StatusUnset}).judge(r, checkMethod)
	if got := (answered{engine.SpanKindClient, "", "NOT_FOUND", true, classify.StatusError}).judge(r, checkMethod); got != engine.OutcomeFailure {
		t.Error(got)
	}
}

// A scanner's names take no more than their bound, and no room of long ones.
func TestPassedOnIsBounded(t *testing.T) {
	r := classify.New(nil, classify.Outcomes{}, nil)
	names := []string{strings.Repeat("x", 10_000)}
	for i := range 2000 {
		names = append(names, fmt.Sprintf("pkg.S/%d", i))
	}
	remembered := 0
	for _, name := range names {
		(answered{engine.SpanKindServer, "", "NOT_FOUND", true, classify.StatusUnset}).judge(r, name)
	}
	for _, name := range names {
		if (answered{engine.SpanKindClient, "", "NOT_FOUND", true, classify.StatusError}).judge(r, name) == engine.OutcomeSuccess {
			remembered++
		}
	}
	if remembered != 1000 {
		t.Errorf("%d methods are remembered, want 1000", remembered)
	}
}
