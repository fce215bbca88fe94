// Package groupbyoperation is a Collector processor for a first tier that spreads the operations of
// large services over several instances of go-monitor.
//
// The load-balancing exporter routes all spans of a trace in one list of spans (ScopeSpans) by
// the attributes of the first one. This processor gives each operation of the configured
// services a list of its own, and names the operation in the list's scope attribute
// gomonitor.operation. With
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
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"github.com/blurooo/go-monitor/connector/internal/strict"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Type is the component's type, by which configurations name it.
var Type = component.MustNewType("gomonitor_groupbyoperation")

// Attribute is the scope attribute that names the operation of a list's spans.
const Attribute = "gomonitor.operation"

// All stands for every service.
const All = "*"

// Config names the services whose operations are spread.
type Config struct {
	// Services are the names of the services whose operations get lists of their own; "*"
	// stands for all. Default: none.
	Services []string `mapstructure:"services"`
}

var _ confmap.Unmarshaler = (*Config)(nil)

// Unmarshal reads the configuration. Its errors say what was probably meant.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return strict.Unmarshal(conf, c) }

// Validate returns all errors of c, joined. Each names the key and quotes the value.
func (c *Config) Validate() error {
	var errs []error
	seen := map[string]bool{}
	for i, name := range c.Services {
		switch {
		case name == "":
			errs = append(errs, fmt.Errorf("services[%d]: must not be empty", i))
		case seen[name]:
			errs = append(errs, fmt.Errorf("services[%d]: %q is listed twice", i, name))
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
	g := newGrouper(config.(*Config))
	return processorhelper.NewTraces(ctx, set, config, next, g.group,
		processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: len(g.services) > 0}))
}

// grouper gives operations lists of their own. It is safe for concurrent use.
type grouper struct{ services map[string]bool }

func newGrouper(c *Config) *grouper {
	g := &grouper{services: make(map[string]bool, len(c.Services))}
	for _, name := range c.Services {
		g.services[name] = true
	}
	return g
}

// operation is what the spans of one list have in common. It must be no finer than the
// operations that go-monitor judges: each of those must go to one instance.
type operation struct {
	kind ptrace.SpanKind
	name string
}

// group rearranges the lists of td.
func (g *grouper) group(_ context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	if len(g.services) == 0 {
		return td, nil
	}
	for _, resource := range td.ResourceSpans().All() {
		if !g.wants(resource) {
			continue
		}
		lists := resource.ScopeSpans()
		for i := range lists.Len() { // groupList appends lists, which are done already
			groupList(lists, lists.At(i))
		}
	}
	return td, nil
}

// wants reports whether the operations of a resource's service are to be spread.
func (g *grouper) wants(resource ptrace.ResourceSpans) bool {
	if g.services[All] {
		return true
	}
	name, ok := resource.Resource().Attributes().Get("service.name")
	return ok && g.services[name.AsString()]
}

// groupList leaves the operation of the first span in a list, and appends a list for each
// other operation.
func groupList(lists ptrace.ScopeSpansSlice, list ptrace.ScopeSpans) {
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

// operationOf returns the operation of a span. As in go-monitor, a span kind that is not set or
// not known is internal, and names are truncated.
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

// mark writes the operation into a list's scope.
func (o operation) mark(list ptrace.ScopeSpans) {
	list.Scope().Attributes().PutStr(Attribute, o.kind.String()+" "+o.name)
}
