// Package delivery takes closed periods and the alerts that they raised to where they
// go: each sink and each notifier has a bounded queue and a goroutine of its own, so that
// one that hangs, fails or panics is of no consequence to the others or to the caller. What
// is lost that way is counted.
//
// It is for programs that drive package engine and package alert themselves, as the
// monitor and its Collector connector do.
package delivery
