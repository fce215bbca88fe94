// Package baseline learns what is usual for the parts of calls, and says when it is no longer so.
//
// A [Detector] takes one [engine.Slice] after the other. From those that look healthy it learns,
// for each part of an operation's calls, how long the part takes and how often the calls fail. In
// each slice it adds up the evidence that calls are clearly worse than usual, and reports a
// [Change] where so much of it has come together, for long enough, that chance does not explain it.
// It names the root of a change: the service, and the part of it, that explains the most evidence.
//
// Like all that decides it is pure: time comes with the slices, it owns no goroutine and reads no
// clock. docs/detection.md has the formulas, and how well it does on recordings.
package baseline
