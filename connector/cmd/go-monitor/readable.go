package main

import "strings"

// readable returns the text of an error of the Collector as a person reads it best: one
// line for each thing that is wrong.
func readable(err error) string {
	return strings.TrimSpace(err.Error())
}
