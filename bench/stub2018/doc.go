// Package monitor stands where the library of 2018 is not: it lets go mod tidy
// resolve the import of gomonitor2018.go, and holds nothing. The script run puts a
// checkout of the library in its place.
package monitor
