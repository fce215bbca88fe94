// Package alert turns summaries into verdicts, and verdicts into alerts.
//
// A [Judge] holds each summary against its objective, once for each [ObjectiveKind]. The
// verdict is good, bad, or insufficient where there were too few calls. After N bad periods
// running it raises a [Firing] [Alert], and after M good ones a [Resolved] one, each with
// the summaries of those periods as evidence. Insufficient periods change nothing, and
// partial ones are not judged. A judge is pure: time comes with the summaries.
//
// A [Notifier] is where alerts go. [Console], [Log], [SpanEvent] and [NotifierFunc] are
// notifiers; package delivery hands alerts to them. A notifier marks its errors by [Final]
// and [RetryAfter].
//
// Names and codes in an alert come from outside and may hold anything. [Text] and the
// notifiers of this package make them printable. Whoever shows the fields of an alert must
// escape them, too.
package alert
