package gomonitorexporter

import (
	"github.com/cespare/xxhash/v2"

	"github.com/blurooo/go-monitor/connector/otlpwire"
	"github.com/blurooo/go-monitor/v2/engine"
)

// routing says which instance spans go to: that which draws the highest number for them
// (rendezvous hashing), so that few go elsewhere when an instance is added or taken away. It never
// changes, and is safe for concurrent use.
type routing struct {
	seeds []uint64 // of the instances
	split map[string]bool
}

func newRouting(c *Config) *routing {
	r := &routing{split: make(map[string]bool, len(c.SplitServices))}
	for _, e := range c.Endpoints {
		r.seeds = append(r.seeds, xxhash.Sum64String(e))
	}
	for _, s := range c.SplitServices {
		r.split[s] = true
	}
	return r
}

// route returns the routing for a splitter.
func (r *routing) route() otlpwire.Route { return otlpwire.Route{Service: r.service, Span: r.span} }

func (r *routing) service(service string) (instance int, whole bool) {
	if len(r.split) > 0 && (r.split[All] || r.split[service]) {
		return 0, false
	}
	return r.highest(xxhash.Sum64String(engine.TruncateName(service))), true
}

// span routes by what go-monitor judges as one: a kind that is not set, or not known, is
// internal, and names are cut.
func (r *routing) span(service string, kind int32, name string) (instance int) {
	if kind < int32(engine.SpanKindInternal) || kind > int32(engine.SpanKindConsumer) {
		kind = int32(engine.SpanKindInternal)
	}
	if name = engine.TruncateName(name); name == "" {
		name = engine.UnnamedOperation
	}
	return r.highest(mix(xxhash.Sum64String(engine.TruncateName(service))+uint64(kind)) ^ xxhash.Sum64String(name))
}

// highest returns the instance that draws the highest number for a hash.
func (r *routing) highest(hash uint64) (instance int) {
	var most uint64
	for i, seed := range r.seeds {
		if n := mix(hash ^ seed); n >= most {
			instance, most = i, n
		}
	}
	return instance
}

// mix spreads the bits of a number, by the finalizer of MurmurHash3.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
