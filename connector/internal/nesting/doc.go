// Package nesting refuses requests whose values are nested too deep, or that have too many parts,
// before anybody decodes them.
//
// The Collector's decoders of protobuf and JSON call themselves for each level of a nested value,
// and have no bound: a request of a few MB, nested a million levels deep, overflows the stack, which ends the
// process. [Bound] puts a bound before the Collector's own OTLP receiver.
package nesting
