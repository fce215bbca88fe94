// Package gomonitorconnector is a component of the OpenTelemetry Collector that judges the
// operations of a whole fleet. It counts the spans of all services by operation, summarizes
// each operation once a period, and raises an alert with its evidence when one stays bad.
//
// It connects traces to logs (alerts, and summaries if asked for) and to metrics (calls and
// their durations). It also has notifiers and stores of its own. README.md describes its
// configuration.
package gomonitorconnector
