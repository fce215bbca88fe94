// Package alert turns summaries into verdicts, verdicts into alerts, and takes alerts
// to where people see them.
//
// A [Judge] holds each summary against its objective, once for each [Kind]:
// availability, the share of calls that succeed, and latency, the share of the
// successful ones that are done in time. The verdict is good, bad, or insufficient
// where there were too few calls. After N bad periods running it raises a [Firing]
// [Alert], after M good ones running a [Resolved] one, with the summaries of those
// periods as evidence. Insufficient periods change nothing, and partial ones are not
// judged. A judge is pure: time comes with the summaries.
//
// A [Dispatcher] hands alerts to notifiers. Each [Notifier] has a goroutine and a
// bounded queue of its own and gets the alerts in order; what one of them does is of no
// consequence to the others. [Console], [Log], [SpanEvent] and [NotifierFunc] are
// notifiers.
//
// Names and codes in an alert come from outside and may hold anything. [Text] and the
// notifiers of this package make them inert; whoever shows the fields of an alert must
// do the same.
package alert
