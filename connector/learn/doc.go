// Package learn is the command "go-monitor learn": it proposes a configuration from recorded spans
// of healthy traffic, with its reasons.
package learn
