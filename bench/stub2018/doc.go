// Package monitor is an empty stub of the library of 2018. The bench's go.mod replaces the library
// by it, so that go mod tidy resolves the import of gomonitor2018.go, a file behind a build
// tag. The script run puts a checkout of the library in its place.
package monitor
