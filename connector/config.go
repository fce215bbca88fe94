package gomonitorconnector

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.opentelemetry.io/collector/confmap"

	"github.com/blurooo/go-monitor/connector/internal/strict"
	"github.com/blurooo/go-monitor/store"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/classify"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/state"
)

// Config says what is watched, what is expected of it, and where summaries and alerts go. The
// zero Config is useful: a zero field means its default.
type Config struct {
	// TimelineConfig says how calls are counted and what is expected of them. By default,
	// Name is the component's id and Service is unknown_service.
	engine.TimelineConfig `mapstructure:",squash"`

	// Outcomes settle what counts as a failure where opinions differ.
	Outcomes classify.Outcomes `mapstructure:"outcomes"`
	// Rules say what to make of spans that the default rules misjudge. The first that fits a span
	// goes before the default rules and codes. Default: none.
	Rules []classify.Rule `mapstructure:"rules"`
	// Dimensions are keys of attributes, of spans and resources, that may tell bad calls from good
	// ones, such as tenant.id, beside those of the semantic conventions; "*" stands for all.
	// Default: none.
	Dimensions []string `mapstructure:"dimensions"`
	// NoDetails keeps messages, events and attributes of calls out of summaries and alerts.
	NoDetails bool `mapstructure:"no_details"`
	// Kinds are the span kinds that are watched. Default: server, client, producer and
	// consumer.
	Kinds []engine.SpanKind `mapstructure:"kinds"`
	// AdjustedCounts weighs each span by the sampling threshold in its tracestate
	// (ot=th:...), so that sampled spans count for all calls. Default: each counts once.
	AdjustedCounts bool `mapstructure:"adjusted_counts"`

	// Notifiers are where alerts go, besides the logs. Default: nowhere.
	Notifiers []NotifierConfig `mapstructure:"notifiers"`
	// Maintenance are the times in which alerts are judged and stored, but not sent, neither to
	// notifiers nor as logs. Default: none.
	Maintenance []alert.Maintenance `mapstructure:"maintenance"`
	// Delivery says how notifications are delivered.
	Delivery delivery.Config `mapstructure:"delivery"`
	// Stores are the databases that keep periods and alerts. Default: none.
	Stores []store.Config `mapstructure:"stores"`

	// State says where the state is kept that outlives the process. Default: in the first of
	// Stores; without one, in memory, so that only a reload of the configuration goes on.
	State state.Config `mapstructure:"state"`

	// Logs says what is emitted as logs.
	Logs LogsConfig `mapstructure:"logs"`
	// Metrics says what is emitted as metrics.
	Metrics MetricsConfig `mapstructure:"metrics"`
}

// details returns what c says of the details of calls.
func (c *Config) details() classify.DetailConfig {
	return classify.DetailConfig{Disable: c.NoDetails, Dimensions: c.Dimensions}
}

// defaultKinds are the kinds of calls between processes.
var defaultKinds = []engine.SpanKind{engine.SpanKindServer, engine.SpanKindClient, engine.SpanKindProducer, engine.SpanKindConsumer}

// Validate returns one error for each invalid field, joined; each names the key and quotes
// the value unless it is a secret.
func (c *Config) Validate() error {
	var errs []error
	add := func(key string, err error) { errs = append(errs, alert.ConfigError(key, err)) }
	errs = append(errs, c.TimelineConfig.Validate())
	errs = append(errs, c.useless()...)
	add("outcomes", c.Outcomes.Validate())
	add("", classify.ValidateRules(c.Rules))
	add("", c.details().Validate())
	if c.Kinds != nil && len(c.Kinds) == 0 {
		errs = append(errs, errors.New("kinds: must name at least one span kind"))
	}
	for i, k := range c.Kinds {
		if k < engine.SpanKindInternal || k > engine.SpanKindConsumer {
			errs = append(errs, fmt.Errorf("kinds[%d]: must be internal, server, client, producer or consumer, got %q", i, k))
		}
	}
	for i := range c.Notifiers {
		key := fmt.Sprintf("notifiers[%d]", i)
		if err := c.Notifiers[i].isOne(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
			continue
		}
		add(key, c.Notifiers[i].Validate())
	}
	errs = append(errs, alert.ValidateMaintenance(c.Maintenance))
	add("delivery", c.Delivery.Validate())
	for i := range c.Stores {
		add(fmt.Sprintf("stores[%d]", i), c.Stores[i].Validate())
	}
	add("state", c.State.Validate())
	add("metrics", c.Metrics.Validate())
	return errors.Join(errs...)
}

// useless returns an error for each field that is set and has no effect in the Collector.
func (c *Config) useless() (errs []error) {
	if c.QueueSize != 0 {
		errs = append(errs, fmt.Errorf("queue_size: has no effect in the Collector, where no call waits to be counted, got %d", c.QueueSize))
	}
	check := func(key string, o engine.Objective) {
		if o.StuckAfter > 0 {
			errs = append(errs, fmt.Errorf("%sstuck_after: has no effect in the Collector, which sees no call before its end, got %s", key, o.StuckAfter))
		}
	}
	of := func(key string, operations map[string]engine.Objective) {
		for _, name := range slices.Sorted(maps.Keys(operations)) {
			check(fmt.Sprintf("%soperations[%q].", key, name), operations[name])
		}
	}
	check("objective.", c.Objective)
	of("", c.Operations)
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		key := fmt.Sprintf("services[%q].", name)
		check(key+"objective.", c.Services[name].Objective)
		of(key, c.Services[name].Operations)
	}
	return errs
}

// withDefaults returns a copy of c for a component of the given id.
func (c *Config) withDefaults(id string) Config {
	own := *c
	if own.Name == "" {
		own.Name = id
	}
	if own.Service == "" {
		own.Service = "unknown_service"
	}
	if own.Kinds == nil {
		own.Kinds = slices.Clone(defaultKinds)
	}
	return own
}

// componentConfig hides a [Config] from the Collector's service. The service calls every
// Validate in a configuration, and so would report each error of a part twice.
type componentConfig struct{ config Config }

var (
	_ confmap.Unmarshaler = (*componentConfig)(nil)
	_ confmap.Validator   = (*componentConfig)(nil)
)

// Unmarshal reads the configuration as [Read] does.
func (c *componentConfig) Unmarshal(conf *confmap.Conf) error { return Read(conf, &c.config) }

// Read reads a configuration. An unknown key is an error, which says what was probably meant, and
// so is a duration without a unit.
func Read(conf *confmap.Conf, c *Config) error { return strict.Unmarshal(conf, c) }

// Validate returns what [Config.Validate] does.
func (c *componentConfig) Validate() error { return c.config.Validate() }
