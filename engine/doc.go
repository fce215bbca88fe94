// Package engine counts finished calls and closes periods.
//
// A [Report] is one finished call. [Engine.Report] puts it on a bounded lock-free
// queue; one goroutine takes it from there and adds it to the window of its operation,
// which is a service, a span kind and a name. When a period ends, each window with a
// call in it becomes a [Summary], all summaries together a [Period], and the windows
// are empty again. What is expected of an operation, its [Objective], travels with the
// summary. Package alert judges by it. A [Sink] is where periods go.
//
// A [Span] is a finished call with its place in its trace: its children explain why the call
// failed or was slow, and the operations that explain the calls of a summary are its causes.
// [Engine.ReportSpan] takes live spans, [Timeline] those that come from elsewhere.
//
// The package has two layers. [Windows] and Timeline are the arithmetic: they are pure, take
// time as an argument, own no goroutine and read no clock, so recorded calls can be replayed
// through them. Engine is the live wrapper, with the queue, the goroutine and the clock that
// closes periods: on multiples of their length by the wall clock, driven by the monotonic
// one.
//
// Its promises: every report is either counted in exactly one period or refused and
// counted as dropped, also while the engine is shut down; reporting never waits and
// allocates nothing; memory is bounded by [Config], not by traffic.
//
// It depends on the standard library only. Most programs use it through package
// [github.com/blurooo/go-monitor/v2].
package engine
