package main

import (
	"regexp"
	"strings"
)

// What the Collector puts around what is wrong with a config, and is of no use to whoever
// wrote it.
var (
	wrappings = []string{
		"failed to get config: ", "cannot unmarshal the configuration: ", "cannot resolve the configuration: ",
		"cannot retrieve the configuration: ", "invalid configuration: ",
	}
	decoding = regexp.MustCompile(`decoding failed due to the following error\(s\):\s*(''\s+)?`)
)

// readable returns the text of an error of the Collector as a person reads it best: one
// line for each thing that is wrong, without what is said of every one.
func readable(err error) string {
	text := err.Error()
	for _, w := range wrappings {
		text = strings.TrimPrefix(text, w)
	}
	text = decoding.ReplaceAllString(text, "")
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) > 1 {
		return "\n  " + strings.Join(lines, "\n  ")
	}
	return strings.Join(lines, "")
}
