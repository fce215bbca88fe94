// Package learn is the command "go-monitor learn". It proposes a configuration from recorded spans
// of healthy traffic, and gives the reasons.
package learn
