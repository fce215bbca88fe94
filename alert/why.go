package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Why is what the bad calls of an alert say of the reason.
type Why struct {
	// Messages say in words why calls failed, the most frequent first. Where another operation
	// caused most of the failures they are that one's.
	Messages []engine.MessageCount `json:"messages,omitempty"`
	// Shared is what the bad calls have in common and good calls of the same time have not.
	Shared []engine.Shared `json:"shared,omitempty"`
}

const (
	// maxHeadlineMessage bounds a message in a headline, in bytes.
	maxHeadlineMessage = 80
	// leastMessageShare is the share of the messages from which one is worth a word in a headline.
	leastMessageShare = 0.3
)

// whyOf returns what the summaries of an alert's evidence say. summaries are all of the period in
// which the alert was decided.
func whyOf(a *Alert, summaries map[engine.OperationKey]*engine.Summary) Why {
	var why Why
	for i := range slices.Backward(a.Evidence) {
		s := &a.Evidence[i]
		if why.Shared == nil {
			why.Shared = sharedOf(a.Objective, s)
		}
	}
	if a.Objective == Latency || a.Objective == Traffic || a.Objective == Stuck {
		return why
	}
	if len(a.Causes) > 0 && a.Causes[0].Share >= 0.5 && !a.Causes[0].IsNetwork() {
		if s := summaries[a.Causes[0].Key()]; s != nil && s.Reasons != nil {
			why.Messages = messagesWith(s.Reasons.FailureMessages, a.Causes[0].Code)
			if why.Shared == nil {
				why.Shared = sharedOf(a.Objective, s)
			}
		}
	}
	if why.Messages == nil {
		var lists [][]engine.MessageCount
		for i := range a.Evidence {
			if r := a.Evidence[i].Reasons; r != nil {
				lists = append(lists, r.FailureMessages)
			}
		}
		why.Messages = engine.MergeMessages(lists...)
	}
	return why
}

// sharedOf returns what the calls of a period that missed an objective share.
func sharedOf(k ObjectiveKind, s *engine.Summary) []engine.Shared {
	switch {
	case s.Reasons == nil:
		return nil
	case k == Availability || k == BurnRate:
		return s.Reasons.FailureShared
	case k == Latency:
		return s.Reasons.SlowShared
	}
	return nil
}

// messagesWith returns the messages of failures with a code.
func messagesWith(messages []engine.MessageCount, code string) []engine.MessageCount {
	var with []engine.MessageCount
	for _, m := range messages {
		if m.Code == code {
			with = append(with, m)
		}
	}
	return with
}

// Reason says in words why, after what was measured and what caused it: `"redis timeout"`, or
// `"duplicate key orders_pkey", all have tenant.id=acme (3 % of the others)`. It is empty if the calls say
// nothing. It holds texts as they are: whoever shows it must escape it.
func (a *Alert) Reason() string {
	var parts []string
	if m, share := a.mainMessage(); m != "" {
		text := quoted(m, maxHeadlineMessage)
		if share < 1 {
			text += " (" + Percent(share) + ")"
		}
		parts = append(parts, text)
	}
	if len(a.Why.Shared) > 0 {
		parts = append(parts, a.Why.Shared[0].String())
	}
	return strings.Join(parts, ", ")
}

// mainMessage returns the most frequent message and its share of all messages.
func (a *Alert) mainMessage() (message string, share float64) {
	var all uint64
	for i := range a.Why.Messages {
		all += a.Why.Messages[i].Count
	}
	if all == 0 {
		return "", 0
	}
	first := &a.Why.Messages[0]
	share = float64(first.Count) / float64(all)
	if share < leastMessageShare {
		return "", 0
	}
	return first.Message, share
}

// quoted returns a text in quotes, cut to n bytes.
func quoted(s string, n int) string {
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	return `"` + s + `"`
}

// MessagesText lists messages and how often they came: `[23505] "duplicate key '*'" x23, "timeout" x2`. It is
// printable.
func MessagesText(messages []engine.MessageCount) string {
	const most = 3
	var parts []string
	for _, m := range messages[:min(len(messages), most)] {
		text := quoted(m.Message, 2*maxHeadlineMessage)
		if m.Code != "" && m.Code != m.Message {
			text = "[" + m.Code + "] " + text
		}
		parts = append(parts, fmt.Sprintf("%s x%d", Printable(text), m.Count))
	}
	return strings.Join(parts, ", ")
}

// writeWhy writes what the calls say, at most three lines.
func writeWhy(b *strings.Builder, a *Alert) {
	if len(a.Why.Messages) > 0 {
		fmt.Fprintf(b, "  messages: %s\n", MessagesText(a.Why.Messages))
	}
	for i, s := range a.Why.Shared[:min(len(a.Why.Shared), 2)] {
		fmt.Fprintf(b, "  %s: %s\n", cmp.Or([]string{"shared", "also"}[i], "also"), Printable(s.String()))
	}
}

// isEmpty reports whether the calls say nothing.
func (w *Why) isEmpty() bool { return len(w.Messages)+len(w.Shared) == 0 }

// clone returns a copy that shares nothing with w.
func (w Why) clone() Why {
	c := Why{Messages: slices.Clone(w.Messages), Shared: slices.Clone(w.Shared)}
	for i := range c.Shared {
		c.Shared[i].Attributes = slices.Clone(c.Shared[i].Attributes)
	}
	return c
}

// explain fills in why the firing alerts of a period fire.
func explain(alerts []Alert, p *engine.Period) {
	if !slices.ContainsFunc(alerts, func(a Alert) bool { return a.State == Firing }) {
		return
	}
	summaries := make(map[engine.OperationKey]*engine.Summary, len(p.Summaries))
	for i := range p.Summaries {
		summaries[p.Summaries[i].Key()] = &p.Summaries[i]
	}
	for i := range alerts {
		if a := &alerts[i]; a.State == Firing {
			a.Why = whyOf(a, summaries).clone()
		}
	}
}
