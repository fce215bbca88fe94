package classify_test

import (
	"fmt"

	"github.com/blurooo/go-monitor/v2/classify"
	"github.com/blurooo/go-monitor/v2/engine"
)

// A span from anywhere, here from a line of a log.
func Example() {
	rules := classify.New(map[string]engine.CodeFeature{"409": {Success: true, Name: "exists already"}}, classify.Outcomes{}, nil)

	s := classify.Span{SpanKind: engine.SpanKindClient, Name: "POST", Status: classify.StatusError}
	for key, value := range map[string]string{"http.request.method": "POST", "server.address": "shop.example", "url.path": "/orders"} {
		if s.Wants(key) {
			s.Attributes.SetString(key, value)
		}
	}
	s.Attributes.SetInt("http.response.status_code", 503)

	operation := rules.Operation(&s)
	var e classify.Events
	if s.NeedsEvents() {
		e.Exception = classify.Exception{Type: "*net.OpError", Message: "connection refused"}
	}
	result := rules.Classify(&s, e)
	fmt.Println(operation, result.Code, result.Outcome)
	// Output: POST shop.example 503 failure
}
