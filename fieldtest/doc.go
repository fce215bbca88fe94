// Package fieldtest has tests alone: they let real instrumentation libraries make real calls on
// loopback, and look at what a monitor makes of the spans. It is a module of its own, so that nobody
// who uses go-monitor gets what these libraries require.
package fieldtest
