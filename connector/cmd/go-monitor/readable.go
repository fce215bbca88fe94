package main

import (
	"regexp"
	"strings"
)

// What the Collector adds to the errors of a config, of no use to its author.
var (
	wrappings = []string{
		"failed to get config: ", "cannot unmarshal the configuration: ", "cannot resolve the configuration: ",
		"cannot retrieve the configuration: ", "invalid configuration: ",
	}
	decoding = regexp.MustCompile(`decoding failed due to the following error\(s\):\s*(''\s+)?`)
)

// readable returns the text of an error of the Collector for a person: one line for each thing
// that is wrong, without the Collector's additions.
func readable(err error) string {
	text := err.Error()
	for _, w := range wrappings {
		text = strings.TrimPrefix(text, w)
	}
	text = decoding.ReplaceAllString(text, "")
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimPrefix(strings.TrimSpace(line), "'' "); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) > 1 {
		return "\n  " + strings.Join(lines, "\n  ")
	}
	return strings.Join(lines, "")
}
