// Package delivery takes closed periods to sinks and the alerts that they raised to
// notifiers. Each sink and each notifier has a bounded queue and a goroutine of its own, so
// that one that hangs, fails or panics affects neither the others nor the caller. What is
// lost is counted.
//
// It is for programs that drive package engine and package alert themselves, as the
// monitor and its Collector connector do.
package delivery
