package gomonitorconnector

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/blurooo/go-monitor/connector/internal/shown"
	"github.com/blurooo/go-monitor/connector/internal/undecoded"
)

// sharing holds what the components of one factory share. The Collector makes one component
// for each pair of signals that a configuration connects, and gives each of them the same
// configuration and every span. So they share one analysis, and only one of them feeds it.
type sharing struct {
	mu       sync.Mutex
	byConfig map[*Config]*shared
}

// join adds a component to those of its configuration. add sets where its results go.
func (s *sharing) join(c *Config, set connector.Settings, add func(*shared) error) (*part, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	joined := s.byConfig[c]
	if joined == nil {
		joined = &shared{config: c, settings: set}
		joined.forget = func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.byConfig[c] == joined {
				delete(s.byConfig, c)
			}
		}
	}
	p, err := joined.join(add)
	if err != nil {
		return nil, err
	}
	if s.byConfig == nil {
		s.byConfig = make(map[*Config]*shared)
	}
	s.byConfig[c] = joined
	return p, nil
}

// shared is what the components of one configuration share. Its analysis begins when the last
// of them starts: then everything downstream of all of them is up. It ends when the first of
// them is shut down: then nothing comes from upstream any more, and everything downstream is
// still up.
type shared struct {
	config   *Config
	settings connector.Settings // of the first component
	forget   func()             // removes it from the sharing

	logs    consumer.Logs    // nil: none
	metrics consumer.Metrics // nil: none

	analysis atomic.Pointer[analysis] // nil before it begins

	mu      sync.Mutex // held while it begins and ends
	parts   int
	started int
	ended   bool
}

// join adds one more component.
func (s *shared) join(add func(*shared) error) (*part, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started > 0 {
		return nil, errors.New("gomonitor: other components of this configuration have already started")
	}
	if err := add(s); err != nil {
		return nil, err
	}
	s.parts++
	return &part{shared: s, feeds: s.parts == 1}, nil
}

// errDuplicate is returned for a second component of one pair of signals.
var errDuplicate = errors.New("gomonitor: the configuration already has a component for these signals")

// addLogs sets the consumer of logs.
func (s *shared) addLogs(next consumer.Logs) error {
	if s.logs != nil {
		return errDuplicate
	}
	s.logs = next
	return nil
}

// addMetrics sets the consumer of metrics.
func (s *shared) addMetrics(next consumer.Metrics) error {
	if s.metrics != nil {
		return errDuplicate
	}
	s.metrics = next
	return nil
}

// start notes that a component has started. The last one begins the analysis.
func (s *shared) start(ctx context.Context, host component.Host) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started++; s.started != s.parts || s.ended {
		return nil
	}
	a, err := newAnalysis(ctx, host, s)
	if err != nil {
		return err
	}
	s.analysis.Store(a)
	return shown.Everywhere(host, s.settings.ID, a, a.receivers.older)
}

// shutdown ends the analysis, if it has begun and not ended.
func (s *shared) shutdown(ctx context.Context) error {
	s.forget()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil
	}
	s.ended = true
	if a := s.analysis.Load(); a != nil {
		return a.close(ctx)
	}
	return nil
}

// errNotRunning is returned for spans that come too early or too late.
var errNotRunning = errors.New("gomonitor: not running")

// consume counts spans.
func (s *shared) consume(td ptrace.Traces) error {
	a := s.analysis.Load()
	if a == nil {
		return errNotRunning
	}
	return a.consume(td)
}

// consumeUndecoded counts the spans of a request.
func (s *shared) consumeUndecoded(request undecoded.Request) (spans int, err error) {
	a := s.analysis.Load()
	if a == nil {
		return 0, errNotRunning
	}
	return a.consumeUndecoded(request)
}
