// Package replay is the command "go-monitor replay". It runs the analysis on recorded spans, so
// that an objective is tried on yesterday's traffic before it pages anyone.
package replay
