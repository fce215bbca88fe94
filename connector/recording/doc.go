// Package recording reads recorded spans: OTLP as the Collector's file exporter writes it, lines of
// JSON or protobuf, and hands them on in the order in which the calls ended.
package recording
