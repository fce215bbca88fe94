// Package gomonitorextension is the extension gomonitor: it serves the page of what the connectors
// gomonitor judge.
package gomonitorextension
