// Package gomonitorreceiver is a Collector receiver of spans by OTLP, gRPC and HTTP, for a
// Collector in which go-monitor judges them.
//
// It is configured like the receiver otlp, and does what that does. Where the connectors gomonitor
// are the only ones that get its spans, it does not decode them: the connectors read from the
// requests what they need, which takes a tenth of the time. As soon as somebody else gets them,
// too, an exporter of any pipeline of traces, it decodes them for all.
package gomonitorreceiver
