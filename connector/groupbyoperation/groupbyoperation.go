// Package groupbyoperation is a Collector processor for a first tier that spreads the operations of
// large services over several instances of go-monitor.
//
// The load-balancing exporter hands all spans of a trace that came in one list to the
// same place, whatever attributes it routes by: it looks at the first one. This processor
// gives each operation of the services that it is told a list of its own, and says in
// the list's scope attribute gomonitor.operation which one it is. With
//
//	routing_key: attributes
//	routing_attributes: [service.name, gomonitor.operation]
//
// the exporter then routes by service and operation for these services, and by service for all
// others.
package groupbyoperation

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Type is the component's type, by which configurations name it.
var Type = component.MustNewType("gomonitor_groupbyoperation")

// Attribute is the scope attribute that names the operation whose spans a list holds.
const Attribute = "gomonitor.operation"

// All stands for every service.
const All = "*"

// Config says whose operations are spread.
type Config struct {
	// Services are the names of the services whose operations get lists of their own; "*"
	// stands for all. Default: none.
	Services []string `mapstructure:"services"`
}

// Validate returns one error for everything in c that can't be, joined; each names the key
// and quotes the value.
func (c *Config) Validate() error {
	var errs []error
	seen := map[string]bool{}
	for i, name := range c.Services {
		switch {
		case name == "":
			errs = append(errs, fmt.Errorf("services[%d]: must not be empty", i))
		case seen[name]:
			errs = append(errs, fmt.Errorf("services[%d]: %q is there twice", i, name))
		}
		seen[name] = true
	}
	return errors.Join(errs...)
}

// NewFactory returns the factory of the component.
func NewFactory() processor.Factory {
	return processor.NewFactory(Type,
		func() component.Config { return &Config{} },
		processor.WithTraces(newTraces, component.StabilityLevelAlpha))
}

func newTraces(ctx context.Context, set processor.Settings, config component.Config, next consumer.Traces) (processor.Traces, error) {
	s := newSplitter(config.(*Config))
	return processorhelper.NewTraces(ctx, set, config, next, s.split,
		processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: len(s.services) > 0}))
}

// splitter gives operations lists of their own. It is safe for concurrent use.
type splitter struct{ services map[string]bool }

func newSplitter(c *Config) *splitter {
	s := &splitter{services: make(map[string]bool, len(c.Services))}
	for _, name := range c.Services {
		s.services[name] = true
	}
	return s
}

// operation is what the spans of one list have in common. That it is no finer than what
// go-monitor judges, and no coarser than what it needs, is all that matters here.
type operation struct {
	kind ptrace.SpanKind
	name string
}

// split rearranges the lists of td.
func (s *splitter) split(_ context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	if len(s.services) == 0 {
		return td, nil
	}
	for _, resource := range td.ResourceSpans().All() {
		if !s.wants(resource) {
			continue
		}
		lists := resource.ScopeSpans()
		for i := range lists.Len() { // not those that are added
			splitList(lists, lists.At(i))
		}
	}
	return td, nil
}

// wants reports whether the operations of a resource's service are to be spread.
func (s *splitter) wants(resource ptrace.ResourceSpans) bool {
	if s.services[All] {
		return true
	}
	name, ok := resource.Resource().Attributes().Get("service.name")
	return ok && s.services[name.AsString()]
}

// splitList leaves in a list the operation of its first span, and adds one for each other.
func splitList(lists ptrace.ScopeSpansSlice, list ptrace.ScopeSpans) {
	spans := list.Spans()
	if spans.Len() == 0 {
		return
	}
	first := operationOf(spans.At(0))
	var others map[operation]ptrace.SpanSlice
	spans.RemoveIf(func(span ptrace.Span) bool {
		o := operationOf(span)
		if o == first {
			return false
		}
		to, ok := others[o]
		if !ok {
			added := lists.AppendEmpty()
			list.Scope().CopyTo(added.Scope())
			added.SetSchemaUrl(list.SchemaUrl())
			o.mark(added)
			to = added.Spans()
			if others == nil {
				others = make(map[operation]ptrace.SpanSlice)
			}
			others[o] = to
		}
		span.MoveTo(to.AppendEmpty())
		return true
	})
	first.mark(list)
}

// operationOf returns the operation of a span. What go-monitor judges as one is one here, too: a
// kind that is not set, or not known, is internal, and names are cut.
func operationOf(s ptrace.Span) operation {
	o := operation{s.Kind(), engine.TruncateName(s.Name())}
	if o.kind < ptrace.SpanKindInternal || o.kind > ptrace.SpanKindConsumer {
		o.kind = ptrace.SpanKindInternal
	}
	if o.name == "" {
		o.name = engine.UnnamedOperation
	}
	return o
}

// mark says which operation a list holds.
func (o operation) mark(list ptrace.ScopeSpans) {
	list.Scope().Attributes().PutStr(Attribute, o.kind.String()+" "+o.name)
}
