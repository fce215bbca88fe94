// Package gomonitorconnector is a component of the OpenTelemetry Collector that judges the
// operations of a whole fleet: it counts the spans of all services by operation, says once a
// period how each of them did, and raises an alert, with the evidence, when one stays bad.
//
// It connects traces to logs (alerts, and summaries if asked) and to metrics (calls and their
// durations); besides, it notifies and stores by itself. README.md says how it is configured.
package gomonitorconnector
