package monitor

import (
	"slices"
	"sync/atomic"

	"github.com/blurooo/go-monitor/v2/engine"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
)

// services knows the service names of resources. A process has one resource, rarely
// a few, so they stand in a short list that is never changed but replaced.
type services struct {
	engine *engine.Engine
	known  atomic.Pointer[[]service]
}

type service struct {
	resource *resource.Resource // kept, so that its address stays its own
	name     string
	ref      engine.ServiceRef
}

// maxServices bounds the list; the name of a resource beyond it is looked up each time.
const maxServices = 8

// of returns the service.name of a resource, or "" if it has none, and what stands for it.
func (s *services) of(r *resource.Resource) (name string, ref engine.ServiceRef) {
	old := s.known.Load()
	var known []service
	if old != nil {
		known = *old
	}
	for i := range known {
		if known[i].resource == r {
			return known[i].name, known[i].ref
		}
	}
	name = serviceName(r)
	ref = s.engine.ServiceRef(name)
	if len(known) < maxServices {
		next := append(slices.Clone(known), service{r, name, ref})
		s.known.CompareAndSwap(old, &next) // whoever loses is remembered the next time
	}
	return name, ref
}

func serviceName(r *resource.Resource) string {
	v, _ := r.Set().Value(serviceNameKey)
	return v.AsString()
}

const serviceNameKey = attribute.Key("service.name")

// processService returns the service.name of the process's resource.
func processService() string { return serviceName(resource.Default()) }
