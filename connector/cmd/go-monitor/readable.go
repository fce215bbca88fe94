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
	// A value of another kind than a component of the Collector wants, by the names of Go's types.
	otherKind = regexp.MustCompile(`expected type '([^']*)', got unconvertible type '([^']*)'`)
)

// kinds are Go's types in words. What is missing is a number.
var kinds = map[string]string{
	"string": "a text", "configopaque.String": "a text", "bool": "true or false",
	"time.Duration": "a duration such as 300ms", "map[string]interface {}": "keys below it",
	"[]interface {}": "a list", "[]string": "a list of texts",
}

// kind returns a type in words.
func kind(goType string) string {
	if k, ok := kinds[goType]; ok {
		return k
	}
	if strings.HasPrefix(goType, "int") || strings.HasPrefix(goType, "uint") || strings.HasPrefix(goType, "float") {
		return "a number"
	}
	return goType
}

// readable returns the text of an error of the Collector for a person: one line for each thing
// that is wrong, without the Collector's additions.
func readable(err error) string {
	text := err.Error()
	for _, w := range wrappings {
		text = strings.TrimPrefix(text, w)
	}
	text = decoding.ReplaceAllString(text, "")
	text = otherKind.ReplaceAllStringFunc(text, func(found string) string {
		parts := otherKind.FindStringSubmatch(found)
		return "want " + kind(parts[1]) + ", got " + kind(parts[2])
	})
	text = strings.NewReplacer(
		"time: missing unit in duration", "want a duration with its unit, such as 300ms",
		"time: invalid duration", "want a duration such as 300ms",
	).Replace(text)
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
