package classify

import "github.com/blurooo/go-monitor/v2/engine"

// Short words for the tables below.
const (
	success = engine.OutcomeSuccess
	failure = engine.OutcomeFailure
	given   = engine.OutcomeCancelled // given up
	ignored = engine.OutcomeIgnored
)
