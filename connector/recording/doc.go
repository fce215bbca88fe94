// Package recording reads recorded spans: lines of OTLP JSON as the Collector's file exporter
// writes them, and hands them on in the order in which the calls ended.
package recording
