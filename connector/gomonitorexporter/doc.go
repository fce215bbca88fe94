// Package gomonitorexporter is a Collector exporter for a first tier that spreads spans over
// several instances of go-monitor, so that each operation is judged by exactly one of them.
//
// All spans of a service go to the same instance, which so sees what caused what; those of
// services that are too large for one go by operation. Which instance that is follows from the
// names alone, so any number of first tiers agree. Behind the receiver gomonitor, which hands on
// requests undecoded, requests are split by copying parts of them.
package gomonitorexporter
