// Package rules writes Prometheus rules that say what the monitor would: from its
// configuration, for the metrics that the connector emits.
package rules
