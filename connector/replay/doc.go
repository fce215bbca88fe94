// Package replay is the command "go-monitor replay": it drives the analysis by recorded spans, so
// that a rule is tried on yesterday's traffic before it pages anyone.
package replay
