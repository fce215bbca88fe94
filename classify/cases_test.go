package classify_test

import (
	"encoding/json"
	"testing"

	"github.com/blurooo/go-monitor/v2/classify"
	"github.com/blurooo/go-monitor/v2/classify/spantest"
	"github.com/blurooo/go-monitor/v2/engine"
)

// needContext are the reported cases that only the context can tell: the words say nothing, or
// something else.
var needContext = map[string]string{
	"errgroup-cause: HTTP GET client 2":                         "the message is the error of a sibling",
	"reverseproxy-client-gone: GET server":                      "a 502 is all there is",
	"grpc-server-context: grpc.health.v1.Health/Check server 1": "a code for both, the caller who gave up and his deadline",
}

// What people reported of real programs is judged as they expect. Where the context was neither
// cancelled nor past a deadline the words alone lead to the same.
func TestReportedCases(t *testing.T) {
	for _, c := range spantest.Cases(t) {
		contexts := map[string]classify.GaveUp{"alive": classify.GaveUpNot, "unknown": classify.GaveUpUnknown}
		if c.ParentContext.Err != "" || c.ParentContext.DeadlineMS != nil {
			end := spantest.End
			contexts["alive"] = classify.GaveUpOf(c.Context(), kindOf[c.Span.Kind], c.Span.Start(), end)
		}
		for name, gaveUp := range contexts {
			t.Run(c.ID+"/"+name, func(t *testing.T) {
				operation, got := classifyRecorded(t, &c.Span, gaveUp)
				right := got.Outcome.String() == c.Expect.Outcome &&
					(c.Expect.Code == "" || got.Code == c.Expect.Code) &&
					(got.Outcome == engine.OutcomeIgnored || operation == c.Expect.Operation) &&
					(got.Outcome != engine.OutcomeSuccess || got.Untimed == (c.Expect.Latency == "excluded"))
				if why := needContext[c.ID]; why != "" && gaveUp == classify.GaveUpUnknown {
					if right {
						t.Errorf("does not need the context (%s)", why)
					}
				} else if !right {
					t.Errorf("%q %+v, want %+v (%s)", operation, got, c.Expect, c.Note)
				}
			})
		}
	}
}

var (
	kindOf = map[string]engine.SpanKind{
		"internal": engine.SpanKindInternal, "server": engine.SpanKindServer, "client": engine.SpanKindClient,
		"producer": engine.SpanKindProducer, "consumer": engine.SpanKindConsumer,
	}
	statusOf = map[string]classify.Status{"Unset": classify.StatusUnset, "Ok": classify.StatusOK, "Error": classify.StatusError}
)

// classifyRecorded asks all rules about a recorded span.
func classifyRecorded(t *testing.T, r *spantest.Span, gaveUp classify.GaveUp) (operation string, result classify.Result) {
	rules := classify.New(nil, classify.Outcomes{}, nil)
	s := classify.Span{
		SpanKind: kindOf[r.Kind], Name: r.Name, Status: statusOf[r.Status], Message: r.StatusDescription,
		Scope: r.Scope, GaveUp: gaveUp,
	}
	for key, value := range r.Attributes {
		switch v := value.(type) {
		case string:
			s.Attributes.SetString(key, v)
		case json.Number:
			s.Attributes.SetInt(key, spantest.Int(t, v))
		}
	}
	var e classify.Events
	for _, event := range r.Events {
		if event.Name == classify.ExceptionEvent {
			e.Exception.Type, _ = event.Attributes[classify.ExceptionType].(string)
			e.Exception.Message, _ = event.Attributes[classify.ExceptionMessage].(string)
			e.Exception.IsPanic = event.AfterEnd
		}
	}
	return rules.Operation(&s), rules.Classify(&s, e)
}
