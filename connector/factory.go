package gomonitorconnector

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"

	"github.com/blurooo/go-monitor/connector/internal/undecoded"
)

// Type is the component's type, by which configurations name it.
var Type = component.MustNewType("gomonitor")

// NewFactory returns the factory of the component. It accepts its default configuration, which
// the Collector fills in, and a *[Config].
func NewFactory() connector.Factory {
	s := &sharing{}
	return &factory{s, connector.NewFactory(
		Type,
		func() component.Config { return &componentConfig{} },
		connector.WithTracesToLogs(s.newTracesToLogs, component.StabilityLevelAlpha),
		connector.WithTracesToMetrics(s.newTracesToMetrics, component.StabilityLevelAlpha),
	)}
}

// factory makes known to the receiver how many of its components take requests undecoded.
type factory struct {
	sharing *sharing
	connector.Factory
}

var _ undecoded.Taker = (*factory)(nil)

// Takers returns the number of configurations of which there are components.
func (f *factory) Takers() int {
	f.sharing.mu.Lock()
	defer f.sharing.mu.Unlock()
	return len(f.sharing.byConfig)
}

func (s *sharing) newTracesToLogs(_ context.Context, set connector.Settings, config component.Config, next consumer.Logs) (connector.Traces, error) {
	c, err := configOf(config)
	if err != nil {
		return nil, err
	}
	return s.join(c, set, func(s *shared) error { return s.addLogs(next) })
}

func (s *sharing) newTracesToMetrics(_ context.Context, set connector.Settings, config component.Config, next consumer.Metrics) (connector.Traces, error) {
	c, err := configOf(config)
	if err != nil {
		return nil, err
	}
	return s.join(c, set, func(s *shared) error { return s.addMetrics(next) })
}

func configOf(config component.Config) (*Config, error) {
	switch c := config.(type) {
	case *componentConfig:
		return &c.config, nil
	case *Config:
		return c, nil
	}
	return nil, fmt.Errorf("gomonitor: want its own configuration, got %T", config)
}
