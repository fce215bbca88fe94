// Package monitor judges the service quality of the operations that a program traces
// with OpenTelemetry.
package monitor
