package engine

import (
	"cmp"
	"slices"
)

// comparison holds the calls of one window whose [Details] are known, by class.
type comparison [callClasses][]comparedCall

// add keeps a call, if it has Details and there is room.
func (c *comparison) add(class callClass, call *Exemplar) {
	if call.Details == nil || len(c[class]) == maxCompared {
		return
	}
	c[class] = append(c[class], comparedCall{trace: call.Trace.TraceID, code: bounded(call.Code), details: call.Details})
}

// take returns what the calls say, nil if that is nothing, and empties c for the next period.
func (c *comparison) take() *Reasons {
	r := Reasons{
		FailureMessages: messagesOf(c[failedCall]),
		FailureShared:   findShared(c[failedCall], c[goodCall]),
		SlowShared:      findShared(c[slowCall], c[goodCall]),
	}
	*c = comparison{}
	if len(r.FailureMessages)+len(r.FailureShared)+len(r.SlowShared) == 0 {
		return nil
	}
	return &r
}

// isEmpty reports whether there is no call.
func (c *comparison) isEmpty() bool {
	return len(c[failedCall])+len(c[slowCall])+len(c[goodCall]) == 0
}

// Reasons are what the bad calls of an operation in a period say of why they are bad.
type Reasons struct {
	// FailureMessages say in words why calls failed, by code, the most frequent first: at most five.
	FailureMessages []MessageCount `json:"failure_messages,omitempty"`
	// FailureShared is what the failed calls have in common and good ones have not, SlowShared the
	// same for the calls above the latency target: at most three each, and only what is no chance.
	FailureShared []Shared `json:"failure_shared,omitempty"`
	SlowShared    []Shared `json:"slow_shared,omitempty"`
}

// MessageCount is a number of failures that said the same.
type MessageCount struct {
	// Code is that of the failures.
	Code string `json:"code"`
	// Message is what their messages have in common, as [MessageTemplate] has it; of a single one it
	// is the message itself.
	Message string `json:"message"`
	// Count is their number among the failures whose messages were read: the first 64 of the
	// operation in the period.
	Count uint64 `json:"count"`
}

// MergeMessages adds up the messages of several periods, the most frequent first, at most five.
func MergeMessages(lists ...[]MessageCount) []MessageCount {
	type kind struct{ code, template string }
	index := make(map[kind]int)
	var merged []MessageCount
	for _, list := range lists {
		for _, m := range list {
			k := kind{m.Code, MessageTemplate(m.Message)}
			at, ok := index[k]
			if !ok {
				index[k] = len(merged)
				merged = append(merged, m)
				continue
			}
			merged[at].Count += m.Count
			if merged[at].Message != m.Message {
				merged[at].Message = k.template
			}
		}
	}
	slices.SortStableFunc(merged, func(a, b MessageCount) int { return cmp.Compare(b.Count, a.Count) })
	return merged[:min(len(merged), maxMessages)]
}

// maxMessages bounds the messages of a summary.
const maxMessages = 5

// messagesOf counts calls by code and message, the most frequent first. Calls without a message are
// left out.
func messagesOf(calls []comparedCall) []MessageCount {
	type kind struct{ code, template string }
	index := make(map[kind]int)
	var messages []MessageCount
	for i := range calls {
		d := calls[i].details
		message := cmp.Or(d.Message, d.ExceptionType)
		if message == "" {
			continue
		}
		k := kind{calls[i].code, MessageTemplate(message)}
		at, ok := index[k]
		if !ok {
			at = len(messages)
			index[k] = at
			messages = append(messages, MessageCount{Code: k.code, Message: bound(firstLine(message), maxTemplate)})
		}
		m := &messages[at]
		if m.Count++; m.Message != bound(firstLine(message), maxTemplate) {
			m.Message = k.template
		}
	}
	slices.SortStableFunc(messages, func(a, b MessageCount) int { return cmp.Compare(b.Count, a.Count) })
	return messages[:min(len(messages), maxMessages)]
}
