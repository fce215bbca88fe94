package classify

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Outcomes settle the matters of taste in the rules: calls that one program takes for
// failures and another does not. The table of codes has the last word on a single code.
type Outcomes struct {
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
func (p Outcomes) Validate() error {
	var errs []error
	check := func(key string, o engine.Outcome) {
		if o > engine.OutcomeIgnored {
			errs = append(errs, fmt.Errorf("%s: must be success, failure, cancelled or ignored, got %q", key, o))
		}
	}
	check("http_server_4xx", p.HTTPServer4xx)
	check("http_client_4xx", p.HTTPClient4xx)
	check("grpc_not_found", p.GRPCNotFound)
	return errors.Join(errs...)
}

// withDefaults returns p with its unset fields replaced by their defaults.
func (p Outcomes) withDefaults() Outcomes {
	return Outcomes{
		HTTPServer4xx: cmp.Or(p.HTTPServer4xx, engine.OutcomeSuccess),
		HTTPClient4xx: cmp.Or(p.HTTPClient4xx, engine.OutcomeFailure),
		GRPCNotFound:  cmp.Or(p.GRPCNotFound, engine.OutcomeFailure),
	}
}
